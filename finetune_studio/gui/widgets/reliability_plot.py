"""How often answers are right, over how certain they are: bars to click, and the line they should reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QToolTip, QWidget
from typing_extensions import override

from finetune_studio.core import shares
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.unit_plot import UnitPlot


@dataclass(frozen=True, slots=True)
class Step:
    """Answers from one certainty to another: their mean certainty, the share that is right, how many."""

    low: float
    high: float
    certainty: float
    right: float
    count: int


class ReliabilityPlot(UnitPlot):
    """A bar a step of certainty; the reach to the dashed line is how far its certainty is off.

    A click on a bar, or Enter, picks its answers; a second one, or Escape, picks none.

    Signals:
        picked: The place of the step that was picked; -1 when none is any more.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.set_titles(self.tr("How certain the model is"), self.tr("Share that is right"))
        self._steps: Sequence[Step] = ()
        self._picked = -1
        self._cursor = 0

    def show_steps(self, steps: Sequence[Step]) -> None:
        """Show other steps; nothing is picked then."""
        self._steps, self._picked, self._cursor = steps, -1, 0
        told = [f"{s.low:.1f} to {s.high:.1f}: {s.right:.2f} of {s.count}" for s in steps]
        self.setAccessibleName(self.tr("Calibration: ") + "; ".join(told))
        self.update()

    def picked_step(self) -> int:
        """Return the place of the picked step; -1 if none is."""
        return self._picked

    def set_picked(self, place: int) -> None:
        """Pick a step without saying so; -1 picks none."""
        self._picked = place if 0 <= place < len(self._steps) else -1
        self.update()

    def bar(self, place: int) -> QRectF:
        """Return the box of a step's bar."""
        step = self._steps[place]
        box = QRectF(self.at(step.low, step.right), self.at(step.high, 0)).normalized()
        return box.adjusted(1, 0, -1, 0)

    @override
    def draw(self, painter: QPainter) -> None:
        now = theme.tokens()
        painter.setPen(QPen(now.muted, 1, Qt.PenStyle.DashLine))
        painter.drawLine(self.at(0, 0), self.at(1, 1))
        most = max((step.count for step in self._steps), default=1)
        for place, step in enumerate(self._steps):
            box = self.bar(place)
            colour = QColor(now.accent)
            # Bars of few answers are paler: their height is mostly chance.
            colour.setAlphaF(0.35 + 0.65 * min(1.0, step.count / max(20.0, most / 4)))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawRect(box)
            self._draw_gap(painter, step)
            if place == self._picked or (self.hasFocus() and place == self._cursor):
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(now.text if place == self._picked else now.accent, 1.5))
                painter.drawRect(box)

    def _draw_gap(self, painter: QPainter, step: Step) -> None:
        """Mark where the bar should end: at its answers' mean certainty."""
        now = theme.tokens()
        off = step.certainty - step.right
        painter.setPen(QPen(now.bad if abs(off) > 0.1 and step.count >= 10 else now.text, 1.5))
        middle = (step.low + step.high) / 2
        end, there = self.at(middle, step.certainty), self.at(middle, step.right)
        painter.drawLine(there, end)
        painter.drawLine(end - QPointF(4, 0), end + QPointF(4, 0))

    def _place_at(self, point: QPointF) -> int:
        if not self.plot().adjusted(0, 0, 0, 4).contains(point):
            return -1
        across, _ = self.place_of(point)
        found = (n for n, s in enumerate(self._steps) if s.low <= across <= s.high)
        return next(found, -1)

    def _pick(self, place: int) -> None:
        self._picked = -1 if place == self._picked else place
        self.update()
        self.picked.emit(self._picked)

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position())
        if place >= 0:
            self._cursor = place
            self._pick(place)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is not None and self._steps:
            self._cursor = min(len(self._steps) - 1, max(0, self._cursor + step))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._steps:
            self._pick(self._cursor)
        elif event.key() == Qt.Key.Key_Escape and self._picked >= 0:
            self._pick(self._picked)
        else:
            super().keyPressEvent(event)

    @override
    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self._place_at(QPointF(event.pos()))
            if place >= 0:
                step = self._steps[place]
                told = self.tr("{n} answers, {sure} certain on average: {right} are right.").format(
                    n=f"{step.count:,}",
                    sure=shares.whole(step.certainty),
                    right=shares.whole(step.right),
                )
                QToolTip.showText(event.globalPos(), told, self)
            return True
        return super().event(event)
