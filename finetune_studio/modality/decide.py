"""Turns probabilities into a decision: temperature and thresholds.

It needs the standard library alone, so that an export can take this file with it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

_LIKELY = 0.5  # of several classes, each is named that is more likely than not


def scaled(
    shares: Mapping[str, float], temperature: float, *, several: bool = False
) -> dict[str, float]:
    """Return probabilities after temperature scaling (Guo et al. 2017), the largest first.

    Scores divided by the temperature are, but for what all of them share, logarithms of probabilities
    divided by it; so nothing but the probabilities is needed, and their order stays.

    Args:
        shares: Probabilities by name.
        temperature: Above 1 makes them less certain, below 1 more.
        several: Whether each class stands alone, as where a sample may have several.
    """
    if temperature == 1.0 or not shares:
        return dict(shares)
    beta = 1 / temperature
    if several:
        return {name: _alone(share, beta) for name, share in shares.items()}
    top = max(shares.values())
    if top <= 0:
        return dict(shares)
    weights = {name: (share / top) ** beta if share > 0 else 0.0 for name, share in shares.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _alone(share: float, beta: float) -> float:
    if not 0 < share < 1:
        return share
    return 1 / (1 + math.exp(-beta * math.log(share / (1 - share))))


def named(
    shares: Mapping[str, float], thresholds: Mapping[str, float], *, several: bool = False
) -> list[str]:
    """Return the class that is named, or of several classes all of them.

    A class with a threshold is named where its probability reaches it; if several of these do, the one
    that exceeds its threshold by the largest factor. Where none does, the likeliest class without a
    threshold is named. Of several classes each is judged by itself, by one half where nothing is set.
    """
    if several:
        return [name for name, share in shares.items() if share >= thresholds.get(name, _LIKELY)]
    reached = [name for name in shares if name in thresholds and shares[name] >= thresholds[name]]
    if reached:
        return [max(reached, key=lambda name: shares[name] / max(thresholds[name], 1e-12))]
    free = [name for name in shares if name not in thresholds] or list(shares)
    return [max(free, key=lambda name: shares[name])] if free else []
