"""None of these: how like the nearest training sample an input is, and from where on it is turned away.

Measured on a head that tells ten kinds of clothes apart, asked about photos of hands: with 2 % of one's own
photos lost, 80 % of the foreign ones are turned away by the distance to the nearest training photo, 4 % by
the certainty of the answer (``benchmarks/unlike.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_ROWS = 2048  # compared at a time
_FEWEST = 20  # validation samples below which a rate of a few percent says nothing


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """What turning away the least like inputs means.

    Attributes:
        least_likeness: Below it an input is turned away; -1 where none is.
        share: The share of the validation samples that are turned away, from 0 to 1.
        ids: These samples' numbers.
        reason: Why none can be turned away, in words; empty if they can.
    """

    least_likeness: float
    share: float
    ids: frozenset[int]
    reason: str = ""


def normalised(rows: np.ndarray) -> np.ndarray:
    """Return rows of length 1, float32."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def likeness(rows: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return how like its nearest reference each row is: the cosine, from -1 to 1.

    After the nearest-neighbour test of Sun et al. (2022), with the one nearest neighbour.

    Args:
        rows: Features (samples, features).
        references: Features of training samples, each of length 1.
    """
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = normalised(rows[start : start + _ROWS])
        found[start : start + _ROWS] = (part @ references.T).max(1)
    return found


def turned_away(known: Mapping[int, float], share: float) -> TurnedAway:
    """Return the likeness below which so many of one's own samples would be turned away.

    Args:
        known: How like the training samples each validation sample is.
        share: How many of them may be lost, from 0 to 1.
    """
    if len(known) < _FEWEST:
        reason = f"Only {len(known):,} validation samples tell how unlike one's own may be."
        return TurnedAway(-1.0, 0.0, frozenset(), reason)
    values = np.sort(np.array(list(known.values()), np.float64))
    count = int(share * len(values))
    if not count:
        return TurnedAway(-1.0, 0.0, frozenset())
    bound = float(values[count])
    ids = frozenset(number for number, value in known.items() if value < bound)
    return TurnedAway(bound, len(ids) / len(known), ids)
