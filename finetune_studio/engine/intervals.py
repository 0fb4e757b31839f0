"""How sure a score is: 95 % intervals."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from finetune_studio.core.scores import wilson
from finetune_studio.core.task import Pair

_DRAWS = 400
_MOST_ANSWERS = 2_000_000  # so that a large split takes about a second


def bootstrap(
    score: Callable[[Iterable[Pair]], dict[str, float]], pairs: Sequence[Pair], seed: int = 0
) -> dict[str, list[float]]:
    """Return the 95 % interval of each score, ``{name: [low, high]}``; empty without answers.

    The answers are drawn anew with replacement and scored, many times (Efron 1979); the interval is
    that of the percentiles. The seed makes the interval of the same answers the same. Where every draw
    gives the same score, as with answers that are all right, drawing says nothing: 20 right answers of
    20 do not prove a model without errors. Such a score gets the interval of a share.
    """
    if not pairs:
        return {}
    rng = random.Random(seed)
    draws = max(50, min(_DRAWS, _MOST_ANSWERS // len(pairs)))
    found: dict[str, list[float]] = {}
    for _ in range(draws):
        for name, value in score(rng.choices(pairs, k=len(pairs))).items():
            found.setdefault(name, []).append(value)
    return {name: _percentiles(sorted(values), len(pairs)) for name, values in found.items()}


def _percentiles(values: Sequence[float], count: int) -> list[float]:
    low, high = int(0.025 * len(values)), min(len(values) - 1, int(0.975 * len(values)))
    if values[0] == values[-1] and 0 <= values[0] <= 1:
        return wilson(values[0], count)
    return [values[low], values[high]]
