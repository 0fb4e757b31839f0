"""Where marks and their words stand on a plot, so that none lies over another; plain numbers, no Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

_BESIDE = 4  # pixels between words and what comes after them


@dataclass(frozen=True, slots=True)
class PlotMark:
    """A moment on the x axis, its level, the sentence that belongs there, and a word or two for it."""

    x: float
    level: str
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A mark with its row, the words beside it, if there is room for them, and whether these stand left."""

    mark: PlotMark
    row: int
    words: str = ""
    left: bool = False


@dataclass
class Room:
    """What a plot has room for: ``width`` in pixels, ``rows`` below each other, a mark's own ``side``."""

    width: float
    rows: int
    side: float
    _taken: list[list[tuple[float, float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._taken = [[] for _ in range(self.rows)]

    def take(self, start: float, end: float) -> int | None:
        """Take a stretch in the first row where it is free; None if there is none."""
        for row, taken in enumerate(self._taken):
            if all(end <= low or start >= high for low, high in taken):
                taken.append((start, end))
                return row
        return None


def placed(
    marks: Sequence[PlotMark],
    x_of: Callable[[float], float],
    width_of: Callable[[str], float],
    room: Room,
) -> list[Placed]:
    """Return where marks stand, in the order of their moments; what is said again has no words.

    Args:
        marks: The marks.
        x_of: Returns where a moment stands, in pixels.
        width_of: Returns how wide words are, in pixels.
        room: Of the plot; it is filled.
    """
    found: list[Placed] = []
    said: set[str] = set()
    for mark in sorted(marks, key=lambda one: one.x):
        title = "" if mark.title in said else mark.title
        found.append(_place(mark, title, x_of(mark.x), width_of(title), room))
        if found[-1].words:
            said.add(title)
    return found


def _place(mark: PlotMark, title: str, x: float, wide: float, room: Room) -> Placed:
    """Place a mark with its words at the right, at the left, or without them."""
    half = room.side / 2
    for words, left, start, end in _tries(title, (x - half, x + half), wide, room.width):
        row = room.take(start, end)
        if row is not None:
            return Placed(mark, row, words, left)
    return Placed(mark, room.rows - 1)


def _tries(
    title: str, mark: tuple[float, float], wide: float, room: float
) -> Iterator[tuple[str, bool, float, float]]:
    """Yield words, whether they stand left, and the stretch that they take; none stick out of the plot."""
    start, end = mark
    if title and end + wide <= room:
        yield title, False, start, end + wide + _BESIDE
    if title and start - wide >= 0:
        yield title, True, start - wide - _BESIDE, end
    yield "", False, start, end
