"""None of these: from which certainty down an input is turned away as unlike anything learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finetune_studio.core.task import Pair

_FEWEST = 20  # validation samples below which a rate of a few percent says nothing


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """What turning away the least certain inputs means.

    Attributes:
        least_certainty: Below it an input is turned away; 0 where none is.
        share: The share of the validation samples that are turned away, from 0 to 1.
        count: How many these are.
        wrong: How many of these would have been answered wrongly.
        ids: The samples' numbers.
        reason: Why none can be turned away, in words; empty if they can.
    """

    least_certainty: float
    share: float
    count: int
    wrong: int
    ids: frozenset[int]
    reason: str = ""


def turned_away(pairs: Sequence[Pair], share: float) -> TurnedAway:
    """Return the certainty below which so many of the validation samples would be turned away.

    The certainty of the likeliest class is the baseline of Hendrycks and Gimpel (2017).

    Args:
        pairs: Validation samples with calibrated answers of one class each.
        share: How many of the user's own samples may be lost, from 0 to 1.
    """
    certain = _certainties(pairs)
    if len(certain) < _FEWEST:
        reason = f"Only {len(certain):,} validation samples have one class with a probability."
        return TurnedAway(0.0, 0.0, 0, 0, frozenset(), reason)
    values = np.sort([value for value, _, _ in certain])
    count = int(share * len(values))
    return at(pairs, float(values[count]) if count else 0.0)


def at(pairs: Sequence[Pair], least_certainty: float) -> TurnedAway:
    """Return what a least certainty turns away."""
    certain = _certainties(pairs)
    found = [(right, number) for value, right, number in certain if value < least_certainty]
    return TurnedAway(
        least_certainty,
        len(found) / max(1, len(certain)),
        len(found),
        sum(not right for right, _ in found),
        frozenset(number for _, number in found),
    )


def _certainties(pairs: Sequence[Pair]) -> list[tuple[float, bool, int]]:
    return [
        (max(answer.probabilities.values()), str(answer.label) == str(sample.label), sample.id)
        for sample, answer in pairs
        if answer.probabilities and "labels" not in answer.answer
    ]
