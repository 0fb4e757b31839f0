"""Small pictures of files, read in the background and kept while there is room."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QSize, Qt, QThreadPool, Signal, Slot
from PySide6.QtGui import QImage, QImageReader, QPainter, QPixmap
from typing_extensions import override

_Key = tuple[str, int]
_ROOM_BYTES = 192 * 2**20
_MOST_WAITING = 400
_CMYK = QImage.Format.Format_CMYK8888


class Thumbnails(QObject):
    """Answers at once with what it has, and says when the rest is there.

    The newest wish is read first, so that after a fast scroll the visible pictures come before
    those that went by.

    Signals:
        ready: The picture of this file can be asked for now (or could not be read).
    """

    ready = Signal(str)
    _read = Signal(object, QImage)

    def __init__(self, parent: QObject | None = None, *, threads: int = 2) -> None:
        super().__init__(parent)
        self._kept: OrderedDict[_Key, QPixmap] = OrderedDict()
        self._bytes = 0
        self._waiting: OrderedDict[_Key, None] = OrderedDict()
        self._in_hand: set[_Key] = set()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(threads)
        self._read.connect(self._on_read, Qt.ConnectionType.QueuedConnection)

    def get(self, path: str, size: int) -> QPixmap | None:
        """Return the picture within ``size`` by ``size`` device pixels; None while it is read.

        A file that cannot be read gives a null picture.
        """
        key = (path, size)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        if key in self._in_hand:  # a repaint while it is read must not have it read again
            return None
        if key not in self._waiting:
            self._waiting[key] = None
            while len(self._waiting) > _MOST_WAITING:
                self._waiting.popitem(last=False)
            self._pool.start(_Reading(self))
        else:
            with contextlib.suppress(KeyError):  # a reading thread may take it just now
                self._waiting.move_to_end(key)
        return None

    def forget(self) -> None:
        """Drop everything, for another project or files that changed."""
        self._waiting.clear()
        self._in_hand.clear()
        self._kept.clear()
        self._bytes = 0

    def shutdown(self) -> None:
        """Stop reading and wait for the files in hand."""
        self._waiting.clear()
        self._pool.clear()
        self._pool.waitForDone()

    def next_wish(self) -> _Key | None:
        """Return the newest wish and strike it off; called by the reading threads."""
        try:
            key = self._waiting.popitem(last=True)[0]
        except KeyError:
            return None
        self._in_hand.add(key)
        return key

    def deliver(self, key: _Key, image: QImage) -> None:
        """Hand a picture to the window's thread; called by the reading threads."""
        self._read.emit(key, image)

    @Slot(object, QImage)
    def _on_read(self, key: Any, image: QImage) -> None:
        self._in_hand.discard(key)
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= _cost(before)
        pixmap = QPixmap.fromImage(image)
        self._kept[key] = pixmap
        self._bytes += _cost(pixmap)
        while self._bytes > _ROOM_BYTES and len(self._kept) > 1:
            self._bytes -= _cost(self._kept.popitem(last=False)[1])
        self.ready.emit(key[0])


class _Reading(QRunnable):
    """Reads the newest file wished for."""

    def __init__(self, owner: Thumbnails) -> None:
        super().__init__()
        self._owner = owner

    @override
    def run(self) -> None:
        key = self._owner.next_wish()
        if key is not None:
            self._owner.deliver(key, read_picture(*key))


def read_picture(path: str, size: int) -> QImage:
    """Return a file's picture, upright, within ``size`` by ``size``; null if it cannot be read."""
    reader = QImageReader(path)
    reader.setAutoTransform(True)
    full = reader.size()
    if full.isValid() and size > 0:
        room = QSize(size, size)
        if full.width() > size or full.height() > size:
            reader.setScaledSize(full.scaled(room, Qt.AspectRatioMode.KeepAspectRatio))
        image = reader.read()
        # Qt does not stretch 16-bit and float values, and knows other CMYK inks than the engine.
        if not image.isNull() and image.depth() <= 32 and image.format() != _CMYK:
            return _on_white(image) if image.hasAlphaChannel() else image
    return _read_otherwise(path, size)


def _on_white(image: QImage) -> QImage:
    """Lay a transparent picture on white, as the engine does."""
    whole = QImage(image.size(), QImage.Format.Format_RGB32)
    whole.fill(Qt.GlobalColor.white)
    painter = QPainter(whole)
    painter.drawImage(0, 0, image)
    painter.end()
    return whole


def _read_otherwise(path: str, size: int) -> QImage:
    """Read what Qt cannot, the way the engine does."""
    from finetune_studio.modality import preprocess

    try:
        picture = preprocess.open_picture(Path(path), at_least=size)
    except Exception:  # noqa: BLE001  pillow raises many kinds; the Data page says what is wrong
        return QImage()
    if size > 0:
        picture.thumbnail((size, size))
    pixels = picture.tobytes()
    width, height = picture.size
    return QImage(pixels, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _cost(pixmap: QPixmap) -> int:
    return max(1024, pixmap.width() * pixmap.height() * 4)
