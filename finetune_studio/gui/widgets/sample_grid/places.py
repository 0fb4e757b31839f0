"""Where every tile of a grid lies: arithmetic only, so nothing is laid out beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect

GAP = 10
_EDGE = 2  # room for the frame of a selected tile


@dataclass(frozen=True, slots=True)
class Places:
    """The tiles of a grid, all of one size, line by line; pixels from the top of the content.

    Attributes:
        count: How many tiles there are.
        columns: How many stand in a line.
        side: Width and height of a picture.
        caption: Height of what stands below it, with the gap to the next line.
    """

    count: int = 0
    columns: int = 1
    side: int = 128
    caption: int = 24

    @property
    def line(self) -> int:
        """Return the height of a line of tiles."""
        return self.side + self.caption

    @property
    def height(self) -> int:
        """Return the height of everything."""
        return -(-self.count // self.columns) * self.line

    def box(self, row: int) -> QRect:
        """Return where a tile lies."""
        line, column = divmod(row, self.columns)
        x, y = column * (self.side + GAP) + _EDGE, line * self.line + _EDGE
        return QRect(x, y, self.side, self.line - 2 * _EDGE)

    def first_at(self, y: int) -> int:
        """Return the first tile of the line at a height."""
        return max(0, y // self.line) * self.columns

    def within(self, top: int, bottom: int) -> range:
        """Return the tiles of all lines that touch these heights."""
        end = self.first_at(max(0, bottom)) + self.columns
        return range(min(self.first_at(top), self.count), min(self.count, end))

    def at(self, x: int, y: int) -> int:
        """Return the tile at a point; -1 between and beside them."""
        column = (x - _EDGE) // (self.side + GAP)
        row = self.first_at(y) + column
        if 0 <= column < self.columns and row < self.count and self.box(row).contains(x, y):
            return row
        return -1


def fitted(count: int, width: int, wish: int, caption: int) -> Places:
    """Return places in a width: pictures are about as wide as wished and share what is left over."""
    room = max(24, width - 2 * _EDGE)
    columns = max(1, round((room + GAP) / (wish + GAP)))
    share = (room - GAP * (columns - 1)) // columns
    return Places(count, columns, share if count >= columns else min(room, wish), caption)
