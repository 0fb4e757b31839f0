"""A curve of what is won and lost at each threshold, with the threshold in use to drag along it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.unit_plot import UnitPlot

Curve = Sequence[tuple[float, float]]
_MOST = 2000  # points that are drawn


class TradePlot(UnitPlot):
    """Shows a curve of points, one a threshold; a click or a drag chooses the nearest one.

    Signals:
        chosen: The place of the point that was chosen.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self._points: Curve = ()
        self._place = 0
        self._chance: tuple[tuple[float, float], tuple[float, float]] | None = None

    def show_curve(
        self,
        points: Curve,
        place: int,
        chance: tuple[tuple[float, float], tuple[float, float]] | None = None,
    ) -> None:
        """Show a curve, the place in use, and the line that guessing would give."""
        self._points, self._chance = points, chance
        self.set_place(place)

    def set_place(self, place: int) -> None:
        """Mark another place without saying so."""
        self._place = min(max(0, place), max(0, len(self._points) - 1))
        self.update()

    @override
    def draw(self, painter: QPainter) -> None:
        now = theme.tokens()
        if self._chance is not None:
            painter.setPen(QPen(now.muted, 1, Qt.PenStyle.DashLine))
            painter.drawLine(self.at(*self._chance[0]), self.at(*self._chance[1]))
        if not self._points:
            return
        step = max(1, len(self._points) // _MOST)
        drawn = [*self._points[::step], self._points[-1]]
        painter.setPen(QPen(now.accent, 1.5))
        painter.drawPolyline(QPolygonF([self.at(*point) for point in drawn]))
        painter.setBrush(now.accent)
        painter.setPen(QPen(now.surface, 2))
        painter.drawEllipse(self.at(*self._points[self._place]), 6, 6)

    def _choose_at(self, point: QPointF) -> None:
        across, up = self.place_of(point)
        box = self.plot()
        ways = [
            ((x - across) * box.width()) ** 2 + ((y - up) * box.height()) ** 2
            for x, y in self._points
        ]
        if ways:
            self.set_place(ways.index(min(ways)))
            self.chosen.emit(self._place)

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose_at(event.position())

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose_at(event.position())

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._points:
            super().keyPressEvent(event)
            return
        self.set_place(self._place + step)
        self.chosen.emit(self._place)
