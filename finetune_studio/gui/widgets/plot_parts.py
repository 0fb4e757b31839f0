"""The parts of a plot that pyqtgraph draws: axes, the view, the box that zooms."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg  # noqa: TID253  this module is loaded with the curves of a run, never before
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPaintEvent, QPen, QWheelEvent
from typing_extensions import override

from finetune_studio.gui import theme

_SMALL = (
    1e-3  # steps below it have too many zeros to be written out: what does not fit is not drawn
)
_FILLED = 0.7  # how much of an axis its curve fills at least
LEAST = 1e-12  # what is smaller has no place on a logarithmic axis


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
        self.enableAutoSIPrefix(False)
        self.setStyle(
            tickLength=0,
            tickTextOffset=6,
            maxTickLevel=int(side == "left"),
            hideOverlappingLabels=False,
        )
        self.remember(True)

    def remember(self, on: bool) -> None:
        """Keep what is drawn as a picture, since numbers are slow to draw; not where it is exported."""
        mode = self.CacheMode
        self.setCacheMode(mode.DeviceCoordinateCache if on else mode.NoCache)

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        if self.logMode:
            return [(1.0, 0.0)]
        return [(step_for(maxVal - minVal, size / theme.px(self._apart)), 0.0)]

    @override
    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[Any, Any]]:
        if not self.logMode:
            return list(super().tickValues(minVal, maxVal, size))
        places = steps_between(minVal, maxVal, size / theme.px(self._apart))
        return [(None, [math.log10(value) for value in places])]

    @override
    def tickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        if not self.logMode:
            if spacing < _SMALL:
                return [small(value * scale) for value in values]
            return list(super().tickStrings(values, scale, spacing))
        return [f"{10.0**value:.3g}" for value in values]


def small(value: float) -> str:
    """Return a small value in few letters, such as ``5e-4`` or ``1.5e-3``."""
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits.removesuffix('.0')}e{int(power)}" if float(digits) else "0"


def step_for(span: float, most: float) -> float:
    """Return the smallest round step (1, 2 or 5 times a power of ten) that fits ``most`` times."""
    least = abs(span) / max(1.0, most) or 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * round_ for round_ in (1, 2, 5, 10) if power * round_ >= least * (1 - 1e-9))


class HighEnd:
    """Where an axis ends: near the highest value, and moved seldom, since each time it is drawn anew."""

    def __init__(self) -> None:
        self._end = 0.0

    def above(self, highest: float) -> float:
        """Return where it ends now: a curve that reaches the end gets room to grow by a third."""
        if highest <= 0:
            return 1.0
        if not self._end or highest < _FILLED * self._end:
            self._end = 1.06 * highest
        elif highest > 0.97 * self._end:
            self._end = highest * 4 / 3
        return self._end


def powers(y: Any) -> Any:
    """Return powers of ten of values; what is not above zero lies at the foot of the axis."""
    return np.log10(np.maximum(y, LEAST))


def span_of(parts: Sequence[Any]) -> tuple[float, float]:
    """Return the ends of a logarithmic axis on which all these powers of ten are seen."""
    found = [part[part > math.log10(LEAST)] for part in parts]
    seen = [part for part in found if len(part)]
    if not seen:
        return -1.0, 0.0
    low, high = min(float(p.min()) for p in seen), max(float(p.max()) for p in seen)
    room = max(0.05, 0.06 * (high - low))
    return low - room, high + room


def steps_between(low: float, high: float, most: float) -> list[float]:
    """Return round values (1, 2, 5 of each power of ten, or fewer) between two powers of ten."""
    tens = range(math.floor(low), math.ceil(high) + 1)
    for each in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1,)):
        found = [k * 10.0**ten for ten in tens for k in each]
        seen = [value for value in found if low <= math.log10(value) <= high]
        if len(seen) <= max(3.0, most) or len(each) == 1:
            return seen or [10.0**low, 10.0**high]
    return []


class View(pg.PlotWidget):
    """Leaves the wheel to the page, and says when the mouse is gone."""

    left_behind = Signal()
    took = 0.0  # seconds of the last painting

    @override
    def paintEvent(self, ev: QPaintEvent) -> None:
        began = time.perf_counter()
        super().paintEvent(ev)
        self.took = time.perf_counter() - began

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
