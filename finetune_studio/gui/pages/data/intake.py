"""How data come in: a place to drop them, a preview of what they would become, and the import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.pages.data import intake_words
from finetune_studio.gui.pages.data.faces import Faces
from finetune_studio.gui.pages.data.preview import ImportPreview, Standing
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.drop_area import DropArea
from finetune_studio.gui.widgets.elided_label import ElidedLabel

if TYPE_CHECKING:
    from finetune_studio.engine.curate import DataLook


class Intake(Faces):
    """Three faces: drop, preview, working.

    Signals:
        offered: A path that was dropped or chosen is to be looked at (a list of Path).
        folder_wanted: A folder is to be chosen in a dialog.
        file_wanted: A file is to be chosen in a dialog.
        sample_wanted: The sample project is to be opened.
        mapped: Data are to be read otherwise (a dict of the recipe's fields to values).
        table_wanted: A table is to be chosen in a dialog, for this field of the recipe.
        import_wanted: What is previewed is to be imported.
        left: The user wants back, or something else instead of what is previewed.
        stop_wanted: The work under way is to end.
    """

    offered = Signal(object)
    folder_wanted = Signal()
    file_wanted = Signal()
    sample_wanted = Signal()
    mapped = Signal(object)
    table_wanted = Signal(str)
    import_wanted = Signal()
    left = Signal()
    stop_wanted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drop = self._make_drop()
        self.preview = ImportPreview(thumbnails)
        self.preview.mapped.connect(self.mapped)
        self.preview.table_wanted.connect(self.table_wanted)
        self.preview.import_wanted.connect(self.import_wanted)
        self.preview.left.connect(self.left)
        self._work = self._make_work()
        for widget in (self._drop, self.preview, self._work):
            self.addWidget(widget)

    def _make_drop(self) -> QWidget:
        self.area = _Drop("", "", self.tr("Choose a folder…"))
        self.folder_button = self.area.button
        self.folder_button.setObjectName("choose_folder")
        self.area.browse_wanted.connect(self.folder_wanted)
        self.area.dropped.connect(self.offered)
        self.file_button = QPushButton()
        self.file_button.setObjectName("choose_file")
        self.file_button.clicked.connect(self.file_wanted)
        self.sample_button = QPushButton(self.tr("Open the sample"))
        self.sample_button.setObjectName("open_sample")
        self.sample_button.clicked.connect(self.sample_wanted)
        self.back_button = QPushButton()
        self.back_button.setObjectName("leave_intake")
        self.back_button.clicked.connect(self.left)
        for button in (self.file_button, self.sample_button, self.back_button):
            self.area.add_button(button)
        return self.area

    def _make_work(self) -> QWidget:
        card = Card()
        self._doing = QLabel()
        self._doing.setProperty("role", "heading")
        self._doing.setTextFormat(Qt.TextFormat.PlainText)
        self._doing.setWordWrap(True)
        self._doing.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._of = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._of.setProperty("role", "muted")
        self._of.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setMaximumWidth(420)
        self.stop_button = QPushButton(self.tr("Cancel"))
        self.stop_button.setObjectName("cancel_import")
        self.stop_button.clicked.connect(self.stop_wanted)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._bar, 4)
        middle.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addStretch(1)
        column.addWidget(self._doing)
        column.addWidget(self._of)
        column.addLayout(middle)
        column.addWidget(self.stop_button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        card.body.addLayout(column)
        return card

    # --- faces ------------------------------------------------------------------------------------

    def show_drop(self, task: str, *, has_data: bool) -> None:
        """Offer to drop or choose data for a task; with data there already, also the way back."""
        said = intake_words.invitation(task)
        self.area.set_words(self.tr(said.title), self.tr(said.text))
        self.file_button.setText(self.tr(said.file_button))
        self.back_button.setText(self.tr(intake_words.back(task)))
        self.sample_button.setVisible(not has_data and intake_words.has_sample(task))
        self.back_button.setVisible(has_data)
        self.setCurrentWidget(self._drop)

    def show_work(self, doing: str, of: str = "") -> None:
        """Show that something is under way."""
        self._doing.setText(doing)
        self._of.setText(of)
        self._bar.setRange(0, 0)
        self.setCurrentWidget(self._work)

    def show_progress(self, done: int, total: int, of: str) -> None:
        """Show how far the work under way is; a total of 0 is unknown."""
        self._bar.setRange(0, total)
        self._bar.setValue(min(done, total))
        self._of.setText(of)

    def show_look(self, look: DataLook, seen: Standing) -> None:
        """Show what was dropped, and how it stands with it."""
        self.preview.show_look(look, seen)
        self.setCurrentWidget(self.preview)

    @property
    def at_drop(self) -> bool:
        """Whether nothing was offered yet."""
        return self.currentWidget() is self._drop

    @property
    def at_preview(self) -> bool:
        """Whether a preview is shown."""
        return self.currentWidget() is self.preview

    @Slot()
    def focus_first(self) -> None:
        """Put the keyboard where the user goes on."""
        (self.preview.import_button if self.at_preview else self.folder_button).setFocus()


class _Drop(DropArea):
    """Keeps its sentence in lines that are easy to read, however wide it is."""

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        side = max(24, (self.width() - theme.px(620)) // 2)
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(side, 24, side, 24)


def common_place(paths: list[Path]) -> Path:
    """Return what several dropped things are: themselves if one, else the folder they lie in."""
    if len(paths) == 1:
        return paths[0]
    parents = {path.parent for path in paths}
    if len(parents) == 1:
        return parents.pop()
    shortest = min(parents, key=lambda parent: len(parent.parts))
    while not all(path.is_relative_to(shortest) for path in paths):
        shortest = shortest.parent
    return shortest
