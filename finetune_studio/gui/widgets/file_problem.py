"""What stands against a file, said where it was chosen, and another try with a chosen architecture."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget


class FileProblem(QWidget):
    """Hidden while nothing is wrong.

    Signals:
        picked: The architecture that the user says the file belongs to; empty to recognise it.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self.label = QLabel()
        self.label.setObjectName("model_problem")
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self.label.setProperty("level", "bad")
        self.choice = QComboBox()
        self.choice.setObjectName("architecture")
        self.choice.setAccessibleName(self.tr("Architecture of the weights file"))
        self.choice.activated.connect(self._on_activated)
        words = QLabel(self.tr("The file belongs to"))
        words.setProperty("role", "muted")
        self._row = QWidget()
        self._row.setProperty("clear", True)
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(words)
        row.addWidget(self.choice)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.label)
        column.addWidget(self._row)
        self.forget()

    def complain(self, text: str) -> None:
        """Say what is wrong."""
        self.label.setText(text)
        self.label.show()
        self.show()

    def offer(self, names: list[str]) -> None:
        """Let the user say what the file belongs to."""
        if not self.choice.count():
            self.choice.addItem(self.tr("recognise it"), "")
            for name in names:
                self.choice.addItem(name, name)
        self._row.show()
        self.show()

    def forget(self) -> None:
        """Take everything back."""
        self.label.hide()
        self._row.hide()
        self.hide()

    @Slot(int)
    def _on_activated(self, place: int) -> None:
        self.picked.emit(str(self.choice.itemData(place)))
