"""How alike two lists of numbers are in their order."""

from __future__ import annotations

import numpy as np


def order(one: np.ndarray, two: np.ndarray) -> float:
    """Return the rank correlation (Spearman 1904) of as many numbers, from -1 to 1; 0 where one is flat."""
    first, second = ranks(one.ravel()), ranks(two.ravel())
    if len(first) < 2 or not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value, equal ones sharing theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[place], np.float64)
