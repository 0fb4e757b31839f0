"""Shows a preview: pictures crisp on any screen, texts one below the other, scrolled where they are long."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QMenu, QSizePolicy, QToolTip, QWidget
from typing_extensions import override

from finetune_studio.core.preview import Grid, Mark, Picture, Preview, Words
from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets import mark_painters, text_legend
from finetune_studio.gui.widgets.mark_painters import Look
from finetune_studio.gui.widgets.text_column import TextColumn
from finetune_studio.gui.widgets.text_legend import TextLegend

_STEP = 256  # pictures are read in sizes of whole steps, so that a resize seldom reads anew


class PreviewView(QAbstractScrollArea):
    """Paints one preview: a picture as large as it fits, texts in lines as wide as the view.

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
        self._texts: TextColumn | None = None
        self._beside = ""
        self._legend = TextLegend(self)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setProperty("clear", True)
        self.viewport().setAutoFillBackground(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        thumbnails.ready.connect(self._on_picture_ready)

    @property
    def preview(self) -> Preview | None:
        """Return what is shown."""
        return self._preview

    @property
    def text(self) -> str:
        """Return all texts that are shown, with their titles; empty for a picture."""
        words = [mark for mark in self._marks if isinstance(mark, Words)]
        return "\n\n".join(f"{w.title}\n{w.text}" if w.title else w.text for w in words)

    @property
    def explains(self) -> list[str]:
        """Return what the legend below a text explains."""
        return self._legend.texts

    def show_preview(
        self,
        preview: Preview | None,
        nothing: str = "",
        *,
        keep: bool = False,
        legend: bool = True,
    ) -> None:
        """Show another preview, or a sentence where there is none.

        Args:
            preview: What is shown.
            nothing: What is said where there is none.
            keep: Whether a text stays at its end.
            legend: Whether colours in a text are explained below it.
        """
        self._preview, self._nothing = preview, nothing
        picture = self._picture()
        self._pixels = (
            mark_painters.pixels_image(picture.pixels)
            if picture is not None and picture.pixels is not None
            else None
        )
        said = f"{preview.truth} {preview.said}".strip() if preview else nothing
        self.setAccessibleName(said)
        self.setAccessibleDescription(self.text[:2000])
        self._legend.show_entries(text_legend.entries(self._marks) if legend else [])
        self._lay_out(keep=False)
        if keep:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def set_beside(self, beside: str) -> None:
        """Put texts side by side where there is room: ``first``, ``last`` or none (:class:`TextColumn`)."""
        self._beside = beside
        self._lay_out(keep=False)

    def set_heat(self, strength: float) -> None:
        """Show heat this strongly, from 0 (not at all) to 1."""
        self._heat = strength
        self.viewport().update()

    @property
    def heat(self) -> float:
        """Return how strongly heat is shown."""
        return self._heat

    @property
    def _marks(self) -> tuple[Mark, ...]:
        return self._preview.marks if self._preview else ()

    def _picture(self) -> Picture | None:
        return next((mark for mark in self._marks if isinstance(mark, Picture)), None)

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

    # --- texts ------------------------------------------------------------------------------------

    def _lay_out(self, *, keep: bool = True) -> None:
        """Break the texts into lines anew; ``keep`` leaves the view scrolled as it is."""
        self._texts = None
        high = self._legend.heightForWidth(self.width()) if not self._legend.isHidden() else 0
        self.setViewportMargins(0, 0, 0, high + 6 if high else 0)
        self._legend.setGeometry(0, self.height() - high, self.width(), high)
        if any(isinstance(mark, Words) for mark in self._marks) and self._preview is not None:
            self._texts = TextColumn(
                self._preview.marks, self.viewport().width() - 4, self.font(), beside=self._beside
            )
        self._range_bar(keep=keep)
        self.updateGeometry()
        self.viewport().update()

    def _range_bar(self, *, keep: bool) -> None:
        bar = self.verticalScrollBar()
        high = math.ceil(self._texts.height) + 4 if self._texts is not None else 0
        seen = self.viewport().height()
        before = bar.value()
        bar.setRange(0, max(0, high - seen - self._picture_room()) if high else 0)
        bar.setPageStep(max(1, seen))
        bar.setSingleStep(self.fontMetrics().lineSpacing())
        bar.setValue(before if keep else 0)
        policy = Qt.FocusPolicy
        self.setFocusPolicy(policy.StrongFocus if self._texts is not None else policy.NoFocus)

    def _picture_room(self) -> int:
        """Return how high the picture above texts is."""
        return -self.viewport().height() // 2 if self._picture() is not None else 0

    def natural_height(self, width: int) -> int:
        """Return how high the view must be at a width to show its texts whole; 0 for a picture."""
        if self._preview is None or self._texts is None:
            return 0
        column = TextColumn(self._preview.marks, width - 4, self.font(), beside=self._beside)
        legend = self._legend.heightForWidth(width) + 6 if self._legend.texts else 0
        return math.ceil(column.height) + 6 + legend

    # --- painting ---------------------------------------------------------------------------------

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        image = self._image()
        room = QRectF(self.viewport().rect())
        if self._preview is None or (image is not None and image.isNull()):
            self._paint_nothing(painter, room)
            return
        if self._texts is not None:
            self._paint_texts(painter, room, image)
        else:
            self._paint_marks(painter, room, image)

    def _paint_nothing(self, painter: QPainter, room: QRectF) -> None:
        now = theme.tokens()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(now.raised)
        painter.drawRoundedRect(room, 6, 6)
        text = self._nothing or (self.tr("This picture cannot be read.") if self._preview else "")
        painter.setPen(now.muted)
        centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(room.toRect().adjusted(12, 12, -12, -12), int(centred), text)

    def _paint_texts(self, painter: QPainter, room: QRectF, image: QImage | None) -> None:
        assert self._texts is not None
        top = 2.0
        if self._picture() is not None:
            above = QRectF(room.left(), room.top(), room.width(), room.height() / 2 - 8)
            self._paint_marks(painter, above, image)
            top = room.height() / 2
            painter.setClipRect(room.adjusted(0, top, 0, 0))
        corner = QPointF(2, top - self.verticalScrollBar().value())
        self._texts.paint(painter, corner, self._heat, room)
        if self.hasFocus() and self.verticalScrollBar().maximum() > 0:
            painter.setClipping(False)
            painter.setPen(theme.tokens().accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(room.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def _paint_marks(self, painter: QPainter, room: QRectF, image: QImage | None) -> None:
        assert self._preview is not None
        only_grid = all(isinstance(mark, Grid) for mark in self._preview.marks)
        if not only_grid:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.tokens().raised)
            painter.drawRoundedRect(room, 6, 6)
        box = mark_painters.fitted(QSizeF(image.size()), room) if image is not None else room
        painter.save()
        if not only_grid:
            round_corners = QPainterPath()
            round_corners.addRoundedRect(box, 6, 6)
            painter.setClipPath(round_corners)
        if image is not None or only_grid:  # else the picture is still being read
            for mark in self._preview.marks:
                if not isinstance(mark, Words):
                    mark_painters.paint(painter, box, mark, Look(image, self._heat))
        painter.restore()

    # --- size, pointer and keys -------------------------------------------------------------------

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._lay_out()

    @override
    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self._texts is not None:
            point = QPointF(event.pos()) - QPointF(2, 2 - self.verticalScrollBar().value())
            QToolTip.showText(event.globalPos(), self._texts.tip_at(point), self.viewport())
            return True
        return super().viewportEvent(event)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy) and self.text:
            self.copy_text()
            return
        super().keyPressEvent(event)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if not self.text:
            event.ignore()
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Copy the text")).triggered.connect(self.copy_text)
        menu.popup(event.globalPos())

    @Slot()
    def copy_text(self) -> None:
        """Put the texts that are shown on the clipboard."""
        QGuiApplication.clipboard().setText(self.text)

    @override
    def sizeHint(self) -> QSize:
        # A page with wrapped labels is as high as its parts wish; a text takes what room there is.
        return QSize(280, max(self._least, 140) if self._texts is not None else 280)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self._least, self._least)

    @Slot(str)
    def _on_picture_ready(self, path: str) -> None:
        picture = self._picture()
        if picture is not None and picture.path == path:
            self.viewport().update()
