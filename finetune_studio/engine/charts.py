"""Curves as SVG for the report: axis titles, a legend, the best epoch marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 460, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 28, 40
_MOST_POINTS = 400


def chart(
    title: str,
    curves: dict[str, tuple[Points, str]],
    best: float | None,
    *,
    level: tuple[float, str] | None = None,
    bounds: tuple[float, float] | None = None,
) -> str:
    """Return curves over epochs as an SVG element.

    Args:
        title: What the vertical axis counts.
        curves: Points and the name of a colour of the page's style, by name.
        best: The epoch to mark, if any.
        level: A height to mark with its words, such as a baseline.
        bounds: Lowest and highest value of the vertical axis; None takes what there is.
    """
    finite = [(x, y) for points, _ in curves.values() for x, y in points if math.isfinite(y)]
    if not finite:
        return ""
    right = max(x for x, _ in finite) or 1.0
    low, high = bounds or (0.0, max(y for _, y in finite) * 1.05 or 1.0)

    def place(x: float, y: float) -> tuple[float, float]:
        wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return _LEFT + wide * x / right, _TOP + tall * (1 - (y - low) / (high - low))

    parts = [f'<text x="{_LEFT}" y="16">{escape(title)}</text>']
    for value in ticks(low, high):
        _, y = place(0, value)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
            ' stroke="var(--line)"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    for value in ticks(0, right):
        x, _ = place(value, low)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{value:g}</text>')
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">epoch</text>')
    if level is not None:
        _, y = place(0, level[0])
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
            ' stroke="var(--muted)" stroke-dasharray="4 3"/>'
            f'<text x="{_WIDTH - _RIGHT}" y="{y - 4:.1f}" text-anchor="end">'
            f"{escape(level[1])}: {level[0]:.3f}</text>"
        )
    if best:
        x, _ = place(best, low)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"'
            ' stroke="var(--green)" stroke-dasharray="4 3"/>'
        )
        anchor = "end" if best > right * 0.7 else "start"
        shift = -4 if anchor == "end" else 4
        parts.append(
            f'<text x="{x + shift:.1f}" y="{_TOP + 10}" text-anchor="{anchor}">best: epoch {best:g}</text>'
        )
    for number, (name, (points, colour)) in enumerate(curves.items()):
        kept = thinned([(x, y) for x, y in points if math.isfinite(y)])
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in (place(x, min(y, high)) for x, y in kept))
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="var(--{colour})" stroke-width="1.5"/>'
        )
        if len(curves) > 1:
            x = _LEFT + 90 * number
            parts.append(
                f'<line x1="{x}" x2="{x + 14}" y1="{_HEIGHT - 10}" y2="{_HEIGHT - 10}"'
                f' stroke="var(--{colour})" stroke-width="3"/>'
                f'<text x="{x + 18}" y="{_HEIGHT - 6}">{escape(name)}</text>'
            )
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{inside}</svg>'


def range_bar(value: float, bounds: Sequence[float], base: float | None) -> str:
    """Return a score on a line from 0 to 1: the interval as a band, the baseline as a tick."""
    low, high = (min(1.0, max(0.0, bound)) for bound in bounds)
    tick = (
        f'<rect x="{200 * base - 1:.1f}" y="2" width="2" height="12" fill="var(--muted)"/>'
        if base is not None
        else ""
    )
    words = f"{value:.3f}, from {low:.3f} to {high:.3f}"
    return (
        f'<svg viewBox="0 0 200 16" role="img" aria-label="{words}">'
        '<rect x="0" y="6" width="200" height="4" rx="2" fill="var(--raised)"/>'
        f'<rect x="{200 * low:.1f}" y="5" width="{max(2.0, 200 * (high - low)):.1f}" height="6" rx="3"'
        f' fill="var(--blue)" opacity="0.4"/>{tick}'
        f'<circle cx="{min(195, max(5, 200 * value)):.1f}" cy="8" r="5" fill="var(--blue)"/></svg>'
    )


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers between two bounds, about as many as wanted."""
    span = max(high - low, 1e-9)
    step = 10.0 ** math.floor(math.log10(span / wanted))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= wanted)
    first = math.ceil(low / step)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Return at most 400 points, each the mean of its neighbours."""
    size = math.ceil(len(points) / _MOST_POINTS)
    if size <= 1:
        return points
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
