"""Measures pictures without looking at what they show: size, brightness, bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from finetune_studio.modality import likeness, preprocess

_SIDE = 16  # brightness is the mean of so many by so many places


@dataclass(frozen=True, slots=True)
class Measured:
    """Width and height in pixels as the file has them, mean brightness from 0 to 255, and bytes."""

    width: int
    height: int
    brightness: float
    bytes: int


def of_picture(path: str, look: bytes = b"") -> Measured | None:
    """Return the measures of a picture; None where it cannot be read.

    Args:
        path: The file.
        look: What ``likeness.look_of`` said of it, if that is known: then it is not decoded again.
    """
    try:
        with Image.open(path) as picture:
            width, height = picture.size
        if len(look) == likeness.LENGTH:
            brightness = float(np.frombuffer(look[: _SIDE * _SIDE], np.uint8).mean())
        else:
            small = preprocess.open_picture(path, _SIDE).convert("L")
            brightness = float(
                np.asarray(small.resize((_SIDE, _SIDE), Image.Resampling.BOX)).mean()
            )
        return Measured(width, height, brightness, Path(path).stat().st_size)
    except Exception:  # noqa: BLE001  a file that moved or broke since is measured like none
        return None
