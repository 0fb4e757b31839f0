"""How close what a model writes comes to what was wanted: samples sorted into ranges of a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

# ROUGE of good summaries lies about 0.3 to 0.5; perplexity has no upper end.
ROUGE_EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 1.0)
PERPLEXITY_EDGES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, math.inf)


@dataclass(frozen=True, slots=True)
class Range:
    """Samples whose score is at least ``low`` and below ``high`` (the last range holds its end too)."""

    low: float
    high: float
    ids: tuple[int, ...]


def ranges(scores: Mapping[int, float], edges: Sequence[float]) -> list[Range]:
    """Return the samples in ranges from the lowest; empty ranges at both ends are left out.

    Args:
        scores: A score a sample; what is not a number is left out.
        edges: Where ranges begin, from low to high, and where the last ends.
    """
    found = []
    for number, (low, high) in enumerate(pairwise(edges)):
        last = number == len(edges) - 2
        ids = [
            sample
            for sample, score in scores.items()
            if (low <= score or number == 0) and (score < high or last)
        ]
        found.append(Range(low, high, tuple(ids)))
    full = [number for number, part in enumerate(found) if part.ids]
    return found[full[0] : full[-1] + 1] if full else []


def words(text: str) -> int:
    """Return how many words a text has."""
    return len(text.split())
