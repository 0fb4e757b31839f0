"""Marks on a plot at moments when something was said, with a word or two; hovering shows the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg  # noqa: TID253  this module is loaded with the curves of a run, never before
from PySide6.QtCore import QObject, QPointF, QTimer, Slot
from PySide6.QtGui import QColor, QCursor, QFont, QFontMetrics
from PySide6.QtWidgets import QToolTip

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.curve_plot import CurvePlot
from finetune_studio.gui.widgets.mark_places import Placed, PlotMark, Room, placed
from finetune_studio.gui.widgets.plot_parts import pen

_SIDE = 11
_MARGIN = 1  # pixels of ground around words
_BELOW = 30  # pixels under the upper edge, where the best epoch is named
_ROWS = 3  # of words below each other; what finds no room is a mark alone
_LEAST_ROW = 40  # pixels of a plot's height that each row needs, so that the curves stay free
_SHAPES = {"info": "o", "warning": "t1", "bad": "s"}
_HEADROOM = 0.3  # of a plot that has marks, so that few words lie over curves
_SEEN_THROUGH = 205  # of 255: the ground of the words lets curves shine through a little


class PlotMarks(QObject):
    """Draws marks with their words near the upper edge of a plot; hovering shows the whole sentence.

    What a monitor says again is marked without its words.
    """

    def __init__(self, plot: CurvePlot) -> None:
        super().__init__(plot)
        self._plot = plot
        self.marks: list[PlotMark] = []
        self.shown: list[Placed] = []
        self._words: list[pg.TextItem] = []
        self._dots = pg.ScatterPlotItem(size=theme.px(_SIDE), pxMode=True, hoverable=True)
        self._dots.setZValue(50)
        self._dots.sigHovered.connect(self._on_hovered)
        plot.plot.addItem(self._dots, ignoreBounds=True)
        self._box = plot.plot.getViewBox()
        self._box.sigRangeChanged.connect(self._on_range_changed)
        self._box.sigResized.connect(self._on_range_changed)
        self._dark = theme.tokens().dark
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.redraw)

    def show_marks(self, marks: Sequence[PlotMark]) -> None:
        """Show other marks."""
        if list(marks) != self.marks or theme.tokens().dark != self._dark:
            self.marks, self._dark = list(marks), theme.tokens().dark
            self._plot.set_headroom(_HEADROOM if self.marks else 0.0)
            self.redraw()

    def redraw(self) -> None:
        """Place the marks under the upper edge of what is shown now."""
        (left, right), (low, high) = self._box.viewRange()
        pixel = (high - low) / max(1.0, self._box.height())
        wide = (right - left) / max(1.0, self._box.width())
        font = self._plot.font()
        font.setPixelSize(theme.px(_SIDE))
        rows = max(1, min(_ROWS, int(self._box.height() / theme.px(_LEAST_ROW))))
        room = Room(self._box.width(), rows, theme.px(_SIDE) + 4)
        metrics = QFontMetrics(font)
        self.shown = placed(
            self.marks,
            lambda x: (x - left) / wide,
            lambda words: metrics.horizontalAdvance(words) + 2 * _MARGIN,
            room,
        )
        for item in self._words:
            self._plot.plot.removeItem(item)
        self._words = []
        spots: list[dict[str, Any]] = []
        for one in self.shown:
            down = theme.px(_BELOW) + theme.px(_SIDE) * 1.4 * one.row
            # At an end of the plot half of a mark would be cut off: it stands wholly beside the end.
            half = (theme.px(_SIDE) / 2 + 1) * wide
            whole = min(max(one.mark.x, left + half), right - half)
            shown = whole if left <= one.mark.x <= right else one.mark.x
            place = (shown, high - down * pixel)
            colour = theme.level_colours(one.mark.level)[0]
            spots.append(
                {
                    "pos": place,
                    "symbol": _SHAPES.get(one.mark.level, "o"),
                    "brush": colour,
                    "pen": pen(theme.tokens().surface),
                    "data": one.mark,
                }
            )
            if one.words:
                aside = theme.px(_SIDE) / 2 * (-wide if one.left else wide)
                self._write(one, (place[0] + aside, place[1]), font)
        self._dots.setData(spots)

    def _write(self, one: Placed, place: tuple[float, float], font: QFont) -> None:
        ground = QColor(theme.tokens().surface)
        ground.setAlpha(_SEEN_THROUGH)
        item = pg.TextItem(
            one.words,
            color=theme.level_colours(one.mark.level)[0],
            anchor=(1.0 if one.left else 0.0, 0.5),
            fill=ground,
        )
        item.setFont(font)
        item.textItem.document().setDocumentMargin(_MARGIN)
        item.setPos(*place)
        item.setZValue(49)
        self._plot.plot.addItem(item, ignoreBounds=True)
        self._words.append(item)

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
