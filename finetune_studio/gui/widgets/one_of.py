"""Widgets of which one is seen at a time; it is as high as that one needs for its width."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget


class OneOf(QWidget):
    """A pile as QStackedWidget, which however asks for the room that its highest widget would like."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._parts: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def addWidget(self, widget: QWidget) -> None:
        """Add a widget; the first one is seen."""
        self._column.addWidget(widget)  # first: without a parent, what is shown opens a window
        widget.setVisible(not self._parts)
        self._parts.append(widget)

    def currentIndex(self) -> int:
        """Return which widget is seen, counted from 0."""
        return next((n for n, part in enumerate(self._parts) if not part.isHidden()), -1)

    def setCurrentIndex(self, index: int) -> None:
        """Show another widget."""
        for number, part in enumerate(self._parts):
            part.setVisible(number == index)
