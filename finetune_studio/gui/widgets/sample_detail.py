"""One sample large, what is known about it, and what the user can decide about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.core.preview import Picture, Preview
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.deciding import Deciding, EditHistory
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.preview_view import PreviewView


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
        self.deciding = Deciding()
        self.deciding.labelled.connect(self.labelled)
        self.deciding.exclusion_wanted.connect(self.exclusion_wanted)
        self.deciding.split_wanted.connect(self.split_wanted)
        self.label_button, self.field = self.deciding.label_button, self.deciding.field
        self.exclude_button, self.split = self.deciding.exclude_button, self.deciding.split
        column.addWidget(self.deciding)

    def _add_history(self, column: QVBoxLayout) -> None:
        self.history = EditHistory()
        self.history.undo_wanted.connect(self.undo_wanted)
        self.history_title = self.history.title
        column.addSpacing(6)
        column.addWidget(self.history)

    # --- what is shown ----------------------------------------------------------------------------

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these labels when one is changed."""
        self.deciding.set_names(names)

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
        self.deciding.show_state(shown.split, excluded=shown.excluded)
        self.history.show_edits(shown.edits)

    # --- what the user does -----------------------------------------------------------------------

    @Slot()
    def ask_label(self) -> None:
        """Let the user type a label, or choose one that exists."""
        self.deciding.ask_label()

    @Slot()
    def copy_path(self) -> None:
        """Put the whole path on the clipboard."""
        QGuiApplication.clipboard().setText(self._detail.path)


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
