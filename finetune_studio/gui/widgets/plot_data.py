"""The points of one curve, kept so that any part of it can be drawn with few points and no peak lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FAN = 4  # how many buckets of one level make one of the next
_FIRST_ROOM = 256


@dataclass
class _Level:
    """The places of the smallest and the largest value of each whole bucket of ``size`` points."""

    size: int
    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]


class PlotData:
    """Points in the order of their x, with a min/max pyramid above them.

    A point whose x is not behind the last one takes the place of everything from there on: a run that
    went back draws again what it did again.
    """

    def __init__(self) -> None:
        self._x = np.empty(_FIRST_ROOM)
        self._y = np.empty(_FIRST_ROOM)
        self._count = 0
        self.changes = 0  # how often something else was there to draw
        self._levels: list[_Level] = []

    def __len__(self) -> int:
        return self._count

    @property
    def x(self) -> NDArray[np.float64]:
        """Return every x, ascending."""
        return self._x[: self._count]

    @property
    def y(self) -> NDArray[np.float64]:
        """Return every y."""
        return self._y[: self._count]

    @property
    def last(self) -> float | None:
        """Return the newest value; None where there is none."""
        return float(self._y[self._count - 1]) if self._count else None

    def add(self, x: float, y: float) -> None:
        """Add a point; one that is no number (NaN, infinity) is left out."""
        if not (np.isfinite(x) and np.isfinite(y)):
            return
        if self._count and x <= self._x[self._count - 1]:
            self._cut(int(np.searchsorted(self.x, x)))
        if self._count == len(self._x):
            self._x = np.concatenate([self._x, np.empty(self._count)])
            self._y = np.concatenate([self._y, np.empty(self._count)])
        self._x[self._count] = x
        self._y[self._count] = y
        self._count += 1
        self.changes += 1

    def clear(self) -> None:
        """Forget every point."""
        self._cut(0)

    def nearest(self, x: float) -> tuple[float, float] | None:
        """Return the point whose x is nearest; None where there is none."""
        if not self._count:
            return None
        right = int(np.searchsorted(self.x, x))
        around = [i for i in (right - 1, right) if 0 <= i < self._count]
        place = min(around, key=lambda i: abs(float(self._x[i]) - x))
        return float(self._x[place]), float(self._y[place])

    def view(
        self, start: float = -np.inf, end: float = np.inf, most: int = 2000
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return at most ``most`` points that draw the curve between two x.

        One point beyond either end is included, so that the line does not begin inside the picture.
        Where there are more points than may be drawn, each bucket of them gives its smallest and its
        largest.
        """
        first = max(0, int(np.searchsorted(self.x, start)) - 1)
        last = min(self._count, int(np.searchsorted(self.x, end, side="right")) + 1)
        if last - first <= most:
            return self.x[first:last].copy(), self.y[first:last].copy()
        self._build()
        places = self._thinned(first, last, most)
        return self._x[places], self._y[places]

    def _thinned(self, first: int, last: int, most: int) -> NDArray[np.int64]:
        for level in self._levels:
            begin, end = -(-first // level.size), last // level.size
            whole = max(0, end - begin)
            if 2 * (whole + 3) <= most:  # the ends fill no bucket, and are drawn themselves
                break
        parts = [
            np.array([first, last - 1], np.int64),
            self._extremes(first, min(last, begin * level.size) if whole else last),
            level.lowest[begin:end],
            level.highest[begin:end],
            self._extremes(end * level.size if whole else last, last),
        ]
        return np.unique(np.concatenate(parts))

    def _extremes(self, first: int, last: int) -> NDArray[np.int64]:
        if first >= last:
            return np.empty(0, np.int64)
        part = self._y[first:last]
        return np.array([first + int(part.argmin()), first + int(part.argmax())], np.int64)

    def _build(self) -> None:
        """Bring every level up to date with the whole buckets that came since."""
        size, depth = _FAN, 0
        while self._count // size:
            if depth == len(self._levels):
                none = np.empty(0, np.int64)
                self._levels.append(_Level(size, none, none))
            self._extend(depth)
            size, depth = size * _FAN, depth + 1

    def _extend(self, depth: int) -> None:
        level = self._levels[depth]
        done, whole = len(level.lowest), self._count // level.size
        if done == whole:
            return
        if depth == 0:
            places = np.arange(done * _FAN, whole * _FAN).reshape(-1, _FAN)
            low = high = places
        else:
            below = self._levels[depth - 1]
            low = below.lowest[done * _FAN : whole * _FAN].reshape(-1, _FAN)
            high = below.highest[done * _FAN : whole * _FAN].reshape(-1, _FAN)
        rows = np.arange(len(low))
        level.lowest = np.concatenate([level.lowest, low[rows, self._y[low].argmin(axis=1)]])
        level.highest = np.concatenate([level.highest, high[rows, self._y[high].argmax(axis=1)]])

    def _cut(self, count: int) -> None:
        self._count = count
        self.changes += 1
        for level in self._levels:
            whole = count // level.size
            level.lowest, level.highest = level.lowest[:whole], level.highest[:whole]
