"""Cuts texts longer than a network reads into windows that overlap; needs numpy and a tokenizer alone."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Window:
    """What the network reads at once.

    Attributes:
        ids: Token numbers, int64 (length,), special tokens among them.
        types: 0 for the first of two texts, 1 for the second, as the tokenizer says, int64 (length,).
        offsets: First letter and letter after the last of each token, in the text that was cut, int64
            (length, 2); -1 for special tokens and for those of a question before it.
    """

    ids: np.ndarray
    types: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Frame:
    """The special tokens around one text or two, and the type of each part: numbers and types in turn."""

    before: tuple[np.ndarray, np.ndarray]
    between: tuple[np.ndarray, np.ndarray]
    after: tuple[np.ndarray, np.ndarray]
    kinds: tuple[int, int]

    @property
    def size(self) -> int:
        """Return how many special tokens there are."""
        return sum(len(part[0]) for part in (self.before, self.between, self.after))


@functools.lru_cache(maxsize=16)
def frame(tokenizer: Any, *, pair: bool) -> Frame:
    """Return what the tokenizer puts around a text, or around a question and a text."""
    found = tokenizer.encode("a", "a") if pair else tokenizer.encode("a")
    places = found.sequence_ids
    ids, types = np.array(found.ids, np.int64), np.array(found.type_ids, np.int64)
    first = [place for place, part in enumerate(places) if part == 0]
    second = [place for place, part in enumerate(places) if part == 1] or first
    parts = (
        slice(0, first[0]),
        slice(first[-1] + 1, second[0]) if pair else slice(0, 0),
        slice(second[-1] + 1, len(places)),
    )
    before, between, after = ((ids[part], types[part]) for part in parts)
    return Frame(before, between, after, (int(types[first[0]]), int(types[second[0]])))


def cut(
    tokenizer: Any, text: str, limit: int, overlap: int, question: str | None = None
) -> list[Window]:
    """Return the windows of a text, at least one; neighbours share ``overlap`` tokens.

    A question stands before each window. One that is too long for its half of the window loses its end,
    and an overlap that leaves a window too little that is new is made smaller.

    Args:
        tokenizer: A ``tokenizers.Tokenizer`` that neither cuts nor pads by itself.
        text: What is cut.
        limit: Most tokens of a window, special tokens and question included.
        overlap: Tokens of the window before that are read again.
        question: A text that is asked of this one, if any.
    """
    around = frame(tokenizer, pair=question is not None)
    found = tokenizer.encode(text, add_special_tokens=False)
    ids = np.array(found.ids, np.int64)
    offsets = np.array(found.offsets, np.int64).reshape(-1, 2)
    head = _head(tokenizer, question, around, limit)
    room = max(1, limit - len(head[0]) - len(around.after[0]))
    step = max(1, room - min(overlap, room // 2))
    starts = range(0, max(1, len(ids) - room + step), step)
    kind = around.kinds[question is not None]
    return [_window(head, ids[s : s + room], offsets[s : s + room], kind, around) for s in starts]


def _head(
    tokenizer: Any, question: str | None, around: Frame, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what stands before the text: special tokens, and the question between them."""
    if question is None:
        return around.before
    asked = tokenizer.encode(question, add_special_tokens=False).ids[: max(1, limit // 2)]
    ids = np.array(asked, np.int64)
    kinds = np.full(len(ids), around.kinds[0], np.int64)
    return (
        np.concatenate([around.before[0], ids, around.between[0]]),
        np.concatenate([around.before[1], kinds, around.between[1]]),
    )


def _window(
    head: tuple[np.ndarray, np.ndarray],
    ids: np.ndarray,
    offsets: np.ndarray,
    kind: int,
    around: Frame,
) -> Window:
    outside = np.full((1, 2), -1, np.int64)
    return Window(
        np.concatenate([head[0], ids, around.after[0]]),
        np.concatenate([head[1], np.full(len(ids), kind, np.int64), around.after[1]]),
        np.concatenate(
            [outside.repeat(len(head[0]), 0), offsets, outside.repeat(len(around.after[0]), 0)]
        ),
    )
