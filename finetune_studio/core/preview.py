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
class By:
    """A class that is to be explained by another insight than the usual one (``way``, a catalogue name)."""

    name: str
    way: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of counts with named rows and columns, such as a confusion matrix."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    row_title: str = ""
    column_title: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A text as it is read; ``heat`` says how much places spoke for (up to 1) or against (to -1) an answer.

    Attributes:
        text: Plain text, never markup.
        title: What it is ("Question", "Context", "Summary"), where there are several.
        heat: (start, end, weight) of places, in letters of ``text``.
    """

    text: str
    title: str = ""
    heat: tuple[tuple[int, int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a text, from letter ``start`` up to ``end``, and what is found there."""

    start: int
    end: int
    name: str
    certainty: float | None = None


@dataclass(frozen=True, slots=True)
class Spans:
    """Places in the words before it: those in the data (``said`` False), or those the model names."""

    spans: tuple[Span, ...]
    said: bool = False


@dataclass(frozen=True, slots=True)
class Both:
    """Two answers that are to be explained beside each other: what was said, and what is true."""

    said: str | By | Span
    truth: str | By | Span


Mark = Picture | Heat | Grid | Words | Spans


@dataclass(frozen=True, slots=True)
class Preview:
    """Marks painted over each other, with the words that belong beside them.

    Attributes:
        marks: Painted in order.
        truth: The label given by the user, if any.
        said: The model's answer, if any, and ``certainty`` its probability from 0 to 1.
        lines: Sentences about it; of an explanation, the first says what is explained.
        beside: A second preview of the same sample, to stand beside this one.
    """

    marks: tuple[Mark, ...]
    truth: str = ""
    said: str = ""
    certainty: float | None = None
    lines: tuple[str, ...] = field(default=())
    beside: Preview | None = None
