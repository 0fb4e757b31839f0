"""How long the texts are, as bars, with the line beyond which a model cuts them off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_BARS = 24


@dataclass(frozen=True, slots=True)
class Bins:
    """Counts of lengths in steps of equal size; the last one also holds all that is longer.

    Attributes:
        step: How many words or tokens a bar stands for.
        counts: How many texts each bar holds.
        longest: The longest of all.
    """

    step: int = 1
    counts: tuple[int, ...] = ()
    longest: int = 0

    @property
    def end(self) -> int:
        """Return where the axis ends."""
        return self.step * len(self.counts)

    @property
    def beyond(self) -> bool:
        """Whether some are longer than the axis is."""
        return self.longest > self.end


def binned(spread: Mapping[int, int], limit: int = 0) -> Bins:
    """Return how many are how long as bars; most and the limit have room, a few very long ones have not."""
    if not spread:
        return Bins()
    ordered = sorted(spread)
    every, passed, most = sum(spread.values()), 0, ordered[-1]
    for length in ordered:
        passed += spread[length]
        if passed > min(every - 1, int(every * 0.995)):
            most = length
            break
    wanted = max(1, most, round(limit * 1.15)) if limit <= 4 * most else max(1, most)
    step = _round_step(math.ceil((wanted + 1) / _BARS))
    bars = math.ceil((wanted + 1) / step)
    counts = [0] * bars
    for length in ordered:
        counts[min(bars - 1, length // step)] += spread[length]
    return Bins(step, tuple(counts), ordered[-1])


def _round_step(step: int) -> int:
    """Return the next step that is easy to read: 1, 2, 5, 10, 20, 25, 50 and so on."""
    power = int("1" + "0" * (len(str(step)) - 1))
    return next(n for n in (power, 2 * power, 5 * power, 10 * power) if n >= step)


class LengthHistogram(QWidget):
    """Bars of how many texts are how long; those beyond the limit in another colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bins = Bins()
        self._limit = 0
        self._unit = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_lengths(self, spread: Mapping[int, int], unit: str, limit: int = 0) -> None:
        """Show how many texts have how many words or tokens, and the limit (0: none)."""
        self._bins = binned(spread, limit)
        self._limit, self._unit = limit, unit
        over = sum(count for length, count in spread.items() if length > limit) if limit else 0
        told = self.tr("{n} texts, the longest has {longest} {unit}").format(
            n=f"{sum(spread.values()):,}", longest=f"{self._bins.longest:,}", unit=unit
        )
        if limit:
            told += self.tr("; {n} are longer than {limit}").format(
                n=f"{over:,}", limit=f"{limit:,}"
            )
        self.setAccessibleName(told)
        self.update()

    @property
    def bins(self) -> Bins:
        """Return what is drawn."""
        return self._bins

    @override
    def sizeHint(self) -> QSize:
        return QSize(170, theme.px(92))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(120, theme.px(92))

    def _plot(self) -> QRectF:
        high = self.fontMetrics().height()
        return QRectF(0.5, 0.5 + high, self.width() - 1, self.height() - 2 * high - 4)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        bins, now = self._bins, theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(theme.px(11))
        painter.setFont(font)
        plot = self._plot()
        painter.setPen(now.line)
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        if not bins.counts:
            return
        wide = plot.width() / len(bins.counts)
        most = max(bins.counts)
        cut = plot.left() + plot.width() * self._limit / bins.end if self._limit else math.inf
        painter.setPen(Qt.PenStyle.NoPen)
        for number, count in enumerate(bins.counts):
            if not count:
                continue
            high = max(1.5, plot.height() * count / most)
            gap = 1 if wide > 4 else 0
            box = QRectF(plot.left() + number * wide, plot.bottom() - high, wide - gap, high)
            painter.fillRect(box, now.accent)
            if box.right() > cut:
                painter.fillRect(
                    box.intersected(QRectF(cut, 0, self.width(), self.height())), now.bad
                )
        self._paint_axis(painter, plot)
        if self._limit:
            self._paint_limit(painter, plot, cut)

    def _paint_axis(self, painter: QPainter, plot: QRectF) -> None:
        now, bins = theme.tokens(), self._bins
        painter.setPen(now.muted)
        line = QRectF(plot.left(), plot.bottom() + 2, plot.width(), self.height() - plot.bottom())
        end = f"{bins.end:,}" + ("+" if bins.beyond else "")
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft), "0")
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight), end)
        painter.drawText(line, int(Qt.AlignmentFlag.AlignHCenter), self._unit)

    def _paint_limit(self, painter: QPainter, plot: QRectF, cut: float) -> None:
        now, text = theme.tokens(), f"{self._limit:,}"
        wide = painter.fontMetrics().horizontalAdvance(text) + 2
        if cut > plot.right() + 1:  # far beyond all texts: said in words below, not drawn
            return
        painter.setPen(QPen(now.text, 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(cut, plot.top()), QPointF(cut, plot.bottom()))
        left = min(max(plot.left(), cut - wide / 2), plot.right() - wide)
        painter.setPen(now.text)
        painter.drawText(QRectF(left, 0, wide, plot.top()), int(Qt.AlignmentFlag.AlignCenter), text)

    @override
    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            bins, plot = self._bins, self._plot()
            number = int((event.pos().x() - plot.left()) * len(bins.counts) / max(1, plot.width()))
            if 0 <= number < len(bins.counts):
                start = number * bins.step
                last = number == len(bins.counts) - 1 and bins.beyond
                end = self.tr("and more") if last else f"– {start + bins.step - 1:,}"
                told = f"{start:,} {end} {self._unit}: {bins.counts[number]:,}"
                QToolTip.showText(event.globalPos(), told, self)
            return True
        return super().event(event)
