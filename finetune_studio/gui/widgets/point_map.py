"""Many points to pan, zoom, hover and lasso: tens of thousands, drawn as one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

MOVE, LASSO = "move", "lasso"
_NEAR = 8.0  # pixels within which a point is hovered
_WAYS = {
    Qt.Key.Key_Left: (40, 0),
    Qt.Key.Key_Right: (-40, 0),
    Qt.Key.Key_Up: (0, 40),
    Qt.Key.Key_Down: (0, -40),
}


class PointMap(QWidget):
    """Points from -1 to 1 in both directions, each in one of a few colours.

    Dragging moves, the wheel zooms, a double click shows all. With the lasso (or Shift held) dragging
    draws a line around points and picks them.

    Signals:
        hovered: The place of the point under the mouse; -1 if there is none.
        lassoed: The places of the points within the line, an array; empty where none are.
    """

    hovered = Signal(int)
    lassoed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tool = MOVE
        self._places = np.zeros((0, 2), np.float32)
        self._kinds = np.zeros(0, np.int64)
        self._colours: Sequence[QColor] = ()
        self._legend: Sequence[tuple[str, QColor]] = ()
        self._chosen: np.ndarray | None = None
        self._zoom, self._centre = 1.0, np.zeros(2, np.float32)
        self._dragged: QPoint | None = None
        self._line: list[QPointF] = []
        self._over = -1
        self._picture: QImage | None = None
        self._pixels: np.ndarray | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Map of the samples"))

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(200), theme.px(150))  # it takes more where there is more

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(180), theme.px(140))

    # --- what is shown ----------------------------------------------------------------------------

    def show_points(self, places: np.ndarray) -> None:
        """Show points at other places, (points, 2); what was chosen stays if the count does."""
        same = len(places) == len(self._places)
        self._places = places.astype(np.float32)
        if not same:
            self._kinds = np.zeros(len(places), np.int64)
            self._chosen = None
        self._redraw()

    def colour(
        self, kinds: np.ndarray, colours: Sequence[QColor], legend: Sequence[tuple[str, QColor]]
    ) -> None:
        """Colour each point by its kind, a place in ``colours``; later kinds lie on top."""
        self._kinds, self._colours, self._legend = kinds.astype(np.int64), colours, legend
        self._redraw()

    def choose(self, chosen: np.ndarray | None) -> None:
        """Show some points strong and the others faint; None shows all alike."""
        self._chosen = chosen
        self._redraw()

    def show_all(self) -> None:
        """Zoom back."""
        self._zoom, self._centre = 1.0, np.zeros(2, np.float32)
        self._redraw()

    def on_widget(self) -> np.ndarray:
        """Return where each point lies on the widget, float32 (points, 2)."""
        side = 0.46 * min(self.width(), self.height()) * self._zoom
        middle = np.array([self.width() / 2, self.height() / 2], np.float32)
        turned = (self._places - self._centre) * np.array([side, -side], np.float32)
        return np.asarray(turned + middle, np.float32)

    def _redraw(self) -> None:
        self._picture = None
        self.update()

    def _drawn(self) -> QImage:
        """Return all points as one picture: a dot is a few pixels written by numpy."""
        ratio = self.devicePixelRatioF()
        wide, high = max(1, int(self.width() * ratio)), max(1, int(self.height() * ratio))
        back = theme.tokens().surface.rgb()
        if self._pixels is None or self._pixels.shape != (high, wide):
            self._pixels = np.empty((high, wide), np.uint32)
        pixels = self._pixels
        pixels.fill(back)
        table = np.array(
            [c.rgb() for c in self._colours] or [theme.tokens().accent.rgb()], np.uint32
        )
        spots = (self.on_widget() * ratio).astype(np.int32)
        order = np.argsort(self._kinds, kind="stable") if len(table) > 1 else None
        shades = table[np.minimum(self._kinds, len(table) - 1)]
        if self._chosen is not None:
            shades = np.where(self._chosen, shades, _mixed(shades, back))
            order = np.argsort(self._chosen, kind="stable")
        if order is not None:
            spots, shades = spots[order], shades[order]
        reach = max(1, round((3 if len(spots) < 5000 else 2) * ratio))
        inside = (
            (spots[:, 0] >= reach)
            & (spots[:, 0] < wide - reach)
            & (spots[:, 1] >= reach)
            & (spots[:, 1] < high - reach)
        )
        flat = pixels.reshape(-1)
        start = spots[inside, 1].astype(np.int64) * wide + spots[inside, 0]
        shades = shades[inside]
        for across in range(-reach, reach + 1):
            for down in range(-reach, reach + 1):
                if across * across + down * down <= reach * reach + 0.5:
                    flat[start + (down * wide + across)] = shades
        picture = QImage(pixels.data, wide, high, wide * 4, QImage.Format.Format_RGB32)
        picture.setDevicePixelRatio(ratio)
        return picture

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        if self._picture is None:
            self._picture = self._drawn()
        now = theme.tokens()
        painter = QPainter(self)
        painter.drawImage(0, 0, self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if 0 <= self._over < len(self._places):
            spot = self.on_widget()[self._over]
            painter.setPen(QPen(now.text, 1.5))
            painter.drawEllipse(QPointF(float(spot[0]), float(spot[1])), 6, 6)
        if self._line:
            painter.setPen(QPen(now.accent, 1.5))
            faint = QColor(now.accent)
            faint.setAlpha(30)
            painter.setBrush(faint)
            painter.drawPolygon(QPolygonF(self._line))
        self._draw_legend(painter)

    def _draw_legend(self, painter: QPainter) -> None:
        metrics = painter.fontMetrics()
        high, top = metrics.height() + 2, 6.0
        room = min(150, self.width() // 3)
        for name, colour in self._legend:
            if top + high > self.height():
                break
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(10, top + high / 2), 4, 4)
            painter.setPen(theme.tokens().muted)
            painter.drawText(QRectF(20, top, room + 4, high), Qt.AlignmentFlag.AlignVCenter, text)
            top += high

    # --- mouse and keys ---------------------------------------------------------------------------

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if self.tool == LASSO or shift:
            self._line = [event.position()]
        else:
            self._dragged = event.position().toPoint()

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._line:
            self._line.append(event.position())
            self.update()
        elif self._dragged is not None:
            here = event.position().toPoint()
            self.move_by(here.x() - self._dragged.x(), here.y() - self._dragged.y())
            self._dragged = here
        else:
            self._hover(event.position())

    def move_by(self, across: float, down: float) -> None:
        """Move what is shown by so many pixels."""
        side = 0.46 * min(self.width(), self.height()) * self._zoom
        self._centre = self._centre - np.array([across, -down], np.float32) / max(1e-6, side)
        self._redraw()

    def _hover(self, point: QPointF) -> None:
        found = -1
        if len(self._places):
            ways = np.square(self.on_widget() - np.array([point.x(), point.y()], np.float32)).sum(1)
            nearest = int(ways.argmin())
            found = nearest if ways[nearest] <= _NEAR * _NEAR else -1
        if found != self._over:
            self._over = found
            self.update()
            self.hovered.emit(found)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragged = None
        if self._line:
            line, self._line = self._line, []
            self.update()
            self.lassoed.emit(self._within(line))

    def _within(self, line: Sequence[QPointF]) -> np.ndarray:
        """Return the places of the points within a closed line (even-odd rule)."""
        if len(line) < 3:
            return np.zeros(0, np.int64)
        spots = self.on_widget()
        x, y = spots[:, 0], spots[:, 1]
        inside = np.zeros(len(spots), bool)
        for one, two in zip(line, [*line[1:], line[0]], strict=True):
            if one.y() == two.y():
                continue
            crosses = (y > one.y()) != (y > two.y())
            at = (two.x() - one.x()) * (y - one.y()) / (two.y() - one.y()) + one.x()
            inside ^= crosses & (x < at)
        return np.nonzero(inside)[0]

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom_at(event.position(), 1.0015 ** event.angleDelta().y())
        event.accept()

    def zoom_at(self, point: QPointF, factor: float) -> None:
        """Zoom so that what lies at a point stays there."""
        before = self._zoom
        self._zoom = min(200.0, max(0.5, self._zoom * factor))
        side = 0.46 * min(self.width(), self.height())
        away = np.array([point.x() - self.width() / 2, self.height() / 2 - point.y()], np.float32)
        self._centre = self._centre + away * (1 / (side * before) - 1 / (side * self._zoom))
        self._redraw()

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.show_all()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        middle = QPointF(self.width() / 2, self.height() / 2)
        key = Qt.Key(event.key())
        if key in _WAYS:
            self.move_by(*_WAYS[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_at(middle, 1.25)
        elif key == Qt.Key.Key_Minus:
            self.zoom_at(middle, 0.8)
        elif key == Qt.Key.Key_Escape:
            self.lassoed.emit(np.zeros(0, np.int64))
        else:
            super().keyPressEvent(event)

    @override
    def leaveEvent(self, event: QEvent) -> None:
        if self._over >= 0:
            self._over = -1
            self.hovered.emit(-1)
            self.update()

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._redraw()

    @override
    def resizeEvent(self, event: object) -> None:
        self._picture = None


def _mixed(shades: np.ndarray, back: int) -> np.ndarray:
    """Return colours mostly faded into the ground."""
    found = np.zeros_like(shades)
    for shift in (0, 8, 16):
        own = (shades >> shift) & 0xFF
        ground = (back >> shift) & 0xFF
        found |= ((own * 3 + ground * 13) // 16).astype(np.uint32) << shift
    return found | np.uint32(0xFF000000)
