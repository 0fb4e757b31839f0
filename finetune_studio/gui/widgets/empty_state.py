"""What a page shows while it has nothing yet: what belongs there, and the way to it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget


class EmptyState(QWidget):
    """Says what belongs here and offers the way to it.

    Signals:
        acted: The button was pressed.
    """

    acted = Signal()

    def __init__(
        self, heading: str, sentence: str, action: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._heading = QLabel(heading)
        self._heading.setProperty("role", "heading")
        self._sentence = QLabel(sentence)
        self._sentence.setProperty("role", "muted")
        self._sentence.setWordWrap(True)
        for label in (self._heading, self._sentence):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._sentence.setMaximumWidth(420)
        self._sentence.setMinimumWidth(200)
        self.button = QPushButton(action)
        if not action:
            self.button.hide()
        self.button.clicked.connect(self.acted)
        centre = Qt.AlignmentFlag.AlignHCenter
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(self._heading)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._sentence, 1000)
        middle.addStretch(1)
        column.addLayout(middle)
        column.addSpacing(4)
        column.addWidget(self.button, 0, centre)
        column.addStretch(1)

    def say(self, heading: str, sentence: str, action: str = "") -> None:
        """Say something else."""
        self._heading.setText(heading)
        self._sentence.setText(sentence)
        self.button.setText(action)
        self.button.setVisible(bool(action))
