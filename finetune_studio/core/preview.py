"""Pictures as data: a task describes what to show, the window knows how to paint each mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Picture:
    """An image: a file to read or pixels, uint8 of shape (height, width, 3)."""

    path: str = ""
    pixels: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Heat:
    """How much each place mattered: float32 (height, width) from 0 to 1, laid over the picture before it."""

    values: np.ndarray
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of counts with named rows and columns, such as a confusion matrix."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    row_title: str = ""
    column_title: str = ""


Mark = Picture | Heat | Grid


@dataclass(frozen=True, slots=True)
class Preview:
    """Marks painted over each other, with the words that belong beside them.

    Attributes:
        marks: Painted in order.
        truth: The label given by the user, if any.
        said: The model's answer, if any, and ``certainty`` its probability from 0 to 1.
    """

    marks: tuple[Mark, ...]
    truth: str = ""
    said: str = ""
    certainty: float | None = None
    lines: tuple[str, ...] = field(default=())
