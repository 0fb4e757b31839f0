"""From a picture file to the numbers that a network sees, with numpy and pillow alone.

This file is copied word for word into every exported image model, so that an export sees exactly what
the app saw. It must not import anything else.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Larger pictures are refused before they are decoded: they would fill the memory.
MOST_PIXELS = 180_000_000
_LFS = b"version https://git-lfs"

# Odd files make pillow warn, and warnings are no use to whoever only wants an answer. Set once, because
# pictures are read in several threads at a time.
warnings.filterwarnings("ignore", module=r"PIL\.")

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def open_picture(path: str | Path | BinaryIO, at_least: int = 0) -> Image.Image:
    """Return a picture as the eye sees it: upright, RGB, 8 bits a channel, on white where transparent.

    Args:
        path: The file, or one that is open; of an animation the first frame is taken.
        at_least: Large JPEG files may be decoded smaller, as long as their shorter side keeps at least
            this many pixels (0: full size). Up to six times faster.

    Raises:
        OSError: If the file is missing, damaged or no picture.
        ValueError: If the picture is too large or empty.
    """
    with Image.open(path) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError(f"{picture.width} x {picture.height} pixels are too many")
        if picture.format == "EPS":  # a program, for which another one would be started
            raise UnidentifiedImageError("PostScript is not run")
        if at_least and picture.format == "JPEG":
            factor = at_least / min(picture.size)
            if factor < 0.5:  # the decoder can only halve, so nothing is won above
                wide = int(picture.width * factor + 1), int(picture.height * factor + 1)
                picture.draft(picture.mode, wide)
        picture.load()
        upright = ImageOps.exif_transpose(picture)
    return _as_rgb(upright)


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I;16"):
        return _from_grey(np.asarray(picture).astype(np.float32) / 257.0)
    if picture.mode in ("I", "F"):
        return _from_grey(_stretched(np.asarray(picture, dtype=np.float32)))
    if "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert("RGB")
    return picture.convert("RGB")


def _stretched(values: np.ndarray) -> np.ndarray:
    """Bring values of unknown range to 0..255: as they are, from 16 bits, or from what there is."""
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if low >= 0 and 1.0 < high <= 255:
        return values
    if low >= 0 and 255 < high <= 65535:
        return values / 257.0
    return (values - low) * (255.0 / (high - low)) if high > low else values * 0


def _from_grey(values: np.ndarray) -> Image.Image:
    grey = Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))
    return grey.convert("RGB")


def prepare(picture: Image.Image, processor: dict[str, Any]) -> np.ndarray:
    """Make a picture square and normalise it; return float32 of shape (3, crop, crop).

    Args:
        picture: RGB, as :func:`open_picture` returns it.
        processor: ``crop`` (side of the square), ``mean`` and ``std`` (three numbers each, for values
            from 0 to 1), ``interpolation`` (a word) and ``fit``: ``crop`` (or nothing) brings the
            shorter side to ``resize`` pixels and cuts the centre out, ``whole`` shows all of the
            picture with bars of the mean colour, ``stretch`` all of it, stretched.
    """
    return normalised(square(picture, processor), processor)


def square(picture: Image.Image, processor: dict[str, Any]) -> np.ndarray:
    """Make a picture square, as ``fit`` says; return uint8 of shape (crop, crop, 3)."""
    crop, fit = int(processor["crop"]), processor.get("fit", "crop")
    if fit == "whole":
        picture = with_bars(picture, processor)
    factor = max(int(processor["resize"]), crop) / min(picture.size)
    size = (max(crop, round(picture.width * factor)), max(crop, round(picture.height * factor)))
    if fit != "crop":
        size = crop, crop
    if size != picture.size:
        picture = picture.resize(size, _FILTERS[processor.get("interpolation", "bilinear")])
    left, top = (size[0] - crop) // 2, (size[1] - crop) // 2
    return np.asarray(picture.crop((left, top, left + crop, top + crop)))


def with_bars(picture: Image.Image, processor: dict[str, Any]) -> Image.Image:
    """Return all of a picture in the middle of a square, with bars of the mean colour beside it."""
    width, height = picture.size
    side = max(width, height)
    if width == height:
        return picture
    mean = tuple(int(255 * float(value)) for value in processor["mean"])
    whole = Image.new("RGB", (side, side), mean)
    whole.paste(picture, ((side - width) // 2, (side - height) // 2))
    return whole


def normalised(pixels: np.ndarray, processor: dict[str, Any]) -> np.ndarray:
    """Turn uint8 (height, width, 3) into normalised float32 (3, height, width)."""
    scale = 1.0 / (255.0 * np.asarray(processor["std"], dtype=np.float32))
    shift = np.asarray(processor["mean"], dtype=np.float32) / np.asarray(
        processor["std"], dtype=np.float32
    )
    values = pixels.astype(np.float32) * scale.astype(np.float32) - shift
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def ready(path: str | Path | BinaryIO, processor: dict[str, Any]) -> np.ndarray:
    """Return a file as the network sees it: float32 of shape (3, crop, crop)."""
    return normalised(squared(path, processor), processor)


def squared(path: str | Path | BinaryIO, processor: dict[str, Any]) -> np.ndarray:
    """Return a file as it is before it is normalised: uint8 of shape (crop, crop, 3)."""
    side = max(int(processor["resize"]), int(processor["crop"]))
    return square(open_picture(path, at_least=side), processor)


def reason(path: str, error: Exception) -> str:
    """Say in words why a picture cannot be read; ``path`` is empty where it is no file."""
    if path and (found := _file_reason(Path(path))):
        return found
    if isinstance(error, UnidentifiedImageError):
        return "it is not a picture in a known format"
    if isinstance(error, Image.DecompressionBombError) or "too many" in str(error):
        return f"it is too large ({MOST_PIXELS:,} pixels at most)"
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
