"""A card with one headline figure and the sentence that belongs to it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from finetune_studio.gui.widgets.card import Card


class FigureCard(Card):
    """Shows a large figure, a smaller addition beside it (a range, a unit) and a sentence below."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self._figure = QLabel("–")
        self._figure.setProperty("role", "figure")
        self._aside = QLabel()
        self._aside.setProperty("role", "muted")
        self._sentence = QLabel()
        self._sentence.setProperty("role", "small")
        self._sentence.setWordWrap(True)
        for label in (self._figure, self._aside, self._sentence):
            label.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._figure, 0, Qt.AlignmentFlag.AlignBaseline)
        row.addWidget(self._aside, 1, Qt.AlignmentFlag.AlignBaseline)
        self.body.setSpacing(2)
        self.body.addLayout(row)
        self.body.addWidget(self._sentence)
        self.body.addStretch(1)

    def show_figure(self, figure: str, sentence: str = "", aside: str = "") -> None:
        """Show a figure, what it means, and what stands beside it."""
        self._figure.setText(figure)
        self._sentence.setText(sentence)
        self._aside.setText(aside)
        self.setAccessibleName(f"{self.title.text()}: {figure} {aside}. {sentence}")
