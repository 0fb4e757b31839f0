"""Where the cells and names of a table of counts lie: geometry without any painting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QFontMetrics

_SMALLEST_CELL = 18
_LARGEST_CELL = 56
_LONGEST_NAME = 120
_GAP = 8


@dataclass(frozen=True, slots=True)
class GridPlaces:
    """Names at the left, cells beside them, names of the columns below.

    Attributes:
        room: Everything there is.
        rows: How many rows there are; ``columns`` likewise.
        cell: Side of a cell in pixels.
        left: Room for the names of the rows, ``below`` for those of the columns.
        slanted: Whether the names below are slanted, because they are wider than a cell.
        longest_name: Pixels after which a name is shortened.
        shift: How far the cells are scrolled.
    """

    ANGLE: ClassVar[int] = 40

    room: QRect
    rows: int
    columns: int
    cell: int
    left: int
    below: int
    slanted: bool
    longest_name: int = _LONGEST_NAME
    shift: QPoint = QPoint()  # noqa: RUF009  never changed in place

    @classmethod
    def fitting(
        cls,
        room: QRect,
        row_widths: Sequence[int],
        columns: Sequence[str],
        metrics: QFontMetrics,
        shift: QPoint | None = None,
    ) -> GridPlaces:
        """Return the places that fill a room; cells keep a least size, so a large grid scrolls."""
        longest = max(40, min(_LONGEST_NAME, room.width() // 3))
        widths = [min(longest, metrics.horizontalAdvance(name)) for name in columns]
        left = min(longest, max(row_widths, default=0)) + _GAP
        slant = math.radians(cls.ANGLE)
        wide = max(widths, default=0)
        slanted_below = round(wide * math.sin(slant)) + metrics.height() + _GAP
        # The last slanted name leans out to the right of its cell.
        overhang = round((widths[-1] if widths else 0) * math.cos(slant))
        upright = cls._cell(room, left, metrics.height() + _GAP, 0, len(row_widths), len(columns))
        slanted = wide > upright - 6
        cell = (
            cls._cell(room, left, slanted_below, overhang, len(row_widths), len(columns))
            if slanted
            else upright
        )
        below = slanted_below if slanted else metrics.height() + _GAP
        return cls(
            room,
            len(row_widths),
            len(columns),
            cell,
            left,
            below,
            slanted,
            longest,
            shift or QPoint(),
        )

    @staticmethod
    def _cell(room: QRect, left: int, below: int, overhang: int, rows: int, columns: int) -> int:
        wide = (room.width() - left - max(0, overhang - _SMALLEST_CELL // 2)) // max(1, columns)
        high = (room.height() - below) // max(1, rows)
        return max(_SMALLEST_CELL, min(_LARGEST_CELL, wide, high))

    @property
    def cells_room(self) -> QRect:
        """Return the part of the room in which cells are seen."""
        high = min(self.rows * self.cell, max(0, self.room.height() - self.below))
        return QRect(
            self.room.left() + self.left, self.room.top(), self.room.width() - self.left, high
        )

    @property
    def hidden(self) -> QPoint:
        """Return how far the cells can be scrolled: pixels to the right and down."""
        seen = self.cells_room
        return QPoint(
            max(0, self.columns * self.cell - seen.width()),
            max(0, self.rows * self.cell - seen.height()),
        )

    def cell_box(self, row: int, column: int) -> QRect:
        """Return the box of a cell, scrolled as it is."""
        corner = self.cells_room.topLeft() - self.shift
        return QRect(
            corner.x() + column * self.cell, corner.y() + row * self.cell, self.cell, self.cell
        )

    def row_name_box(self, row: int) -> QRect:
        """Return the box of a row's name."""
        return QRect(self.room.left(), self.cell_box(row, 0).top(), self.left - _GAP, self.cell)

    def column_name_box(self, column: int) -> QRect:
        """Return the box below a column in which its name begins."""
        return QRect(
            self.cell_box(0, column).left(), self.cells_room.bottom() + 1, self.cell, self.below
        )

    def place_at(self, point: QPoint) -> tuple[int, int] | None:
        """Return (row, column) under a point; -1 stands for a name; None where nothing is."""
        seen = self.cells_room
        column = (point.x() - seen.left() + self.shift.x()) // self.cell
        row = (point.y() - seen.top() + self.shift.y()) // self.cell
        inside_columns = point.x() >= seen.left() and 0 <= column < self.columns
        inside_rows = seen.top() <= point.y() <= seen.bottom() and 0 <= row < self.rows
        if inside_rows and inside_columns:
            return row, column
        if inside_rows and self.room.left() <= point.x() < seen.left():
            return row, -1
        if point.y() > seen.bottom():
            return self._column_name_at(point)
        return None

    def _column_name_at(self, point: QPoint) -> tuple[int, int] | None:
        """Return which column's name is under a point; slanted names lean to the right."""
        seen = self.cells_room
        deep = point.y() - seen.bottom()
        if deep > self.below:
            return None
        lean = round(deep / math.tan(math.radians(self.ANGLE))) if self.slanted else 0
        column = (point.x() - lean - seen.left() + self.shift.x()) // self.cell
        return (-1, column) if 0 <= column < self.columns else None
