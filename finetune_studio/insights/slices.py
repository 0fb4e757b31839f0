"""Slices: how good the model is on parts of the data, and which part is worse than chance explains."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from finetune_studio.core.scores import wilson

FEWEST = 10  # samples below which a slice is too small to judge
_MOST_VALUES = 12  # different values up to which each is a slice of its own
_QUARTERS = 4
_LEVEL = 0.05

Values = Mapping[int, float | str]


@dataclass(frozen=True, slots=True)
class Slice:
    """Samples that share something, and how good the model is on them.

    Attributes:
        column: What they share: a column of the data, or something measured.
        value: Its value, or its range, in words.
        ids: The samples.
        score: Their mean score, from 0 to 1; ``rest`` that of all other samples.
        low: Where the 95 % interval of the score begins; ``high`` where it ends.
        chance: How often a gap as large would come by chance alone, after allowing for the number of
            slices that were tried (Holm 1979); 1 where it is too small to judge.
        worse: Whether it is worse than chance explains.
    """

    column: str
    value: str
    ids: tuple[int, ...]
    score: float
    rest: float
    low: float
    high: float
    chance: float = 1.0
    worse: bool = False

    @property
    def count(self) -> int:
        """Return how many samples it has."""
        return len(self.ids)

    @property
    def small(self) -> bool:
        """Whether it is too small to judge."""
        return self.count < FEWEST

    @property
    def gap(self) -> float:
        """Return how much worse it is than the rest; below 0 it is better."""
        return self.rest - self.score


def slices(scores: Mapping[int, float], columns: Mapping[str, Values]) -> list[Slice]:
    """Return every slice of every column, worst first within what is worse than chance explains.

    Args:
        scores: Each sample's own score, from 0 to 1 (1 is right).
        columns: For each column, the value of each sample: numbers are cut into quarters.
    """
    found: list[Slice] = []
    for column, values in columns.items():
        known = {number: value for number, value in values.items() if number in scores}
        groups = grouped(known)
        if len(groups) > 1:
            found += [_slice(column, value, ids, scores) for value, ids in groups]
    judged = _allowed_for(found, scores)
    return sorted(judged, key=lambda s: (not s.worse, s.small, s.chance, -s.gap))


def grouped(values: Values) -> list[tuple[str, list[int]]]:
    """Return the samples by value: each value of a few, ranges of many numbers; nothing of many texts."""
    if (numbers := _measured(values)) is not None:
        return _ranges(numbers)
    counts = Counter(str(value) for value in values.values())
    if len(counts) > _MOST_VALUES:
        # A few common values of many (cameras, sites) still say something; the others stand together.
        kept = [name for name, count in counts.most_common(_MOST_VALUES) if count >= FEWEST]
        if len(kept) < 2 or sum(counts[name] for name in kept) < len(values) / 2:
            return []
    else:
        kept = list(counts)
    found: dict[str, list[int]] = {name: [] for name in sorted(kept)}
    for number, value in values.items():
        if str(value) in found:
            found[str(value)].append(number)
    return list(found.items())


def is_ordered(values: Values) -> bool:
    """Whether :func:`grouped` makes ranges of the values, which come one after the other."""
    return _measured(values) is not None


def _measured(values: Values) -> dict[int, float] | None:
    """Return values as numbers where they are many different ones; else None."""
    numbers = _numbers(values)
    return numbers if numbers and len(set(numbers.values())) > _MOST_VALUES else None


def _numbers(values: Values) -> dict[int, float] | None:
    """Return values as numbers where nearly all are; None where they are words."""
    found: dict[int, float] = {}
    for number, value in values.items():
        try:
            parsed = float(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(parsed):
            found[number] = parsed
    return found if found and len(found) >= 0.9 * len(values) else None


def _ranges(numbers: Mapping[int, float]) -> list[tuple[str, list[int]]]:
    """Return four ranges with about as many samples each."""
    ordered = np.sort(np.array(list(numbers.values())))
    cuts = sorted({float(q) for q in np.quantile(ordered, [0.25, 0.5, 0.75])})
    ends = [*cuts, math.inf]
    found: list[list[int]] = [[] for _ in ends]
    for number, value in numbers.items():
        found[int(np.searchsorted(cuts, value, side="left"))].append(number)
    names = [f"up to {_short(cuts[0])}"]
    names += [f"{_short(low)} to {_short(high)}" for low, high in pairwise(cuts)]
    names.append(f"above {_short(cuts[-1])}")
    return [(name, ids) for name, ids in zip(names, found, strict=True) if ids]


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _slice(column: str, value: str, ids: Sequence[int], scores: Mapping[int, float]) -> Slice:
    inside = np.array([scores[n] for n in ids])
    chosen = set(ids)
    outside = np.array([score for n, score in scores.items() if n not in chosen])
    mean = float(inside.mean())
    rest = float(outside.mean()) if len(outside) else mean
    low, high = wilson(mean, len(inside))  # exact for scores that are 0 or 1
    found = Slice(column, value, tuple(ids), mean, rest, low, high)
    if found.small or len(outside) < FEWEST:
        return found
    return replace(found, chance=_chance(inside, outside))


def _chance(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return how often chance alone would make these as much worse than the rest."""
    both = np.concatenate([inside, outside])
    if set(np.unique(both).tolist()) <= {0.0, 1.0}:
        return _fisher(int(inside.sum()), len(inside), int(both.sum()), len(both))
    spread = float(both.std())
    if not spread:
        return 1.0
    z = (inside.mean() - outside.mean()) / (spread * math.sqrt(1 / len(inside) + 1 / len(outside)))
    return 0.5 * math.erfc(-float(z) / math.sqrt(2))


def _fisher(right: int, count: int, right_of_all: int, all_: int) -> float:
    """Return the one-sided exact test of Fisher (1922): so few right ones, or fewer, in the slice."""

    def ways(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    least = max(0, count - (all_ - right_of_all))
    total = ways(all_, count)
    terms = [
        ways(right_of_all, k) + ways(all_ - right_of_all, count - k) - total
        for k in range(least, right + 1)
    ]
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _allowed_for(found: Sequence[Slice], scores: Mapping[int, float]) -> list[Slice]:
    """Return slices whose chance allows for how many were tried (Holm 1979)."""
    tried = [s for s in found if not s.small and len(scores) - s.count >= FEWEST]
    allowed: dict[int, float] = {}
    reached = 0.0
    for place, one in enumerate(sorted(tried, key=lambda s: s.chance)):
        reached = max(reached, min(1.0, one.chance * (len(tried) - place)))
        allowed[id(one)] = reached
    return [
        replace(s, chance=allowed.get(id(s), 1.0), worse=allowed.get(id(s), 1.0) < _LEVEL)
        for s in found
    ]
