"""A part of a page that scrolls up and down by itself where the window is low."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget
from typing_extensions import override


class _Column(QScrollArea):
    """Scrolls up and down only: what is inside is never wider than it."""

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        if (inside := self.widget()) is not None:
            inside.setFixedWidth(self.viewport().width())
        super().resizeEvent(event)


def scrolled(widget: QWidget) -> QScrollArea:
    """Return an area without a frame that a widget scrolls in."""
    area = _Column()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.viewport().setProperty("clear", True)
    widget.setProperty("clear", True)
    area.setWidget(widget)
    return area
