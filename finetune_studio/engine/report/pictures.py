"""Small pictures as data links, so that the page needs no other file."""

from __future__ import annotations

import base64
import io
import math


def square(path: str, side: int) -> str:
    """Return the middle of a picture as a small JPEG in a data link; empty where it cannot be read.

    Args:
        path: The picture.
        side: Of the square, in pixels.
    """
    from PIL import Image

    from finetune_studio.modality import preprocess

    try:
        picture = preprocess.open_picture(path, side)
    except Exception:  # noqa: BLE001  a file that moved or broke since must not spoil the report
        return ""
    factor = side / min(picture.size)
    small = picture.resize(
        (math.ceil(picture.width * factor), math.ceil(picture.height * factor)),
        Image.Resampling.BILINEAR,
    )
    left, top = (small.width - side) // 2, (small.height - side) // 2
    out = io.BytesIO()
    small.crop((left, top, left + side, top + side)).save(out, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
