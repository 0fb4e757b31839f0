"""Shortcuts: whether a class can be told from size, brightness or source alone, without looking."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finetune_studio.core.scores import wilson

_FEWEST = 40  # samples below which nothing can be said
_PARTS = 5
_DEPTH = 4
_CLEARLY = 0.05  # above the simplest answer, also at the lower end of the interval
_STRONG = 0.25
_MOST_VALUES = 30
_NAMED = 4  # columns that a sentence names
_LARGEST = 1e38  # trees count in 32 bits
_ALL = "\0"  # stands for all columns together; no column is called so

Values = Mapping[int, float | str]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What a tiny tree tells of the class without looking at the sample.

    Attributes:
        accuracy: Of its answers to samples that it has not seen, the share that is right. What it goes by
            was chosen without them too, so that many columns make nobody lucky.
        majority: What always saying the commonest class reaches.
        by: What it goes by most: the column that alone tells most; empty if none does.
        alone: What that column alone reaches.
        samples: How many samples were asked.
        asked: The columns that were tried.
        reason: Why nothing can be said, in words; empty if it can.
    """

    accuracy: float = 0.0
    majority: float = 0.0
    by: str = ""
    alone: float = 0.0
    samples: int = 0
    reason: str = ""
    asked: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        """Return ``ok``, ``warning`` or ``bad``."""
        low = wilson(self.accuracy, self.samples)[0]
        if self.reason or low <= self.majority + _CLEARLY:
            return "ok"
        return "bad" if low > self.majority + _STRONG else "warning"

    @property
    def sentence(self) -> str:
        """Return what was found in one sentence."""
        if self.reason:
            return self.reason
        reached = f"{self.accuracy:.0%}".replace("%", " %")
        simplest = f"{self.majority:.0%}".replace("%", " %")
        if self.level == "ok":
            return (
                f"The class cannot be told without looking: a tiny model that sees only {self._sees} is right"
                f" in {reached}, always saying the commonest class in {simplest}."
            )
        alone = f"{self.alone:.0%}".replace("%", " %")
        return (
            f"A tiny model that never looks at the samples is right in {reached}, going by {self.by}"
            f" most ({alone} by it alone; always saying the commonest class: {simplest}). The model may"
            " have learnt that instead of what is shown."
        )

    @property
    def _sees(self) -> str:
        """Return the columns that were tried, the first few by name."""
        names, more = self.asked[:_NAMED], len(self.asked) - _NAMED
        listed = [*names, f"{more} more"] if more > 0 else list(names)
        return (
            " and ".join(filter(None, (", ".join(listed[:-1]), listed[-1]))) if listed else "these"
        )


def shortcut(
    labels: Mapping[int, str], columns: Mapping[str, Values], groups: Mapping[int, str | None]
) -> Shortcut:
    """Return how well the class is told by columns alone, on samples that were not learnt from.

    For each fifth, what is gone by (one column, or all) is chosen on the other four, by how well it tells
    a part of them that it has not seen; only then is it asked about the fifth (nested, as Varma and Simon
    2006 ask): the best of many columns that mean nothing tells no better than chance.

    Args:
        labels: The class of each sample.
        columns: What is known of each sample without looking at it.
        groups: Samples of one group are asked about together.
    """
    ids = sorted(labels)
    counts = Counter(labels.values())
    if len(ids) < _FEWEST or len(counts) < 2 or not columns:
        return Shortcut(samples=len(ids), reason="There is too little to look for shortcuts in.")
    names = sorted(counts)
    place = {name: number for number, name in enumerate(names)}
    truth = np.array([place[labels[n]] for n in ids])
    parts = _parts(ids, groups)
    made = {name: _encoded(values, ids) for name, values in columns.items()}
    accuracy, by = _nested(made, truth, parts)
    alone = _accuracy(made[by], truth, parts)
    return Shortcut(
        accuracy, max(counts.values()) / len(ids), by, alone, len(ids), asked=tuple(made)
    )


def _nested(
    made: Mapping[str, np.ndarray], truth: np.ndarray, parts: np.ndarray
) -> tuple[float, str]:
    """Return the share that is right by what was chosen without looking, and the column chosen most."""
    offered = dict(made)
    if len(made) > 1:
        offered[_ALL] = np.concatenate(list(made.values()), 1)
    won = dict.fromkeys(made, 0.0)
    right = 0
    for part in range(_PARTS):
        here, tried = parts == part, parts == (part + 1) % _PARTS
        scores = {
            name: _right(inputs, truth, ~here & ~tried, tried) for name, inputs in offered.items()
        }
        for name in made:
            won[name] += scores[name]
        best = max(scores, key=lambda name: scores[name])
        right += _right(offered[best], truth, ~here, here)
    return right / len(truth), max(won, key=lambda name: won[name])


def _encoded(values: Values, ids: Sequence[int]) -> np.ndarray:
    """Return a column as numbers: as it is, or one number a common value."""
    found = [values.get(n) for n in ids]
    try:
        return np.array([[_finite(v)] for v in found], float)
    except ValueError:
        common = [v for v, _ in Counter(map(str, found)).most_common(_MOST_VALUES)]
        return np.array([[float(str(v) == name) for name in common] for v in found], float)


def _finite(value: float | str | None) -> float:
    """Return a value as a number that a tree takes; NaN where it is none or beyond all bounds."""
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:
        return math.nan
    return number if abs(number) < _LARGEST else math.nan


def _parts(ids: Sequence[int], groups: Mapping[int, str | None]) -> np.ndarray:
    rng = np.random.default_rng(0)
    keys = [groups.get(n) or n for n in ids]
    numbers = {key: int(rng.integers(_PARTS)) for key in dict.fromkeys(keys)}
    return np.array([numbers[key] for key in keys])


def _accuracy(inputs: np.ndarray, truth: np.ndarray, parts: np.ndarray) -> float:
    """Return the share of samples that a tree tells which has not seen them."""
    found = sum(_right(inputs, truth, parts != part, parts == part) for part in range(_PARTS))
    return found / len(truth)


def _right(inputs: np.ndarray, truth: np.ndarray, learnt: np.ndarray, asked: np.ndarray) -> int:
    """Return how many of the samples asked about a tree tells that learnt from others."""
    from sklearn.tree import DecisionTreeClassifier

    if not learnt.any() or not asked.any():
        return 0
    tree = DecisionTreeClassifier(
        max_depth=_DEPTH, min_samples_leaf=max(3, len(truth) // 200), random_state=0
    )
    tree.fit(inputs[learnt], truth[learnt])
    return int((tree.predict(inputs[asked]) == truth[asked]).sum())
