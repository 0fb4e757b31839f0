"""Small shapes that say a level without colour: a tick, a ring, a triangle, a cross."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from finetune_studio.gui import theme


def paint_level(painter: QPainter, box: QRectF, level: str) -> None:
    """Paint a level's shape into a square: ok, info, warning, bad; anything else is an empty ring."""
    now = theme.tokens()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if level == "warning":
        _triangle(painter, box, now.warning, now.surface)
    elif level in ("ok", "bad", "info"):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.level_colours(level)[0])
        if level == "bad":
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        else:
            painter.drawEllipse(box)
        _sign(painter, box, level, now.surface)
    else:
        painter.setPen(QPen(now.muted, 1.4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(box.adjusted(1, 1, -1, -1))
    painter.restore()


def _triangle(painter: QPainter, box: QRectF, colour: QColor, sign: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    top = QPointF(box.center().x(), box.top())
    painter.drawPolygon(QPolygonF([top, box.bottomRight(), box.bottomLeft()]))
    painter.setPen(_pen(box, sign))
    x, height = box.center().x(), box.height()
    painter.drawLine(QPointF(x, box.top() + 0.38 * height), QPointF(x, box.top() + 0.64 * height))
    painter.drawPoint(QPointF(x, box.top() + 0.82 * height))


def _sign(painter: QPainter, box: QRectF, level: str, colour: QColor) -> None:
    painter.setPen(_pen(box, colour))

    def at(x: float, y: float) -> QPointF:
        return QPointF(box.left() + x * box.width(), box.top() + y * box.height())

    if level == "ok":
        painter.drawPolyline([at(0.28, 0.53), at(0.44, 0.69), at(0.73, 0.34)])
    elif level == "bad":
        painter.drawLine(at(0.32, 0.32), at(0.68, 0.68))
        painter.drawLine(at(0.68, 0.32), at(0.32, 0.68))
    else:
        painter.drawLine(at(0.5, 0.46), at(0.5, 0.74))
        painter.drawPoint(at(0.5, 0.28))


def _pen(box: QRectF, colour: QColor) -> QPen:
    pen = QPen(colour, max(1.4, box.width() / 8))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen
