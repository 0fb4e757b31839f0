"""Draws the embedded sample: photo-like pictures of healthy and diseased leaves, from a seed alone."""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

SIZE = 192
DRAWN = 2 * SIZE  # drawn at twice the size, then reduced: clean edges without further effort
COUNTS = {"healthy": 72, "leaf_rust": 60, "leaf_blight": 60, "powdery_mildew": 48}
Random = np.random.Generator


# --- noise ---------------------------------------------------------------------------------------


def fractal(rng: Random, cells: float, octaves: int = 4, rough: float = 0.55) -> np.ndarray:
    """Fractal noise of mean 0 and spread 1 over the canvas."""
    total = np.zeros((DRAWN, DRAWN), np.float32)
    for octave in range(octaves):
        n = max(2, int(cells * 2**octave))
        grid = rng.standard_normal((min(n, DRAWN), min(n, DRAWN))).astype(np.float32)
        layer = Image.fromarray(grid).resize((DRAWN, DRAWN), Image.Resampling.BICUBIC)
        total += rough**octave * np.asarray(layer)
    return (total - total.mean()) / (total.std() + 1e-6)


def cellular(rng: Random, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances to the nearest and second nearest of scattered points, one per unit square."""
    jitter = rng.random((64, 64, 2))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    near = np.full(x.shape, 9.0)
    second = near.copy()
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            point = jitter[(row + dy) % 64, (column + dx) % 64]
            away = np.hypot(column + dx + point[..., 0] - x, row + dy + point[..., 1] - y)
            second = np.minimum(second, np.maximum(near, away))
            near = np.minimum(near, away)
    return near, second


def step(field: np.ndarray, low: float, high: float) -> np.ndarray:
    """A smooth rise from 0 at `low` to 1 at `high`."""
    t = np.clip((field - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(below: np.ndarray, above: np.ndarray | tuple[float, ...], amount: np.ndarray) -> np.ndarray:
    """Covers one picture or colour with another."""
    return below + (np.asarray(above) - below) * amount[..., None]


def blur(picture: np.ndarray, radius: float) -> np.ndarray:
    """Blurs a picture with values between 0 and 1, in drawn pixels."""
    levels = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    return np.asarray(levels.filter(ImageFilter.GaussianBlur(radius))).astype(np.float32) / 255


def canvas() -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of every pixel, from -1 to 1, x to the right and y down."""
    line = np.linspace(-1, 1, DRAWN, dtype=np.float32)
    return np.broadcast_to(line[None], (DRAWN, DRAWN)), np.broadcast_to(
        line[:, None], (DRAWN, DRAWN)
    )


# --- the leaf ------------------------------------------------------------------------------------


@dataclass
class Species:
    """What the leaves of one plant have in common."""

    width: float
    base: float
    tip: float
    teeth: int
    tooth: float
    veins: int
    slope: float
    curve: float
    opposite: bool
    green: np.ndarray
    vein_tint: float
    gloss: float
    pillow: float


def species(rng: Random) -> Species:
    """Invents a plant: narrow or broad, toothed or smooth, yellow-green to blue-green."""
    green = np.array([0.225, 0.36, 0.125]) * rng.uniform(0.65, 1.4)
    green = green + rng.normal(0, 1, 3) * (0.02, 0.015, 0.02)
    green = green + np.array([1, 0.5, 0.15]) * rng.uniform(-0.02, 0.13)
    return Species(
        width=rng.uniform(0.2, 0.37),
        base=rng.uniform(0.45, 0.85),
        tip=rng.uniform(0.65, 1.25),
        teeth=int(rng.integers(14, 34)),
        tooth=float(rng.choice([0.0, 0.03, 0.06, 0.1])),
        veins=int(rng.integers(6, 12)),
        slope=rng.uniform(0.5, 1.0),
        curve=rng.uniform(0.2, 1.4),
        opposite=bool(rng.random() < 0.5),
        green=np.clip(green, 0.03, 0.8),
        vein_tint=rng.uniform(0.25, 0.7),
        gloss=rng.uniform(0.05, 0.5),
        pillow=rng.uniform(0.4, 1.5),
    )


@dataclass
class Leaf:
    """One leaf on the canvas: its shape, its surface, and what has befallen it.

    Attributes:
        along: Position from stalk (0) to tip (1), for every pixel.
        across: Signed distance from the midrib, in leaf lengths.
        inward: Distance from the edge in drawn pixels, negative outside.
        veins: How much of a pixel is midrib or side vein.
        colour: Surface colour, (n, n, 3).
        height: Surface height in drawn pixels.
        gloss: How waxy the surface is.
        alpha: Coverage of the pixel.
        scale: Drawn pixels per leaf length.
    """

    along: np.ndarray
    across: np.ndarray
    inward: np.ndarray
    veins: np.ndarray
    colour: np.ndarray
    height: np.ndarray
    gloss: np.ndarray
    alpha: np.ndarray
    scale: float


def grow(
    rng: Random, kind: Species, centre: tuple[float, float], angle: float, length: float
) -> Leaf:
    """Places a leaf on the canvas and gives it veins, relief and colour."""
    along, across, inward, rim = outline(rng, kind, centre, angle, length)
    scale = length * DRAWN / 2
    side, midrib, between = venation(rng, kind, along, across, rim, scale)
    near, second = cellular(rng, along * length * 26 + 20, across * length * 26 + 20)
    net = np.exp(-(((second - near) / 0.12) ** 2)) * 0.35
    veins = np.clip(midrib + side + net * 0.35, 0, 1)
    height = relief(rng, kind, across, scale, between, midrib + side, net)
    colour = blade_colour(rng, kind, along, inward, veins, net)
    alpha = np.clip(inward + 0.5, 0, 1)
    stalk(rng, kind, along, across, scale, colour, alpha, height)
    return Leaf(along, across, inward, np.clip(midrib + side, 0, 1), colour, height,
                np.full_like(along, kind.gloss), alpha, scale)  # fmt: skip


def outline(
    rng: Random, kind: Species, centre: tuple[float, float], angle: float, length: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The leaf's own coordinates, and how far every pixel lies inside its edge."""
    x, y = canvas()
    x, y = x - centre[0], y - centre[1]
    along = (x * math.cos(angle) + y * math.sin(angle)) / length + 0.5
    across = (-x * math.sin(angle) + y * math.cos(angle)) / length
    along = along + 0.012 * fractal(rng, 3, 2)
    across = across + rng.normal(0, 0.28) * (along - 0.4) ** 2 + 0.008 * fractal(rng, 4, 3)
    across = across / rng.uniform(0.72, 1.0)  # seen at a slant
    t = np.clip(along, 1e-4, 1 - 1e-4)
    peak = kind.base / (kind.base + kind.tip)
    rim = t**kind.base * (1 - t) ** kind.tip / (peak**kind.base * (1 - peak) ** kind.tip)
    rim = kind.width * rim * np.where(across > 0, rng.uniform(0.9, 1.06), 1.0)
    saw = (t * kind.teeth + np.where(across > 0, 0.5, 0)) % 1.0
    rim = rim * (1 + kind.tooth * (saw**1.5 - 0.5)) * (1 + 0.025 * fractal(rng, 6, 3))
    inside = np.minimum(rim - np.abs(across), np.minimum(along, 1 - along) + 0.02)
    return along, across, inside * length * DRAWN / 2, np.maximum(rim, 1e-3)


def venation(
    rng: Random, kind: Species, along: np.ndarray, across: np.ndarray, rim: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Side veins, midrib, and the phase between two side veins (0 on one, 1 halfway)."""
    away = np.abs(across)
    shift = np.where(across > 0, 0.0 if kind.opposite else 0.5, 0.0)
    phase = (
        (along - kind.slope * away - kind.curve * away**2) * kind.veins
        + shift
        + 0.09 * fractal(rng, 4, 2)
    )
    gap = np.abs(phase - np.round(phase))
    distance = gap / kind.veins * scale * 0.8
    reach = np.clip(away / rim, 0, 1)
    thick = 2.2 * (1 - 0.65 * reach) * (scale / 320)
    side = np.exp(-((distance / thick) ** 2)) * (1 - reach**3) * 0.75
    thick = (1.2 + 3.6 * np.clip(1 - along, 0, 1)) * (scale / 320)
    midrib = np.exp(-((away * scale / thick) ** 2)) * (along < 1)
    return side, midrib, 2 * gap


def relief(
    rng: Random, kind: Species, across: np.ndarray, scale: float, between: np.ndarray,
    veins: np.ndarray, net: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Height of the blade: folded at the midrib, domed between veins, wavy as a whole."""
    fold = rng.uniform(-0.15, 0.55) * np.abs(across) * scale
    domes = kind.pillow * 3.0 * np.sqrt(np.clip(between, 0, 1)) * (1 - np.exp(-np.abs(across) * 30))
    waves = fractal(rng, 2.5, 2) * rng.uniform(2, 9)
    return fold + domes + waves - 1.6 * veins - 1.1 * net + 0.12 * fractal(rng, 90, 2)


def blade_colour(
    rng: Random,
    kind: Species,
    along: np.ndarray,
    inward: np.ndarray,
    veins: np.ndarray,
    net: np.ndarray,
) -> np.ndarray:
    """Green that varies over the blade, paler along the veins, sometimes yellow with age."""
    tone = 1 + 0.08 * fractal(rng, 3, 4) + 0.04 * fractal(rng, 40, 2)
    colour = kind.green[None, None] * tone[..., None]
    pale = np.clip(kind.green * 1.35 + (0.12, 0.14, 0.06), 0, 1)
    colour = mix(colour, pale, np.clip(veins, 0, 1) * kind.vein_tint + net * 0.08)
    if rng.random() < 0.35:
        age = rng.uniform(0.15, 0.6)
        edge = np.exp(-np.clip(inward, 0, None) / rng.uniform(10, 45)) + 0.35 * fractal(rng, 3, 3)
        colour = mix(colour, (0.62, 0.58, 0.16), np.clip(edge, 0, 1) * age * (1 - 0.6 * veins))
    if rng.random() < 0.3:
        tip = step(along + 0.04 * fractal(rng, 8, 3), rng.uniform(0.9, 0.98), 1.02)
        colour = mix(colour, (0.36, 0.25, 0.14), tip * 0.9)
    return colour


def stalk(
    rng: Random, kind: Species, along: np.ndarray, across: np.ndarray, scale: float,
    colour: np.ndarray, alpha: np.ndarray, height: np.ndarray,
) -> None:  # fmt: skip
    """Adds the stalk below the blade, in place."""
    reach = rng.uniform(0.12, 0.3)
    bent = across - rng.normal(0, 0.6) * np.clip(-along, 0, None) ** 2
    thick = 4.2 * scale / 320
    cover = np.clip(thick - np.abs(bent) * scale + 0.5, 0, 1) * (along < 0.03) * (along > -reach)
    tint = np.clip(kind.green * 1.2 + (0.1, 0.06, 0.04) + rng.normal(0, 0.03, 3), 0, 1)
    round_ = np.sqrt(np.clip(1 - (bent * scale / thick) ** 2, 0, 1)) * 3
    outside = cover * (1 - alpha)
    colour[:] = mix(colour, tint, outside)
    height[:] = np.where(outside > 0.3, round_, height)
    alpha[:] = np.maximum(alpha, cover)


# --- what befalls a leaf -------------------------------------------------------------------------


def somewhere(
    rng: Random, leaf: Leaf, low: float = 2.0, high: float = 1e9
) -> tuple[int, int] | None:
    """A random pixel of the visible blade at least `low` and at most `high` from its edge."""
    rows, columns = np.nonzero((leaf.inward > low) & (leaf.inward < high))
    if not len(rows):
        return None
    pick = int(rng.integers(len(rows)))
    return int(rows[pick]), int(columns[pick])


def window(spot: tuple[int, int], radius: float) -> tuple[slice, slice, np.ndarray, np.ndarray]:
    """The part of the canvas around a spot, with offsets from it."""
    r = int(radius) + 2
    rows = slice(max(0, spot[0] - r), min(DRAWN, spot[0] + r + 1))
    columns = slice(max(0, spot[1] - r), min(DRAWN, spot[1] + r + 1))
    y, x = np.mgrid[rows, columns].astype(np.float32)
    return rows, columns, y - spot[0], x - spot[1]


def leaf_rust(rng: Random, leaf: Leaf) -> None:
    """Small raised orange-brown pustules in loose clusters, with yellow halos."""
    severity = rng.beta(1.2, 1.6)
    amount, tint = int(20 + 150 * severity), np.array([0.60, 0.29, 0.09]) * rng.uniform(0.55, 1.15)
    wobble, grain = fractal(rng, 30, 3), fractal(rng, 130, 1)
    centres = [s for _ in range(int(rng.integers(1, 6))) if (s := somewhere(rng, leaf))]
    size, halo = rng.uniform(1.5, 4.0), rng.uniform(1.6, 3.2)
    chlorosis = rng.uniform(0.15, 0.7)
    for _ in range(amount):
        spot = scatter(rng, leaf, centres)
        if spot is None:
            continue
        radius = size * rng.lognormal(0, 0.45)
        rows, columns, dy, dx = window(spot, radius * halo * 1.6)
        turn, squeeze = rng.uniform(0, math.pi), rng.uniform(0.6, 1.0)
        a, b = dx * math.cos(turn) + dy * math.sin(turn), dy * math.cos(turn) - dx * math.sin(turn)
        away = np.hypot(a, b / squeeze) / radius + 0.13 * wobble[rows, columns]
        on = leaf.inward[rows, columns] > 0.5
        around = (1 - step(away, 0.9, halo)) * on * chlorosis
        core = (1 - step(away, 0.7, 1.1)) * on
        colour = mix(leaf.colour[rows, columns], (0.66, 0.60, 0.17), around)
        shade = tint * rng.uniform(0.8, 1.2)
        speckled = shade * (1 + 0.16 * grain[rows, columns][..., None])
        dark = mix(speckled, shade * 0.5, step(away, 0.55, 1.0) * 0.6)
        leaf.colour[rows, columns] = mix(colour, dark, core * 0.93)
        leaf.height[rows, columns] += core * radius * 0.45
        leaf.gloss[rows, columns] *= 1 - core
    dusting = step(fractal(rng, 5, 4), 1.0, 2.4) * step(grain, 0.4, 1.4) * (leaf.inward > 0)
    leaf.colour[:] = mix(leaf.colour, tint, dusting * 0.55 * severity)


def scatter(rng: Random, leaf: Leaf, centres: list[tuple[int, int]]) -> tuple[int, int] | None:
    """A spot on the blade, mostly near one of the cluster centres."""
    if not centres or rng.random() < 0.3:
        return somewhere(rng, leaf)
    row, column = centres[int(rng.integers(len(centres)))]
    row, column = (int(c + rng.normal(0, 0.11) * leaf.scale) for c in (row, column))
    inside = 0 <= row < DRAWN and 0 <= column < DRAWN and leaf.inward[row, column] > 1
    return (row, column) if inside else None


def leaf_blight(rng: Random, leaf: Leaf) -> None:
    """A few large dead areas, often from the edge, brown with dark rims, rings and yellow borders."""
    severity = rng.beta(1.3, 1.6)
    ragged = 0.20 * fractal(rng, 7, 4) + 0.07 * fractal(rng, 50, 2)
    away, own = np.full(leaf.along.shape, 9.0), np.zeros(leaf.along.shape)
    for number in range(int(1 + rng.poisson(1 + 2.5 * severity))):
        margin = number > 0 and rng.random() < 0.6
        spot = somewhere(rng, leaf, 0, 6) if margin else somewhere(rng, leaf, 8)
        if spot is None:
            continue
        radius = leaf.scale * rng.uniform(0.045, 0.1) * (1 + 1.4 * severity * rng.random())
        along = (leaf.along - leaf.along[spot]) * leaf.scale / radius
        across = (leaf.across - leaf.across[spot]) * leaf.scale / radius
        # Dead tissue stops at side veins, so areas are longer along these than across.
        lean = math.copysign(0.6, leaf.across[spot])
        near = np.hypot(
            (along - lean * across) / rng.uniform(0.9, 1.2), across / rng.uniform(1.0, 1.6)
        )
        away = np.minimum(away, near + ragged + 0.10 * leaf.veins)
        own = np.maximum(own, 1.2 - near)
    dead = (1 - step(away, 0.88, 1.0)) * (leaf.inward > -1)
    border = (1 - step(away, 1.0, rng.uniform(1.25, 1.9))) * (leaf.inward > 0)
    leaf.colour[:] = mix(leaf.colour, (0.64, 0.58, 0.17), border * rng.uniform(0.3, 0.85))
    dry = dead_colour(rng, away)
    leaf.colour[:] = mix(leaf.colour, dry, dead * 0.96)
    leaf.height[:] += dead * (0.8 * fractal(rng, 26, 3) - 2.0)
    leaf.gloss[:] *= 1 - 0.9 * dead
    if rng.random() < 0.2:
        torn = (1 - step(away + 0.08 * fractal(rng, 12, 3), 0.35, 0.42)) * (leaf.inward < 60)
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
    severity = rng.beta(1.3, 1.5)
    ragged, powder = fractal(rng, 9, 5, 0.6), fractal(rng, 90, 3, 0.7)
    field = np.full(leaf.along.shape, -9.0)
    for _ in range(int(3 + rng.poisson(2 + 9 * severity))):
        spot = somewhere(rng, leaf)
        if spot is None:
            continue
        radius = leaf.scale * rng.uniform(0.03, 0.085) * (1 + 0.8 * severity)
        y, x = np.mgrid[0:DRAWN, 0:DRAWN].astype(np.float32)
        field = np.maximum(field, 1 - np.hypot(y - spot[0], x - spot[1]) / radius)
    field = field + 0.26 * ragged
    cover = step(field, -0.35, 0.75) * rng.uniform(0.35, 0.95)
    film = step(fractal(rng, 4, 4), 0.2, 2.0) * 0.35 * severity
    cover = np.clip(cover + film, 0, 1) * np.clip(0.88 + 0.17 * powder, 0, 1.1) * (leaf.inward > 0)
    cover = cover * (1 - 0.35 * leaf.veins)
    white = np.array([0.79, 0.80, 0.76]) * rng.uniform(0.86, 1.06)
    leaf.colour[:] = mix(leaf.colour, white, np.clip(cover, 0, 0.95))
    leaf.height[:] += cover * 0.15 * powder
    leaf.gloss[:] *= 1 - np.clip(cover * 1.5, 0, 1)


def healthy(rng: Random, leaf: Leaf) -> None:
    """Nothing: the accidents of any leaf are enough."""


def accidents(rng: Random, leaf: Leaf) -> None:
    """What happens to leaves of every class: splashed soil, bites, drops, scratches, dust."""
    if rng.random() < 0.4:
        soil_specks(rng, leaf, int(rng.integers(4, 45)))
    if rng.random() < 0.15:
        bites(rng, leaf)
    if rng.random() < 0.2:
        drops(rng, leaf, int(rng.integers(3, 22)))
    if rng.random() < 0.2:
        dust = step(fractal(rng, 3, 3), 0.3, 2.2) * rng.uniform(0.1, 0.3)
        leaf.colour[:] = mix(leaf.colour, (0.60, 0.55, 0.47), dust)
    if rng.random() < 0.3:
        rim = np.exp(-np.clip(leaf.inward, 0, None) / rng.uniform(2, 6)) * step(
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


# --- light ---------------------------------------------------------------------------------------


def lit(
    colour: np.ndarray, height: np.ndarray, gloss: np.ndarray | float, sun: np.ndarray, hard: float
) -> np.ndarray:
    """Shades a surface by its relief under one light and an even sky."""
    down, right = np.gradient(height)
    normal = np.stack([-right * 0.5, -down * 0.5, np.ones_like(height)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    facing = np.clip(normal @ sun, 0, 1)
    halfway = sun + np.array([0, 0, 1.0])
    glare = np.clip(normal @ (halfway / np.linalg.norm(halfway)), 0, 1) ** (14 + 40 * hard)
    light = (1 - 0.62 * hard) + 0.62 * hard * facing / max(sun[2], 0.3)
    return colour * light[..., None] + (glare * gloss * (0.25 + 0.5 * hard))[..., None]


def shadow(alpha: np.ndarray, sun: np.ndarray, lift: float) -> np.ndarray:
    """Where something that lies `lift` pixels above the ground keeps the sun away."""
    dx, dy = (int(-sun[i] / max(sun[2], 0.3) * lift) for i in (0, 1))
    return blur(np.roll(alpha, (dy, dx), (0, 1)), 1.5 + lift * 0.35)


# --- what lies behind ----------------------------------------------------------------------------


def soil(rng: Random, sun: np.ndarray) -> np.ndarray:
    """Crumbly ground with stones and straw."""
    x, y = canvas()
    warp = 0.35 * fractal(rng, 8, 2)
    near, second = cellular(rng, x * 9 + warp + 20, y * 9 + warp + 20)
    clods = np.clip(second - near, 0, 0.6) * 14
    height = clods + 2.6 * fractal(rng, 10, 6, 0.7)
    tint = np.array([0.33, 0.24, 0.17]) * rng.uniform(0.55, 1.5) + rng.normal(0, 0.02, 3)
    colour = tint * (1 + 0.18 * fractal(rng, 12, 5, 0.8)[..., None])
    for _ in range(int(rng.integers(0, 26))):
        stone(rng, colour, height)
    for _ in range(int(rng.integers(0, 14))):
        straw(rng, colour, height)
    return lit(np.clip(colour, 0, 1), height, 0.0, sun, 0.8)


def stone(rng: Random, colour: np.ndarray, height: np.ndarray) -> None:
    """One pebble, in place."""
    radius, spot = rng.lognormal(1.9, 0.5), tuple(int(v) for v in rng.integers(0, DRAWN, 2))
    rows, columns, dy, dx = window(spot, radius * 1.5)
    away = np.hypot(dy, dx * rng.uniform(0.6, 1)) / radius
    body = 1 - step(away, 0.85, 1.1)
    colour[rows, columns] = mix(
        colour[rows, columns], rng.uniform(0.25, 0.6) * np.array([1, 0.95, 0.88]), body
    )
    height[rows, columns] = height[rows, columns] * (1 - body) + body * radius * np.sqrt(
        np.clip(1.1 - away, 0, 1)
    )


def straw(rng: Random, colour: np.ndarray, height: np.ndarray) -> None:
    """One dry stem, in place."""
    x, y = canvas()
    angle, cx, cy = rng.uniform(0, math.pi), *rng.uniform(-1, 1, 2)
    a = (x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)
    b = -(x - cx) * math.sin(angle) + (y - cy) * math.cos(angle) + rng.normal(0, 0.3) * a**2
    body = np.clip(rng.uniform(1.5, 3.5) - np.abs(b) * DRAWN / 2, 0, 1) * (
        np.abs(a) < rng.uniform(0.1, 0.4)
    )
    colour[:] = mix(colour, np.array([0.68, 0.56, 0.36]) * rng.uniform(0.6, 1.1), body)
    height[:] += body * 3


def table(rng: Random, sun: np.ndarray) -> np.ndarray:
    """Wooden boards."""
    x, y = canvas()
    angle = rng.normal(0, 0.4) + rng.choice([0, math.pi / 2])
    a, b = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    board = np.floor((b + rng.uniform(0, 1)) * rng.uniform(0.9, 2.2))
    knots = 0.25 * fractal(rng, 1.6, 2) + 0.13 * np.sin(board * 5)
    rings = np.sin((b * rng.uniform(14, 30) + knots * 9 + a * 0.8) * 2)
    streaks = np.asarray(
        Image.fromarray(rng.standard_normal((DRAWN, 12)).astype(np.float32)).resize(
            (DRAWN * 2, DRAWN * 2)
        )
    )
    row = np.clip(((b + 1.5) / 3 * DRAWN * 2).astype(int), 0, DRAWN * 2 - 1)
    column = np.clip(((a + 1.5) / 3 * DRAWN * 2).astype(int), 0, DRAWN * 2 - 1)
    tint = np.array([0.52, 0.36, 0.22]) * rng.uniform(0.5, 1.5) + rng.normal(0, 0.03, 3)
    colour = (
        tint
        * (1 + 0.09 * rings + 0.06 * streaks[row, column] + 0.05 * np.sin(board * 9))[..., None]
    )
    edge = np.abs(((b * 1.0) % 1.0) - 0.5) if rng.random() < 0.3 else np.full_like(b, 0.3)
    return lit(np.clip(mix(colour, (0.1, 0.07, 0.05), step(-edge, -0.012, -0.004)), 0, 1),
               0.25 * streaks[row, column], 0.15, sun, 0.6)  # fmt: skip


def sheet(rng: Random, sun: np.ndarray) -> np.ndarray:
    """Paper, cloth or stone of one colour, unevenly lit."""
    tint = rng.uniform(0.45, 0.93) * np.array([1, 0.985, 0.95]) + rng.normal(0, 0.03, 3)
    grain = fractal(rng, rng.choice([12, 60, 150]), 4, 0.8) * rng.uniform(0.005, 0.06)
    colour = tint * (1 + grain + 0.05 * fractal(rng, 1.5, 1))[..., None]
    return lit(np.clip(colour, 0, 1), grain * 12, 0.0, sun, 0.5)


def foliage(rng: Random, sun: np.ndarray) -> np.ndarray:
    """Other plants, out of focus."""
    base = np.array([0.12, 0.20, 0.08]) * rng.uniform(0.6, 1.6)
    picture = base * (1 + 0.3 * fractal(rng, 3, 4)[..., None])
    x, y = canvas()
    for _ in range(int(rng.integers(8, 20))):
        cx, cy, angle = *rng.uniform(-1.1, 1.1, 2), rng.uniform(0, math.pi)
        a = ((x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)) / rng.uniform(0.3, 0.9)
        b = (-(x - cx) * math.sin(angle) + (y - cy) * math.cos(angle)) / rng.uniform(0.1, 0.3)
        tint = np.array([0.24, 0.40, 0.14]) * rng.uniform(0.35, 1.6) + rng.normal(0, 0.04, 3)
        light = (0.8 + 0.35 * np.clip(b, -1, 1))[..., None]
        picture = mix(picture, np.clip(tint, 0, 1) * light, 1 - step(a**2 + b**2, 0.85, 1.0))
    return blur(picture, rng.uniform(5, 14))


def hand(rng: Random, sun: np.ndarray) -> np.ndarray:
    """A palm and fingers before something blurred."""
    back = rng.choice([foliage, soil, sheet])(rng, sun)
    picture = blur(back, rng.uniform(5, 10))
    tone = np.array([0.78, 0.58, 0.47]) * rng.uniform(0.4, 1.12) + rng.normal(0, 0.015, 3)
    angle, x0, y0 = rng.uniform(-0.5, 0.5) + rng.choice([0, math.pi]), *rng.uniform(-0.15, 0.15, 2)
    height, cover = np.full((DRAWN, DRAWN), -9.0), np.zeros((DRAWN, DRAWN))
    for finger in range(4):
        add_finger(
            rng, height, cover, (x0, y0 + (finger - 1.5) * 0.4), angle + (finger - 1.5) * 0.06
        )
    skin = tone * (1 + 0.05 * fractal(rng, 5, 4) + 0.03 * fractal(rng, 90, 2))[..., None]
    skin = mix(skin, tone * (1.06, 0.78, 0.74), step(fractal(rng, 3, 2), 0.2, 1.8) * 0.5)
    relief_ = np.maximum(height, -2) * DRAWN / 2 * 0.55 + 0.35 * fractal(rng, 70, 2)
    shaded = lit(np.clip(skin, 0, 1), relief_, 0.1, sun, 0.7)
    dim = np.clip(0.45 + 2.6 * np.clip(height, 0, 1), 0, 1)[..., None]
    picture = mix(picture, shaded * dim, cover)
    return blur(picture, rng.uniform(0.8, 2.2))


def add_finger(
    rng: Random, height: np.ndarray, cover: np.ndarray, base: tuple[float, float], angle: float
) -> None:
    """One finger as a long rounded body, in place."""
    x, y = canvas()
    a = (x - base[0]) * math.cos(angle) + (y - base[1]) * math.sin(angle)
    b = -(x - base[0]) * math.sin(angle) + (y - base[1]) * math.cos(angle)
    tip, thick = rng.uniform(0.45, 0.95), rng.uniform(0.19, 0.225)
    thick = thick * (1 + 0.05 * np.cos(a * 9)) * (1 - 0.12 * np.clip(a + 0.2, 0, 1))
    away = np.hypot(np.clip(a - tip + 0.2, 0, None), b) / thick
    body = thick * np.sqrt(np.clip(1 - away**2, 0, 1))
    np.maximum(height, np.where(away < 1, body, -9), out=height)
    np.maximum(cover, 1 - step(away, 0.97, 1.0), out=cover)


# --- the photograph ------------------------------------------------------------------------------

BACKGROUNDS: tuple[tuple[Callable[[Random, np.ndarray], np.ndarray], float], ...] = (
    (soil, 0.24),
    (foliage, 0.28),
    (table, 0.18),
    (sheet, 0.15),
    (hand, 0.15),
)
DISEASES: dict[str, Callable[[Random, Leaf], None]] = {
    "healthy": healthy,
    "leaf_rust": leaf_rust,
    "leaf_blight": leaf_blight,
    "powdery_mildew": powdery_mildew,
}


def lay(picture: np.ndarray, leaf: Leaf, sun: np.ndarray, hard: float, lift: float) -> np.ndarray:
    """Puts a lit leaf and its shadow on a picture."""
    dark = shadow(leaf.alpha, sun, lift) * (0.3 + 0.35 * hard)
    picture = picture * (1 - dark[..., None])
    return mix(
        picture, lit(np.clip(leaf.colour, 0, 1), leaf.height, leaf.gloss, sun, hard), leaf.alpha
    )


def photograph(rng: Random, disease: str) -> Image.Image:
    """Takes one picture of a leaf with the given disease."""
    turn, slant, hard = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.9), rng.uniform(0.25, 1.0)
    sun = np.array([math.cos(turn) * slant, math.sin(turn) * slant, 1.0])
    sun /= np.linalg.norm(sun)
    kinds, chances = zip(*BACKGROUNDS, strict=True)
    behind = kinds[int(rng.choice(len(kinds), p=chances))]
    picture, plant = behind(rng, sun), species(rng)
    picture = np.clip(picture, 0, 1)
    for _ in range(int(rng.choice([0, 0, 0, 1, 2, 3])) if behind is not hand else 0):
        other = grow(
            rng, plant, tuple(rng.uniform(-0.8, 0.8, 2)), rng.uniform(0, 6.3), rng.uniform(1.0, 1.8)
        )
        accidents(rng, other)
        picture = blur(
            lay(picture, other, sun, hard, 12) * rng.uniform(0.65, 0.95), rng.uniform(0.5, 3.5)
        )
    length = rng.uniform(1.35, 2.0) if rng.random() < 0.7 else rng.uniform(2.0, 3.2)
    leaf = grow(rng, plant, tuple(rng.normal(0, 0.12, 2)), rng.uniform(0, 2 * math.pi), length)
    DISEASES[disease](rng, leaf)
    accidents(rng, leaf)
    picture = lay(picture, leaf, sun, hard, rng.uniform(2, 22))
    if rng.random() < 0.25:
        dapple = step(fractal(rng, rng.uniform(2, 4), 2), -0.3, 0.5)
        picture = picture * (0.58 + 0.42 * dapple)[..., None]
    return develop(rng, picture)


def develop(rng: Random, picture: np.ndarray) -> Image.Image:
    """Exposure, white balance, falling light, blur, reduction and grain, as a hand-held camera."""
    x, y = canvas()
    picture = picture * (1 - rng.uniform(0, 0.22) * (x**2 + y**2))[..., None]
    picture = picture * rng.uniform(0.92, 1.45) * (1 + rng.normal(0, 1, 3) * (0.05, 0.012, 0.07))
    picture = np.clip(picture, 0, 1.2) ** rng.uniform(0.72, 0.98)
    picture = picture / (1 + 0.12 * np.clip(picture - 0.7, 0, None))
    picture = blur(
        picture, float(rng.choice([0.6, 0.9, 1.3, 2.2, 3.2], p=[0.3, 0.3, 0.2, 0.13, 0.07]))
    )
    levels = Image.fromarray((picture * 255).astype(np.uint8))
    small = np.asarray(levels.resize((SIZE, SIZE), Image.Resampling.LANCZOS)).astype(np.float32)
    grain = rng.normal(0, rng.uniform(1, 4.5), (SIZE, SIZE, 1)) + rng.normal(
        0, 1.5, (SIZE, SIZE, 3)
    )
    return Image.fromarray(np.clip(small + grain, 0, 255).astype(np.uint8))


# --- files ---------------------------------------------------------------------------------------


def write(folder: Path, seed: int) -> None:
    """Draws every class into its folder and the description beside them."""
    for number, (disease, count) in enumerate(COUNTS.items()):
        place = folder / "leaves" / disease
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for index in range(count):
            picture = photograph(np.random.default_rng((seed, number, index)), disease)
            picture.save(place / f"{disease}_{index:03d}.jpg", quality=85)
    text = json.dumps(description(seed), indent=2) + "\n"
    (folder / "leaves.json").write_text(text, encoding="utf-8")


def description(seed: int) -> dict[str, object]:
    """What the Start page says about the sample."""
    return {
        "name": "leaves",
        "title": "Leaf diseases",
        "task": "image_classification",
        "folder": "leaves",
        "sentence": "Tell healthy leaves from rust, blight and powdery mildew; the pictures are drawn"
        " by a program and look like field photos.",
        "classes": COUNTS,
        "count": sum(COUNTS.values()),
        "size": [SIZE, SIZE],
        "licence": "CC0-1.0",
        "source": "Drawn by make_leaves.py of this project",
        "seed": seed,
    }


def main() -> None:
    """Draws the sample where it ships, or anywhere else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--seed", type=int, default=4)
    args = parser.parse_args()
    write(args.out, args.seed)


if __name__ == "__main__":
    main()
