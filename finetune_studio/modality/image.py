"""Pictures for training: errors in words, and variation that depends on nothing but its seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, UnidentifiedImageError

from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import View
from finetune_studio.modality import preprocess

# strength: (smallest share of the area that a crop keeps, change of colours, turn in degrees)
STRENGTHS = {
    "none": (1.0, 0.0, 0.0),
    "light": (0.5, 0.1, 0.0),
    "medium": (0.35, 0.25, 8.0),
    "strong": (0.2, 0.4, 15.0),
}
_LFS = b"version https://git-lfs"


def read(path: str, at_least: int = 0) -> Image.Image:
    """Return a picture, upright and RGB.

    Raises:
        StudioError: If it cannot be read, with the reason in words.
    """
    try:
        return preprocess.open_picture(path, at_least)
    except Exception as error:  # damaged files make decoders raise anything at all
        raise StudioError(
            f"{path} cannot be read: {reason(path, error)}.", "Exclude it or replace it."
        ) from error


def reason(path: str, error: Exception) -> str:
    """Say in words why a picture cannot be read."""
    if found := _file_reason(Path(path)):
        return found
    if isinstance(error, UnidentifiedImageError):
        return "it is not a picture in a known format"
    if isinstance(error, Image.DecompressionBombError) or "too many" in str(error):
        return f"it is too large ({preprocess.MOST_PIXELS:,} pixels at most)"
    return f"the file is damaged ({error})" if str(error) else "the file is damaged"


def _file_reason(file: Path) -> str:
    """Say what is wrong with the file itself, whatever should be in it; empty if nothing is."""
    try:
        if not file.is_file():
            return "it is not a file" if file.exists() else "the file is not there"
        with file.open("rb") as opened:
            start = opened.read(len(_LFS))
    except OSError as error:
        denied = isinstance(error, PermissionError)
        return "you may not read it" if denied else f"the computer refused it ({error.strerror})"
    if start == _LFS:
        return "it is only a pointer left by git-lfs (run 'git lfs pull' where it came from)"
    return "" if start else "the file is empty"


def varied(
    picture: Image.Image,
    processor: dict[str, Any],
    *,
    view: View,
    sample: int,
    strength: str,
    flip: bool,
) -> np.ndarray:
    """Return a varied copy as the network sees it: float32 (3, crop, crop).

    A random part of the picture at a random shape (Szegedy et al. 2015, "Going deeper with
    convolutions"), mirrored half the time, with changed brightness, contrast and saturation. All random
    numbers come from (seed, sample, view), so the same view is the same picture in every run.
    """
    least, colour, turn = STRENGTHS[strength]
    rng = np.random.default_rng((view.seed, sample, view.number))
    side = int(processor["crop"])
    if turn:
        angle = float(rng.uniform(-turn, turn))
        fill = tuple(int(v * 255) for v in processor["mean"])
        picture = picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=fill)
    box = _crop_box(picture.size, least, rng)
    picture = picture.resize((side, side), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    if flip and rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        if colour:
            picture = change(picture).enhance(float(rng.uniform(1 - colour, 1 + colour)))
    return preprocess.normalised(np.asarray(picture), processor)


def _crop_box(
    size: tuple[int, int], least: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Draw a part that keeps ``least`` to all of the area, at 3:4 to 4:3; the centre if none fits."""
    width, height = size
    for _ in range(10):
        area = width * height * rng.uniform(least, 1.0)
        shape = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        w, h = float(np.sqrt(area * shape)), float(np.sqrt(area / shape))
        if w <= width and h <= height:
            left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
            return left, top, left + w, top + h
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
