"""Pictures for training: errors in words, and variation that depends on nothing but its seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import View
from finetune_studio.modality import preprocess

if TYPE_CHECKING:
    from torch import Tensor

# strength: (smallest share of the area that a crop keeps, change of colours, turn in degrees)
STRENGTHS = {
    "none": (1.0, 0.0, 0.0),
    "light": (0.5, 0.1, 0.0),
    "medium": (0.35, 0.25, 8.0),
    "strong": (0.2, 0.4, 15.0),
}
# A varied crop takes a part of the picture, so that is kept larger than it is seen: 256 pixels for 224.
_MARGIN = 8 / 7
_LUMA = (0.299, 0.587, 0.114)  # how bright each colour looks (ITU-R BT.601)


def read(path: str, at_least: int = 0) -> Image.Image:
    """Return a picture, upright and RGB.

    Raises:
        StudioError: If it cannot be read, with the reason in words.
    """
    try:
        return preprocess.open_picture(path, at_least)
    except Exception as error:  # damaged files make decoders raise anything at all
        raise StudioError(
            f"{path} cannot be read: {reason(path, error)}.", "Replace it, or leave it out."
        ) from error


def working(path: str, processor: dict[str, Any]) -> np.ndarray:
    """Return a picture as variation starts from it: uint8 (height, width, 3), no larger than needed.

    Raises:
        StudioError: If it cannot be read, with the reason in words.
    """
    least = round(int(processor["crop"]) * _MARGIN)
    picture = read(path, least)
    if processor.get("fit") == "whole":
        picture = preprocess.with_bars(picture, processor)
    if (factor := least / min(picture.size)) < 1:
        size = max(least, round(picture.width * factor)), max(least, round(picture.height * factor))
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture)


def seen(path: str, processor: dict[str, Any]) -> np.ndarray:
    """Return a picture as evaluation sees it, before it is normalised: uint8 (crop, crop, 3).

    Raises:
        StudioError: If it cannot be read, with the reason in words.
    """
    side = max(int(processor["resize"]), int(processor["crop"]))
    return preprocess.square(read(path, side), processor)


def reason(path: str, error: Exception) -> str:
    """Say in words why a picture cannot be read."""
    return preprocess.reason(path, error)


def varied(
    pixels: np.ndarray,
    processor: dict[str, Any],
    *,
    view: View,
    sample: int,
    strength: str,
    flip: bool,
) -> np.ndarray:
    """Return a varied copy of a picture's pixels: uint8 (crop, crop, 3), not yet normalised.

    A random part of the picture at a random shape (Szegedy et al. 2015, "Going deeper with
    convolutions"), mirrored half the time, with changed brightness, contrast and saturation. All random
    numbers come from (seed, sample, view), so the same view is the same picture in every run. ``pixels``
    are uint8 (height, width, 3), as :func:`working` returns them.
    """
    least, colour, turn = STRENGTHS[strength]
    rng = np.random.default_rng((view.seed, sample, view.number))
    side = int(processor["crop"])
    if turn:
        angle = float(rng.uniform(-turn, turn))
        fill = tuple(int(v * 255) for v in processor["mean"])
        turned = Image.fromarray(pixels).rotate(angle, Image.Resampling.BILINEAR, fillcolor=fill)
        pixels = np.asarray(turned)
    left, top, right, bottom = _crop_box((pixels.shape[1], pixels.shape[0]), least, rng)
    picture = Image.fromarray(_resized(pixels[top:bottom, left:right], side))
    if flip and rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if colour:
        brightness, contrast, saturation = rng.uniform(1 - colour, 1 + colour, 3)
        picture = _recoloured(picture, float(brightness), float(contrast), float(saturation))
    return np.asarray(picture)


def _recoloured(
    picture: Image.Image, brightness: float, contrast: float, saturation: float
) -> Image.Image:
    """Change all three in one pass: each is linear in the pixel, so they are one matrix together.

    Brightness scales the values, contrast their distance from the picture's mean grey, and saturation
    their distance from the pixel's own grey.
    """
    steps = picture.convert("L").histogram()
    grey = sum(value * count for value, count in enumerate(steps)) / sum(steps)
    own = brightness * contrast * saturation
    shared = brightness * contrast * (1 - saturation)
    shift = brightness * (1 - contrast) * grey
    rows = [
        value
        for row in range(3)
        for value in (*(shared * _LUMA[c] + (own if c == row else 0.0) for c in range(3)), shift)
    ]
    return picture.convert("RGB", tuple(rows))


def normalised(pixels: Tensor, processor: dict[str, Any]) -> Tensor:
    """Turn uint8 (batch, 3, height, width) into normalised float32, on whatever device it is.

    The numbers are those of :func:`preprocess.normalised` to the last bit. The result lies channels
    last in memory, which convolutions like best, except on a Mac's graphics processor.
    """
    import torch

    rows = pixels.permute(0, 2, 3, 1).contiguous()
    batch, height, width, _ = rows.shape
    mean, std = (np.asarray(processor[name], dtype=np.float32) for name in ("mean", "std"))
    # The three numbers are repeated along a row, so that the inner loop is long enough to be fast.
    scale = torch.from_numpy(np.tile(1.0 / (255.0 * std), width)).to(pixels.device)
    shift = torch.from_numpy(np.tile(mean / std, width)).to(pixels.device)
    values = torch.empty(rows.shape, dtype=torch.float32, device=rows.device)
    lines = rows.view(batch, height, width * 3), values.view(batch, height, width * 3)
    # One picture at a time fits the processor's cache; a graphics processor takes all at once.
    size = 1 if rows.device.type == "cpu" else max(1, batch)
    for whole, made in zip(*(part.split(size) for part in lines), strict=True):
        made.copy_(whole).mul_(scale).sub_(shift)
    values = values.permute(0, 3, 1, 2)
    return values.contiguous() if values.device.type == "mps" else values  # slower there


def _crop_box(
    size: tuple[int, int], least: float, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Draw a part that keeps ``least`` to all of the area, at 3:4 to 4:3; the centre if none fits."""
    width, height = size
    for _ in range(10):
        area = width * height * rng.uniform(least, 1.0)
        shape = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        w, h = round(np.sqrt(area * shape)), round(np.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, top, left + w, top + h
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return uint8 (height, width, 3) as a square, as pillow would but in a third of the time."""
    import torch
    from torch.nn import functional

    # A copy lies in one piece, so that torch takes the quick way, and may be written, so that it is quiet.
    part = torch.from_numpy(pixels.copy(order="C"))[None].permute(0, 3, 1, 2)
    square = functional.interpolate(part, (side, side), mode="bilinear", antialias=True)
    return np.ascontiguousarray(square[0].permute(1, 2, 0).numpy())
