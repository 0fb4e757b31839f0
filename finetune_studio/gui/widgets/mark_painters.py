"""One painter for each mark of a preview: pictures, heat over them, tables of counts, texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from finetune_studio.core.preview import Grid, Heat, Mark, Picture, Spans, Words
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.grid_places import GridPlaces
from finetune_studio.gui.widgets.text_block import TextBlock

# From what mattered least to what mattered most: the picture itself, then orange, then yellow. The
# order of lightness also reads without colour vision.
_HEAT_STOPS = np.array(
    [[30, 20, 60, 70], [120, 30, 80, 90], [214, 80, 10, 165], [255, 190, 40, 205]], np.float32
)


@dataclass(frozen=True, slots=True)
class Look:
    """What painters must know besides the mark: the read picture, how strong heat is, places in words."""

    picture: QImage | None = None
    heat: float = 1.0
    spans: tuple[Spans, ...] = ()


def paint(painter: QPainter, box: QRectF, mark: Mark, look: Look) -> None:
    """Paint one mark into a box."""
    _PAINTERS[type(mark)](painter, box, mark, look)


def fitted(size: QSizeF, room: QRectF) -> QRectF:
    """Return the largest box of these proportions in the middle of a room."""
    if size.isEmpty() or room.isEmpty():
        return room
    grown = size.scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
    return QRectF(
        room.center().x() - grown.width() / 2,
        room.center().y() - grown.height() / 2,
        grown.width(),
        grown.height(),
    )


def pixels_image(pixels: np.ndarray) -> QImage:
    """Return uint8 pixels (height, width, 3) as an image that owns its memory."""
    whole = np.ascontiguousarray(pixels, np.uint8)
    height, width = whole.shape[:2]
    return QImage(whole.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def heat_image(values: np.ndarray) -> QImage:
    """Return heat (height, width) from 0 to 1 as a translucent image; what is not a number is 0."""
    share = np.clip(np.nan_to_num(np.asarray(values, np.float32)), 0.0, 1.0)
    place = share * (len(_HEAT_STOPS) - 1)
    low = np.minimum(place.astype(int), len(_HEAT_STOPS) - 2)
    part = (place - low)[..., None]
    colours = _HEAT_STOPS[low] * (1 - part) + _HEAT_STOPS[low + 1] * part
    whole = np.ascontiguousarray(np.round(colours), np.uint8)
    height, width = whole.shape[:2]
    return QImage(whole.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def _paint_picture(painter: QPainter, box: QRectF, mark: Picture, look: Look) -> None:  # noqa: ARG001  painters share one signature
    if look.picture is not None and not look.picture.isNull():
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(box, look.picture)


def _paint_heat(painter: QPainter, box: QRectF, mark: Heat, look: Look) -> None:
    if look.heat <= 0 or mark.values.size == 0:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setOpacity(min(1.0, look.heat))
    image = heat_image(mark.values)
    # Grown in steps: one long stretch of a 7 by 7 map would show its squares.
    smooth = Qt.TransformationMode.SmoothTransformation
    while image.width() < box.width() and image.width() < 1024:
        image = image.scaled(
            image.width() * 2, image.height() * 2, Qt.AspectRatioMode.IgnoreAspectRatio, smooth
        )
    painter.drawImage(box, image)
    painter.restore()


def _paint_grid(painter: QPainter, box: QRectF, mark: Grid, look: Look) -> None:  # noqa: ARG001  painters share one signature
    metrics = painter.fontMetrics()
    places = GridPlaces.fitting(
        box.toRect(), [metrics.horizontalAdvance(n) for n in mark.rows], mark.columns, metrics
    )
    paint_cells(painter, mark, places)
    paint_names(painter, mark, places)


def paint_cells(
    painter: QPainter, grid: Grid, places: GridPlaces, *, as_shares: bool = False
) -> None:
    """Paint the counts of a grid, or percent of its rows, each cell tinted by its share of its row."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    shares = row_shares(grid)
    square = grid.rows == grid.columns
    for row in range(len(grid.rows)):
        for column in range(len(grid.columns)):
            cell = places.cell_box(row, column)
            if (
                not painter.clipBoundingRect().isEmpty()
                and not painter.clipBoundingRect().intersects(QRectF(cell))
            ):
                continue
            count = float(grid.values[row, column])
            colour = cell_colour(shares[row, column], right=square and row == column)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(cell).adjusted(1, 1, -1, -1), 3, 3)
            if count and places.cell >= 16:
                painter.setPen(readable_on(colour))
                text = f"{100 * shares[row, column]:.0f}" if as_shares else f"{count:g}"
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, text)


