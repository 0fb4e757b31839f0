"""ROUGE (Lin 2004): how many words, pairs of words and longest common sequences two texts share."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence

# Words of letters and digits; of scripts written without spaces each sign counts as a word.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]|[^\W_\u3040-\u9fff]+"
)
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\s*\n+\s*")


@functools.lru_cache(maxsize=16384)  # an interval scores the same answers hundreds of times
def best(said: str, references: tuple[str, ...]) -> tuple[float, float, float]:
    """Return ROUGE-L, -1 and -2 (F1) of a text, each against the reference that it fits best."""
    own = words(said)
    scores = [_against(own, words(reference)) for reference in references]
    if not scores:
        return 0.0, 0.0, 0.0
    return (max(s[0] for s in scores), max(s[1] for s in scores), max(s[2] for s in scores))


def words(text: str) -> list[str]:
    """Return the words of a text in small letters."""
    return _WORD.findall(text.lower())


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; a line of a conversation is one, too."""
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def _against(said: Sequence[str], true: Sequence[str]) -> tuple[float, float, float]:
    return (
        _f1(_longest_common(said, true), len(said), len(true)),
        _shared(said, true, 1),
        _shared(said, true, 2),
    )


def _shared(said: Sequence[str], true: Sequence[str], size: int) -> float:
    one, other = _counted(said, size), _counted(true, size)
    return _f1((one & other).total(), one.total(), other.total())


def _counted(text: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(text[start:] for start in range(size)), strict=False))


def _f1(hits: int, said: int, true: int) -> float:
    return 2 * hits / (said + true) if hits else 0.0


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest sequence of words, with gaps, that both texts have."""
    before = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for place, there in enumerate(other):
            row.append(before[place] + 1 if word == there else max(row[-1], before[place + 1]))
        before = row
    return before[-1]
