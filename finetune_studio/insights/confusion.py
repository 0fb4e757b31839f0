"""Confusion: which class is taken for which, and by which samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finetune_studio.core.preview import Grid
from finetune_studio.core.task import Pair


def confusion(pairs: Sequence[Pair], names: Sequence[str] = ()) -> Grid:
    """Return counts with true classes as rows and answers as columns.

    Args:
        pairs: Samples with their answers.
        names: The classes in the order wanted; those that occur besides are put behind.
    """
    seen = sorted({str(n) for sample, answer in pairs for n in (sample.label, answer.label)})
    order = tuple(dict.fromkeys([*names, *seen]))
    place = {name: index for index, name in enumerate(order)}
    counts = np.zeros((len(order), len(order)), dtype=np.int64)
    for sample, answer in pairs:
        counts[place[str(sample.label)], place[str(answer.label)]] += 1
    return Grid(order, order, counts, "true class", "what the model said")


def in_cell(pairs: Sequence[Pair], truth: str | None, said: str | None) -> list[Pair]:
    """Return the samples of a cell; None takes the whole row or column."""
    return [
        (sample, answer)
        for sample, answer in pairs
        if (truth is None or str(sample.label) == truth)
        and (said is None or str(answer.label) == said)
    ]