def paint_names(painter: QPainter, grid: Grid, places: GridPlaces) -> None:
    """Paint the names of the rows at the left and of the columns below."""
    painter.setPen(theme.tokens().muted)
    for row, name in enumerate(grid.rows):
        paint_row_name(painter, places, row, name)
    for column, name in enumerate(grid.columns):
        paint_column_name(painter, places, column, name)


def paint_row_name(painter: QPainter, places: GridPlaces, row: int, name: str) -> None:
    """Paint one row's name, shortened where it is too long."""
    box = places.row_name_box(row)
    text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)


def paint_column_name(painter: QPainter, places: GridPlaces, column: int, name: str) -> None:
    """Paint one column's name below its cells, slanted where it would not fit upright."""
    metrics = painter.fontMetrics()
    text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, places.longest_name)
    box = places.column_name_box(column)
    if not places.slanted:
        top = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter
        painter.drawText(box.adjusted(0, 4, 0, 0), top, text)
        return
    painter.save()
    painter.translate(box.center().x() - 2, box.top() + 8)
    painter.rotate(places.ANGLE)
    painter.drawText(0, metrics.ascent() // 2, text)
    painter.restore()


def row_shares(grid: Grid) -> np.ndarray:
    """Return each count as a share of its row; a row of nothing gives nothing."""
    counts = np.asarray(grid.values, np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares: np.ndarray = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    return shares


def cell_colour(share: float, *, right: bool) -> QColor:
    """Return a cell's colour: blue for right answers, orange for errors, faint for none."""
    now = theme.tokens()
    strong = now.series[0] if right else now.series[3]
    if share <= 0:
        return mixed(now.surface, now.series[3], 0.05 if not now.dark else 0.04)
    part = 0.25 + 0.75 * share if right else 0.16 + 0.64 * min(1.0, share * 2)
    return mixed(now.surface, strong, part)


def mixed(back: QColor, front: QColor, part: float) -> QColor:
    """Return a colour that lies ``part`` of the way from ``back`` to ``front``."""
    return QColor.fromRgbF(
        back.redF() + (front.redF() - back.redF()) * part,
        back.greenF() + (front.greenF() - back.greenF()) * part,
        back.blueF() + (front.blueF() - back.blueF()) * part,
    )


def readable_on(back: QColor) -> QColor:
    """Return black or white, whichever stands out more on a colour (WCAG 2 contrast)."""
    light = _luminance(back)
    black, white = QColor("#000000"), QColor("#FFFFFF")
    over_black = (light + 0.05) / (_luminance(black) + 0.05)
    return black if over_black > 1.05 / (light + 0.05) else white


def _luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _paint_words(painter: QPainter, box: QRectF, mark: Words, look: Look) -> None:
    block = TextBlock(mark, look.spans, width=box.width(), font=painter.font())
    painter.save()
    painter.setClipRect(box, Qt.ClipOperation.IntersectClip)
    block.paint(painter, box.topLeft(), look.heat, box)
    painter.restore()


def _paint_spans(painter: QPainter, box: QRectF, mark: Spans, look: Look) -> None:
    """Paint nothing: places are painted with the words before them, which know where they lie."""


# Any: each painter takes its own kind of mark, and the table picks by that kind.
_PAINTERS: dict[type[Any], Callable[[QPainter, QRectF, Any, Look], None]] = {
    Picture: _paint_picture,
    Heat: _paint_heat,
    Grid: _paint_grid,
    Words: _paint_words,
    Spans: _paint_spans,
}
