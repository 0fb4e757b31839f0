"""The line beside Start: what a run will take, where it runs, and what stands against it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget


class EstimateLine(QFrame):
    """Shows a sentence, and a second one that is less loud; hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("estimate")
        self._text, self._aside = QLabel(), QLabel()
        self._aside.setProperty("role", "small")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(2)
        for label in (self._text, self._aside):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            column.addWidget(label)
        self.show_words("", "")

    @property
    def text(self) -> str:
        """Return what it says; empty while it is hidden."""
        return "" if self.isHidden() else self._text.text()

    @property
    def aside(self) -> str:
        """Return the second sentence."""
        return self._aside.text()

    @property
    def level(self) -> str:
        """Return ``warning`` where something stands against the run, else nothing."""
        return str(self.property("level") or "")

    def show_words(self, text: str, aside: str, level: str = "") -> None:
        """Say something else."""
        self._text.setText(text)
        self._aside.setText(aside)
        self._aside.setVisible(bool(aside))
        self.setVisible(bool(text))
        self.setAccessibleName(f"{text} {aside}".strip())
        if level != self.property("level"):
            self.setProperty("level", level or None)
            self.setProperty("card", None if level else True)
            for widget in (self, self._text, self._aside):
                widget.style().unpolish(widget)
                widget.style().polish(widget)
