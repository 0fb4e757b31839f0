"""Likely wrong labels: samples whose class a model that never saw them would rather call another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Doubt:
    """How much speaks against the label of one sample.

    Attributes:
        place: Of the sample in what was given.
        suspected: Whether it is likely wrong.
        suggested: The place of the class that it rather has.
        margin: How much likelier the label is than any other class, from -1 to 1; below 0 another is.
    """

    place: int
    suspected: bool
    suggested: int
    margin: float


def doubts(shares: np.ndarray, labels: Sequence[int]) -> list[Doubt]:
    """Return all samples, those first whose label is most likely wrong.

    Confident learning (Northcutt, Jiang and Chuang 2021): a sample counts as one of class j if its
    probability for j is at least the mean probability of j among the samples labelled j; it is suspected
    where that class is not its label. All are ordered by the normalised margin.

    Args:
        shares: Probabilities (samples, classes) from models that did not learn from the sample itself.
        labels: The place of each sample's label among the classes.
    """
    given = np.asarray(labels, int)
    count = len(given)
    if not count:
        return []
    everyone = np.arange(count)
    own = shares[everyone, given]
    others = shares.copy()
    others[everyone, given] = -1.0
    suggested = others.argmax(1)
    margin = own - others[everyone, suggested]
    means = np.array(
        [own[given == j].mean() if (given == j).any() else 2.0 for j in range(shares.shape[1])]
    )
    confident = np.where(shares >= means, shares, -1.0)
    called = np.where(confident.max(1) >= 0, confident.argmax(1), given)
    suspected = (called != given) & (margin < 0)
    order = np.argsort(margin, kind="stable")
    return [
        Doubt(int(i), bool(suspected[i]), int(suggested[i]), float(margin[i]))
        for i in order.tolist()
    ]
