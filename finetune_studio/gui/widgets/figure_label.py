"""A label for figures that change often: nothing around it is laid out anew unless it needs more room."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.gui.widgets.elided_label import ElidedLabel


class FigureLabel(ElidedLabel):
    """Shows one line, and is as wide as the widest that it has shown since it was empty.

    A QLabel asks for a new layout at every text, up to the whole page: several times a second that
    takes longer than all that is painted.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self._figure = ""
        self._widest = 0
        self.setText(text)

    @override
    def text(self) -> str:
        return self._figure

    @override
    def setText(self, text: str) -> None:
        if text == self._figure:
            return
        self._figure = text
        self.setAccessibleName(text)
        self._make_room()
        self.update()
        self._say_whole()

    @override
    def sizeHint(self) -> QSize:
        around = self.contentsMargins()
        return QSize(
            self._widest + around.left() + around.right(),
            self.fontMetrics().height() + around.top() + around.bottom(),
        )

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._widest = 0
            self._make_room()

    def _make_room(self) -> None:
        needed = self.fontMetrics().horizontalAdvance(self._figure) + 1 if self._figure else 0
        if needed > self._widest or not needed:
            self._widest = needed
            self.updateGeometry()
