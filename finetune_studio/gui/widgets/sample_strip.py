"""The same few samples with what a model says to each: thumbnails or short texts, right or wrong in shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QFontMetrics,
    QHelpEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.shapes import paint_level

_PICTURE, _TEXT = 84, 190  # least width of a tile in the 13 px design
_GAP = 8
_LINES = 3


@dataclass(frozen=True, slots=True)
class StripItem:
    """One sample and its answer.

    Attributes:
        path: The picture's file; empty where ``text`` is shown instead.
        answer: What the model says, and ``note`` how certain or how close it is.
        level: ok (right), bad (wrong), or empty where answers are not just right or wrong.
        before: What it said the epoch before, where that was something else.
        truth: What is right, for the tooltip.
    """

    id: int
    path: str = ""
    text: str = ""
    answer: str = ""
    note: str = ""
    level: str = ""
    before: str = ""
    truth: str = ""


def second_line(item: StripItem) -> str:
    """Return what stands below an answer: what it was before, and what is right where it is wrong."""
    truth = f"is {item.truth}" if item.level == "bad" and item.truth else ""
    was = f"was {item.before}" if item.before else ""
    return ", ".join(part for part in (was, truth) if part) or item.note


class SampleStrip(QWidget):
    """Lays tiles out in as many columns as fit; what changed since the epoch before has a bright frame."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self.items: list[StripItem] = []
        thumbnails.ready.connect(self._on_ready)

    def show_items(self, items: Sequence[StripItem]) -> None:
        """Show other answers."""
        if list(items) == self.items:
            return
        self.items = list(items)
        self.setAccessibleName("; ".join(map(_read, self.items)))
        self._fit()
        self.update()

    @property
    def _texts(self) -> bool:
        return any(item.text and not item.path for item in self.items)

    def _columns(self, width: int) -> int:
        least = theme.px(_TEXT if self._texts else _PICTURE) + _GAP
        fits = max(1, (width + _GAP) // least)
        count = max(1, len(self.items))
        rows = -(-count // fits)
        return min(fits, -(-count // rows))  # rows as even as can be

    def _tile(self, width: int) -> QSize:
        columns = self._columns(width)
        wide = (width - (columns - 1) * _GAP) // columns
        line = self.fontMetrics().height()
        if self._texts:
            lines = _LINES * self.fontMetrics().lineSpacing()
            return QSize(wide, lines + 2 * line + 24)
        return QSize(wide, min(wide, theme.px(112)) + 2 * line + 10)

    def height_for(self, width: int) -> int:
        """Return how high the tiles are in so many pixels."""
        rows = -(-len(self.items) // self._columns(width))
        return max(0, rows * (self._tile(width).height() + _GAP) - _GAP)

    def _fit(self) -> None:
        self.setFixedHeight(self.height_for(max(theme.px(_TEXT), self.width())))

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(400), self.minimumHeight())

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(_TEXT), self.minimumHeight())

    def boxes(self) -> list[QRect]:
        """Return where each tile stands."""
        columns, tile = self._columns(self.width()), self._tile(self.width())
        return [
            QRect(
                place % columns * (tile.width() + _GAP),
                place // columns * (tile.height() + _GAP),
                tile.width(),
                tile.height(),
            )
            for place in range(len(self.items))
        ]

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for item, box in zip(self.items, self.boxes(), strict=True):
            if event.rect().intersects(box):
                self._paint_tile(painter, item, box)

    def _paint_tile(self, painter: QPainter, item: StripItem, box: QRect) -> None:
        metrics = self.fontMetrics()
        low = box.bottom() - 2 * metrics.height() - 4
        upper = QRect(box.left(), box.top(), box.width(), low - box.top() - 2)
        if item.path:
            self._paint_picture(painter, item, upper)
        else:
            _paint_text(painter, item, upper, metrics)
        now = theme.tokens()
        side = metrics.height() - 3
        if item.level:
            paint_level(painter, QRectF(box.left() + 1, low + 2, side, side), item.level)
        start = box.left() + (side + 6 if item.level else 1)
        line = QRect(start, low, box.right() - start, metrics.height())
        painter.setPen(theme.level_colours(item.level)[0] if item.level else now.text)
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(line, 0, metrics.elidedText(item.answer, elide, line.width()))
        note = second_line(item)
        if (
            note != item.note
        ):  # then what it was certain of stands beside the answer, if there is room
            painter.setPen(now.muted)
            used = metrics.horizontalAdvance(f"{item.answer}  ")
            if used + metrics.horizontalAdvance(item.note) <= line.width():
                painter.drawText(line.adjusted(used, 0, 0, 0), 0, item.note)
        painter.setPen(now.accent if item.before else now.muted)
        line = QRect(box.left() + 1, low + metrics.height() + 1, box.width() - 1, metrics.height())
        painter.drawText(line, 0, metrics.elidedText(note, elide, line.width()))

    def _paint_picture(self, painter: QPainter, item: StripItem, box: QRect) -> None:
        now = theme.tokens()
        side = min(box.width(), box.height())
        ratio = self.devicePixelRatioF()
        found = self._thumbnails.get(item.path, round(side * ratio * 1.4))
        square = QRect(box.left(), box.top(), side, side)
        path = QPainterPath()
        path.addRoundedRect(QRectF(square), 5, 5)
        painter.fillPath(path, now.raised)
        if found is not None and not found.isNull():
            painter.save()
            painter.setClipPath(path)
            fitted = found.scaled(
                round(side * ratio),
                round(side * ratio),
                Qt.AspectRatioMode.KeepAspectRatioByExpanding,
                Qt.TransformationMode.SmoothTransformation,
            )
            fitted.setDevicePixelRatio(ratio)
            shift = QRectF(0, 0, fitted.width() / ratio, fitted.height() / ratio)
            shift.moveCenter(QRectF(square).center())
            painter.drawPixmap(shift.topLeft(), fitted)
            painter.restore()
        _frame(painter, item, square)

    @override
    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for item, box in zip(self.items, self.boxes(), strict=True):
                if box.contains(event.pos()):
                    QToolTip.showText(event.globalPos(), _read(item), self)
                    return True
        return super().event(event)

    @Slot()
    def _on_ready(self) -> None:
        self.update()


def _paint_text(painter: QPainter, item: StripItem, box: QRect, metrics: QFontMetrics) -> None:
    now = theme.tokens()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(now.raised)
    painter.drawRoundedRect(QRectF(box), 5, 5)
    inside = box.adjusted(8, 5, -8, -5)
    painter.setPen(now.text)
    painter.save()
    high = _LINES * metrics.lineSpacing() + 1
    painter.setClipRect(QRect(inside.left(), inside.top(), inside.width(), high))
    painter.drawText(inside, int(Qt.TextFlag.TextWordWrap), item.text)
    painter.restore()
    _frame(painter, item, box)


def _frame(painter: QPainter, item: StripItem, box: QRect) -> None:
    """Frame what changed since the epoch before."""
    if item.before:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(theme.tokens().accent)
        painter.drawRoundedRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)


def _read(item: StripItem) -> str:
    """Return a tile as it is read aloud."""
    judged = {"ok": "right", "bad": "wrong"}.get(item.level, "")
    parts = [f"said {item.answer}", judged, item.note]
    parts.append(f"labelled {item.truth}" if item.truth else "")
    parts.append(f"said {item.before} the epoch before" if item.before else "")
    return ", ".join(part for part in parts if part)
