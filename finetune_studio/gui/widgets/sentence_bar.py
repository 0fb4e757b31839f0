"""A coloured bar with a word, what it means, and a remark at its right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QFrame, QLabel, QPushButton, QWidget

from finetune_studio.gui.widgets.elided_label import ElidedLabel


class SentenceBar(QFrame):
    """Says in words what colour and place say too."""

    def __init__(self, parent: QWidget | None = None, *, stacked: bool = False) -> None:
        super().__init__(parent)
        self._word = QLabel()
        self._word.setProperty("role", "heading")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._aside = ElidedLabel()
        self._aside.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for label in (self._word, self._text, self._aside):
            label.setTextFormat(Qt.TextFormat.PlainText)
        direction = QBoxLayout.Direction
        self._row = QBoxLayout(direction.TopToBottom if stacked else direction.LeftToRight, self)
        self._row.setContentsMargins(12, 9, 12, 9)
        self._row.setSpacing(3 if stacked else 8)
        self._row.addWidget(self._word, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addWidget(self._text, 3)
        self._row.addWidget(self._aside, 2)
        self._aside.hide()
        self._said = ("", "", "", "")
        self.show_sentence("info", "", "")

    @property
    def sentence(self) -> str:
        """Return what the bar says."""
        return f"{self._word.text()} {self._text.text()}".strip()

    @property
    def level(self) -> str:
        """Return its level: ok, info, warning or bad."""
        return str(self.property("level"))

    def show_sentence(self, level: str, word: str, text: str, aside: str = "") -> None:
        """Say something else."""
        if (said := (level, word, text, aside)) == self._said:
            return
        self._said = said
        self._word.setText(word)
        self._word.setVisible(bool(word))
        self._text.setText(text)
        self._aside.setText(aside)
        self._aside.setVisible(bool(aside))
        self.setAccessibleName(f"{word} {text}")
        if level != self.property("level"):
            self.setProperty("level", level)
            for widget in (self, self._word, self._text, self._aside):
                widget.style().unpolish(widget)
                widget.style().polish(widget)

    def add_aside(self, label: QLabel) -> None:
        """Put a remark of its own at the right end."""
        self._row.addWidget(label)

    def add_button(self, button: QPushButton) -> None:
        """Put a way out at the right end."""
        self._row.setAlignment(self._word, Qt.AlignmentFlag.AlignVCenter)
        self._row.addWidget(button)
