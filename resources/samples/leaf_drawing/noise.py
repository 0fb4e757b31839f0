"""Noise, smooth steps and blurs: what every other part of the drawing is made of."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

SIZE = 192
DRAWN = 2 * SIZE  # drawn at twice the size, then reduced: clean edges without further effort
Random = np.random.Generator


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


def window(spot: tuple[int, int], radius: float) -> tuple[slice, slice, np.ndarray, np.ndarray]:
    """The part of the canvas around a spot, with offsets from it."""
    r = int(radius) + 2
    rows = slice(max(0, spot[0] - r), min(DRAWN, spot[0] + r + 1))
    columns = slice(max(0, spot[1] - r), min(DRAWN, spot[1] + r + 1))
    y, x = np.mgrid[rows, columns].astype(np.float32)
    return rows, columns, y - spot[0], x - spot[1]
