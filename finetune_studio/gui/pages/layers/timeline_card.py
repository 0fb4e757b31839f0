"""The card with the timeline of gradual unfreezing: how layers wake, and the bars that say when."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.pages.layers.timeline import CUSTOM, SCHEMES, TIPS, Timeline
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.unfreeze_timeline import UnfreezeTimeline

_LEAST = 150  # pixels below which the ways cannot be told apart


class TimelineCard(Card):
    """Shows bars; knows values only. The bars can be folded away.

    Signals:
        scheme_chosen: The name of the way in which layers wake.
        moved: The place of a stage, and the epoch in which it is to begin.
        undo_wanted: The user wants the last change taken back.
        why_wanted: The user wants the guide's page.
    """

    scheme_chosen = Signal(str)
    moved = Signal(int, int)
    undo_wanted = Signal()
    why_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._shown: Timeline | None = None
        self.set_title(self.tr("Gradual unfreezing"))
        self.schemes = _Schemes()
        self.schemes.setObjectName("unfreezing")
        self.schemes.setAccessibleName(self.tr("When the parts of the model begin to learn"))
        self.schemes.activated.connect(self._on_activated)
        self.head.setStretch(0, 0)
        self.title.setWordWrap(False)
        self.head.addStretch(1)
        self.head.addWidget(self.schemes)
        self.bars = UnfreezeTimeline()
        self.bars.setObjectName("unfreeze_timeline")
        self.bars.moved.connect(self._on_moved)
        self.bars.undo_wanted.connect(self.undo_wanted)
        self._sentence = QLabel()
        self._sentence.setProperty("role", "small")
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setWordWrap(True)
        self.body.setSpacing(6)
        self.body.addWidget(self.bars)
        self.body.addWidget(self._sentence)
        self.body.addLayout(self._make_links())
        self._chosen_fold = False
        self.set_folded(folded=False)
        self.hide()

    def _make_links(self) -> QHBoxLayout:
        self.fold = self._link("fold_timeline", "")
        self.fold.clicked.connect(self._on_fold_clicked)
        self.undo = self._link("undo_timeline", self.tr("Undo"))
        self.undo.setToolTip(
            self.tr("Takes the last change of the timeline back (Ctrl+Z while a bar is chosen).")
        )
        self.undo.clicked.connect(self.undo_wanted)
        why = self._link("why_unfreezing", self.tr("Why step by step?"))
        why.clicked.connect(self.why_wanted)
        row = QHBoxLayout()
        row.setSpacing(12)
        for link in (self.fold, self.undo):
            row.addWidget(link)
        row.addStretch(1)
        row.addWidget(why)
        return row

    @staticmethod
    def _link(name: str, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setProperty("link", True)
        return button

    # --- what is shown ----------------------------------------------------------------------------

    def show_timeline(
        self, shown: Timeline | None, scheme: str, reason: str = "", *, can_undo: bool = False
    ) -> None:
        """Show bars and the way in which layers wake; ``reason`` says why none can be chosen."""
        self._shown = shown
        self.setVisible(shown is not None)
        if shown is None:
            return
        self.bars.setEnabled(not reason)
        if (list(shown.bars), shown.epochs) != (self.bars.bars, self.bars.epochs):
            self.bars.show_bars(shown.bars, shown.epochs)
        free = shown.movable and not reason
        self.schemes.setVisible(free)
        self.schemes.show_scheme(scheme)
        self.undo.setVisible(can_undo)
        self._reason = reason
        self._say()

    def set_folded(self, *, folded: bool) -> None:
        """Fold the bars away, or show them; the sentence then says what they would."""
        self._folded = folded
        self.bars.setVisible(not folded)
        self.fold.setText(self.tr("Show the timeline") if folded else self.tr("Fold away"))
        self._say()

    def fit(self, *, short: bool) -> None:
        """Fold the bars away where there is little room, unless the user chose otherwise."""
        if not self._chosen_fold:
            self.set_folded(folded=short)

    @property
    def folded(self) -> bool:
        """Whether the bars are folded away."""
        return self._folded

    @property
    def sentence(self) -> str:
        """Return what is said below the bars."""
        return self._sentence.text()

    def _say(self) -> None:
        if self._shown is None:
            return
        if self._reason:
            text = self._reason
        elif not self._shown.movable:
            text = self.tr("Only the head learns, so there is nothing to unfreeze later.")
        elif self._folded:
            text = self._summary()
        else:
            text = self.tr("Drag a bar, or move it with the arrow keys, to change when it begins.")
        self._sentence.setText(text)

    def _summary(self) -> str:
        """Return when the parts begin, in one sentence."""
        assert self._shown is not None
        late = [bar for bar in self._shown.bars if bar.movable and bar.begins > 1]
        if not late:
            return self.tr("All that may change learns from the start.")
        parts = ", ".join(
            self.tr("{part} from epoch {n}").format(part=bar.title, n=bar.begins) for bar in late
        )
        return self.tr("Of {all} epochs: {parts}.").format(all=self._shown.epochs, parts=parts)

    # --- what the user does -----------------------------------------------------------------------

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        name = str(self.schemes.itemData(index))
        if name != CUSTOM:
            self.scheme_chosen.emit(name)

    @Slot(int, int)
    def _on_moved(self, row: int, epoch: int) -> None:
        stage = self._shown.stages[row] if self._shown is not None else None
        if stage is not None:
            self.moved.emit(stage, epoch)

    @Slot()
    def _on_fold_clicked(self) -> None:
        self._chosen_fold = True
        self.set_folded(folded=not self._folded)


class _Schemes(QComboBox):
    """The ways in which layers wake; leaves the wheel to the page."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for name, title in SCHEMES:
            self.addItem(self.tr(title), name)
            self._explain(name)

    def show_scheme(self, name: str) -> None:
        """Show a way without saying so; ``custom`` is offered only while it is the one."""
        place = self.findData(CUSTOM)
        if name == CUSTOM and place < 0:
            self.addItem(self.tr("Custom"), CUSTOM)
            self._explain(CUSTOM)
        elif name != CUSTOM and place >= 0:
            self.removeItem(place)
        self.setCurrentIndex(self.findData(name))
        self.setToolTip(self.tr(TIPS[name]))

    def _explain(self, name: str) -> None:
        self.setItemData(self.findData(name), self.tr(TIPS[name]), Qt.ItemDataRole.ToolTipRole)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(_LEAST), super().minimumSizeHint().height())

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
