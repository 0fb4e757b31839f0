"""Several texts laid out together: one below the other, or some of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QFont, QPainter

from finetune_studio.core.preview import Mark, Spans, Words
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.text_block import Place, TextBlock, in_pieces

_GAP = 14.0  # between texts one below the other
_BESIDE_GAP = 24.0
_BESIDE_LEAST = 440.0  # pixels of width below which nothing stands beside


@dataclass(frozen=True, slots=True)
class _Placed:
    corner: QPointF
    block: TextBlock


class TextColumn:
    """The words among marks, each with its places; other marks are left out.

    Args:
        marks: Of a preview.
        width: Of all, in pixels.
        font: Of the texts.
        beside: ``first`` puts the second text and those after it beside the first, ``last`` the last one
            beside the one before it; where there is no room, all stand one below the other.
    """

    def __init__(
        self, marks: Sequence[Mark], width: float, font: QFont, *, beside: str = ""
    ) -> None:
        pieces = [piece for piece in in_pieces(marks) if isinstance(piece[0], Words)]
        two = bool(beside) and len(pieces) > 1 and width >= _BESIDE_LEAST
        half = (width - _BESIDE_GAP) / 2
        count = len(pieces)
        at_left = range(1) if beside == "first" else range(max(0, count - 2), count - 1)
        at_right = range(1, count) if beside == "first" else range(count - 1, count)
        self.placed: list[_Placed] = []
        self._rule = half + _BESIDE_GAP / 2 if two else 0.0
        self._rule_top = 0.0
        left, right = 0.0, 0.0
        for number, piece in enumerate(pieces):
            in_half = two and (number in at_left or number in at_right)
            block = _block(piece, half if in_half else width, font)
            if two and number in at_right:
                self.placed.append(_Placed(QPointF(half + _BESIDE_GAP, right), block))
                right += block.height + _GAP
                continue
            if in_half:
                self._rule_top = right = left
            self.placed.append(_Placed(QPointF(0, left), block))
            left += block.height + _GAP
        self.height = max(0.0, max(left, right) - _GAP)

    def paint(self, painter: QPainter, corner: QPointF, heat: float, clip: QRectF) -> None:
        """Paint all with the upper left corner at a point; ``clip`` is what can be seen."""
        for placed in self.placed:
            box = QRectF(
                corner + placed.corner, corner + placed.corner + QPointF(1, placed.block.height)
            )
            if box.top() < clip.bottom() and box.bottom() > clip.top():
                placed.block.paint(painter, corner + placed.corner, heat, clip)
        if self._rule:
            painter.setPen(theme.tokens().line)
            x = corner.x() + self._rule
            top = max(clip.top(), corner.y() + self._rule_top)
            painter.drawLine(QPointF(x, top), QPointF(x, clip.bottom()))

    def tip_at(self, point: QPointF) -> str:
        """Return in words what is at a point: a place, or how much a word counted; else nothing."""
        for placed in self.placed:
            inside = point - placed.corner
            if not 0 <= inside.y() <= placed.block.height:
                continue
            place = placed.block.place_at(inside)
            if place is not None:
                return place_in_words(place)
            letter = placed.block.letter_at(inside)
            for start, end, weight in placed.block.words.heat:
                if start <= letter < end and any(
                    box.contains(inside) for box in placed.block.boxes(start, end)
                ):
                    share = f"{weight:+.0%}".replace("%", " %")
                    return _tr("{weight} of the weight of the strongest word").format(weight=share)
        return ""


def _block(piece: Sequence[Mark], width: float, font: QFont) -> TextBlock:
    words = piece[0]
    assert isinstance(words, Words)
    spans = [mark for mark in piece if isinstance(mark, Spans)]
    return TextBlock(words, spans, width=width, font=font)


def place_in_words(place: Place) -> str:
    """Return who names a place what, and how surely."""
    name, certainty = place.span.name, place.span.certainty
    sure = f", {certainty:.0%}".replace("%", " %") if certainty is not None else ""
    if place.said and place.truth:
        return _tr("{name}: in the data, and the model says so{sure}").format(name=name, sure=sure)
    if place.said:
        return _tr("{name}: said by the model{sure}").format(name=name, sure=sure)
    return _tr("{name}: in the data").format(name=name)


def _tr(text: str) -> str:
    return QCoreApplication.translate("TextColumn", text)
