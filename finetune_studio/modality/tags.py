"""Words, their tags (begins, inside or outside a span), and the way back to spans; needs numpy alone."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

OUTSIDE = 0
UNKNOWN = -100  # a word that nothing is learnt from, as cross-entropy ignores it

# Scripts that are written without spaces: each letter counts as a word.
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)


@functools.cache
def _pattern() -> re.Pattern[str]:
    marks = [c for c in map(chr, range(0x10000)) if unicodedata.category(c)[0] == "M"]
    joined = re.escape("".join(marks))
    return re.compile(rf"[{_ALONE}][{joined}]*|(?:(?![{_ALONE}])[\w{joined}])+|[^\w\s]")


def words(text: str, *, split: bool = False) -> np.ndarray:
    """Return first letter and letter after the last of each word, int64 (words, 2).

    Words are runs of letters and digits, and each other sign by itself; where ``split``, they are what
    lies between single spaces.
    """
    if not split:
        found = [match.span() for match in _pattern().finditer(text)]
        return np.array(found, np.int64).reshape(-1, 2)
    found, start = [], 0
    for word in text.split(" "):
        if word.strip():
            found.append((start, start + len(word)))
        start += len(word) + 1
    return np.array(found, np.int64).reshape(-1, 2)


def names(types: Sequence[str]) -> list[str]:
    """Return what the network's outputs stand for: outside, then begin and inside of each type."""
    return ["O", *(f"{part}-{kind}" for kind in types for part in "BI")]


def tags_of(places: np.ndarray, spans: Iterable[Sequence[Any]], types: Sequence[str]) -> np.ndarray:
    """Return the number of each word's tag, int64 (words,).

    A word belongs to the span that touches it, the first if there are several. Nothing is learnt from
    words of a type that is not among ``types``.
    """
    found = np.full(len(places), OUTSIDE, np.int64)
    for start, end, kind, *_ in sorted(spans, key=lambda span: (span[0], span[1])):
        touched = (places[:, 0] < end) & (places[:, 1] > start) & (found == OUTSIDE)
        rows = np.flatnonzero(touched)
        if kind not in types:
            found[rows] = UNKNOWN
            continue
        begins = 1 + 2 * types.index(kind)
        found[rows] = begins + 1
        found[rows[:1]] = begins
    return found


def homes(places: np.ndarray, windows: Sequence[np.ndarray]) -> np.ndarray:
    """Return where each word is read: window and token, int64 (words, 2), -1 where it has no token.

    A word is read at its first token, in the window in which most tokens stand on both sides of it.

    Args:
        places: Letters of each word, (words, 2).
        windows: Letters of each window's tokens, (tokens, 2), negative for tokens that are not the text's.
    """
    found = np.full((len(places), 2), -1, np.int64)
    most = np.full(len(places), -1, np.int64)
    for number, offsets in enumerate(windows):
        inside = np.flatnonzero(offsets[:, 1] > offsets[:, 0])
        if not len(inside) or not len(places):
            continue
        # The first token that ends after the word begins; it is the word's if it begins before the end.
        ends = np.maximum.accumulate(offsets[inside, 1])
        first = np.searchsorted(ends, places[:, 0], side="right")
        known = first < len(inside)
        token = inside[np.minimum(first, len(inside) - 1)]
        known &= offsets[token, 0] < places[:, 1]
        # A word whose beginning lies in the window before is not read here.
        known &= (number == 0) | (first > 0) | (offsets[token, 0] <= places[:, 0])
        around = np.minimum(first, len(inside) - 1 - first)
        better = known & (around > most)
        found[better] = np.stack([np.full(better.sum(), number), token[better]], 1)
        most[better] = around[better]
    return found


def decode(shares: np.ndarray) -> np.ndarray:
    """Return the most likely sequence of tags in which no span goes on that has not begun, (words,).

    By Viterbi's algorithm (1967) over the logarithms of ``shares``, (words, tags), as if words were
    independent but for what may follow what.
    """
    best = shares.argmax(1)
    if valid(best):
        return np.asarray(best, np.int64)
    scores = np.log(np.maximum(shares.astype(np.float64), 1e-30))
    allowed = _allowed(shares.shape[1])
    total = scores[0] + allowed[OUTSIDE]
    back = np.zeros(shares.shape, np.int64)
    for place in range(1, len(scores)):
        ways = total[:, None] + allowed
        back[place] = ways.argmax(0)
        total = ways.max(0) + scores[place]
    tags = [int(total.argmax())]
    for place in range(len(scores) - 1, 0, -1):
        tags.append(int(back[place, tags[-1]]))
    return np.array(tags[::-1], np.int64)


