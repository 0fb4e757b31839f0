"""Where the letters of a text lie once it is broken into lines: geometry without any painting."""

from __future__ import annotations

import bisect
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QTextLayout, QTextLine, QTextOption

_TALLEST = 1e6  # pixels: more than any text that is shown


@dataclass(frozen=True, slots=True)
class Room:
    """Free pixels that a line wants above and below its letters, for the names of places."""

    above: float = 0.0
    below: float = 0.0


class Units:
    """Turns letters, as Python counts them, into UTF-16 units, as Qt does, and back."""

    def __init__(self, text: str) -> None:
        wide = any(ord(letter) > 0xFFFF for letter in text)
        self._ends = (
            list(accumulate((2 if ord(letter) > 0xFFFF else 1 for letter in text), initial=0))
            if wide
            else None
        )
        self._letters = len(text)

    def of(self, letter: int) -> int:
        """Return the unit at which a letter begins; letters outside the text are moved to its ends."""
        inside = min(max(0, letter), self._letters)
        return inside if self._ends is None else self._ends[inside]

    def letter(self, unit: int) -> int:
        """Return the letter that a unit belongs to."""
        if self._ends is None:
            return min(unit, self._letters)
        return max(0, bisect.bisect_right(self._ends, unit) - 1)


def reads_from_right(paragraph: str) -> bool:
    """Whether the first letter that has a direction is read from right to left."""
    kinds = (unicodedata.bidirectional(letter) for letter in paragraph)
    return next((kind in ("R", "AL") for kind in kinds if kind in ("L", "R", "AL")), False)


class TextLayout:
    """A text in lines of a width; each paragraph reads in the direction of its own first letters.

    Args:
        text: Plain text; whatever looks like markup in it is shown as it is.
        width: Of a line, in pixels.
        wants_room: For a line from letter ``start`` to ``end``, the room it wants for names.
        most_lines: How many lines to show; what does not fit is left out with an ellipsis.
    """

    def __init__(
        self,
        text: str,
        width: float,
        font: QFont,
        wants_room: Sequence[tuple[int, int, Room]] = (),
        most_lines: int = 0,
    ) -> None:
        self.text = text
        self._width = max(24.0, width)
        self._font = font
        self._rooms = [entry for entry in wants_room if entry[1] > entry[0]]
        self._most = most_lines
        self._units = Units(text)
        self.lines: list[_Line] = []
        self.height = 0.0
        self.cut = False
        start = 0
        for paragraph in text.split("\n"):
            if self._full:
                self.cut = True
                break
            self._add(paragraph, start)
            start += len(paragraph) + 1

    @property
    def _full(self) -> bool:
        return bool(self._most) and len(self.lines) >= self._most

    def _add(self, paragraph: str, start: int) -> None:
        """Break one paragraph into lines below those there are."""
        left = self._most - len(self.lines) if self._most else 0
        shown = paragraph
        layout, lines = self._broken(shown)
        if left and len(lines) > left:
            self.cut = True
            end = lines[left - 1].textStart() + lines[left - 1].textLength()
            keep = Units(paragraph).letter(end)
            while len(lines) > left and keep > 0:
                keep -= 2
                shown = paragraph[: max(0, keep)].rstrip() + "…"
                layout, lines = self._broken(shown)
        units = Units(shown)
        for line in lines:
            first = start + units.letter(line.textStart())
            last = start + units.letter(line.textStart() + line.textLength())
            room = self._room(first, last)
            top = self.height + room.above
            line.setPosition(QPointF(0, top))
            self.lines.append(_Line(layout, line, first, last, start, units, top))
            self.height = top + line.height() + room.below

    def _broken(self, paragraph: str) -> tuple[QTextLayout, list[QTextLine]]:
        layout = QTextLayout(paragraph.replace("\0", "\ufffd"), self._font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        if reads_from_right(paragraph):
            option.setTextDirection(Qt.LayoutDirection.RightToLeft)
            option.setAlignment(Qt.AlignmentFlag.AlignRight)
        else:
            option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        layout.setTextOption(option)
        layout.setCacheEnabled(True)
        lines = []
        layout.beginLayout()
        most = self._most + 1 if self._most else 0
        while (line := layout.createLine()).isValid():
            line.setLineWidth(self._width)
            lines.append(line)
            if most and len(lines) >= most:
                break
        layout.endLayout()
        return layout, lines

    def _room(self, first: int, last: int) -> Room:
        inside = [room for start, end, room in self._rooms if start < last and end > first]
        return Room(
            max((room.above for room in inside), default=0.0),
            max((room.below for room in inside), default=0.0),
        )

    def boxes(self, start: int, end: int) -> list[QRectF]:
        """Return the boxes that letters ``start`` to ``end`` cover, at least one a line."""
        found: list[QRectF] = []
        for line in self._lines_from(start):
            if line.first >= end:
                break
            found += line.boxes(max(start, line.first), min(end, line.last))
        return found

    def _lines_from(self, letter: int) -> list[_Line]:
        place = bisect.bisect_right([line.last for line in self.lines], letter)
        return self.lines[place:]

    def letter_at(self, point: QPointF) -> int:
        """Return the letter nearest to a point, from 0 to the length of the text."""
        for line in self.lines:
            if point.y() < line.top + line.height or line is self.lines[-1]:
                return line.letter_at(point.x())
        return 0


@dataclass(slots=True)
class _Line:
    """One line of a paragraph: ``first`` to ``last`` are letters of the whole text."""

    layout: QTextLayout  # kept alive, the line is a part of it
    line: QTextLine
    first: int
    last: int
    paragraph: int
    units: Units
    top: float

    @property
    def height(self) -> float:
        return float(self.line.height())

    def boxes(self, start: int, end: int) -> list[QRectF]:
        """Return the boxes of some letters of this line, those side by side joined."""
        joined: list[tuple[float, float]] = []
        edge = QTextLine.Edge
        for letter in range(start, end):
            unit = self.units.of(letter - self.paragraph)
            ends = [float(_x(self.line, unit, side)) for side in (edge.Leading, edge.Trailing)]
            low, high = min(ends), max(ends)
            if joined and low <= joined[-1][1] + 0.6 and high >= joined[-1][0] - 0.6:
                joined[-1] = (min(low, joined[-1][0]), max(high, joined[-1][1]))
            elif high > low:
                joined.append((low, high))
        return [QRectF(low, self.top, high - low, self.height) for low, high in joined]

    def letter_at(self, x: float) -> int:
        """Return the letter of this line nearest to a place."""
        return self.paragraph + self.units.letter(int(self.line.xToCursor(x)))


def _x(line: QTextLine, unit: int, edge: QTextLine.Edge) -> float:
    found: Any = line.cursorToX(unit, edge)  # PySide6 also returns the unit that it was moved to
    return float(found[0] if isinstance(found, tuple) else found)
