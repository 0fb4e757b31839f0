"""The card that shows one sample large: what spoke for an answer, what the network thought, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QSlider,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Both, By, Picture, Preview, Span
from finetune_studio.gui import theme
from finetune_studio.gui.pages.inspect import words
from finetune_studio.gui.pages.inspect.items import Shown
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.flow import flowing
from finetune_studio.gui.widgets.heat_pair import HeatPair
from finetune_studio.gui.widgets.message import Message
from finetune_studio.gui.widgets.short_choice import ShortChoice

_LEAST_TEXT = 170  # pixels of height below which a text can hardly be read


class WhyCard(Card):
    """Shows a sample with heat over it; knows values only.

    Signals:
        heat_wanted: What the user wants to have explained: a class, a place in a text, or None for
            the sample as it is.
        relabel_wanted: The class that the user gives the selected samples.
        exclude_wanted: The user wants the selected samples left out.
        review_wanted: The user wants the selected samples marked for a second look.
        replies_wanted: The user wants the replies of the model before and after fine-tuning.
    """

    heat_wanted = Signal(object)
    relabel_wanted = Signal(str)
    exclude_wanted = Signal()
    review_wanted = Signal()
    replies_wanted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Why"), parent)
        self._shown: Shown | None = None
        self._classes: tuple[str, ...] = ()
        self._is_text = False
        self._plain_title = ""
        self.pair = HeatPair(thumbnails, least=120)
        self.view = self.pair.view
        self._make_head()
        self._make_labels()
        self._make_buttons()
        self.body.setSpacing(6)
        self.body.addWidget(self.pair, 1)
        self.body.addWidget(self._lines)
        self.body.addWidget(self._waiting)
        self.body.addWidget(self._trouble)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._caption)
        row.addWidget(self.looked_for, 1)
        self.body.addLayout(row)
        self.body.addWidget(self._shares)
        self.body.addWidget(self._buttons)
        self.body.addStretch(0)
        self.show_sample(None, None, ())

    def _make_head(self) -> None:
        self._strength = QSlider(Qt.Orientation.Horizontal)
        self._strength.setRange(0, 100)
        self._strength.setValue(round(self.view.heat * 100))
        self._strength.setFixedSize(88, 22)
        self._strength.setToolTip(self.tr("How strongly the heat is shown; quite left hides it."))
        self._strength.setAccessibleName(self.tr("Strength of the heat"))
        self._strength.valueChanged.connect(self._on_strength_changed)
        self.head.addWidget(self._strength)

    def _make_labels(self) -> None:
        self._waiting = QProgressBar()
        self._waiting.setRange(0, 0)
        self._waiting.setTextVisible(False)
        kept = self._waiting.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # nothing jumps when it comes and goes
        self._waiting.setSizePolicy(kept)
        self._trouble = Message()
        self._lines = QLabel()
        self._lines.setProperty("role", "small")
        self._lines.setTextFormat(Qt.TextFormat.PlainText)
        self._lines.setWordWrap(True)
        self._caption = QLabel(self.tr("Looked for"))
        self._caption.setProperty("role", "muted")
        self.looked_for = ShortChoice()
        self.looked_for.setObjectName("looked_for")
        self.looked_for.setSizeAdjustPolicy(
            ShortChoice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.looked_for.setMinimumContentsLength(8)
        self.looked_for.activated.connect(self._on_label_chosen)
        self._shares = BarList(pickable=False)
        self._shares.fit_height(5)
        self._shares.setAccessibleName(self.tr("Probabilities"))

    def _make_buttons(self) -> None:
        self.relabel_button = QPushButton()
        self.relabel_button.setObjectName("relabel")
        self.relabel_button.setToolTip(
            self.tr("Give the selected samples another class (key L). Undo with Ctrl+Z.")
        )
        self.relabel_button.clicked.connect(self.offer_classes)
        self.exclude_button = QPushButton()
        self.exclude_button.setObjectName("exclude")
        self.exclude_button.setToolTip(
            self.tr(
                "Leave the selected samples out of training and scoring (key X); the files stay"
                " where they are. Undo with Ctrl+Z."
            )
        )
        self.exclude_button.clicked.connect(self.exclude_wanted)
        self.review_button = QPushButton(self.tr("Review · R"))
        self.review_button.setObjectName("review")
        self.review_button.setToolTip(
            self.tr(
                "Mark the selected samples for a second look, or take the mark away (key R). They take part"
                " as before. Undo with Ctrl+Z."
            )
        )
        self.review_button.clicked.connect(self.review_wanted)
        self._buttons, row = flowing(3)
        self.replies_button = QPushButton(self.tr("Before and after"))
        self.replies_button.setObjectName("replies")
        self.replies_button.setToolTip(
            self.tr("Let the model reply, and beside it the one that the run began from.")
        )
        self.replies_button.clicked.connect(self.replies_wanted)
        for button in (
            self.replies_button,
            self.relabel_button,
            self.exclude_button,
            self.review_button,
        ):
            row.addWidget(button)
        self.menu = QMenu(self)
        self.set_selected(1)

    def set_selected(self, count: int) -> None:
        """Say how many samples the buttons act on."""
        many = f" {count:,}" if count > 1 else ""
        self.relabel_button.setText(self.tr("Relabel{many} · L").format(many=many))
        self.exclude_button.setText(self.tr("Exclude{many} · X").format(many=many))

    def show_sample(
        self,
        shown: Shown | None,
        prediction: Prediction | None,
        classes: Sequence[str],
        one: str = "sample",
    ) -> None:
        """Show another sample and what the model said; its heat comes later.

        Args:
            shown: The sample as the task draws it.
            prediction: What the model said of it.
            classes: What it can be labelled; none where a sample has no class.
            one: What a sample is called.
        """
        self._plain_title = self.tr("The {one}").format(one=one)
        self._shown, self._classes = shown, tuple(classes)
        self._is_text = shown is not None and not shows_picture(shown.preview)
        self._trouble.say("")
        self._waiting.hide()
        shares = (
            words.shares(prediction, 3 if self._is_text else 4) if prediction is not None else []
        )
        offers = shown.offers if shown is not None else ()
        for part in (self.looked_for, self._caption, self._strength):
            part.setVisible(bool(offers))
        self._shares.setVisible(bool(shares))
        self.relabel_button.setEnabled(shown is not None)
        self.relabel_button.setVisible(bool(classes))
        self.replies_button.setVisible(shown is not None and shown.replies)
        self.exclude_button.setEnabled(shown is not None)
        self.review_button.setEnabled(shown is not None)
        self._say_lines(shown.facts if shown is not None else "")
        if shown is None:
            self.pair.show_preview(None, self.tr("Choose a sample to see where the model looked."))
            return
        self.view.set_beside(shown.beside)
        self.pair.show_preview(shown.preview)
        self._fit_view()
        self._shares.set_rows([BarRow(*row) for row in shares], most=1.0)
        self._offer(offers)

    def _offer(self, offers: Sequence[tuple[str, Any]]) -> None:
        self.set_title(self.tr("Why") if offers else self._plain_title)
        on_wish = bool(offers) and offers[0][1] is None
        words_for = self.tr("Show") if on_wish else self.tr("Words for")
        self._caption.setText(words_for if self._is_text else self.tr("Looked for"))
        self.looked_for.setToolTip(
            self.tr("Tinted words spoke for it or against it (integrated gradients).")
            if self._is_text
            else self.tr(
                "Bright places spoke most for this class (Grad-CAM). Choose another class, or see what is"
                " lost where the picture is covered."
            )
        )
        self.looked_for.clear()
        for text, wanted in offers:
            self.looked_for.addItem(text, wanted)

    def _say_lines(self, text: str) -> None:
        self._lines.setText(text)
        self._lines.setVisible(bool(text))
        self._fit_view()

    @property
    def lines(self) -> str:
        """Return the sentences below the sample: its scores, and what was checked of the heat."""
        return self._lines.text() if not self._lines.isHidden() else ""

    def show_waiting(self) -> None:
        """Show that the heat is being computed."""
        self._trouble.say("")
        self._waiting.show()

    def show_heat(self, preview: Preview) -> None:
        """Show the sample with its heat."""
        self._waiting.hide()
        facts = self._shown.facts if self._shown is not None else ""
        self.pair.show_preview(preview, titles=_titles(self.looked_for.currentData()))
        self._say_lines("\n".join(line for line in (facts, *preview.lines[1:]) if line))

    def show_checked(self, text: str) -> None:
        """Add what the check of the heat found, which comes after it."""
        self._say_lines("\n".join(line for line in (self.lines, text) if line))

    def show_replies(self, preview: Preview) -> None:
        """Show the conversation with two replies side by side, as far as they are written."""
        self._waiting.hide()
        self.view.set_beside("last")
        self.pair.show_preview(preview, keep=True)

    def show_plain(self) -> None:
        """Show the sample without heat."""
        self._waiting.hide()
        if self._shown is not None:
            self.pair.show_preview(self._shown.preview)
            self._say_lines(self._shown.facts)

    def show_trouble(self, text: str) -> None:
        """Say in place why there is no heat."""
        self._waiting.hide()
        self._trouble.say(text, "warning")

    @property
    def trouble(self) -> str:
        """Return what went wrong, as it is shown; empty if nothing is."""
        return self._trouble.text

    @Slot()
    def offer_classes(self) -> None:
        """Open the menu of classes; what the model said comes first."""
        if self._shown is None or not self._classes:
            return
        self.menu.clear()
        said, truth = self._shown.said, self._shown.truth
        first = [said] if said in self._classes and said != truth else []
        for name in [*first, *(n for n in self._classes if n not in (*first, truth))]:
            action = self.menu.addAction(name.replace("&", "&&"))
            action.triggered.connect(partial(self.relabel_wanted.emit, name))
            if first and name == said:
                action.setText(
                    self.tr("{name} (as the model said)").format(name=name.replace("&", "&&"))
                )
                self.menu.addSeparator()
        button = self.relabel_button
        height = self.menu.sizeHint().height()
        self.menu.popup(button.mapToGlobal(QPoint(0, -height)))
        if self.menu.actions():
            self.menu.setActiveAction(self.menu.actions()[0])

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_view()

    def _fit_view(self) -> None:
        """Keep a picture no higher than it is wide; a text takes the height there is."""
        wide = self.contentsRect().width() - 28
        most = 16_777_215 if self._is_text else max(120, self.pair.most_height(wide))
        self.pair.setMaximumHeight(most)
        self.pair.setMinimumHeight(theme.px(_LEAST_TEXT if self._is_text else 104))
        # A wrapped label would let itself be squeezed.
        self._lines.setMinimumHeight(max(0, self._lines.heightForWidth(wide)))

    @Slot(int)
    def _on_strength_changed(self, value: int) -> None:
        self.pair.set_heat(value / 100)

    @Slot()
    def _on_label_chosen(self) -> None:
        self.heat_wanted.emit(self.looked_for.currentData())


def _titles(wanted: object) -> tuple[str, str]:
    """Return what stands over two explanations: what the model said, and what the data say."""
    if not isinstance(wanted, Both):
        return "", ""
    said, truth = _name(wanted.said), _name(wanted.truth)
    return f"Said: {said}" if said else "Said", f"Label: {truth}" if truth else "Right"


def _name(wanted: str | By | Span) -> str:
    """Return the class that is explained; empty for a place that is an answer."""
    if isinstance(wanted, str):
        return wanted
    return "" if wanted.name == "answer" else wanted.name


def shows_picture(preview: Preview) -> bool:
    """Whether there is a picture among the marks."""
    return any(isinstance(mark, Picture) for mark in preview.marks)
