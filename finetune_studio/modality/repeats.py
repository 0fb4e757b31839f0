"""Finds texts that are there more than once: equal ones, and near copies by MinHash of word triples."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.events import Progress
from finetune_studio.core.job import Control
from finetune_studio.modality import likeness
from finetune_studio.modality.likeness import Copies

ALIKE = 0.7  # share of word triples that two texts have in common, of all that either has
FEWEST = 4  # words; shorter texts recur by themselves
_TRIPLE = 3
_FEWEST_NEAR = 10  # words; in shorter ones a single other word makes another text
_BANDS, _ROWS = 16, 4  # finds a pair of likeness 0.7 with 99 %, one of 0.8 with 99.98 %
_BLOCK = 2000  # texts at a time
# Words; in scripts that are written without blanks, single letters.
_WORD = re.compile(
    "[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
    "|[^\\W\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+"
)

Say = Callable[[Mapping[str, Any]], str]


def copies(
    dataset: Dataset, control: Control, say: Say, *, near: bool = True
) -> Generator[Progress, None, Copies | None]:
    """Find the sets of copies among usable samples; None if asked to stop.

    Args:
        dataset: The samples.
        control: Asks to stop.
        say: Returns the text of a sample's fields that is compared.
        near: Whether near copies are searched too.

    The answer is kept, so that asking again is instant while no text and no exclusion changed.
    """
    samples = dataset.samples(usable=True)
    spoken = {sample.id: texts.normal(say(sample.fields)) for sample in samples}
    key = hashlib.blake2b(digest_size=16)
    for number, text in spoken.items():
        key.update(f"\0{number} {text}".encode("utf-8", "replace"))
    place = "near copies of texts" if near else "copies of texts"
    kept = json.loads(dataset.get(place, "{}"))
    if kept.get("key") == key.hexdigest():
        return Copies(kept["exact"], kept["near"])
    same: dict[str, list[int]] = defaultdict(list)
    for number, text in spoken.items():
        if len(_WORD.findall(text[:200])) >= FEWEST:
            same[text].append(number)
    pairs: list[tuple[int, int]] = []
    if near:
        pairs = yield from alike(list(same), control)
    if control.stop.is_set():
        return None
    sets = list(same.values())
    found = Copies(
        [numbers for numbers in sets if len(numbers) > 1],
        [sorted(n for i in some for n in sets[i]) for some in likeness.sets(pairs)],
    )
    dataset.put(
        place, json.dumps({"key": key.hexdigest(), "exact": found.exact, "near": found.near})
    )
    return found


def alike(
    found: Sequence[str], control: Control
) -> Generator[Progress, None, list[tuple[int, int]]]:
    """Return pairs of texts that share most of their word triples.

    Broder, "On the resemblance and containment of documents", 1997: of 64 random orders of all
    triples, the share in which two texts have the same first one is close to their likeness. Texts
    that agree in a band of four are compared exactly.
    """
    numbers: dict[str, int] = {}
    triples: list[np.ndarray] = []
    looks = np.zeros((len(found), _BANDS), np.uint64)
    for start in range(0, len(found), _BLOCK):
        if control.stop.is_set():
            return []
        block = [_triples(text, numbers) for text in found[start : start + _BLOCK]]
        looks[start : start + len(block)] = _bands(block)
        triples += block
        yield Progress("compare", start + len(block), len(found))
    long = np.array([len(some) >= _FEWEST_NEAR - _TRIPLE + 1 for some in triples], bool)
    return [
        (a, b) for a, b in sorted(_candidates(looks, long)) if _likeness(triples[a], triples[b])
    ]


def _triples(text: str, numbers: dict[str, int]) -> np.ndarray:
    """Return the hashes of a text's word triples, each once, in order."""
    words = [numbers.setdefault(word, len(numbers)) for word in _WORD.findall(text)]
    ids = np.array(words, np.uint64)
    if len(ids) < _TRIPLE:
        return np.zeros(0, np.uint64)
    joined = ids[:-2] * np.uint64(0x9E3779B97F4A7C15) + ids[1:-1] * np.uint64(0xC2B2AE3D27D4EB4F)
    return np.unique(_mixed(joined + ids[2:] * np.uint64(0x165667B19E3779F9)))


def _mixed(values: np.ndarray) -> np.ndarray:
    """Return numbers scattered evenly (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _bands(block: Sequence[np.ndarray]) -> np.ndarray:
    """Return a number for each band of each text: equal where four minima are equal."""
    rng = np.random.default_rng(0)
    turns = rng.integers(1, 2**63, _BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
    filled = [i for i, some in enumerate(block) if len(some)]
    bands = np.zeros((len(block), _BANDS), np.uint64)
    if not filled:
        return bands
    values = np.concatenate([block[i] for i in filled])
    starts = np.cumsum([0, *(len(block[i]) for i in filled[:-1])])
    for number, turn in enumerate(turns):
        least = np.minimum.reduceat(values * turn, starts)
        band = bands[filled, number // _ROWS]
        bands[filled, number // _ROWS] = _mixed(band * np.uint64(31) + least)
    return bands


def _candidates(looks: np.ndarray, long: np.ndarray) -> set[tuple[int, int]]:
    """Return pairs of texts that agree in a band: each with the first of its kind and with the next."""
    places = np.flatnonzero(long)
    pairs: set[tuple[int, int]] = set()
    for band in range(looks.shape[1]):
        column = looks[places, band]
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        firsts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        first_of = np.repeat(firsts, np.diff(np.r_[firsts, len(ordered)]))
        rest = np.flatnonzero(first_of != np.arange(len(ordered)))
        for before in (first_of[rest], rest - 1):
            pairs.update(_ordered(places[order[before]], places[order[rest]]))
    return pairs


def _ordered(some: np.ndarray, others: np.ndarray) -> Iterable[tuple[int, int]]:
    low, high = np.minimum(some, others), np.maximum(some, others)
    return zip(low.tolist(), high.tolist(), strict=True)


def _likeness(some: np.ndarray, other: np.ndarray) -> bool:
    common = len(np.intersect1d(some, other, assume_unique=True))
    return common >= ALIKE * (len(some) + len(other) - common)
