"""One answer shown large: the picture, what the model says, how surely, how quickly, and why."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.preview import Both, By, Picture, Preview
from finetune_studio.gui import theme
from finetune_studio.gui.pages.try_out.tried import Tried, answer_in_words, percent, warning
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.heat_pair import HeatPair
from finetune_studio.gui.widgets.message import Message

_MOST_BARS = 5


class AnswerCard(Card):
    """Shows one tried picture: what the model says, how surely, how quickly, and why.

    Signals:
        why_wanted: What the user wants explained: a class, two beside each other, another way; None for
            nothing.
        add_wanted: The user wants the picture among the data.
    """

    why_wanted = Signal(object)
    add_wanted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.pair = HeatPair(thumbnails, least=160)
        self.view = self.pair.view
        self.file = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.file.setProperty("role", "muted")
        self.answer = ElidedLabel()
        self.answer.setProperty("role", "figure")
        self.share = QLabel()
        self.share.setProperty("role", "figure")
        self.sentence = QLabel()
        self.sentence.setProperty("role", "small")
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble = Message()
        self.bars = BarList(pickable=False)
        self.bars.fit_height(_MOST_BARS + 1)
        self.bars.setMaximumWidth(theme.px(460))  # a name and its bar are read as one line
        self.bars.setAccessibleName(self.tr("Probabilities"))
        self.why = QCheckBox(self.tr("Show where the model looked"))
        self.why.setObjectName("why")
        self.why.setToolTip(self.tr("Bright places spoke most for the answer (Grad-CAM)."))
        self.why.toggled.connect(self._on_why_changed)
        self.looked_for = QComboBox()
        self.looked_for.setObjectName("looked_for")
        self.looked_for.setAccessibleName(self.tr("What is explained"))
        self.looked_for.setToolTip(
            self.tr(
                "Another class, two beside each other, or what is lost where the picture is covered (slower,"
                " and closer to the question)."
            )
        )
        self.looked_for.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.looked_for.setMinimumContentsLength(14)
        self.looked_for.activated.connect(self._on_why_changed)
        self._lines = QLabel()
        self._lines.setProperty("role", "small")
        self._lines.setWordWrap(True)
        self._lines.setTextFormat(Qt.TextFormat.PlainText)
        self.add_button = QPushButton(self.tr("Add to the data"))
        self.add_button.setObjectName("add_to_data")
        self.add_button.clicked.connect(self.add_wanted)
        self._waiting = QProgressBar()
        self._waiting.setRange(0, 0)
        self._waiting.setTextVisible(False)
        kept = self._waiting.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self._waiting.setSizePolicy(kept)
        self._lay_out()
        self.show_tried(None)

    def _lay_out(self) -> None:
        said = QHBoxLayout()
        said.setSpacing(8)
        said.addWidget(self.answer)
        said.addWidget(self.share)
        said.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.file)
        right.addLayout(said)
        right.addWidget(self.sentence)
        right.addWidget(self.trouble)
        right.addWidget(self.bars)
        asked = QHBoxLayout()
        asked.setSpacing(8)
        asked.addWidget(self.why)
        asked.addWidget(self.looked_for, 1)
        right.addLayout(asked)
        right.addWidget(self._waiting)
        right.addWidget(self._lines)
        right.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        right.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(self.pair, 5)
        row.addLayout(right, 6)
        self.body.addLayout(row)

    def show_tried(self, tried: Tried | None) -> None:
        """Show one answer, or why there is none; None while the model is asked for the first."""
        answered = tried is not None and not tried.trouble
        for part in self._parts_of_answer():
            part.setVisible(answered)
        self.trouble.say(tried.trouble if tried is not None else "", "bad")
        if answered:
            self.trouble.say(warning(tried), "warning")
        self._waiting.hide()
        self._say_lines(())
        self.looked_for.setVisible(answered and self.why.isChecked())
        if tried is None:
            self.pair.show_preview(None, self.tr("Loading the trained model…"))
            self.file.setText("")
            return
        self.file.setText(tried.name)
        if tried.trouble:
            self.pair.show_preview(None, self.tr("This file cannot be shown."))
            return
        self._offer(list(tried.prediction.probabilities))
        self.show_picture(tried)
        said = self.tr("None of these") if tried.unlike else str(tried.prediction.label)
        self.answer.setText(said)
        self.share.setText("" if tried.unlike else percent(tried.certainty))
        self.sentence.setText(answer_in_words(tried))
        shares = sorted(tried.prediction.probabilities.items(), key=lambda item: -item[1])
        rows = [BarRow(name, share, percent(share)) for name, share in shares[:_MOST_BARS]]
        rest = sum(share for _, share in shares[_MOST_BARS:])
        if len(shares) > _MOST_BARS:
            others = self.tr("{n} others").format(n=len(shares) - _MOST_BARS)
            rows.append(BarRow(others, rest, percent(rest)))
        self.bars.set_rows(rows, most=1.0)

    def _parts_of_answer(self) -> tuple[QWidget, ...]:
        return self.answer, self.share, self.sentence, self.bars, self.why, self.add_button

    def show_picture(self, tried: Tried) -> None:
        """Show the picture without heat."""
        said = str(tried.prediction.label)
        self.pair.show_preview(Preview((Picture(tried.path),), "", said, tried.certainty))
        self._say_lines(())

    def _offer(self, names: Sequence[str]) -> None:
        """Offer what can be explained: classes, the likeliest two beside each other, and covering."""
        self.looked_for.clear()
        if not names:
            return
        said = names[0]
        self.looked_for.addItem(said, said)
        if len(names) > 1:
            text = self.tr("{one} beside {two}").format(one=said, two=names[1])
            self.looked_for.addItem(text, Both(said, names[1]))
        for name in names[1:_MOST_BARS]:
            self.looked_for.addItem(name, name)
        self.looked_for.addItem(
            self.tr("{one}, by covering").format(one=said), By(said, "occlusion")
        )

    @property
    def wanted(self) -> object:
        """Return what is to be explained; None for nothing."""
        return self.looked_for.currentData() if self.why.isChecked() else None

    @Slot()
    def _on_why_changed(self) -> None:
        self.looked_for.setVisible(self.why.isChecked())
        self.why_wanted.emit(self.wanted)

    def _say_lines(self, lines: Sequence[str]) -> None:
        self._lines.setText("\n".join(line for line in lines if line))
        self._lines.setVisible(bool(self._lines.text()))

    @property
    def lines(self) -> str:
        """Return the sentences about the heat, such as the check of it."""
        return self._lines.text()

    @Slot()
    def show_waiting(self) -> None:
        """Show that the heat is being computed."""
        self._waiting.show()

    @Slot(object)
    def show_heat(self, preview: Preview) -> None:
        """Show the picture with heat."""
        self._waiting.hide()
        asked = self.looked_for.currentData()
        both = (asked.said, asked.truth) if isinstance(asked, Both) else ("", "")
        titles = [self.tr("For {name}").format(name=name) if name else "" for name in both]
        self.pair.show_preview(preview, titles=(titles[0], titles[1]))
        self._say_lines(preview.lines if preview.beside is None else preview.lines[1:])
        self._fit_view()

    @Slot(str)
    def show_checked(self, text: str) -> None:
        """Add what the check of the heat found, which comes after it."""
        self._say_lines((self.lines, text))

    @Slot(str)
    def show_trouble(self, text: str) -> None:
        """Say in place why there is no heat."""
        self._waiting.hide()
        self.trouble.say(text, "warning")

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_view()

    def _fit_view(self) -> None:
        self.pair.setMaximumHeight(max(200, self.pair.most_height(self.pair.width())))
