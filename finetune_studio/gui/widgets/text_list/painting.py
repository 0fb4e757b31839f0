"""Paints the rows of a list of texts: first words, labels, hints, and what the user decided."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.letters import from_right
from finetune_studio.gui.widgets.text_list.line import TextLine

EDGE = 8
_GAP = 6
_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
_CENTRED = int(Qt.AlignmentFlag.AlignCenter)
_MOST = 400  # letters of a title that are measured; more do not fit into any row


def row_height(metrics: QFontMetrics) -> int:
    """Return how high a row of two lines is."""
    return 2 * metrics.height() + 18


def small_font(font: QFont) -> QFont:
    """Return the font of the second line."""
    small = QFont(font)
    small.setPixelSize(theme.px(11))
    return small


def paint_row(
    painter: QPainter,
    box: QRect,
    line: TextLine,
    *,
    chosen: bool,
    focused: bool,
    hovered: bool,
    out: bool,
    bad: bool,
) -> None:
    """Paint one row; ``out`` if its sample takes no part, ``bad`` if it cannot be used."""
    now = theme.tokens()
    painter.setPen(now.line)
    painter.drawLine(box.left() + EDGE, box.bottom(), box.right() - EDGE, box.bottom())
    ground = QRectF(box).adjusted(1.5, 1.5, -1.5, -2.5)
    if chosen or hovered or focused:
        back = now.accent_soft if chosen else now.raised if hovered else now.surface
        painter.setBrush(back)
        painter.setPen(now.accent if focused else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(ground, 5, 5)
    inside = box.adjusted(EDGE, 7, -EDGE, -8)
    font = painter.font()
    high = painter.fontMetrics().height()
    first = QRect(inside.left(), inside.top(), inside.width(), high)
    second = QRect(inside.left(), inside.bottom() - high + 1, inside.width(), high)
    ink = now.bad if bad else now.muted if out else now.text
    _paint_title(painter, first, line, ink, struck=out)
    painter.setFont(small_font(font))
    _paint_under(painter, second, line)
    painter.setFont(font)


def _paint_title(
    painter: QPainter, box: QRect, line: TextLine, ink: QColor, *, struck: bool
) -> None:
    now, metrics = theme.tokens(), painter.fontMetrics()
    shown = metrics.elidedText(line.title[:_MOST], Qt.TextElideMode.ElideRight, box.width())
    right = from_right(shown)
    if not right:  # in scripts from the right a place in the text says little about where it is
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(now.warning_back)
        for start, end in line.matches:
            if start < len(shown):
                left = metrics.horizontalAdvance(shown[:start])
                wide = metrics.horizontalAdvance(shown[: min(end, len(shown))]) - left
                mark = QRectF(box.left() + left - 1, box.top(), wide + 2, box.height())
                painter.drawRoundedRect(mark, 3, 3)
    painter.setPen(ink)
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | side), shown)
    if struck:
        wide, middle = metrics.horizontalAdvance(shown), box.center().y() + 1
        start = box.right() - wide if right else box.left()
        painter.drawLine(start, middle, start + wide, middle)


def _paint_under(painter: QPainter, box: QRect, line: TextLine) -> None:
    """Paint the second line from both ends: facts and hints at the right, labels at the left."""
    now, metrics = theme.tokens(), painter.fontMetrics()
    right = box.right()
    if line.facts and metrics.horizontalAdvance(line.facts) < box.width() // 2:
        wide = metrics.horizontalAdvance(line.facts) + 1
        painter.setPen(now.muted)
        painter.drawText(QRect(right - wide, box.top(), wide + 1, box.height()), _LEFT, line.facts)
        right -= wide + 2 * _GAP
    for hint in reversed(line.hints):
        wide = metrics.horizontalAdvance(hint) + 12
        if right - wide < box.left() + box.width() // 3:
            break
        place = QRect(right - wide, box.top(), wide, box.height())
        _paint_chip(painter, place, hint, now.warning_back, now.text)
        right -= wide + _GAP
    left = box.left()
    for chip in line.chips:
        room = right - left
        if room < 40:
            break
        shown = metrics.elidedText(chip, Qt.TextElideMode.ElideRight, min(room - 12, 180))
        wide = metrics.horizontalAdvance(shown) + 12
        _paint_chip(
            painter, QRect(left, box.top(), wide, box.height()), shown, now.raised, now.text
        )
        left += wide + _GAP
    if line.under and right - left > 24:
        painter.setPen(now.muted)
        rest = QRect(QPoint(left, box.top()), QPoint(right, box.bottom()))
        font = painter.font()
        if line.muted:
            slanted = QFont(font)
            slanted.setItalic(True)
            painter.setFont(slanted)
        shown = metrics.elidedText(line.under[:_MOST], Qt.TextElideMode.ElideRight, rest.width())
        painter.drawText(rest, _LEFT, shown)
        painter.setFont(font)


def _paint_chip(painter: QPainter, box: QRect, text: str, back: QColor, ink: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(back)
    painter.drawRoundedRect(QRectF(box), 4, 4)
    painter.setPen(ink)
    painter.drawText(box, _CENTRED, text)
