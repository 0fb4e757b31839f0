"""One small dataset per task, made on the spot."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw

_COLOURS = ("#c0392b", "#2471a3", "#229954", "#d4ac0d", "#7d3c98", "#e67e22", "#17a589", "#5d6d7e")


def image_classification(
    folder: Path, classes: int = 3, per_class: int = 10, size: int = 64
) -> Path:
    """Draw a folder a class: each class has its own shape and colour, each picture its own place.

    The classes are told apart easily, and no two pictures are copies of each other.
    """
    for number in range(classes):
        place = folder / f"class {number + 1}"
        place.mkdir(parents=True, exist_ok=True)
        for index in range(per_class):
            picture(number, index, size).save(place / f"{index:03d}.png")
    return folder


def picture(number: int, index: int, size: int = 64) -> Image.Image:
    """Draw the picture ``index`` of class ``number``; the same numbers give the same picture."""
    rng = random.Random(f"{number}/{index}")
    ground = tuple(rng.randint(150, 255) for _ in range(3))
    image = Image.new("RGB", (size, size), ground)
    pen = ImageDraw.Draw(image)
    for _ in range(6):  # blotches of light, so that pictures differ everywhere
        x, y, r = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(size / 10, size / 4)
        shade = tuple(max(0, c - rng.randint(20, 90)) for c in ground)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=shade)
    side = rng.uniform(size * 0.3, size * 0.5)
    left, top = rng.uniform(0, size - side), rng.uniform(0, size - side)
    box = (left, top, left + side, top + side)
    colour = _COLOURS[number % len(_COLOURS)]
    if number % 3 == 0:
        pen.rectangle(box, fill=colour)
    elif number % 3 == 1:
        pen.ellipse(box, fill=colour)
    else:
        pen.polygon([(left, top + side), (left + side, top + side), (left + side / 2, top)], colour)
    return image
