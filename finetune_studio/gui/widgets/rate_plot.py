"""The plot of a learning-rate range test: the loss over the rate, and the rate that is suggested."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg  # noqa: TID253  this module is loaded when a test is started, never before
from PySide6.QtCore import QEvent
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.plot_legend import Legend, power
from finetune_studio.gui.widgets.plot_parts import Axis, Box, View, pen


class PowerAxis(Axis):
    """Shows the powers of ten of an axis whose values are logarithms."""

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        return [(max(1.0, math.ceil((maxVal - minVal) * theme.px(52) / max(1.0, size))), 0.0)]

    @override
    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [power(10.0 ** round(value)).replace("1.0 × ", "") for value in values]


class RatePlot(QWidget):
    """Draws the loss of each step, the smoothed curve, and an upright line at the suggestion."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.legend = Legend(self.tr("Loss by rate"))
        self._x: list[float] = []
        self._y: list[float] = []
        self._box = Box()
        self._box.reset_wanted.connect(self._fit)
        self.plot = View(
            viewBox=self._box,
            axisItems={"left": Axis("left", 22), "bottom": PowerAxis("bottom", 60)},
        )
        self.plot.hideButtons()
        self.plot.plotItem.setContentsMargins(0, theme.px(8), theme.px(14), 0)
        self.setFixedHeight(theme.px(240))
        self._dots = pg.ScatterPlotItem(size=theme.px(4), pen=None)
        self._curve = pg.PlotCurveItem(antialias=True)
        self._line = pg.InfiniteLine(
            angle=90, label="", labelOpts={"position": 0.9, "anchors": [(0, 0.5), (1, 0.5)]}
        )
        for item in (self._dots, self._curve, self._line):
            self.plot.addItem(item)
        self._line.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.legend)
        column.addWidget(self.plot, 1)
        self._dress()

    def clear(self) -> None:
        """Begin anew."""
        self._x, self._y = [], []
        self._curve.setData([], [])
        self._line.hide()
        self._draw()

    def add(self, rate: float, loss: float) -> None:
        """Draw one more step; there are at most a hundred of them."""
        self._x.append(math.log10(rate))
        self._y.append(loss)
        self._draw()

    def show_curve(self, rates: Sequence[float], smoothed: Sequence[float]) -> None:
        """Draw the smoothed loss."""
        self._curve.setData([math.log10(rate) for rate in rates], list(smoothed))
        self._fit()

    def mark(self, text: str, rate: float | None) -> None:
        """Draw an upright line at a rate, or none."""
        self._line.setVisible(rate is not None)
        if rate is not None:
            self._line.setValue(math.log10(rate))
            self._line.label.setFormat(text)

    @property
    def steps(self) -> int:
        """Return how many steps are drawn."""
        return len(self._x)

    def _draw(self) -> None:
        self._dots.setData(self._x, self._y)
        self._fit()

    def _fit(self) -> None:
        """Show all rates, and losses up to twice the first: what explodes would flatten the rest."""
        if not self._x:
            self._box.setRange(xRange=(-7, 1), yRange=(0, 1), padding=0)
            return
        top = min(max(self._y), 2 * self._y[0]) * 1.05
        low = min(self._y)
        self._box.setRange(
            xRange=(min(self._x), max(-1.0, *self._x)),
            yRange=(low - 0.05 * (top - low), top),
            padding=0,
        )

    def _dress(self) -> None:
        """Take the colours and the font of the theme."""
        now = theme.tokens()
        self._dark = now.dark
        font = QFont(self.font())
        font.setPixelSize(theme.px(12))
        self.plot.setBackground(now.surface)
        for side, title in (("left", self.tr("loss")), ("bottom", self.tr("learning rate"))):
            axis = self.plot.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setStyle(tickLength=0, tickTextOffset=6, maxTickLevel=0)
            axis.setZValue(-1000)
            axis.setPen(pen(now.line))
            axis.setTextPen(now.muted)
            axis.setTickFont(font)
            axis.setLabel(title, color=now.muted.name(), **{"font-size": f"{theme.px(12)}px"})
        self.plot.showGrid(y=True, alpha=1.0)
        self._dots.setBrush(now.series[0])
        self._curve.setPen(pen(now.series[1]))
        self._line.setPen(pen(now.ok, dashed=True))
        self._line.label.setColor(now.ok)
        self._line.label.setFont(font)
        self._line.label.fill = pg.mkBrush(now.surface)
        self.legend.set_entries(
            [
                ("step", self.tr("each step"), now.series[0]),
                ("curve", self.tr("smoothed"), now.series[1]),
            ]
        )

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if hasattr(self, "_dark") and theme.tokens().dark != self._dark:
            self._dress()
