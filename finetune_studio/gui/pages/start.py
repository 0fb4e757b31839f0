"""The first page: recent projects, a new one, or the sample."""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
)

from finetune_studio.core.catalogue import Entry
from finetune_studio.core.settings import resources
from finetune_studio.gui.page import Page
from finetune_studio.gui.studio import Studio, work
from finetune_studio.gui.thumbnails import read_picture
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.recent_list import RecentList, RecentProject
from finetune_studio.gui.widgets.task_tile import TaskTile
from finetune_studio.tasks import CATALOGUE as TASKS

_SAMPLE_SIDE = 56
_COLUMNS = 3  # of tiles


def look_at(folder: str) -> RecentProject:
    """Return what the list shows of a project, without opening or changing it."""
    file = Path(folder) / "project.sqlite"
    try:
        used = file.stat().st_mtime
        # Reading a database in write-ahead mode would make files beside it, unless it is at rest.
        at_rest = not file.with_name(f"{file.name}-wal").exists()
        how = "immutable=1" if at_rest else "mode=ro"
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?{how}", uri=True)) as database:
            facts = dict(database.execute("SELECT key, value FROM meta").fetchall())
    except (OSError, ValueError):
        return RecentProject(folder, Path(folder).name, missing=True)
    except sqlite3.Error:
        return RecentProject(folder, Path(folder).name)
    task = facts.get("task", "")
    title = TASKS[task].title if task in TASKS else task
    return RecentProject(folder, facts.get("name") or Path(folder).name, title, used)


def free_name(projects: Path, wish: str) -> str:
    """Return a name whose folder does not exist yet, such as ``Image classification 2``."""
    work.import_first()
    from finetune_studio.core.project import folder_name

    number = 1
    while (projects / folder_name(f"{wish} {number}")).exists():
        number += 1
    return f"{wish} {number}"


