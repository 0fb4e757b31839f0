"""Paints the pictures of a gallery, each with its lines below."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.gallery.item_model import ITEM_ROLE, GalleryItem

_Index = QModelIndex | QPersistentModelIndex
WISHED = 132  # pixels of a picture's side in the 13 px design; columns share what is left over


class PictureTiles(QStyledItemDelegate):
    """Paints a square picture with two lines of caption."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self.thumbnails = thumbnails
        self.cell = QSize(WISHED, WISHED)
        self.lines = 2

    def fit(self, room: QSize, metrics: QFontMetrics, *, strip: bool) -> None:
        """Share the width among as many columns as fit; a strip takes its height."""
        self.lines = 1 if strip else 2
        caption = self.lines * (metrics.height() + 2) + 4
        if strip:
            side = max(48, room.height() - caption - 10)
            self.cell = QSize(side + 8, side + caption + 8)
            return
        wide = max(80, room.width() - 1)
        columns = max(2 if wide >= 160 else 1, round(wide / (theme.px(WISHED) + 8)))
        self.cell = QSize(wide // columns, wide // columns + caption)

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return self.cell

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        item: GalleryItem = index.data(ITEM_ROLE)
        now = theme.tokens()
        metrics = option.fontMetrics
        box = option.rect.adjusted(4, 4, -4, -4)
        side = min(box.width(), box.height() - self.lines * (metrics.height() + 2) - 4)
        picture = QRect(box.left(), box.top(), side, side)
        painter.save()
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(now.accent_soft)
            painter.drawRoundedRect(option.rect.adjusted(1, 1, -1, -1), 6, 6)
        self._paint_picture(painter, picture, item.path)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.setPen(now.accent if chosen or focused else now.line)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(picture, 4, 4)
        line = QRect(box.left(), picture.bottom() + 4, box.width(), metrics.height() + 2)
        self._paint_captions(painter, line, item, option)
        painter.restore()

    def _paint_picture(self, painter: QPainter, box: QRect, path: str) -> None:
        ratio = painter.device().devicePixelRatioF()
        found = self.thumbnails.get(path, round(box.width() * ratio * 1.5))
        if found is None or found.isNull():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.tokens().raised)
            painter.drawRoundedRect(box, 4, 4)
            if found is not None:
                painter.setPen(theme.tokens().muted)
                centre = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
                painter.drawText(box.adjusted(6, 6, -6, -6), centre, self.tr("not readable"))
            return
        corners = QPainterPath()
        corners.addRoundedRect(box, 4, 4)
        painter.save()
        painter.setClipPath(corners)
        painter.drawPixmap(box, found, _middle(found))
        painter.restore()

    def _paint_captions(
        self, painter: QPainter, line: QRect, item: GalleryItem, option: QStyleOptionViewItem
    ) -> None:
        now = theme.tokens()
        plain = option.font
        strong_font = option.font
        strong_font.setBold(True)
        painter.setFont(strong_font)
        room = line.width()
        strong = painter.fontMetrics().elidedText(item.strong, Qt.TextElideMode.ElideRight, room)
        painter.setPen(theme.level_colours(item.level)[0] if item.level else now.text)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, strong)
        used = painter.fontMetrics().horizontalAdvance(strong + " ")
        plain.setBold(False)
        painter.setFont(plain)
        painter.setPen(now.muted)
        centre = Qt.AlignmentFlag.AlignVCenter
        metrics = painter.fontMetrics()
        if metrics.horizontalAdvance(item.first) <= room - used:
            painter.drawText(line.adjusted(used, 0, 0, 0), centre, item.first)
        if self.lines > 1:
            below = line.translated(0, line.height())
            second = metrics.elidedText(item.second, Qt.TextElideMode.ElideRight, room)
            painter.drawText(below, centre, second)


def _middle(pixmap: QPixmap) -> QRect:
    """Return the largest square in the middle of a picture."""
    side = min(pixmap.width(), pixmap.height())
    return QRect((pixmap.width() - side) // 2, (pixmap.height() - side) // 2, side, side)
