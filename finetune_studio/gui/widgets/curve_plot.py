"""A plot of curves that grow while it is looked at: read by hovering, zoomed by dragging, exported."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyqtgraph as pg  # noqa: TID253  this module is loaded with the curves of a run, never before
from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QFont
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.frame_pace import FramePace
from finetune_studio.gui.widgets.plot_data import PlotData
from finetune_studio.gui.widgets.plot_legend import Legend
from finetune_studio.gui.widgets.plot_lines import PlotLines
from finetune_studio.gui.widgets.plot_parts import (
    Axis,
    Box,
    HighEnd,
    View,
    pen,
    powers,
    span_of,
)

_MOST_POINTS = 2000
_MOST_DOTS = 120
_BESIDE, _ABOVE = 0.015, 0.03  # free parts at the ends of axes, so that the dots there are whole


@dataclass(frozen=True, slots=True)
class Series:
    """One curve.

    Attributes:
        name: Its name in the data.
        title: What the legend says.
        colour: Its place in the palette.
        dots: Whether each point is marked too, while they are few.
    """

    name: str
    title: str
    colour: int
    dots: bool = False


class CurvePlot(QWidget):
    """Remembers points at once, and draws what is new up to five times a second.

    Attributes:
        zoomed: Whether only a part is shown.

    Signals:
        export_wanted: The user wants the plot as ``png``, ``svg`` or ``csv``.
    """

    export_wanted = Signal(str)

    def __init__(
        self,
        title: str,
        x_title: str,
        series: list[Series],
        parent: QWidget | None = None,
        *,
        top: float | None = None,
    ) -> None:
        super().__init__(parent)
        self.title, self.x_title = title, x_title
        self.series: list[Series] = []
        self.data: dict[str, PlotData] = {}
        self._curves: dict[str, Any] = {}
        self._dots: dict[str, Any] = {}
        self._drawn: dict[Any, Any] = {}
        self._headroom = 0.0
        self._high = HighEnd()
        self._top = top
        self._x_end = 1.0
        self.zoomed = False
        self._leader: CurvePlot | None = None
        self.followers: list[CurvePlot] = []
        self._logarithmic = False
        self._level: tuple[str, float] | None = None
        self._moment: tuple[str, float] | None = None
        self.legend = Legend(title)
        self._make_plot()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.legend)
        column.addWidget(self.plot, 1)
        self._pace = FramePace()
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.redraw)
        for one in series:
            self.add_series(one)
        self._dress()

    # --- what others say --------------------------------------------------------------------------

    def add_series(self, series: Series) -> None:
        """Offer another curve."""
        if series.name in self.data:
            return
        self.series.append(series)
        self.data[series.name] = PlotData()
        curve = pg.PlotCurveItem(antialias=True, skipFiniteCheck=True)
        self._curves[series.name] = curve
        self.plot.addItem(curve)
        if series.dots:
            self._dots[series.name] = pg.ScatterPlotItem(size=theme.px(5), pen=None)
            self.plot.addItem(self._dots[series.name])
        self._dress_series()

    def set_headroom(self, share: float) -> None:
        """Leave a part of the plot above the curves free for words; only where the top is not given."""
        if share != self._headroom:
            self._headroom, self._high = share, HighEnd()
            self._plan()

    def set_top(self, top: float | None) -> None:
        """Let the axis end at a value that none can pass; None ends it above the highest."""
        self._top = top

    def set_title(self, title: str) -> None:
        """Say otherwise what is plotted."""
        self.title = title
        self.legend.title.setText(title)

    def set_logarithmic(self, on: bool) -> None:
        """Let each power of ten be as high as the next, so that small values can be told apart."""
        self._logarithmic = on
        self.plot.getAxis("left").setLogMode(on)
        self._plan()

    def link_to(self, other: CurvePlot) -> None:
        """Show the same stretch of the x axis as another plot, also while it is zoomed."""
        self._leader = other
        other.followers.append(self)

    def add(self, name: str, x: float, y: float) -> None:
        """Remember a point of a curve; it is drawn a moment later."""
        self.data[name].add(x, y)
        self._plan()

    def set_x_end(self, end: float) -> None:
        """Let the axis reach to ``end`` while nothing is zoomed."""
        if end != self._x_end and end > 0:
            self._x_end, self._high = end, HighEnd()
            self._plan()

    def set_level(self, text: str, y: float | None) -> None:
        """Draw a dashed level line that the curve must beat, or none."""
        self._level = None if y is None else (text, y)
        self._plan()

    def set_moment(self, text: str, x: float | None) -> None:
        """Draw a dashed upright line at a moment that matters, or none."""
        self._moment = None if x is None else (text, x)
        self._plan()

    def clear(self) -> None:
        """Forget every point and line, and the zoom."""
        for data in self.data.values():
            data.clear()
        self._level = self._moment = None
        self.zoomed, self._high = False, HighEnd()
        self._on_mouse_left()
        self._plan()

    @Slot()
    def show_all(self) -> None:
        """Take the zoom back, here and in the plots that share the axis."""
        for plot in self._together():
            plot.zoomed = False
            plot.redraw()

    def _together(self) -> list[CurvePlot]:
        leader = self._leader or self
        return [leader, *leader.followers]

    def _zoom_to(self, left: float, right: float) -> None:
        self.zoomed = True
        self._box.setXRange(left, right, padding=0)
        self._plan()

    @property
    def waiting(self) -> bool:
        """Whether something new is not drawn yet."""
        return self._timer.isActive()

    def drawn(self, name: str) -> int:
        """Return how many points of a curve are on the screen."""
        found = self._curves[name].getData()[0]
        return 0 if found is None else len(found)

    # --- drawing ----------------------------------------------------------------------------------

    def _plan(self) -> None:
        if not self._timer.isActive():
            self._timer.start(self._pace.wait_ms)

    @Slot()
    def redraw(self) -> None:
        """Draw what is new now."""
        began = time.perf_counter()
        self._timer.stop()
        if not self.zoomed:
            self._fit()
        (left, right), _ = self._box.viewRange()
        for name, data in self.data.items():
            if self._is_new(name, (data.changes, left, right, self._logarithmic)):
                self._draw(name, *data.view(left, right, _MOST_POINTS))
        shown = [curve.getData() for curve in self._curves.values()]
        drawn = [(x, y) for x, y in shown if x is not None]
        level = self._level and (self._level[0], float(self._scaled(self._level[1])))
        self._lines.show_level(level, drawn)
        self._lines.show_moment(self._moment, drawn)
        self.legend.show_values({n: d.last for n, d in self.data.items()})
        self._pace.take(time.perf_counter() - began + self.plot.took)

    def _is_new(self, what: Any, now: Any) -> bool:
        """Take note of how something stands; return whether it is drawn otherwise so far."""
        old, self._drawn[what] = self._drawn.get(what), now
        return bool(old != now)

    def _draw(self, name: str, x: Any, y: Any) -> None:
        y = self._scaled(y)
        self._curves[name].setData(x, y)
        if name in self._dots:
            few = len(x) <= _MOST_DOTS
            self._dots[name].setData(x if few else [], y if few else [])

    def _scaled(self, y: Any) -> Any:
        """Return values as they are drawn: their powers of ten on a logarithmic axis."""
        return powers(y) if self._logarithmic else y

    def _fit(self) -> None:
        known = [data.y for data in self.data.values() if len(data)]
        if self._logarithmic:
            self._show(*span_of([powers(y) for y in known]))
            return
        highest = max((float(y.max()) for y in known), default=1.0)
        top = self._top and self._top * (1 + _ABOVE)
        top = top or self._high.above(highest / (1 - self._headroom))
        self._show(min([0.0, *(float(y.min()) for y in known)]), top)

    def _show(self, low: float, high: float) -> None:
        room = _BESIDE * self._x_end
        at_zero = any(len(self.data[name]) and self.data[name].x[0] <= 0 for name in self._dots)
        left, right = -room if at_zero else 0, self._x_end + room
        if self._box.viewRange() != [[left, right], [low, high]]:
            self._box.setRange(xRange=(left, right), yRange=(low, high), padding=0)

    # --- parts ------------------------------------------------------------------------------------

    def _make_plot(self) -> None:
        self._box = Box()
        self._box.reset_wanted.connect(self.show_all)
        self._box.menu_wanted.connect(self._on_menu_wanted)
        self._box.zoomed.connect(self._on_zoomed)
        self._box.sigXRangeChanged.connect(self._on_range_changed)
        self.plot = View(
            viewBox=self._box,
            axisItems={"left": Axis("left", 19), "bottom": Axis("bottom", 64)},
        )
        self.plot.setMinimumHeight(theme.px(120))
        self.plot.hideButtons()
        for side in ("left", "bottom"):  # pyqtgraph lets lines of a grid run over curves and words
            self.plot.getAxis(side).setZValue(-1000)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse_moved)
        self.plot.left_behind.connect(self._on_mouse_left)
        self.plot.plotItem.setContentsMargins(0, theme.px(8), theme.px(14), 0)
        self.plot.getAxis("left").setWidth(theme.px(54))
        self._lines = PlotLines(self.plot)

    def _dress(self) -> None:
        """Take the colours and the font of the theme."""
        now = theme.tokens()
        self._dark = now.dark
        font = QFont(self.font())
        font.setPixelSize(theme.px(12))
        self.plot.setBackground(now.surface)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(pen(now.line))
            axis.setTextPen(now.muted)
            axis.setTickFont(font)
        self.plot.getAxis("bottom").setLabel(
            self.x_title, color=now.muted.name(), **{"font-size": f"{theme.px(12)}px"}
        )
        self.plot.showGrid(y=True, alpha=1.0)
        self._lines.dress(font)
        self._dress_series()

    def _dress_series(self) -> None:
        now = theme.tokens()
        for place, one in enumerate(self.series):
            self._curves[one.name].setPen(pen(now.series[one.colour]))
            self._curves[one.name].setZValue(10 - place)
            if one.name in self._dots:
                self._dots[one.name].setBrush(now.series[one.colour])
        self.legend.set_entries([(s.name, s.title, now.series[s.colour]) for s in self.series])

    # --- what the mouse does ----------------------------------------------------------------------

    @Slot(object)
    def _on_mouse_moved(self, place: QPointF) -> None:
        if not self._box.sceneBoundingRect().contains(place):
            self._on_mouse_left()
            return
        self.read_at(float(self._box.mapSceneToView(place).x()))

    def read_at(self, x: float) -> None:
        """Show the values of all curves beside one moment."""
        found = {name: data.nearest(x) for name, data in self.data.items()}
        first = next((point for point in found.values() if point is not None), None)
        if first is None:
            return
        self._lines.cursor.setVisible(True)
        self._lines.cursor.setValue(x)
        values = {name: None if point is None else point[1] for name, point in found.items()}
        self.legend.show_values(values, at=f"{self.x_title} {x:.2f}")

    @Slot()
    def _on_mouse_left(self) -> None:
        self._lines.cursor.setVisible(False)
        self.legend.show_values({n: d.last for n, d in self.data.items()})

    @Slot()
    def _on_zoomed(self) -> None:
        left, right = self._box.viewRange()[0]
        for plot in self._together():
            plot._zoom_to(left, right)

    @Slot()
    def _on_range_changed(self) -> None:
        if self.zoomed:
            self._plan()

    @Slot(QPointF)
    def _on_menu_wanted(self, place: QPointF) -> None:
        self.menu().popup(place.toPoint())

    def menu(self) -> QMenu:
        """Return the menu of a right click."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, kind in (
            (self.tr("Save as picture (PNG)…"), "png"),
            (self.tr("Save as drawing (SVG)…"), "svg"),
            (self.tr("Save the numbers (CSV)…"), "csv"),
        ):
            action = QAction(text, menu)
            action.triggered.connect(partial(self.export_wanted.emit, kind))
            menu.addAction(action)
        menu.addSeparator()
        everything = QAction(self.tr("Show everything"), menu)
        everything.setEnabled(self.zoomed)
        everything.triggered.connect(self.show_all)
        menu.addAction(everything)
        return menu

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(320), max(theme.px(120), self.minimumHeight()))

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if hasattr(self, "_dark") and theme.tokens().dark != self._dark:
            self._dress()