class StartPage(Page):
    """Where everything begins; needs no project."""

    name = "start"
    title = "Projects"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.subtitle.setText(
            self.tr(
                "Teach a pretrained model with your own data. Everything stays on this computer."
            )
        )
        self._task = ""
        self._folder: Path | None = None
        lower = QHBoxLayout()
        lower.setSpacing(12)
        lower.addWidget(self._recent_card(), 3)
        lower.addWidget(self._sample_card(), 2)
        self.body.addWidget(self._new_card())
        self.body.addWidget(self._form_card())
        self.body.addLayout(lower, 1)
        studio.settings_changed.connect(self._refresh_recent)

    # --- parts ------------------------------------------------------------------------------------

    def _new_card(self) -> Card:
        card = Card(self.tr("New project: what should the model learn?"))
        tiles = QGridLayout()
        tiles.setSpacing(10)
        self._tiles: list[TaskTile] = []
        for number, task in enumerate(TASKS):
            drawing = resources() / "icons" / f"{task.name}.svg"
            tile = TaskTile(self.tr(task.title), self.tr(task.summary), drawing)
            tile.setObjectName(f"new_{task.name}")
            tile.clicked.connect(partial(self._on_new_clicked, task))
            tiles.addWidget(tile, number // _COLUMNS, number % _COLUMNS)
            self._tiles.append(tile)
        for column in range(_COLUMNS):
            tiles.setColumnStretch(column, 1)
        card.body.addLayout(tiles)
        return card

    def _sample_card(self) -> Card:
        card = Card(self.tr("See how it works"))
        strip = QHBoxLayout()
        strip.setSpacing(8)
        for file in sample_pictures(4):
            label = QLabel()
            ratio = self.devicePixelRatioF()
            image = read_picture(str(file), round(_SAMPLE_SIDE * ratio))
            image.setDevicePixelRatio(ratio)
            label.setPixmap(QPixmap.fromImage(image))
            strip.addWidget(label)
        strip.addStretch(1)
        sentence = QLabel(
            self.tr("Drawn leaves, healthy and diseased. Works offline, in a few minutes.")
        )
        sentence.setProperty("role", "muted")
        sentence.setWordWrap(True)
        button = QPushButton(self.tr("Open the sample"))
        button.setObjectName("open_sample")
        button.clicked.connect(self._on_sample_clicked)
        card.body.addLayout(strip)
        card.body.addWidget(sentence)
        card.body.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        card.body.addStretch(1)
        return card

    def _form_card(self) -> Card:
        self._form = Card()
        self._name = QLineEdit()
        self._name.setObjectName("project_name")
        self._name.setMaxLength(80)
        self._name.textChanged.connect(self._on_name_changed)
        self._name.returnPressed.connect(self._on_create_clicked)
        label = QLabel(self.tr("Name"))
        label.setBuddy(self._name)
        self._where = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._where.setProperty("role", "small")
        change = QPushButton(self.tr("Another place…"))
        change.clicked.connect(self._on_place_clicked)
        self._create = QPushButton(self.tr("Create"))
        self._create.setObjectName("create_project")
        self._create.setProperty("primary", True)
        self._create.clicked.connect(self._on_create_clicked)
        cancel = QPushButton(self.tr("Cancel"))
        cancel.clicked.connect(self._on_cancel_clicked)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(label)
        row.addWidget(self._name, 1)
        for button in (change, cancel, self._create):
            row.addWidget(button)
        self._form.body.addLayout(row)
        self._form.body.addWidget(self._where)
        self._form.hide()
        return self._form

    def _recent_card(self) -> Card:
        card = Card(self.tr("Recent projects"))
        button = QPushButton(self.tr("Open a project folder…"))
        button.clicked.connect(self._on_open_clicked)
        card.head.addWidget(button)
        self._recent = RecentList()
        self._recent.setObjectName("recent")
        self._recent.opened.connect(self._on_recent_opened)
        self._recent.dropped.connect(self._on_recent_dropped)
        self._none = EmptyState(
            self.tr("No projects yet"),
            self.tr("Your projects will be listed here. The sample is a good first one."),
        )
        card.body.addWidget(self._recent, 1)
        card.body.addWidget(self._none, 1)
        return card

    # --- what happens -----------------------------------------------------------------------------

    def entered(self) -> None:
        """List the recent projects as they are now."""
        self._on_cancel_clicked()
        self._refresh_recent()

    @Slot()
    def _refresh_recent(self) -> None:
        folders = self.studio.settings.recent
        self._none.setVisible(not folders)
        self._recent.setVisible(bool(folders))
        if folders:
            self.studio.ask(
                lambda: [look_at(folder) for folder in folders], self._recent.set_rows, lasting=True
            )

    def _on_new_clicked(self, task: Entry) -> None:
        self._task = task.name
        self._folder = self.studio.settings.projects_folder
        self._form.set_title(self.tr("New project: {task}").format(task=task.title))
        self._name.setText(free_name(self._folder, task.title))
        self._on_name_changed()
        self._form.show()
        self._name.setFocus()
        self._name.selectAll()

    @Slot()
    def _on_name_changed(self) -> None:
        folder = self._project_folder()
        taken = folder is not None and work.is_project(folder)
        usable = folder is not None and bool(self._name.text().strip()) and not taken
        self._create.setEnabled(usable)
        if taken:
            self._where.setText(
                self.tr("There is a project of this name already: {f}").format(f=folder)
            )
        elif folder is not None:
            self._where.setText(self.tr("Kept in {folder}").format(folder=folder))

    def _project_folder(self) -> Path | None:
        work.import_first()
        from finetune_studio.core.project import folder_name

        return self._folder / folder_name(self._name.text()) if self._folder else None

    @Slot()
    def _on_place_clicked(self) -> None:
        found = QFileDialog.getExistingDirectory(
            self, self.tr("Where to keep the project"), str(self._folder or "")
        )
        if found:
            self._folder = Path(found)
            self._on_name_changed()

    @Slot()
    def _on_create_clicked(self) -> None:
        folder = self._project_folder()
        if folder is None or not self._create.isEnabled():
            return
        if self.studio.new_project(folder, self._task, self._name.text().strip()):
            self._on_cancel_clicked()

    @Slot()
    def _on_cancel_clicked(self) -> None:
        self._form.hide()

    @Slot()
    def _on_sample_clicked(self) -> None:
        self.studio.open_sample()

    @Slot()
    def _on_open_clicked(self) -> None:
        start = str(self.studio.settings.projects_folder)
        found = QFileDialog.getExistingDirectory(self, self.tr("Open a project folder"), start)
        if found:
            self.studio.open_project(Path(found))

    @Slot(str)
    def _on_recent_opened(self, folder: str) -> None:
        self.studio.open_project(Path(folder))

    @Slot(str)
    def _on_recent_dropped(self, folder: str) -> None:
        settings = self.studio.settings
        settings.recent = tuple(item for item in settings.recent if item != folder)
        self.studio.save_settings()


def sample_pictures(count: int) -> list[Path]:
    """Return one picture of each of the sample's first classes."""
    root = resources() / "samples" / "leaves"
    classes = sorted(folder for folder in root.glob("*") if folder.is_dir())[:count]
    firsts = [
        sorted(file for file in folder.rglob("*") if file.is_file())[:1] for folder in classes
    ]
    return [file for first in firsts for file in first]
