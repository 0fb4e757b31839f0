"""A plot whose both axes go from 0 to 1, such as shares and probabilities; subclasses draw into it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


class UnitPlot(QWidget):
    """Draws the axes; takes all the room there is, as a square where that is enough."""

    def __init__(self, across: str, up: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._across, self._up = across, up
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_titles(self, across: str, up: str) -> None:
        """Name the axes."""
        self._across, self._up = across, up
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(200), theme.px(130))  # it takes more where there is more

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(160), theme.px(110))

    def plot(self) -> QRectF:
        """Return where 0 to 1 lies on the widget."""
        metrics = self.fontMetrics()
        high = metrics.height()
        left = metrics.horizontalAdvance("0.75") + high + 10
        return QRectF(left, 6.0, self.width() - left - 10, self.height() - 2 * high - 16)

    def at(self, across: float, up: float) -> QPointF:
        """Return where a place of the plot lies on the widget."""
        box = self.plot()
        return QPointF(box.left() + across * box.width(), box.bottom() - up * box.height())

    def place_of(self, point: QPointF) -> tuple[float, float]:
        """Return which place of the plot lies at a point, each from 0 to 1."""
        box = self.plot()
        across = (point.x() - box.left()) / max(1.0, box.width())
        up = (box.bottom() - point.y()) / max(1.0, box.height())
        return min(1.0, max(0.0, across)), min(1.0, max(0.0, up))

    def draw(self, painter: QPainter) -> None:
        """Draw what the plot shows; the axes are there already."""

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        now, box = theme.tokens(), self.plot()
        painter = QPainter(self)
        font = painter.font()
        font.setPixelSize(theme.px(11))
        painter.setFont(font)
        metrics = painter.fontMetrics()
        wide = box.width() > 150
        for tick in _TICKS if wide else (0.0, 0.5, 1.0):
            text = f"{tick:g}"
            across, up = self.at(tick, 0), self.at(0, tick)
            painter.setPen(QPen(now.line, 1))
            painter.drawLine(QPointF(across.x(), box.top()), QPointF(across.x(), box.bottom()))
            painter.drawLine(QPointF(box.left(), up.y()), QPointF(box.right(), up.y()))
            painter.setPen(now.muted)
            half = metrics.horizontalAdvance(text) / 2
            painter.drawText(QPointF(across.x() - half, box.bottom() + metrics.ascent() + 3), text)
            painter.drawText(
                QPointF(box.left() - 2 * half - 5, up.y() + metrics.ascent() / 2 - 1), text
            )
        bottom = QRectF(
            box.left(), self.height() - metrics.height() - 1, box.width(), metrics.height()
        )
        painter.drawText(bottom, Qt.AlignmentFlag.AlignCenter, self._across)
        painter.save()
        painter.translate(metrics.height() / 2 + 2, box.center().y())
        painter.rotate(-90)
        side = QRectF(
            -box.height() / 2 - 20, -metrics.height() / 2, box.height() + 40, metrics.height()
        )
        painter.drawText(side, Qt.AlignmentFlag.AlignCenter, self._up)
        painter.restore()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.draw(painter)
