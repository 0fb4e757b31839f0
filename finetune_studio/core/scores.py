"""Scores of classifications, counted from pairs of truth and answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from math import fsum, sqrt

_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


def single(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Return accuracy and macro-F1 of (truth, answer), one class each.

    Macro-F1 is the mean over all classes that occur, as truth or as answer, of each one's F1.
    """
    return several(((truth,), (said,)) for truth, said in pairs)


def several(pairs: Iterable[tuple[Collection[str], Collection[str]]]) -> dict[str, float]:
    """Return accuracy and macro-F1 of (true classes, answered classes).

    An answer counts as accurate if it names all of the true classes and no other.
    """
    right: Counter[str] = Counter()
    truth: Counter[str] = Counter()
    said: Counter[str] = Counter()
    total = exact = 0
    for true, answered in pairs:
        total += 1
        exact += set(true) == set(answered)
        truth.update(true)
        said.update(answered)
        right.update(set(true) & set(answered))
    if not total:
        return {"accuracy": 0.0, "macro_f1": 0.0}
    scores = [2 * right[name] / (truth[name] + said[name]) for name in {*truth, *said}]
    # fsum: a set has another order in each process, and a run must score the same in all.
    return {"accuracy": exact / total, "macro_f1": fsum(scores) / max(1, len(scores))}


def wilson(share: float, count: int) -> list[float]:
    """Return the 95 % interval of a share that was seen in so many cases (Wilson 1927)."""
    if not count:
        return [0.0, 1.0]
    square = _Z * _Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z * sqrt(share * (1 - share) / count + square / (4 * count * count))
    half /= 1 + square / count
    return [max(0.0, middle - half), min(1.0, middle + half)]
