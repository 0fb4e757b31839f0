"""What lies behind a leaf: soil, a table, a sheet, foliage or a hand."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from leaf_drawing.light import lit
from leaf_drawing.noise import DRAWN, Random, blur, canvas, cellular, fractal, mix, step, window


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


def foliage(rng: Random, _sun: np.ndarray) -> np.ndarray:
    """Other plants, out of focus."""
    base = np.array([0.14, 0.19, 0.10]) * rng.uniform(0.6, 1.6)
    picture = base * (1 + 0.3 * fractal(rng, 3, 4)[..., None])
    x, y = canvas()
    for _ in range(int(rng.integers(8, 20))):
        cx, cy, angle = *rng.uniform(-1.1, 1.1, 2), rng.uniform(0, math.pi)
        a = ((x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)) / rng.uniform(0.3, 0.9)
        b = (-(x - cx) * math.sin(angle) + (y - cy) * math.cos(angle)) / rng.uniform(0.1, 0.3)
        tint = np.array([0.26, 0.35, 0.16]) * rng.uniform(0.35, 1.6) + rng.normal(0, 0.04, 3)
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
