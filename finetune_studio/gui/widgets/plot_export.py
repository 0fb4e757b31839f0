"""A plot as a picture, a drawing or a table of its numbers."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QImage, QPainter, QPen

from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import replacing
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.curve_plot import CurvePlot

_SCALE = 2.0


def save(plot: CurvePlot, file: Path) -> None:
    """Write a plot to a ``.png``, ``.svg`` or ``.csv`` file, as its ending says.

    Raises:
        StudioError: If the ending is another, or the file cannot be written.
    """
    kind = file.suffix.lower()
    plot.redraw()
    writers = {".csv": lambda: as_csv(plot).encode(), ".png": lambda: as_png(plot)}
    writers[".svg"] = lambda: as_svg(plot)
    if kind not in writers:
        raise StudioError(
            f"A plot cannot be written as {file.name}.", "End its name with .png, .svg or .csv."
        )
    with replacing(file) as temporary:
        temporary.write_bytes(writers[kind]())


def as_csv(plot: CurvePlot) -> str:
    """Return every point: one row a moment, one column a curve, empty where a curve has no point."""
    table: dict[float, dict[str, float]] = {}
    for name, data in plot.data.items():
        for x, y in zip(data.x.tolist(), data.y.tolist(), strict=True):
            table.setdefault(x, {})[name] = y
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [series.name for series in plot.series]
    writer.writerow([plot.x_title, *(series.title for series in plot.series)])
    for x in sorted(table):
        writer.writerow([repr(x), *(repr(table[x][n]) if n in table[x] else "" for n in names)])
    return text.getvalue()


def as_png(plot: CurvePlot) -> bytes:
    """Return the plot as it stands there, at twice the size, so that it can be printed."""
    size = plot.size()
    image = QImage(size * _SCALE, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(_SCALE)
    painter = QPainter(image)
    _paint(plot, painter, size)
    painter.end()
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # PySide's stub wants bytes
    return bytes(content.data())


def as_svg(plot: CurvePlot) -> bytes:
    """Return the plot as lines and text that can be edited."""
    from PySide6.QtSvg import QSvgGenerator

    size = plot.size()
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    made = QSvgGenerator()
    made.setOutputDevice(buffer)
    made.setSize(size)
    made.setViewBox(QRectF(0, 0, size.width(), size.height()))
    made.setTitle(plot.title)
    painter = QPainter(made)
    _paint(plot, painter, size)
    painter.end()
    return bytes(content.data())


def _paint(plot: CurvePlot, painter: QPainter, size: QSize) -> None:
    """Draw title, legend and curves; vectors stay vectors."""
    now = theme.tokens()
    painter.fillRect(0, 0, size.width(), size.height(), now.surface)
    font = QFont(plot.font())
    font.setPixelSize(theme.px(13))
    painter.setFont(font)
    height = theme.px(24)
    painter.setPen(now.text)
    painter.drawText(
        QRectF(0, 0, size.width(), height), Qt.AlignmentFlag.AlignVCenter, f" {plot.title}"
    )
    right = size.width() - theme.px(8)
    for series in reversed(plot.series):
        wide = painter.fontMetrics().horizontalAdvance(series.title)
        painter.setPen(now.text)
        painter.drawText(
            QRectF(right - wide, 0, wide + 1, height), Qt.AlignmentFlag.AlignVCenter, series.title
        )
        painter.setPen(QPen(now.series[series.colour], 3))
        left = round(right - wide - theme.px(20))
        painter.drawLine(QPoint(left, height // 2), QPoint(left + theme.px(14), height // 2))
        right = left - theme.px(16)
    room = QRectF(0, height, size.width(), size.height() - height)
    scene = plot.plot.scene()
    source = plot.plot.mapToScene(plot.plot.viewport().rect()).boundingRect()
    axes = [plot.plot.getAxis(side) for side in ("left", "bottom")]
    for axis in axes:
        axis.remember(False)  # else its numbers would be a picture in a drawing too
    scene.prepareForPaint()
    scene.render(painter, room, source, Qt.AspectRatioMode.IgnoreAspectRatio)
    for axis in axes:
        axis.remember(True)
