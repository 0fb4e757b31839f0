"""The first page: recent projects, a new one, or the sample."""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from finetune_studio.core.catalogue import Entry
from finetune_studio.core.settings import resources
from finetune_studio.gui.page import Page, set_primary
from finetune_studio.gui.studio import Studio, work
from finetune_studio.gui.thumbnails import read_picture
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.recent_list import RecentList, RecentProject
from finetune_studio.tasks import CATALOGUE as TASKS

_SAMPLE_SIDE = 72
_DRAWING = QSize(180, 72)


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
            self.tr("Teach a pretrained model your own classes. Everything stays on this computer.")
        )
        self._task = ""
        self._folder: Path | None = None
        upper = QHBoxLayout()
        upper.setSpacing(12)
        upper.addWidget(self._new_card(), 3)
        upper.addWidget(self._sample_card(), 2)
        self.body.addLayout(upper)
        self.body.addWidget(self._form_card())
        self.body.addWidget(self._recent_card(), 1)
        studio.settings_changed.connect(self._refresh_recent)

    # --- parts ------------------------------------------------------------------------------------

    def _new_card(self) -> Card:
        card = Card(self.tr("New project"))
        self._new: list[QPushButton] = []
        card.body.addStretch(1)
        for task in TASKS:
            card.body.addWidget(self._task_row(task))
        card.body.addStretch(1)
        return card

    def _task_row(self, task: Entry) -> QWidget:
        box = QWidget()
        box.setProperty("clear", True)
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        picture = QLabel()
        drawing = QIcon(str(resources() / "icons" / f"{task.name}.svg"))
        picture.setPixmap(drawing.pixmap(_DRAWING, self.devicePixelRatioF()))
        words = QVBoxLayout()
        words.setSpacing(4)
        heading = QLabel(task.title)
        heading.setProperty("role", "heading")
        sentence = QLabel(task.summary)
        sentence.setProperty("role", "muted")
        sentence.setWordWrap(True)
        sentence.setMinimumWidth(120)
        button = QPushButton(self.tr("New project…"))
        button.setObjectName(f"new_{task.name}")
        button.setProperty("primary", not self._new)
        self._new.append(button)
        button.setAccessibleName(self.tr("New project: {task}").format(task=task.title))
        button.clicked.connect(partial(self._on_new_clicked, task))
        words.addStretch(1)
        words.addWidget(heading)
        words.addWidget(sentence)
        words.addSpacing(6)
        words.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        words.addStretch(1)
        row.addWidget(picture)
        row.addLayout(words, 1)
        return box

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
        set_primary(self._new[0], primary=False)
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
        set_primary(self._new[0], primary=True)

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
