"""A message in its place on a page: tinted by how serious it is, hidden while there is none."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget


class Message(QFrame):
    """Says one thing until it says another or nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.addWidget(self._text)
        self.hide()

    @property
    def text(self) -> str:
        """Return what is said; empty while it is hidden."""
        return "" if self.isHidden() else self._text.text()

    def say(self, text: str, level: str = "info") -> None:
        """Say something (``level``: ok, info, warning or bad); an empty text hides the message."""
        self._text.setText(text)
        self.setAccessibleName(text)
        self.setProperty("level", level)
        for part in (self, self._text):
            part.style().unpolish(part)
            part.style().polish(part)
        self.setVisible(bool(text))
