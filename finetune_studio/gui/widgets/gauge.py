"""A gauge: a number from 0 to 1 on a line with named stretches."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_LEVELS = ("ok", "warning", "bad")


class Gauge(QWidget):
    """Shows where a number lies.

    Args:
        names: What the stretches are called, the lowest first; at most three.
        ends: Where each but the last ends, from 0 to 1.
    """

    def __init__(
        self, names: tuple[str, ...], ends: tuple[float, ...], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._names = names
        self._ends = (0.0, *ends, 1.0)
        self._value: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_value(self, value: float | None) -> None:
        """Show another number; None shows the line alone."""
        self._value = None if value is None else min(1.0, max(0.0, value))
        self.setAccessibleDescription("" if value is None else f"{self.stretch()}, {value:.2f}")
        self.update()

    def stretch(self) -> str:
        """Return the name of the stretch that the number lies in; empty where there is none."""
        if self._value is None:
            return ""
        below = sum(self._value >= end for end in self._ends[1:-1])
        return self._names[below]

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(220), theme.px(44))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(120), theme.px(44))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        pen = QPainter(self)
        pen.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(theme.px(12))
        pen.setFont(font)
        top, thick, edge = theme.px(10), theme.px(8), theme.px(6)
        room = self.width() - 2 * edge
        here = self.stretch()
        for name, level, start, end in zip(
            self._names, _LEVELS, self._ends, self._ends[1:], strict=False
        ):
            colour, back = theme.level_colours(level)
            part = QRectF(edge + room * start, top, room * (end - start) - 2, thick)
            pen.setPen(Qt.PenStyle.NoPen)
            pen.setBrush(colour if name == here else back)
            pen.drawRoundedRect(part, 3, 3)
            pen.setPen(theme.tokens().text if name == here else theme.tokens().muted)
            words = QRectF(part.left(), top + thick + theme.px(4), part.width(), theme.px(18))
            pen.drawText(words, Qt.AlignmentFlag.AlignCenter, name)
        if self._value is not None:
            x = edge + room * self._value
            pen.setPen(Qt.PenStyle.NoPen)
            pen.setBrush(theme.tokens().text)
            size = theme.px(5)
            tip = [
                QPointF(x, top + 1),
                QPointF(x - size, top - size - 2),
                QPointF(x + size, top - size - 2),
            ]
            pen.drawPolygon(QPolygonF(tip))
        pen.end()
