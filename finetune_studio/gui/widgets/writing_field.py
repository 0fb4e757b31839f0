"""A field for a text of several lines, which tells what was written when the user leaves it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget
from typing_extensions import override


class WritingField(QPlainTextEdit):
    """Ctrl+Enter or a click elsewhere takes what was written, Escape the text from before.

    Signals:
        written: The text, if it is another.
        left: The user is done, with or without a change.
    """

    written = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before = ""
        self.setTabChangesFocus(True)

    def show_text(self, text: str) -> None:
        """Show a text; one that is being written is left alone where it began as this one."""
        if text == self._before and self.hasFocus():
            return
        self._before = text
        if text != self.toPlainText():
            self.setPlainText(text)

    def take(self) -> None:
        """Tell what was written, if it is another text than before."""
        text = self.toPlainText()
        if text != self._before and text.strip() != self._before.strip():
            self._before = text
            self.written.emit(text.strip())

    @override
    def event(self, event: QEvent) -> bool:
        keys = (Qt.Key.Key_Escape, Qt.Key.Key_Delete)
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and event.key() in keys:
            event.accept()
            return True
        return super().event(event)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.key() == Qt.Key.Key_Escape:
            self.setPlainText(self._before)
            self.left.emit()
        elif ctrl and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.take()
            self.left.emit()
        else:
            super().keyPressEvent(event)

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (
            Qt.FocusReason.PopupFocusReason,
            Qt.FocusReason.ActiveWindowFocusReason,
        ):
            self.take()
            self.left.emit()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(100, 3 * self.fontMetrics().height() + 24)
