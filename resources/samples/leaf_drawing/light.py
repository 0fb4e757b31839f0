"""How light falls on a surface, and the shadow it leaves."""

from __future__ import annotations

import numpy as np

from leaf_drawing.noise import blur


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
