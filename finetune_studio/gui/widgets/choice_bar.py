"""A row of joined buttons of which one is chosen."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QPushButton, QWidget
from typing_extensions import override


class ChoiceBar(QWidget):
    """Offers a few values side by side; arrow keys move between them.

    Signals:
        chosen: The value that the user chose.
    """

    chosen = Signal(str)

    def __init__(self, options: list[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._group.buttonClicked.connect(self._on_clicked)
        self._buttons: dict[str, QPushButton] = {}
        self.set_options(options)

    def set_options(self, options: list[tuple[str, str]]) -> None:
        """Offer other values; the chosen one stays if it is among them."""
        before = self.value()
        for button in self._buttons.values():
            self._group.removeButton(button)
            self._row.removeWidget(button)
            button.deleteLater()
        self._buttons = {}
        for index, (value, text) in enumerate(options):
            button = _ChoiceButton(text)
            button.setObjectName(f"choice_{value}")
            button.setCheckable(True)
            button.setProperty("choice", _place(index, len(options)))
            button.setProperty("value", value)
            self._group.addButton(button)
            self._row.addWidget(button)
            self._buttons[value] = button
        self.set_value(before if before in self._buttons else next(iter(self._buttons), ""))

    def value(self) -> str:
        """Return the chosen value; empty if none is."""
        button = self._group.checkedButton()
        return str(button.property("value")) if button else ""

    def set_value(self, value: str) -> None:
        """Choose a value without saying so; an unknown one leaves nothing chosen."""
        if value in self._buttons:
            self._buttons[value].setChecked(True)
        elif (checked := self._group.checkedButton()) is not None:
            self._group.setExclusive(False)
            checked.setChecked(False)
            self._group.setExclusive(True)

    def set_text(self, value: str, text: str) -> None:
        """Change what one of the buttons says."""
        self._buttons[value].setText(text)

    def set_enabled(self, value: str, enabled: bool, reason: str = "") -> None:
        """Allow or refuse one value, with the reason as its tooltip."""
        self._buttons[value].setEnabled(enabled)
        self._buttons[value].setToolTip(reason)

    def set_tip(self, value: str, text: str) -> None:
        """Explain one value on hover."""
        self._buttons[value].setToolTip(text)

    def button(self, value: str) -> QPushButton:
        """Return the button of a value."""
        return self._buttons[value]

    @Slot(QAbstractButton)
    def _on_clicked(self, button: QAbstractButton) -> None:
        self.chosen.emit(str(button.property("value")))


class _ChoiceButton(QPushButton):
    """Keeps the room that its text needs when it is chosen and bold, so that nothing moves."""

    @override
    def sizeHint(self) -> QSize:
        bold = QFont(self.font())
        bold.setBold(True)
        wide, plain = QFontMetrics(bold), self.fontMetrics()
        more = wide.horizontalAdvance(self.text()) - plain.horizontalAdvance(self.text())
        return super().sizeHint() + QSize(max(0, more), 0)

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


def _place(index: int, count: int) -> str:
    if index == 0:
        return "first" if count > 1 else "only"
    return "last" if index == count - 1 else "middle"
