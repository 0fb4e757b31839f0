"""What the user can decide about the samples that are selected, and what was done to them before."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.flow import Flow
from finetune_studio.gui.widgets.name_field import NameField

SPLITS = ("train", "validation", "test")


class Deciding(QWidget):
    """Buttons below each other, or side by side where there is room.

    Signals:
        labelled: The label that the user gives.
        exclusion_wanted: Whether to exclude (True) or take back in.
        split_wanted: The split that the user chose.
    """

    labelled = Signal(str)
    exclusion_wanted = Signal(bool)
    split_wanted = Signal(str)

    def __init__(self, *, beside: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._names: list[str] = []
        self._excluded = False
        self._split = ""
        self.label_button = KeyButton(self.tr("Change label"), "L")
        self.label_button.setObjectName("change_label")
        self.label_button.setToolTip(self.tr("Give the selected samples another label (L)"))
        self.label_button.clicked.connect(self.ask_label)
        self.exclude_button = KeyButton("", "X")
        self.exclude_button.setObjectName("exclude")
        self.exclude_button.clicked.connect(self._on_exclude_clicked)
        self.split = QComboBox()
        self.split.setObjectName("split")
        self.split.setAccessibleName(self.tr("Split"))
        self.split.setPlaceholderText(self.tr("several splits"))
        for split in SPLITS:
            self.split.addItem(self.tr("in {split}").format(split=split), split)
        self.split.activated.connect(self._on_split_chosen)
        self.field = NameField()
        self.field.setObjectName("label_name")
        self.field.named.connect(self._on_named)
        self.field.given_up.connect(self._on_given_up)
        rows = Flow(8) if beside else QVBoxLayout()
        rows.setContentsMargins(0, 4, 0, 0)
        rows.setSpacing(8)
        self.setLayout(rows)
        for widget in (self.label_button, self.field, self.exclude_button, self.split):
            widget.setMinimumWidth(60)
            rows.addWidget(widget)
        self.labels_offered = True

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these labels when one is changed."""
        self._names = list(names)

    def offer_labels(self, *, offered: bool) -> None:
        """Offer to change the label, or not where samples have none of their own."""
        self.labels_offered = offered
        self.label_button.setVisible(offered and self.field.isHidden())

    def show_state(self, split: str, *, excluded: bool) -> None:
        """Show the split (empty: several) and whether all that are selected are excluded."""
        self._split, self._excluded = split, excluded
        self.split.setCurrentIndex(SPLITS.index(split) if split in SPLITS else -1)
        include, exclude = self.tr("Take back in"), self.tr("Exclude")
        self.exclude_button.setText(include if excluded else exclude)
        self.exclude_button.setToolTip(
            self.tr("Let the selected samples take part again (X)")
            if excluded
            else self.tr("Leave the selected samples out of training and scoring (X)")
        )

    @Slot()
    def ask_label(self) -> None:
        """Let the user type a label, or choose one that exists."""
        if self.isHidden() or not self.labels_offered:
            return
        self.label_button.hide()
        self.field.setAccessibleName(self.tr("New label"))
        self.field.ask(self._names, "", self.tr("Label, then Enter"))

    @Slot(str)
    def _on_named(self, name: str) -> None:
        self.label_button.show()
        self.labelled.emit(name)

    @Slot()
    def _on_given_up(self) -> None:
        self.label_button.show()

    @Slot()
    def _on_exclude_clicked(self) -> None:
        self.exclusion_wanted.emit(not self._excluded)

    @Slot(int)
    def _on_split_chosen(self, index: int) -> None:
        if SPLITS[index] != self._split:
            self.split_wanted.emit(SPLITS[index])


class EditHistory(QWidget):
    """What was done to a sample, the newest first; a lone import needs no heading if ``quiet``.

    Signals:
        undo_wanted: The last edit is to be taken back.
    """

    undo_wanted = Signal()

    def __init__(
        self, most: int = 6, *, quiet: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._most, self._quiet = most, quiet
        self._shown: Sequence[tuple[str, bool]] = ()
        self.title = QLabel(self.tr("History"))
        self.title.setProperty("role", "heading")
        self._edits = QVBoxLayout()
        self._edits.setSpacing(2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.title)
        column.addLayout(self._edits)

    def set_most(self, most: int) -> None:
        """Show no more edits than so many."""
        if most != self._most:
            self._most = most
            self.show_edits(self._shown)

    def show_edits(self, edits: Sequence[tuple[str, bool]]) -> None:
        """Show edits: a text each, and whether it can be undone."""
        self._shown = edits
        while (item := self._edits.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        lone = len(edits) == 1 and not edits[0][1]
        self.title.setVisible(bool(edits) and not (self._quiet and lone))
        for text, undoable in edits[: self._most]:
            self._edits.addWidget(self._edit_line(text, undoable=undoable))

    def _edit_line(self, text: str, *, undoable: bool) -> QWidget:
        line = QWidget()
        line.setProperty("clear", True)
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setProperty("role", "small")
        label.setWordWrap(True)
        row.addWidget(label, 1)
        if undoable:
            undo = QPushButton(self.tr("Undo"))
            undo.setObjectName("undo")
            undo.setProperty("link", True)
            undo.clicked.connect(self.undo_wanted)
            row.addWidget(undo, 0, Qt.AlignmentFlag.AlignTop)
        return line


class KeyButton(QPushButton):
    """A button that shows at its right end the key that does the same."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text)
        self._key = key

    @override
    def sizeHint(self) -> QSize:
        return super().sizeHint() + QSize(2 * theme.px(20), 0)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        now = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(theme.px(11))
        painter.setFont(font)
        side = painter.fontMetrics().height() + 4
        cap = QRect(self.width() - side - 8, (self.height() - side) // 2, side, side)
        if self.fontMetrics().horizontalAdvance(self.text()) + 2 * (side + 14) > self.width():
            return
        painter.setPen(now.line)
        painter.setBrush(now.raised)
        painter.drawRoundedRect(QRectF(cap).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.setPen(now.muted)
        painter.drawText(cap, int(Qt.AlignmentFlag.AlignCenter), self._key)
