"""The parts of a plot that pyqtgraph draws: axes, the view, the box that zooms."""

from __future__ import annotations

import math
from typing import Any

import pyqtgraph as pg  # noqa: TID253  this module is loaded with the curves of a run, never before
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPen, QWheelEvent
from typing_extensions import override

from finetune_studio.gui import theme


def pen(colour: QColor, *, dashed: bool = False) -> QPen:
    """Return a pen of one pixel: wider ones are drawn a hundred times slower."""
    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    made: QPen = pg.mkPen(colour, width=1, style=style)
    return made


class Axis(pg.AxisItem):
    """Has a line and a number every ``apart`` pixels or more, at round values, and none between."""

    def __init__(self, side: str, apart: int) -> None:
        super().__init__(side)
        self._apart = apart

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        return [(step_for(maxVal - minVal, size / theme.px(self._apart)), 0.0)]


def step_for(span: float, most: float) -> float:
    """Return the smallest round step (1, 2 or 5 times a power of ten) that fits ``most`` times."""
    least = abs(span) / max(1.0, most) or 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * round_ for round_ in (1, 2, 5, 10) if power * round_ >= least * (1 - 1e-9))


class View(pg.PlotWidget):
    """Leaves the wheel to the page, and says when the mouse is gone."""

    left_behind = Signal()

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    @override
    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.left_behind.emit()


class Box(pg.ViewBox):
    """Zooms by dragging with the left button and shows everything again on a double click."""

    reset_wanted = Signal()
    menu_wanted = Signal(QPointF)
    zoomed = Signal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseMode(pg.ViewBox.RectMode)
        self.disableAutoRange()
        self.rbScaleBox.setPen(pen(theme.tokens().accent))
        faint = QColor(theme.tokens().accent)
        faint.setAlpha(40)
        self.rbScaleBox.setBrush(faint)

    @override
    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        if ev.button() != Qt.MouseButton.LeftButton:
            ev.ignore()
            return
        super().mouseDragEvent(ev, axis)
        if ev.isFinish():
            self.zoomed.emit()

    @override
    def mouseClickEvent(self, ev: Any) -> None:
        if ev.button() == Qt.MouseButton.RightButton:
            ev.accept()
            self.menu_wanted.emit(QPointF(ev.screenPos()))
        elif ev.double():
            ev.accept()
            self.reset_wanted.emit()
