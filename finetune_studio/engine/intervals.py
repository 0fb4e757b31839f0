"""How sure a score is: 95 % intervals by the bootstrap."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from finetune_studio.core.task import Pair

_DRAWS = 400
_MOST_ANSWERS = 2_000_000  # so that a large split takes about a second


def bootstrap(
    score: Callable[[Iterable[Pair]], dict[str, float]], pairs: Sequence[Pair], seed: int = 0
) -> dict[str, list[float]]:
    """Return the 95 % interval of each score, ``{name: [low, high]}``; empty without answers.

    The answers are drawn anew with replacement and scored, many times (Efron 1979); the interval is
    that of the percentiles. The seed makes the interval of the same answers the same.
    """
    if not pairs:
        return {}
    rng = random.Random(seed)
    draws = max(50, min(_DRAWS, _MOST_ANSWERS // len(pairs)))
    found: dict[str, list[float]] = {}
    for _ in range(draws):
        for name, value in score(rng.choices(pairs, k=len(pairs))).items():
            found.setdefault(name, []).append(value)
    low, high = int(0.025 * draws), min(draws - 1, int(0.975 * draws))
    return {name: [sorted(values)[low], sorted(values)[high]] for name, values in found.items()}
