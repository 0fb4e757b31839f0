"""Paints the tiles of the grid: picture, caption, and what the user decided about the sample."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QRect, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen

from finetune_studio.core.dataset import Sample
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.sample_grid.tiles import Tiles

_CENTRED = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)


@dataclass(frozen=True, slots=True)
class Look:
    """How one tile stands out."""

    selected: bool = False
    focused: bool = False
    hovered: bool = False


def paint_tile(
    painter: QPainter, box: QRect, sample: Sample, caption: str, look: Look, tiles: Tiles
) -> None:
    """Paint one sample; the picture is square and as wide as the box."""
    now = theme.tokens()
    picture = QRect(box.left(), box.top(), box.width(), box.width())
    tile = tiles.get(sample.path, picture.width(), painter.device().devicePixelRatioF())
    unreadable = bool(sample.problem) or (tile is not None and tile.isNull())
    if tile is None or tile.isNull():
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(now.raised)
        painter.drawRoundedRect(picture, 4, 4)
    else:
        painter.setOpacity(0.3 if sample.excluded else 1.0)
        painter.drawPixmap(picture.topLeft(), tile)
        painter.setOpacity(1.0)
    if tile is not None and tile.isNull():
        painter.setPen(now.bad)
        painter.drawText(picture.adjusted(6, 6, -6, -6), _CENTRED, _words("cannot be read"))
    elif sample.excluded:
        _paint_tag(painter, picture, _words("excluded"))
    _paint_frame(painter, picture, look)
    line = QRect(box.left(), picture.bottom() + 5, box.width(), painter.fontMetrics().height())
    painter.setPen(now.bad if unreadable else now.text if look.selected else now.muted)
    _paint_line(painter, line, caption, struck=sample.excluded)


def _paint_frame(painter: QPainter, picture: QRect, look: Look) -> None:
    now = theme.tokens()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if look.selected:
        painter.setPen(QPen(now.accent, 3))
        painter.drawRoundedRect(picture.adjusted(0, 0, -1, -1), 5, 5)
    elif look.focused or look.hovered:
        painter.setPen(QPen(now.accent if look.focused else now.muted, 1))
        painter.drawRoundedRect(picture.adjusted(0, 0, -1, -1), 4, 4)


def _paint_tag(painter: QPainter, picture: QRect, text: str) -> None:
    """Say something in a corner of the picture, in words and not by colour alone."""
    now = theme.tokens()
    metrics = painter.fontMetrics()
    tag = QRect(0, 0, metrics.horizontalAdvance(text) + 12, metrics.height() + 4)
    tag.moveBottomLeft(picture.bottomLeft())
    tag = tag.translated(6, -6).intersected(picture)
    painter.setPen(now.line)
    painter.setBrush(now.surface)
    painter.drawRoundedRect(tag, 4, 4)
    painter.setPen(now.text)
    painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), text)


def _paint_line(painter: QPainter, line: QRect, text: str, *, struck: bool) -> None:
    metrics: QFontMetrics = painter.fontMetrics()
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, line.width())
    painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), shown)
    if struck:
        width, middle = metrics.horizontalAdvance(shown), line.center().y() + 1
        painter.drawLine(line.left(), middle, line.left() + width, middle)


def _words(text: str) -> str:
    return QCoreApplication.translate("SampleGrid", text)
