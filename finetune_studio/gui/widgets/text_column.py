"""Several texts laid out together: one below the other, or the first with the others beside it."""

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
        beside: Put the second text and those after it into a column of their own.
    """

    def __init__(
        self, marks: Sequence[Mark], width: float, font: QFont, *, beside: bool = False
    ) -> None:
        pieces = [piece for piece in in_pieces(marks) if isinstance(piece[0], Words)]
        two = beside and len(pieces) > 1 and width >= _BESIDE_LEAST
        wide = (width - _BESIDE_GAP) / 2 if two else width
        self.placed: list[_Placed] = []
        self._rule = wide + _BESIDE_GAP / 2 if two else 0.0
        left, right = 0.0, 0.0
        for number, piece in enumerate(pieces):
            words = piece[0]
            assert isinstance(words, Words)
            spans = [mark for mark in piece if isinstance(mark, Spans)]
            block = TextBlock(words, spans, width=wide, font=font)
            if two and number:
                self.placed.append(_Placed(QPointF(wide + _BESIDE_GAP, right), block))
                right += block.height + _GAP
            else:
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
            painter.drawLine(QPointF(x, clip.top()), QPointF(x, clip.bottom()))

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
