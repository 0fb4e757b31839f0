"""A part of the Export page: the work in hand, how far it is, and a button that stops it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget


class WorkBar(QWidget):
    """What the export does at the moment, how far it is, and a button to stop it.

    Signals:
        stop_wanted: The user wants the export to end.
    """

    stop_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self.stop_button = QPushButton(self.tr("Stop"))
        self.stop_button.setObjectName("stop_export")
        self.stop_button.clicked.connect(self.stop_wanted)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(self._text)
        column.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addLayout(column, 1)
        row.addWidget(self.stop_button)

    @property
    def text(self) -> str:
        """Return what is going on, in words."""
        return self._text.text()

    def begin(self, text: str, total: int = 0) -> None:
        """Show that a part of the work begins; 0 means that nobody knows how long it is."""
        self._text.setText(text)
        self._bar.setRange(0, total)
        self._bar.setValue(0)

    def progress(self, done: int, total: int) -> None:
        """Show how far the part is."""
        self._bar.setRange(0, total)
        self._bar.setValue(done)
