"""The menu under the project's name: all projects, another folder, the recent ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget


class ProjectMenu(QMenu):
    """Shows values; opens nothing itself.

    Signals:
        all_wanted: The user wants the list of projects.
        folder_wanted: The user wants to choose a project's folder.
        project_wanted: The folder of the recent project that the user chose.
    """

    all_wanted = Signal()
    folder_wanted = Signal()
    project_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.show_recent([], project_open=False)

    def show_recent(self, folders: list[Path], *, project_open: bool) -> None:
        """Offer these recent projects; with a project open, also to close it."""
        self.clear()
        if project_open:
            self.addAction(self.tr("All projects"), self.all_wanted.emit)
        self.addAction(self.tr("Open a project folder…"), self.folder_wanted.emit)
        if folders:
            self.addSeparator()
        for folder in folders:
            text = folder.name.replace("&", "&&")
            action = self.addAction(text, partial(self.project_wanted.emit, str(folder)))
            action.setToolTip(str(folder))
        if project_open:
            self.addSeparator()
            self.addAction(self.tr("Close this project"), self.all_wanted.emit)
