"""Paints the texts of a gallery: who says what, then the first lines or those around an error."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget
from typing_extensions import override

from finetune_studio.core.preview import Spans, Words
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.gallery.item_model import ITEM_ROLE, GalleryItem
from finetune_studio.gui.widgets.text_block import TextBlock

_Index = QModelIndex | QPersistentModelIndex
_LINES = 3
_OWN_LINES = 4  # where texts bring lines of their own, such as what was said and what is true
_MARGIN = 8
_CARD = 260  # pixels of a card's width in a strip, in the 13 px design
_KEPT = 200


class TextTiles(QStyledItemDelegate):
    """Paints one text: a line of captions, a few lines of text below, a rule at the end."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.cell = QSize(200, 90)
        self.lines = _LINES
        self.named = False
        self.stacked = False
        self.own_lines = False
        self._strip = False
        self._kept: OrderedDict[tuple[GalleryItem, int, int], TextBlock] = OrderedDict()

    def fit(self, room: QSize, metrics: QFontMetrics, *, strip: bool) -> None:
        """Take the whole width; a strip takes its height, and as many lines as fit into it."""
        self._strip = strip
        line, name = metrics.height() + 4, metrics.height() if self.named else 0
        head = (metrics.height() + 2) * (2 if self.stacked else 1) + 2
        if strip:
            self.lines = max(1, (room.height() - head - 2 * _MARGIN - 8) // line)
            self.cell = QSize(theme.px(_CARD), max(48, room.height() - 6))
            return
        self.lines = _OWN_LINES if self.own_lines else _LINES - 1 if self.named else _LINES
        high = 2 * _MARGIN + head + self.lines * line + 3 * name
        self.cell = QSize(max(80, room.width() - 1), high)

    def suit(self, items: Sequence[GalleryItem], width: int, font: QFont) -> None:
        """Choose how texts are laid out: captions above each other where they are long."""
        marks = [mark for item in items for mark in item.marks]
        self.named = any(isinstance(mark, Spans) for mark in marks)
        self.own_lines = any(isinstance(mark, Words) and "\n" in mark.text for mark in marks)
        wide = QFontMetrics(font)
        said = (f"{item.strong} {item.first} {item.second}" for item in items if item.second)
        longest = max(map(wide.horizontalAdvance, said), default=0)
        self.stacked = longest * 1.08 > width - 2 * _MARGIN - 12
        self._kept.clear()

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return self.cell

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        item: GalleryItem = index.data(ITEM_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, option)
        box = option.rect.adjusted(_MARGIN, _MARGIN - 2, -_MARGIN, -_MARGIN)
        head = QRect(box.left(), box.top(), box.width(), option.fontMetrics.height() + 2)
        _paint_captions(painter, head, item, option.font, stacked=self.stacked)
        painter.setFont(option.font)
        above = head.height() * (2 if self.stacked else 1) + 2
        text = box.adjusted(0, above, 0, _MARGIN - 2)
        painter.setClipRect(text)
        block = self._block(item, box.width(), option.font)
        block.paint(painter, QPointF(text.topLeft()), 1.0, QRectF(text))
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        now = theme.tokens()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        if self._strip or chosen or focused:
            painter.setPen(now.accent if focused or chosen else now.line)
            painter.setBrush(now.accent_soft if chosen else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(option.rect).adjusted(1.5, 1.5, -1.5, -1.5), 6, 6)
        else:
            painter.setPen(now.line)
            low = option.rect.bottom()
            painter.drawLine(option.rect.left() + _MARGIN, low, option.rect.right() - _MARGIN, low)

    def _block(self, item: GalleryItem, width: int, font: QFont) -> TextBlock:
        key = (item, width, self.lines)
        if key not in self._kept:
            words = next((mark for mark in item.marks if isinstance(mark, Words)), Words(""))
            spans = [mark for mark in item.marks if isinstance(mark, Spans)]
            self._kept[key] = TextBlock(words, spans, width=width, font=font, most_lines=self.lines)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _paint_captions(
    painter: QPainter, line: QRect, item: GalleryItem, plain: QFont, *, stacked: bool
) -> None:
    """Write what the model says at the left, and what the user labelled at the right or below."""
    now = theme.tokens()
    strong_font = QFont(plain)
    strong_font.setBold(True)
    metrics, wide = QFontMetrics(plain), QFontMetrics(strong_font)
    most = line.width() if stacked else line.width() // 2
    second = metrics.elidedText(item.second, Qt.TextElideMode.ElideRight, most)
    taken = metrics.horizontalAdvance(second) + 12 if second and not stacked else 0
    first = f" {item.first}" if item.first else ""
    room = line.width() - taken - metrics.horizontalAdvance(first)
    strong = wide.elidedText(item.strong, Qt.TextElideMode.ElideRight, max(24, room))
    painter.setFont(strong_font)
    painter.setPen(theme.level_colours(item.level)[0] if item.level else now.text)
    centre = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(line, centre, strong)
    painter.setFont(plain)
    painter.setPen(now.muted)
    painter.drawText(line.adjusted(wide.horizontalAdvance(strong), 0, 0, 0), centre, first)
    if stacked:
        painter.drawText(line.translated(0, line.height()), centre, second)
    else:
        painter.drawText(line, centre | Qt.AlignmentFlag.AlignRight, second)
