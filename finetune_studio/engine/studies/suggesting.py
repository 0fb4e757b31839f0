"""From the losses of a learning-rate range test to a rate; plain numbers in, a number out."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SPREAD = 0.2  # powers of ten; how far a neighbour counts when the curve is smoothed
_FEWEST = 8  # steps in which nothing can be seen


def smoothed(rates: Sequence[float], losses: Sequence[float]) -> list[float]:
    """Return the losses as weighted means of their neighbours (a Gaussian, a fifth of a power of ten wide).

    Unlike a running mean, this does not lag behind, which would move the suggestion to higher rates. A
    loss beyond twice the first counts as that, so that what explodes does not reach back.
    """
    powers = [math.log10(rate) for rate in rates]
    cut = [min(loss, 2 * losses[0]) for loss in losses]
    found = []
    for here in powers:
        weights = [math.exp(-0.5 * ((there - here) / _SPREAD) ** 2) for there in powers]
        found.append(sum(w * loss for w, loss in zip(weights, cut, strict=True)) / sum(weights))
    return found


def steepest(rates: Sequence[float], curve: Sequence[float]) -> float | None:
    """Return the rate at which the loss falls fastest with the rate's logarithm (Smith 2017).

    None where it falls nowhere.
    """
    falls = [(curve[k + 1] - curve[k - 1], rates[k]) for k in range(1, len(curve) - 1)]
    if len(curve) < _FEWEST:
        return None
    lowest, rate = min(falls)
    return rate if lowest < 0 else None


def valley(rates: Sequence[float], curve: Sequence[float]) -> float | None:
    """Return the rate two thirds down the largest fall of the loss, as fastai's ``valley`` does.

    fastai takes the longest stretch of falling steps; here it is the largest fall between two places, which
    noise in the flat part does not imitate. Its flat beginning, in which less than a tenth of the fall
    happens, is left out, since it says only where the test began. None where the loss does not fall by a
    twentieth of what it was.
    """
    if len(curve) < _FEWEST:
        return None
    begin = end = highest = 0
    for place, loss in enumerate(curve):
        if loss > curve[highest]:
            highest = place
        if curve[highest] - loss > curve[begin] - curve[end]:
            begin, end = highest, place
    fall = curve[begin] - curve[end]
    if fall < 0.05 * abs(curve[begin]):
        return None
    begin = max(p for p in range(begin, end + 1) if curve[p] >= curve[begin] - 0.1 * fall)
    wanted = math.log10(rates[begin]) + math.log10(rates[end] / rates[begin]) * 2 / 3
    return min(rates[begin : end + 1], key=lambda rate: abs(math.log10(rate) - wanted))
