"""Lines across a plot that are no curves: a level to beat, a moment that matters, where the mouse is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg  # noqa: TID253  this module is loaded with the curves of a run, never before
from PySide6.QtGui import QColor, QFont

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.plot_parts import View, pen

# Where along an upright line its name may stand, best first.
_HEIGHTS = (0.94, 0.06, 0.75, 0.25, 0.5)
_WIDE, _HIGH = 0.28, 0.1  # how much of the plot a name takes, with air around it
_AIR = 2  # pixels between a name's ground and an end of the plot
_CORNERS = (  # where the name of a level may stand, best first: along the line, and its anchor
    (0.995, (1, 1)),
    (0.005, (0, 1)),
    (0.995, (1, 0)),
    (0.005, (0, 0)),
)

Named = tuple[str, float]


class PlotLines:
    """Draws the lines of one plot, each again only where it stands otherwise than before."""

    def __init__(self, plot: View) -> None:
        self._box = plot.getViewBox()
        self._drawn: dict[str, Any] = {}
        self.cursor = pg.InfiniteLine(angle=90)
        self.level = pg.InfiniteLine(
            angle=0, label="", labelOpts={"position": 0.995, "anchors": [(1, 1), (1, 1)]}
        )
        self.moment = pg.InfiniteLine(
            angle=90, label="", labelOpts={"position": 0.94, "anchors": [(0, 0.5), (1, 0.5)]}
        )
        for line in (self.cursor, self.level, self.moment):
            line.setVisible(False)
            plot.addItem(line, ignoreBounds=True)

    def dress(self, font: QFont) -> None:
        """Take the colours and the font of the theme."""
        now = theme.tokens()
        self.cursor.setPen(pen(now.line))
        for line, colour in ((self.level, now.muted), (self.moment, now.ok)):
            _dress(line, colour, font)

    def show_level(self, level: Named | None, curves: Sequence[tuple[Any, Any]]) -> None:
        """Draw a level, at its place on the axis, with its name where no curve runs through it, or none."""
        if self._is_new("level", level):
            _place(self.level, level)
        if level is None:
            return
        name, box = self.level.label.textItem.boundingRect(), self._box
        size = (name.width() / max(1.0, box.width()), name.height() / max(1.0, box.height()))
        corner = clear_corner(curves, level[1], size, box.viewRange())
        if self._is_new("corner", corner):
            along, anchor = _CORNERS[corner]
            self.level.label.anchors = [anchor, anchor]
            self.level.label.setPosition(along)

    def show_moment(self, moment: Named | None, curves: Sequence[tuple[Any, Any]]) -> None:
        """Draw a moment with its name where no curve runs through it, or none."""
        if self._is_new("moment", moment):
            _place(self.moment, moment)
        if moment is None:
            return
        height = clear_height(curves, moment[1], self._box.viewRange())
        height = inside(
            height, self.moment.label.textItem.boundingRect().height(), self._box.height()
        )
        if self._is_new("height", height):
            self.moment.label.setPosition(height)

    def _is_new(self, what: str, now: Any) -> bool:
        old, self._drawn[what] = self._drawn.get(what), now
        return bool(old != now)


def _place(line: Any, where: Named | None) -> None:
    line.setVisible(where is not None)
    if where is not None:
        line.setValue(where[1])
        line.label.setFormat(where[0].replace("{", "(").replace("}", ")"))


def _dress(line: Any, colour: QColor, font: QFont) -> None:
    line.setPen(pen(colour, dashed=True))
    line.label.setColor(colour)
    line.label.setFont(font)
    line.label.fill = pg.mkBrush(theme.tokens().surface)


def clear_height(curves: Sequence[tuple[Any, Any]], x: float, view: Any) -> float:
    """Return how high the name of an upright line stands so that no curve runs through it, from 0 to 1.

    Args:
        curves: Places and values of each curve as they are drawn.
        x: Where the line is.
        view: Left and right, then low and high end of what is shown.
    """
    (left, right), (low, high) = view
    reach = _WIDE * (right - left)
    near: list[float] = []
    for places, values in curves:
        if len(places):
            seen = np.linspace(max(x - reach, places[0]), min(x + reach, places[-1]), 24)
            near += ((np.interp(seen, places, values) - low) / ((high - low) or 1)).tolist()
    free = {spot: min((abs(y - spot) for y in near), default=1.0) for spot in _HEIGHTS}
    return next(
        (spot for spot in _HEIGHTS if free[spot] >= _HIGH), max(free, key=lambda s: free[s])
    )


def clear_corner(
    curves: Sequence[tuple[Any, Any]], y: float, size: tuple[float, float], view: Any
) -> int:
    """Return at which end of a level, and on which side, its name stands freest: a place in ``_CORNERS``.

    Args:
        curves: Places and values of each curve as they are drawn.
        y: Where the level is.
        size: How much of the plot's width and height the name takes, from 0 to 1.
        view: Left and right, then low and high end of what is shown.
    """
    (left, right), (low, high) = view
    wide, half, span = size[0] * (right - left), size[1] / 2, (high - low) or 1
    room: list[float] = []
    for _, (at_right, above) in _CORNERS:
        seen = np.linspace(0, wide, 24) + (right - wide if at_right else left)
        middle = (y - low) / span + (half if above else -half)
        near = [1.0]
        for places, values in curves:
            if len(places):
                there = seen[(seen >= places[0]) & (seen <= places[-1])]
                ways = (np.interp(there, places, values) - low) / span
                near += np.abs(ways - middle).tolist()
        room.append(min(near) if half <= middle <= 1 - half else -1.0)
    return next((at for at, free in enumerate(room) if free > half), room.index(max(room)))


def inside(height: float, name: float, plot: float) -> float:
    """Return a height at which a name is wholly in the plot: its ground would hide a bit of the axis.

    Args:
        height: Where the middle of the name was to be, from 0 to 1.
        name: How high the name is, in pixels.
        plot: How high the plot is, in pixels.
    """
    least = (name / 2 + _AIR) / max(plot, 1.0)
    return 0.5 if least > 0.5 else min(max(height, least), 1 - least)
