"""Confusion: which class is taken for which, and by which samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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


def alike_together(grid: Grid) -> Grid:
    """Return the same counts with classes that are often confused beside each other.

    A chain: it begins with the class that is confused most, and goes on with the one that is confused most
    with the last, as shares of both; what is confused with none keeps its order.
    """
    if grid.rows != grid.columns or len(grid.rows) < 3:
        return grid
    counts = grid.values.astype(float)
    sizes = np.maximum(1.0, np.maximum(counts.sum(0), counts.sum(1)))
    near = (counts + counts.T) / np.sqrt(np.outer(sizes, sizes))
    np.fill_diagonal(near, 0.0)
    left = list(range(len(grid.rows)))
    chain = [max(left, key=lambda n: (near[n].sum(), -n))]
    left.remove(chain[0])
    while left:
        chain.append(max(left, key=lambda n: (near[chain[-1], n], -n)))
        left.remove(chain[-1])
    names = tuple(grid.rows[n] for n in chain)
    return replace(grid, rows=names, columns=names, values=grid.values[np.ix_(chain, chain)])


def in_cell(pairs: Sequence[Pair], truth: str | None, said: str | None) -> list[Pair]:
    """Return the samples of a cell; None takes the whole row or column."""
    return [
        (sample, answer)
        for sample, answer in pairs
        if (truth is None or str(sample.label) == truth)
        and (said is None or str(answer.label) == said)
    ]
