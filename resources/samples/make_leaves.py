"""Draws the embedded sample: photo-like pictures of healthy and diseased leaves, from a seed."""

from __future__ import annotations

import argparse
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from leaf_drawing.backgrounds import foliage, hand, sheet, soil, table
from leaf_drawing.blade import Leaf, Pose, Species, grow, species
from leaf_drawing.diseases import accidents, healthy, leaf_blight, leaf_rust, powdery_mildew
from leaf_drawing.light import lit, shadow
from leaf_drawing.noise import SIZE, Random, blur, canvas, fractal, mix, step
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTS = {"healthy": 72, "leaf_rust": 60, "leaf_blight": 60, "powdery_mildew": 48}
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


@dataclass
class Light:
    """Where the light comes from, and how hard it is (0 overcast, 1 sun)."""

    sun: np.ndarray
    hard: float


def lay(picture: np.ndarray, leaf: Leaf, light: Light, lift: float) -> np.ndarray:
    """Puts a lit leaf and its shadow on a picture."""
    dark = shadow(leaf.alpha, light.sun, lift) * (0.3 + 0.35 * light.hard)
    picture = picture * (1 - dark[..., None])
    colour = np.clip(leaf.colour, 0, 1)
    blade = lit(colour, leaf.height, leaf.gloss, light.sun, light.hard)
    return mix(picture, blade, leaf.alpha)


def sunlight(rng: Random) -> np.ndarray:
    """The direction to the light, as a unit vector out of the picture."""
    turn, slant = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.9)
    sun = np.array([math.cos(turn) * slant, math.sin(turn) * slant, 1.0])
    return sun / np.linalg.norm(sun)


def neighbour(rng: Random, plant: Species, picture: np.ndarray, light: Light) -> np.ndarray:
    """Lays another leaf of the same plant behind the one in question."""
    where = (rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8))
    leaf = grow(rng, plant, Pose(where, rng.uniform(0, 6.3), rng.uniform(1.0, 1.8)))
    accidents(rng, leaf)
    picture = lay(picture, leaf, light, 12) * rng.uniform(0.65, 0.95)
    return blur(picture, rng.uniform(0.5, 3.5))


def photograph(rng: Random, disease: str) -> Image.Image:
    """Takes one picture of a leaf with the given disease."""
    light = Light(sunlight(rng), rng.uniform(0.25, 1.0))
    kinds, chances = zip(*BACKGROUNDS, strict=True)
    behind = kinds[int(rng.choice(len(kinds), p=chances))]
    picture, plant = np.clip(behind(rng, light.sun), 0, 1), species(rng)
    for _ in range(int(rng.choice([0, 0, 0, 1, 2, 3])) if behind is not hand else 0):
        picture = neighbour(rng, plant, picture, light)
    length = rng.uniform(1.65, 2.2) if rng.random() < 0.65 else rng.uniform(2.2, 3.2)
    middle = (rng.normal(0, 0.12), rng.normal(0, 0.12))
    leaf = grow(rng, plant, Pose(middle, rng.uniform(0, 2 * math.pi), length))
    DISEASES[disease](rng, leaf)
    accidents(rng, leaf)
    picture = lay(picture, leaf, light, rng.uniform(2, 22))
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
        picture, float(rng.choice([0.6, 0.9, 1.3, 2.2, 3.2], p=[0.35, 0.33, 0.2, 0.08, 0.04]))
    )
    levels = Image.fromarray((picture * 255).astype(np.uint8))
    small = np.asarray(levels.resize((SIZE, SIZE), Image.Resampling.LANCZOS)).astype(np.float32)
    grain = rng.normal(0, rng.uniform(1, 4.5), (SIZE, SIZE, 1)) + rng.normal(
        0, 1.5, (SIZE, SIZE, 3)
    )
    return Image.fromarray(np.clip(small + grain, 0, 255).astype(np.uint8))


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
        "sentence": (
            "Tell healthy leaves from rust, blight and mildew, in pictures drawn by a program."
        ),
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
