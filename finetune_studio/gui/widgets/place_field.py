"""A line with the path of a file or folder, beside a button to choose one."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QPushButton, QWidget


class PlaceField(QWidget):
    """Wraps a line for a path; what is typed is said by the line itself.

    Signals:
        chosen: The path that was chosen with the button.
    """

    chosen = Signal(str)

    def __init__(self, line: QLineEdit, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self.line = line
        self.choose = QPushButton(self.tr("Choose"))
        self.choose.setObjectName("choose_place")
        menu = QMenu(self.choose)
        menu.addAction(self.tr("A folder…"), self._on_folder_wanted)
        menu.addAction(self.tr("A file…"), self._on_file_wanted)
        self.choose.setMenu(menu)
        self.setFocusProxy(line)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(line, 1)
        row.addWidget(self.choose)

    @Slot()
    def _on_folder_wanted(self) -> None:
        self._take(QFileDialog.getExistingDirectory(self, self.tr("Choose a folder")))

    @Slot()
    def _on_file_wanted(self) -> None:
        self._take(QFileDialog.getOpenFileName(self, self.tr("Choose a file"))[0])

    def _take(self, path: str) -> None:
        if path and path != self.line.text():
            self.line.setText(path)
            self.chosen.emit(path)
