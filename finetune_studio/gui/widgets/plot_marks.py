"""Marks on a plot at moments when something was said; hovering shows the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg  # noqa: TID253  this module is loaded with the curves of a run, never before
from PySide6.QtCore import QObject, QPointF, QTimer, Slot
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QToolTip

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.curve_plot import CurvePlot
from finetune_studio.gui.widgets.plot_parts import pen

_SIDE = 11
_BELOW = 30  # pixels under the upper edge, where the best epoch is named
_SHAPES = {"info": "o", "warning": "t1", "bad": "s"}


@dataclass(frozen=True, slots=True)
class PlotMark:
    """A moment on the x axis, its level, and the sentence that belongs there."""

    x: float
    level: str
    text: str


class PlotMarks(QObject):
    """Draws marks near the upper edge of a plot; several at one moment stand below each other."""

    def __init__(self, plot: CurvePlot) -> None:
        super().__init__(plot)
        self._plot = plot
        self.marks: list[PlotMark] = []
        self._dots = pg.ScatterPlotItem(size=theme.px(_SIDE), pxMode=True, hoverable=True)
        self._dots.setZValue(50)
        self._dots.sigHovered.connect(self._on_hovered)
        plot.plot.addItem(self._dots, ignoreBounds=True)
        self._box = plot.plot.getViewBox()
        self._box.sigRangeChanged.connect(self._on_range_changed)
        self._dark = theme.tokens().dark
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.redraw)

    def show_marks(self, marks: Sequence[PlotMark]) -> None:
        """Show other marks."""
        if list(marks) != self.marks or theme.tokens().dark != self._dark:
            self.marks, self._dark = list(marks), theme.tokens().dark
            self.redraw()

    def redraw(self) -> None:
        """Place the marks under the upper edge of what is shown now."""
        low, high = self._box.viewRange()[1]
        pixel = (high - low) / max(1.0, self._box.height())
        seen: dict[float, int] = {}
        spots: list[dict[str, Any]] = []
        for mark in self.marks:
            place = seen.get(mark.x, 0)
            seen[mark.x] = place + 1
            down = theme.px(_BELOW) + theme.px(_SIDE) * 1.25 * place
            colour = theme.level_colours(mark.level)[0]
            spots.append(
                {
                    "pos": (mark.x, high - down * pixel),
                    "symbol": _SHAPES.get(mark.level, "o"),
                    "brush": colour,
                    "pen": pen(theme.tokens().surface),
                    "data": mark,
                }
            )
        self._dots.setData(spots)

    def at(self, x: float) -> list[PlotMark]:
        """Return the marks of a moment."""
        return [mark for mark in self.marks if mark.x == x]

    @Slot(object, object, object)
    def _on_hovered(self, _item: Any, points: Any, _event: Any) -> None:
        found = [point.data() for point in points] if points is not None else []
        if found:
            text = "\n\n".join(mark.text for mark in found)
            QToolTip.showText(QCursor.pos(), text, self._plot)

    @Slot()
    def _on_range_changed(self) -> None:
        if self.marks and not self._later.isActive():
            self._later.start(0)


def scene_place(marks: PlotMarks, place: int) -> QPointF:
    """Return where a mark stands in the scene, for tests that hover."""
    point = marks._dots.points()[place]
    found: QPointF = marks._box.mapViewToScene(point.pos())
    return found
