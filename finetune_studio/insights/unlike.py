"""None of these: how like the nearest training sample an input is, and from where on it is turned away.

Measured on a head that tells ten kinds of clothes apart, asked about photos of hands: with 2 % of one's own
photos lost, 80 % of the foreign ones are turned away by the distance to the nearest training photo, 4 % by
the certainty of the answer (``benchmarks/unlike.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from finetune_studio.core.shares import fine

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


def least_share(samples: int) -> float:
    """Return the smallest share, in tenths of a percent, that is at least one of so many samples."""
    return math.ceil(1000 / samples) / 1000 if samples else 1.0


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
    count = int(share * len(values) + 1e-9)
    if not count:
        least = least_share(len(values))
        told = f"{fine(share)} of {len(values):,} validation samples is less than one;"
        reason = f"{told} {fine(least)} is one."
        return TurnedAway(-1.0, 0.0, frozenset(), reason if share else "")
    # Between two samples: rounding elsewhere, as in an export, must not decide about one of them.
    bound = float((values[count - 1] + values[count]) / 2)
    ids = frozenset(number for number, value in known.items() if value < bound)
    return TurnedAway(bound, len(ids) / len(known), ids)
