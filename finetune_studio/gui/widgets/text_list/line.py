"""What one row of a list of texts says, and where the rows lie; arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect


@dataclass(frozen=True, slots=True)
class TextLine:
    """The words of one row; empty ones take no room.

    Attributes:
        title: The first words, or those around what was searched.
        matches: Where in the title the searched word stands.
        chips: Labels, each in a frame of its own.
        under: What else stands in the second line: an answer, a summary, what is marked.
        hints: What is odd about the text, in one or two words each.
        facts: What stands at the right end: split, length.
        muted: Whether ``under`` says that something is missing.
    """

    title: str = ""
    matches: tuple[tuple[int, int], ...] = ()
    chips: tuple[str, ...] = ()
    under: str = ""
    hints: tuple[str, ...] = ()
    facts: str = ""
    muted: bool = False


@dataclass(frozen=True, slots=True)
class RowPlaces:
    """Rows below each other, all of one height, as wide as the view."""

    count: int = 0
    line: int = 52
    width: int = 200
    columns: int = 1

    @property
    def height(self) -> int:
        """Return the height of everything."""
        return self.count * self.line

    def box(self, row: int) -> QRect:
        """Return where a row lies."""
        return QRect(0, row * self.line, self.width, self.line)

    def first_at(self, y: int) -> int:
        """Return the row at a height."""
        return max(0, y // self.line)

    def within(self, top: int, bottom: int) -> range:
        """Return the rows that touch these heights."""
        end = self.first_at(max(0, bottom)) + 1
        return range(min(self.first_at(top), self.count), min(self.count, end))

    def at(self, x: int, y: int) -> int:
        """Return the row at a point; -1 beside them."""
        row = self.first_at(y)
        return row if 0 <= x < self.width and y >= 0 and row < self.count else -1