def valid(tags: np.ndarray) -> bool:
    """Whether every inside follows a begin or an inside of its own type."""
    before = np.concatenate([[OUTSIDE], tags[:-1]])
    inside = (tags > 0) & (tags % 2 == 0)
    return bool(((before == tags) | (before == tags - 1))[inside].all())


@functools.lru_cache(maxsize=64)
def _allowed(count: int) -> np.ndarray:
    """Return 0 where a tag (column) may follow another (row), minus infinity where not."""
    table = np.zeros((count, count))
    for inside in range(2, count, 2):
        table[:, inside] = -np.inf
        table[[inside - 1, inside], inside] = 0.0
    return table


def spans_of(
    places: np.ndarray, tags: np.ndarray, shares: np.ndarray, types: Sequence[str]
) -> list[list[Any]]:
    """Return ``[start, end, type, certainty]`` of each span that the tags name.

    A span is as sure as what is least sure of it: the tags of its words, and that it ends where it does.
    """
    found: list[list[Any]] = []
    for place, tag in enumerate(tags.tolist()):
        if tag <= OUTSIDE:
            continue
        share = float(shares[place, tag])
        start, end = places[place].tolist()
        if tag % 2:
            found.append([start, end, types[(tag - 1) // 2], share])
        else:
            found[-1][1] = end
            found[-1][3] = min(found[-1][3], share)
        inside = tag + tag % 2
        if place + 1 < len(tags) and tags[place + 1] != inside:
            found[-1][3] = min(found[-1][3], 1.0 - float(shares[place + 1, inside]))
    return found


class Dictionary:
    """Finds the names that marked texts hold wherever they occur: the longest first, small letters or not.

    A name is only known if at least half of the places where it would be found in those texts are marked
    as such. It is the simplest answer, that a model must beat (as in CoNLL 2003).

    Args:
        marked: Texts, each with whether its words lie between single spaces, and its spans.
    """

    def __init__(self, marked: Iterable[tuple[tuple[str, bool], Sequence[Sequence[Any]]]]) -> None:
        texts = [(*self._lowered(*written), spans) for written, spans in marked]
        kinds: dict[tuple[str, ...], Counter[str]] = {}
        for lowered, places, spans in texts:
            for start, end, kind, *_ in spans:
                rows = np.flatnonzero((places[:, 0] < end) & (places[:, 1] > start))
                if len(rows):
                    name = tuple(lowered[rows[0] : rows[-1] + 1])
                    kinds.setdefault(name, Counter())[kind] += 1
        self._kinds = {name: found.most_common(1)[0][0] for name, found in kinds.items()}
        self._lengths = self._by_first_word()
        right: Counter[tuple[str, ...]] = Counter()
        seen: Counter[tuple[str, ...]] = Counter()
        for lowered, places, spans in texts:
            true = {tuple(span[:3]) for span in spans}
            for name, span in self._matches(lowered, places):
                seen[name] += 1
                right[name] += tuple(span) in true
        self._kinds = {n: k for n, k in self._kinds.items() if 2 * right[n] >= max(1, seen[n])}
        self._lengths = self._by_first_word()

    def find(self, text: str, split: bool) -> list[list[Any]]:
        """Return ``[start, end, type]`` of each known name in a text."""
        return [span for _, span in self._matches(*self._lowered(text, split))]

    @staticmethod
    def _lowered(text: str, split: bool) -> tuple[list[str], np.ndarray]:
        places = words(text, split=split)
        return [text[start:end].lower() for start, end in places.tolist()], places

    def _by_first_word(self) -> dict[str, list[int]]:
        lengths: dict[str, set[int]] = {}
        for name in self._kinds:
            lengths.setdefault(name[0], set()).add(len(name))
        return {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def _matches(
        self, lowered: list[str], places: np.ndarray
    ) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
        at = 0
        while at < len(lowered):
            for length in self._lengths.get(lowered[at], []):
                name = tuple(lowered[at : at + length])
                if len(name) == length and name in self._kinds:
                    end = int(places[at + length - 1, 1])
                    yield name, [int(places[at, 0]), end, self._kinds[name]]
                    at += length
                    break
            else:
                at += 1
