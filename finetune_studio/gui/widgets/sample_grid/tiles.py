"""Pictures cut square with round corners at the size of a tile, kept while there is room."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPixmap

from finetune_studio.gui.thumbnails import Thumbnails

_ROOM_BYTES = 96 * 2**20
_READ_SIDES = (192, 384, 768)  # few sizes, so that the zoom slider seldom reads files anew
_MOST_A_PAINT = 6  # cutting a tile takes a millisecond; a paint must not take long


class Tiles:
    """Makes tiles of thumbnails; painting one that is kept costs microseconds."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        self._thumbnails = thumbnails
        self._kept: OrderedDict[tuple[str, int, float], QPixmap] = OrderedDict()
        self._bytes = 0
        self._made = 0
        self.wanting = False

    def begin(self) -> None:
        """A paint begins: it may make a few new tiles; ``wanting`` tells if that was too few."""
        self._made = 0
        self.wanting = False

    def get(self, path: str, side: int, ratio: float) -> QPixmap | None:
        """Return the tile; None while it is not there yet, a null one if it cannot be read."""
        key = (path, side, ratio)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        picture = self.wish(path, side, ratio)
        if picture is None:
            return None
        if picture.isNull():
            return picture
        if self._made >= _MOST_A_PAINT:
            self.wanting = True
            return None
        self._made += 1
        tile = cut(picture, side, ratio)
        self._keep(key, tile)
        return tile

    def wish(self, path: str, side: int, ratio: float) -> QPixmap | None:
        """Have a file read for a tile of this side; return it if that is done."""
        # A square cut from a picture of 4 to 3 needs a third more than its own side.
        needed = side * ratio * 1.34
        return self._thumbnails.get(
            path, next((s for s in _READ_SIDES if s >= needed), _READ_SIDES[-1])
        )

    def forget(self, path: str) -> None:
        """Drop the tiles of a file that was read anew."""
        for key in [key for key in self._kept if key[0] == path]:
            self._bytes -= _cost(self._kept.pop(key))

    def forget_all(self) -> None:
        """Drop everything, for other data."""
        self._kept.clear()
        self._bytes = 0

    def _keep(self, key: tuple[str, int, float], tile: QPixmap) -> None:
        self._kept[key] = tile
        self._bytes += _cost(tile)
        while self._bytes > _ROOM_BYTES and len(self._kept) > 1:
            self._bytes -= _cost(self._kept.popitem(last=False)[1])


def cut(picture: QPixmap, side: int, ratio: float) -> QPixmap:
    """Return the middle square of a picture, ``side`` pixels wide, with round corners."""
    pixels = round(side * ratio)
    short = min(picture.width(), picture.height())
    middle = QRect((picture.width() - short) // 2, (picture.height() - short) // 2, short, short)
    square = picture.copy(middle).scaled(
        pixels,
        pixels,
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    tile = QPixmap(pixels, pixels)
    tile.fill(Qt.GlobalColor.transparent)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path = QPainterPath()
    path.addRoundedRect(0, 0, pixels, pixels, 4 * ratio, 4 * ratio)
    painter.setClipPath(path)
    painter.drawPixmap(0, 0, square)
    painter.end()
    tile.setDevicePixelRatio(ratio)
    return tile


def _cost(tile: QPixmap) -> int:
    return tile.width() * tile.height() * 4
