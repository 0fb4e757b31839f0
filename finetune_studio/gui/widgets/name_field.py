"""A line to type a name into, which offers the names that exist already."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget
from typing_extensions import override


class NameField(QLineEdit):
    """Enter takes the name, Escape or a click elsewhere gives up.

    Signals:
        named: The name that was entered, without spaces around it.
        given_up: Nothing was entered.
    """

    named = Signal(str)
    given_up = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = QStringListModel(self)
        self._open = False
        completer = QCompleter(self._names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setMaxVisibleItems(8)
        completer.activated.connect(self._on_offer_taken)
        self.setCompleter(completer)
        self.returnPressed.connect(self._on_entered)
        self.hide()

    def ask(self, names: Sequence[str], text: str = "", placeholder: str = "") -> None:
        """Show the field, ready to type."""
        self._names.setStringList(list(names))
        self.setPlaceholderText(placeholder)
        self.setText(text)
        self.selectAll()
        self._open = True
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._end("")
            return
        super().keyPressEvent(event)

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (
            Qt.FocusReason.PopupFocusReason,
            Qt.FocusReason.ActiveWindowFocusReason,
        ):
            self._end("")

    def _end(self, name: str) -> None:
        """Close the field once, however many reasons come together."""
        if not self._open:
            return
        self._open = False
        self.hide()
        if name:
            self.named.emit(name)
        else:
            self.given_up.emit()

    @Slot()
    def _on_entered(self) -> None:
        self._end(self.text().strip())

    @Slot(str)
    def _on_offer_taken(self, name: str) -> None:
        self._end(name)
