"""One sample large, what is known about it, and what the user can decide about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.preview import Picture, Preview
from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.name_field import NameField
from finetune_studio.gui.widgets.preview_view import PreviewView

SPLITS = ("train", "validation", "test")
_MOST_EDITS = 6


@dataclass(frozen=True, slots=True)
class Detail:
    """What the panel says, in words; empty words take no room.

    Attributes:
        path: The file to show, and what "Copy path" copies.
        heading: The label, or how many samples are selected.
        facts: Split, size in pixels, size of the file.
        place: The file's path as it is shown.
        group: The group whose samples stay together.
        problem: Why the sample cannot be used.
        split: The split of all that are selected; empty if they differ.
        excluded: Whether all that are selected are excluded.
        edits: What was done to it, the newest first: a text, and whether it can be undone.
        count: How many samples are selected.
    """

    path: str = ""
    heading: str = ""
    facts: str = ""
    place: str = ""
    group: str = ""
    problem: str = ""
    split: str = ""
    excluded: bool = False
    edits: tuple[tuple[str, bool], ...] = ()
    count: int = 1


class SampleDetail(QWidget):
    """The panel beside the grid.

    Signals:
        labelled: The label that the user gives.
        exclusion_wanted: Whether to exclude (True) or take back in.
        split_wanted: The split that the user chose.
        undo_wanted: The last edit is to be taken back.
    """

    labelled = Signal(str)
    exclusion_wanted = Signal(bool)
    split_wanted = Signal(str)
    undo_wanted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._detail = Detail()
        self._names: list[str] = []
        self.picture = _Large(thumbnails)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.picture)
        column.addSpacing(2)
        self._add_words(column)
        self._add_actions(column)
        self._add_history(column)
        column.addStretch(1)
        self.show_detail(None)

    # --- parts ------------------------------------------------------------------------------------

    def _add_words(self, column: QVBoxLayout) -> None:
        self.heading = ElidedLabel()
        self.heading.setProperty("role", "heading")
        self.facts = QLabel()
        self.facts.setWordWrap(True)
        self.place = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.group = ElidedLabel()
        for label in (self.facts, self.place, self.group):
            label.setProperty("role", "small")
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.copy = QPushButton(self.tr("Copy path"))
        self.copy.setObjectName("copy_path")
        self.copy.setProperty("link", True)
        self.copy.clicked.connect(self.copy_path)
        self.problem = QLabel()
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setWordWrap(True)
        self.problem.setProperty("level", "bad")
        column.addWidget(self.heading)
        column.addWidget(self.facts)
        column.addWidget(self.place)
        column.addWidget(self.group)
        column.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.problem)

    def _add_actions(self, column: QVBoxLayout) -> None:
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
        self.deciding = QWidget()
        self.deciding.setProperty("clear", True)
        rows = QVBoxLayout(self.deciding)
        rows.setContentsMargins(0, 4, 0, 0)
        rows.setSpacing(8)
        for widget in (self.label_button, self.field, self.exclude_button, self.split):
            widget.setMinimumWidth(60)
            rows.addWidget(widget)
        column.addWidget(self.deciding)

    def _add_history(self, column: QVBoxLayout) -> None:
        self.history_title = QLabel(self.tr("History"))
        self.history_title.setProperty("role", "heading")
        self._edits = QVBoxLayout()
        self._edits.setSpacing(2)
        column.addSpacing(6)
        column.addWidget(self.history_title)
        column.addLayout(self._edits)

    # --- what is shown ----------------------------------------------------------------------------

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these labels when one is changed."""
        self._names = list(names)

    def show_detail(self, detail: Detail | None) -> None:
        """Show a sample, or several at once; None if nothing is selected."""
        nothing = detail is None
        shown = detail or Detail()
        if shown.path != self._detail.path or nothing:
            marks = (Picture(shown.path),) if shown.path else ()
            preview = Preview(marks) if marks else None
            hint = self.tr("Select a picture to see it large.")
            self.picture.show_preview(preview, "" if preview else hint)
        self._detail = shown
        for label, text in (
            (self.heading, shown.heading),
            (self.facts, shown.facts),
            (self.place, shown.place),
            (self.group, shown.group),
            (self.problem, shown.problem),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self.copy.setVisible(bool(shown.place))
        self.deciding.setVisible(not nothing)
        self.split.setCurrentIndex(SPLITS.index(shown.split) if shown.split in SPLITS else -1)
        include, exclude = self.tr("Take back in"), self.tr("Exclude")
        self.exclude_button.setText(include if shown.excluded else exclude)
        self.exclude_button.setToolTip(
            self.tr("Let the selected samples take part again (X)")
            if shown.excluded
            else self.tr("Leave the selected samples out of training and scoring (X)")
        )
        self._show_edits(shown.edits)

    def _show_edits(self, edits: Sequence[tuple[str, bool]]) -> None:
        while (item := self._edits.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.history_title.setVisible(bool(edits))
        for text, undoable in edits[:_MOST_EDITS]:
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

    # --- what the user does -----------------------------------------------------------------------

    @Slot()
    def ask_label(self) -> None:
        """Let the user type a label, or choose one that exists."""
        if self.deciding.isHidden():
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
        self.exclusion_wanted.emit(not self._detail.excluded)

    @Slot(int)
    def _on_split_chosen(self, index: int) -> None:
        if SPLITS[index] != self._detail.split:
            self.split_wanted.emit(SPLITS[index])

    @Slot()
    def copy_path(self) -> None:
        """Put the whole path on the clipboard."""
        QGuiApplication.clipboard().setText(self._detail.path)


class KeyButton(QPushButton):
    """A button that shows at its right end the key that does the same."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text)
        self._key = key

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


class _Large(PreviewView):
    """Takes as much height as it has width, so that the words below it stay where they are."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__(thumbnails)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @override
    def hasHeightForWidth(self) -> bool:
        return True

    @override
    def heightForWidth(self, width: int) -> int:
        return min(width, 360)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(120, 120)
