"""What befalls a leaf: three diseases, and the accidents that happen to healthy ones as well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from leaf_drawing.noise import DRAWN, Random, fractal, mix, step, window

if TYPE_CHECKING:
    from leaf_drawing.blade import Leaf


def somewhere(
    rng: Random, leaf: Leaf, low: float = 2.0, high: float = 1e9
) -> tuple[int, int] | None:
    """A random pixel of the visible blade at least `low` and at most `high` from its edge."""
    rows, columns = np.nonzero((leaf.frame.inward > low) & (leaf.frame.inward < high))
    if not len(rows):
        return None
    pick = int(rng.integers(len(rows)))
    return int(rows[pick]), int(columns[pick])


def leaf_rust(rng: Random, leaf: Leaf) -> None:
    """Small raised orange-brown pustules in loose clusters, with yellow halos."""
    severity = rng.beta(1.6, 1.4)
    amount, tint = int(45 + 160 * severity), np.array([0.60, 0.29, 0.09]) * rng.uniform(0.55, 1.15)
    wobble, grain = fractal(rng, 30, 3), fractal(rng, 130, 1)
    centres = [s for _ in range(int(rng.integers(1, 6))) if (s := somewhere(rng, leaf))]
    size, halo = rng.uniform(2.2, 4.4), rng.uniform(1.7, 3.2)
    chlorosis = rng.uniform(0.25, 0.8)
    for _ in range(amount):
        spot = scatter(rng, leaf, centres)
        if spot is None:
            continue
        radius = size * rng.lognormal(0, 0.45)
        rows, columns, dy, dx = window(spot, radius * halo * 1.6)
        turn, squeeze = rng.uniform(0, math.pi), rng.uniform(0.6, 1.0)
        a, b = dx * math.cos(turn) + dy * math.sin(turn), dy * math.cos(turn) - dx * math.sin(turn)
        away = np.hypot(a, b / squeeze) / radius + 0.13 * wobble[rows, columns]
        on = leaf.frame.inward[rows, columns] > 0.5
        around = (1 - step(away, 0.9, halo)) * on * chlorosis
        core = (1 - step(away, 0.7, 1.1)) * on
        colour = mix(leaf.colour[rows, columns], (0.66, 0.60, 0.17), around)
        shade = tint * rng.uniform(0.8, 1.2)
        speckled = shade * (1 + 0.16 * grain[rows, columns][..., None])
        dark = mix(speckled, shade * 0.5, step(away, 0.55, 1.0) * 0.6)
        leaf.colour[rows, columns] = mix(colour, dark, core * 0.93)
        leaf.height[rows, columns] += core * radius * 0.45
        leaf.gloss[rows, columns] *= 1 - core
    dusting = step(fractal(rng, 5, 4), 1.0, 2.4) * step(grain, 0.4, 1.4) * (leaf.frame.inward > 0)
    leaf.colour[:] = mix(leaf.colour, tint, dusting * 0.55 * severity)


def scatter(rng: Random, leaf: Leaf, centres: list[tuple[int, int]]) -> tuple[int, int] | None:
    """A spot on the blade, mostly near one of the cluster centres."""
    if not centres or rng.random() < 0.3:
        return somewhere(rng, leaf)
    row, column = centres[int(rng.integers(len(centres)))]
    row, column = (int(c + rng.normal(0, 0.11) * leaf.frame.scale) for c in (row, column))
    inside = 0 <= row < DRAWN and 0 <= column < DRAWN and leaf.frame.inward[row, column] > 1
    return (row, column) if inside else None


def leaf_blight(rng: Random, leaf: Leaf) -> None:
    """A few large dead areas, often from the edge: brown, dark-rimmed, ringed, yellow around."""
    severity = rng.beta(1.7, 1.4)
    ragged = 0.20 * fractal(rng, 7, 4) + 0.07 * fractal(rng, 50, 2)
    away, own = np.full(leaf.frame.along.shape, 9.0), np.zeros(leaf.frame.along.shape)
    for number in range(int(1 + rng.poisson(1.5 + 2.5 * severity))):
        margin = number > 0 and rng.random() < 0.6
        spot = somewhere(rng, leaf, 0, 6) if margin else somewhere(rng, leaf, 8)
        if spot is None:
            continue
        radius = leaf.frame.scale * rng.uniform(0.06, 0.115) * (1 + 1.4 * severity * rng.random())
        along = (leaf.frame.along - leaf.frame.along[spot]) * leaf.frame.scale / radius
        across = (leaf.frame.across - leaf.frame.across[spot]) * leaf.frame.scale / radius
        # Dead tissue stops at side veins, so areas are longer along these than across.
        lean = math.copysign(0.6, leaf.frame.across[spot])
        near = np.hypot(
            (along - lean * across) / rng.uniform(0.9, 1.2), across / rng.uniform(1.0, 1.6)
        )
        away = np.minimum(away, near + ragged + 0.10 * leaf.veins)
        own = np.maximum(own, 1.2 - near)
    dead = (1 - step(away, 0.88, 1.0)) * (leaf.frame.inward > -1)
    border = (1 - step(away, 1.0, rng.uniform(1.25, 1.9))) * (leaf.frame.inward > 0)
    leaf.colour[:] = mix(leaf.colour, (0.64, 0.58, 0.17), border * rng.uniform(0.3, 0.85))
    dry = dead_colour(rng, away)
    leaf.colour[:] = mix(leaf.colour, dry, dead * 0.96)
    leaf.height[:] += dead * (0.8 * fractal(rng, 26, 3) - 2.0)
    leaf.gloss[:] *= 1 - 0.9 * dead
    if rng.random() < 0.2:
        torn = (1 - step(away + 0.08 * fractal(rng, 12, 3), 0.35, 0.42)) * (leaf.frame.inward < 60)
        leaf.alpha[:] *= 1 - torn


def dead_colour(rng: Random, away: np.ndarray) -> np.ndarray:
    """Tan to grey-brown with faint rings and a dark rim."""
    tan = np.array([0.50, 0.36, 0.21]) * rng.uniform(0.6, 1.25) + rng.normal(0, 0.02, 3)
    rings = 0.5 + 0.5 * np.sin(away * rng.uniform(14, 30) + 0.8 * fractal(rng, 6, 2))
    dry = tan * (1 + 0.10 * fractal(rng, 20, 4)[..., None])
    dry = mix(dry, tan * 0.6, rings * rng.uniform(0.1, 0.6))
    return mix(dry, (0.20, 0.115, 0.065), step(away, 0.62, 0.96) * rng.uniform(0.5, 0.9))


def powdery_mildew(rng: Random, leaf: Leaf) -> None:
    """Soft-edged white-grey colonies of fine powder that let the veins show through."""
    severity = rng.beta(1.8, 1.4)
    ragged, powder = fractal(rng, 9, 5, 0.6), fractal(rng, 90, 3, 0.7)
    field = np.full(leaf.frame.along.shape, -9.0)
    for _ in range(int(5 + rng.poisson(2 + 11 * severity))):
        spot = somewhere(rng, leaf)
        if spot is None:
            continue
        radius = leaf.frame.scale * rng.uniform(0.03, 0.085) * (1 + 0.8 * severity)
        y, x = np.mgrid[0:DRAWN, 0:DRAWN].astype(np.float32)
        field = np.maximum(field, 1 - np.hypot(y - spot[0], x - spot[1]) / radius)
    field = field + 0.26 * ragged
    cover = step(field, -0.35, 0.75) * rng.uniform(0.6, 0.97)
    film = step(fractal(rng, 4, 4), 0.2, 2.0) * 0.35 * severity
    cover = (
        np.clip(cover + film, 0, 1)
        * np.clip(0.88 + 0.17 * powder, 0, 1.1)
        * (leaf.frame.inward > 0)
    )
    cover = cover * (1 - 0.35 * leaf.veins)
    white = np.array([0.79, 0.80, 0.76]) * rng.uniform(0.86, 1.06)
    leaf.colour[:] = mix(leaf.colour, white, np.clip(cover, 0, 0.95))
    leaf.height[:] += cover * 0.15 * powder
    leaf.gloss[:] *= 1 - np.clip(cover * 1.5, 0, 1)


def healthy(rng: Random, leaf: Leaf) -> None:
    """Nothing: the accidents of any leaf are enough."""


def accidents(rng: Random, leaf: Leaf) -> None:
    """What happens to leaves of every class: splashed soil, bites, drops, scratches, dust."""
    if rng.random() < 0.28:
        soil_specks(rng, leaf, int(rng.integers(4, 30)))
    if rng.random() < 0.1:
        bites(rng, leaf)
    if rng.random() < 0.13:
        drops(rng, leaf, int(rng.integers(3, 22)))
    if rng.random() < 0.12:
        dust = step(fractal(rng, 3, 3), 0.3, 2.2) * rng.uniform(0.1, 0.3)
        leaf.colour[:] = mix(leaf.colour, (0.60, 0.55, 0.47), dust)
    if rng.random() < 0.3:
        rim = np.exp(-np.clip(leaf.frame.inward, 0, None) / rng.uniform(2, 6)) * step(
            fractal(rng, 4, 3), -0.2, 0.8
        )
        leaf.colour[:] = mix(leaf.colour, (0.34, 0.22, 0.12), rim * 0.8)


def soil_specks(rng: Random, leaf: Leaf, count: int) -> None:
    """Dark flat crumbs without halos, easily taken for rust."""
    wobble, tint = fractal(rng, 60, 2), np.array([0.25, 0.17, 0.11]) * rng.uniform(0.7, 1.6)
    for _ in range(count):
        spot = somewhere(rng, leaf)
        if spot is None:
            return
        radius = rng.lognormal(0.75, 0.45)
        rows, columns, dy, dx = window(spot, radius * 1.5)
        crumb = 1 - step(np.hypot(dy, dx) / radius + 0.3 * wobble[rows, columns], 0.7, 1.15)
        leaf.colour[rows, columns] = mix(
            leaf.colour[rows, columns], tint * rng.uniform(0.7, 1.3), crumb * 0.9
        )
        leaf.gloss[rows, columns] *= 1 - crumb


def bites(rng: Random, leaf: Leaf) -> None:
    """Holes with thin brown rims, where something has eaten."""
    ragged = 0.18 * fractal(rng, 12, 3)
    for _ in range(int(rng.integers(1, 5))):
        spot = somewhere(rng, leaf, 0)
        if spot is None:
            return
        y, x = np.mgrid[0:DRAWN, 0:DRAWN].astype(np.float32)
        away = np.hypot(y - spot[0], x - spot[1]) / rng.uniform(4, 15) + ragged
        leaf.colour[:] = mix(leaf.colour, (0.33, 0.22, 0.12), (1 - step(away, 1.05, 1.3)) * 0.8)
        leaf.alpha[:] *= step(away, 0.95, 1.05)


def drops(rng: Random, leaf: Leaf, count: int) -> None:
    """Water drops: darker above, brighter below, with a hard glint."""
    for _ in range(count):
        spot = somewhere(rng, leaf, 6)
        if spot is None:
            return
        radius = rng.uniform(3, 9)
        rows, columns, dy, dx = window(spot, radius * 1.3)
        away = np.hypot(dy, dx * rng.uniform(0.85, 1.1)) / radius
        body = 1 - step(away, 0.9, 1.05)
        lens = np.clip(1.0 + 0.4 * dy / radius, 0.75, 1.5)[..., None]
        colour = mix(leaf.colour[rows, columns], leaf.colour[rows, columns] * lens, body)
        glint = 1 - step(np.hypot(dy / radius + 0.4, dx / radius + 0.3), 0.08, 0.24)
        leaf.colour[rows, columns] = mix(colour, (1.0, 1.0, 1.0), glint * body)
        leaf.gloss[rows, columns] *= 1 - body
