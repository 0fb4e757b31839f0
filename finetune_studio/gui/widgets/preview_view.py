"""Shows a preview: its marks painted over each other, crisp on any screen."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, QSizeF, Qt, Slot
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from finetune_studio.core.preview import Grid, Picture, Preview
from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets import mark_painters
from finetune_studio.gui.widgets.mark_painters import Look

_STEP = 256  # pictures are read in sizes of whole steps, so that a resize seldom reads anew


class PreviewView(QWidget):
    """Paints one preview as large as it fits.

    Args:
        thumbnails: Reads pictures in the background.
        least: Height and width in pixels below which it will not shrink.
    """

    def __init__(
        self, thumbnails: Thumbnails, parent: QWidget | None = None, *, least: int = 120
    ) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._preview: Preview | None = None
        self._pixels: QImage | None = None
        self._heat = 0.8
        self._least = least
        self._nothing = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        thumbnails.ready.connect(self._on_picture_ready)

    @property
    def preview(self) -> Preview | None:
        """Return what is shown."""
        return self._preview

    def show_preview(self, preview: Preview | None, nothing: str = "") -> None:
        """Show another preview, or a sentence where there is none."""
        self._preview, self._nothing = preview, nothing
        picture = self._picture()
        held = picture is not None and picture.pixels is not None
        self._pixels = (
            mark_painters.pixels_image(picture.pixels)
            if held and picture is not None and picture.pixels is not None
            else None
        )
        said = f"{preview.truth} {preview.said}".strip() if preview else nothing
        self.setAccessibleName(said)
        self.update()

    def set_heat(self, strength: float) -> None:
        """Show heat this strongly, from 0 (not at all) to 1."""
        self._heat = strength
        self.update()

    @property
    def heat(self) -> float:
        """Return how strongly heat is shown."""
        return self._heat

    def _picture(self) -> Picture | None:
        marks = self._preview.marks if self._preview else ()
        return next((mark for mark in marks if isinstance(mark, Picture)), None)

    def _image(self) -> QImage | None:
        """Return the picture as far as it is read; a null image if it cannot be."""
        if self._pixels is not None:
            return self._pixels
        picture = self._picture()
        if picture is None or not picture.path:
            return None
        longest = max(self.width(), self.height()) * self.devicePixelRatioF()
        found = self._thumbnails.get(picture.path, _STEP * math.ceil(max(1.0, longest) / _STEP))
        return found.toImage() if found is not None else None

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        now = theme.tokens()
        image = self._image()
        room = QRectF(self.rect())
        if self._preview is None or (image is not None and image.isNull()):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(now.raised)
            painter.drawRoundedRect(room, 6, 6)
            text = self._nothing or (
                self.tr("This picture cannot be read.") if self._preview else ""
            )
            painter.setPen(now.muted)
            centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(12, 12, -12, -12), int(centred), text)
            return
        self._paint_marks(painter, room, image)

    def _paint_marks(self, painter: QPainter, room: QRectF, image: QImage | None) -> None:
        assert self._preview is not None
        only_grid = all(isinstance(mark, Grid) for mark in self._preview.marks)
        if not only_grid:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.tokens().raised)
            painter.drawRoundedRect(room, 6, 6)
        box = mark_painters.fitted(QSizeF(image.size()), room) if image is not None else room
        if not only_grid:
            round_corners = QPainterPath()
            round_corners.addRoundedRect(box, 6, 6)
            painter.setClipPath(round_corners)
        if image is None and not only_grid:  # the picture is still being read
            return
        for mark in self._preview.marks:
            mark_painters.paint(painter, box, mark, Look(image, self._heat))

    @override
    def sizeHint(self) -> QSize:
        return QSize(280, 280)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self._least, self._least)

    @Slot(str)
    def _on_picture_ready(self, path: str) -> None:
        picture = self._picture()
        if picture is not None and picture.path == path:
            self.update()
