"""The leaf itself: its outline, veins, relief, colour and stalk."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from leaf_drawing.noise import DRAWN, Random, canvas, cellular, fractal, mix, step


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
class Frame:
    """The leaf's own coordinates for every pixel of the canvas.

    Attributes:
        along: Position from stalk (0) to tip (1).
        across: Signed distance from the midrib, in leaf lengths.
        inward: Distance from the edge in drawn pixels, negative outside.
        rim: Half the leaf's width at this position, in leaf lengths.
        scale: Drawn pixels per leaf length.
    """

    along: np.ndarray
    across: np.ndarray
    inward: np.ndarray
    rim: np.ndarray
    scale: float


@dataclass
class Ribs:
    """Veins: midrib with side veins, the net between them, and the way from one to the next."""

    main: np.ndarray
    net: np.ndarray
    between: np.ndarray


@dataclass
class Leaf:
    """One leaf on the canvas: where it is, its surface, and what has befallen it.

    Attributes:
        frame: The leaf's own coordinates.
        veins: How much of a pixel is midrib or side vein.
        colour: Surface colour, (n, n, 3).
        height: Surface height in drawn pixels.
        gloss: How waxy the surface is.
        alpha: Coverage of the pixel.
    """

    frame: Frame
    veins: np.ndarray
    colour: np.ndarray
    height: np.ndarray
    gloss: np.ndarray
    alpha: np.ndarray


@dataclass
class Pose:
    """Where a leaf lies: its middle on the canvas, its direction and its length."""

    centre: tuple[float, float]
    angle: float
    length: float


def grow(rng: Random, kind: Species, pose: Pose) -> Leaf:
    """Places a leaf on the canvas and gives it veins, relief and colour."""
    frame = outline(rng, kind, pose)
    ribs = venation(rng, kind, frame)
    height = relief(rng, kind, frame, ribs)
    colour = blade_colour(rng, kind, frame, ribs)
    alpha = np.clip(frame.inward + 0.5, 0, 1)
    gloss = np.full_like(frame.along, kind.gloss)
    leaf = Leaf(frame, np.clip(ribs.main, 0, 1), colour, height, gloss, alpha)
    add_stalk(rng, kind, leaf)
    return leaf


def outline(rng: Random, kind: Species, pose: Pose) -> Frame:
    """The leaf's own coordinates, bent, slanted and toothed."""
    x, y = canvas()
    x, y = x - pose.centre[0], y - pose.centre[1]
    cos, sin = math.cos(pose.angle), math.sin(pose.angle)
    along = (x * cos + y * sin) / pose.length + 0.5
    across = (-x * sin + y * cos) / pose.length
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
    scale = pose.length * DRAWN / 2
    return Frame(along, across, inside * scale, np.maximum(rim, 1e-3), scale)


def venation(rng: Random, kind: Species, frame: Frame) -> Ribs:
    """Side veins that leave the midrib in pairs or in turn, and a fine net between them."""
    away = np.abs(frame.across)
    shift = np.where(frame.across > 0, 0.0 if kind.opposite else 0.5, 0.0)
    phase = (frame.along - kind.slope * away - kind.curve * away**2) * kind.veins
    phase = phase + shift + 0.09 * fractal(rng, 4, 2)
    gap = np.abs(phase - np.round(phase))
    distance = gap / kind.veins * frame.scale * 0.8
    reach = np.clip(away / frame.rim, 0, 1)
    thick = 2.2 * (1 - 0.65 * reach) * (frame.scale / 320)
    side = np.exp(-((distance / thick) ** 2)) * (1 - reach**3) * 0.75
    thick = (1.2 + 3.6 * np.clip(1 - frame.along, 0, 1)) * (frame.scale / 320)
    midrib = np.exp(-((away * frame.scale / thick) ** 2)) * (frame.along < 1)
    mesh = frame.scale / DRAWN * 52
    near, second = cellular(rng, frame.along * mesh + 20, frame.across * mesh + 20)
    net = np.exp(-(((second - near) / 0.12) ** 2)) * 0.35
    return Ribs(side + midrib, net, 2 * gap)


def relief(rng: Random, kind: Species, frame: Frame, ribs: Ribs) -> np.ndarray:
    """Height of the blade: folded at the midrib, domed between veins, wavy as a whole."""
    away = np.abs(frame.across)
    fold = rng.uniform(-0.15, 0.55) * away * frame.scale
    domes = kind.pillow * 3.0 * np.sqrt(np.clip(ribs.between, 0, 1)) * (1 - np.exp(-away * 30))
    waves = fractal(rng, 2.5, 2) * rng.uniform(2, 9)
    return fold + domes + waves - 1.6 * ribs.main - 1.1 * ribs.net + 0.12 * fractal(rng, 90, 2)


def blade_colour(rng: Random, kind: Species, frame: Frame, ribs: Ribs) -> np.ndarray:
    """Green that varies over the blade, paler along the veins, sometimes yellow with age."""
    veins = np.clip(ribs.main + ribs.net * 0.35, 0, 1)
    tone = 1 + 0.08 * fractal(rng, 3, 4) + 0.04 * fractal(rng, 40, 2)
    colour = kind.green[None, None] * tone[..., None]
    pale = np.clip(kind.green * 1.35 + (0.12, 0.14, 0.06), 0, 1)
    colour = mix(colour, pale, veins * kind.vein_tint + ribs.net * 0.08)
    if rng.random() < 0.35:
        age = rng.uniform(0.15, 0.6)
        edge = np.exp(-np.clip(frame.inward, 0, None) / rng.uniform(10, 45))
        edge = np.clip(edge + 0.35 * fractal(rng, 3, 3), 0, 1)
        colour = mix(colour, (0.62, 0.58, 0.16), edge * age * (1 - 0.6 * veins))
    if rng.random() < 0.3:
        tip = step(frame.along + 0.04 * fractal(rng, 8, 3), rng.uniform(0.9, 0.98), 1.02)
        colour = mix(colour, (0.36, 0.25, 0.14), tip * 0.9)
    return colour


def add_stalk(rng: Random, kind: Species, leaf: Leaf) -> None:
    """Adds the stalk below the blade."""
    along, scale = leaf.frame.along, leaf.frame.scale
    reach = rng.uniform(0.12, 0.3)
    bent = leaf.frame.across - rng.normal(0, 0.6) * np.clip(-along, 0, None) ** 2
    thick = 4.2 * scale / 320
    cover = np.clip(thick - np.abs(bent) * scale + 0.5, 0, 1) * (along < 0.03) * (along > -reach)
    tint = np.clip(kind.green * 1.2 + (0.1, 0.06, 0.04) + rng.normal(0, 0.03, 3), 0, 1)
    outside = cover * (1 - leaf.alpha)
    leaf.colour = mix(leaf.colour, tint, outside)
    rounded = np.sqrt(np.clip(1 - (bent * scale / thick) ** 2, 0, 1)) * 3
    leaf.height = np.where(outside > 0.3, rounded, leaf.height)
    leaf.alpha = np.maximum(leaf.alpha, cover)
