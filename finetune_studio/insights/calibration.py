"""Calibration: whether the model is right as often as it says it is, and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finetune_studio.core.task import Pair
from finetune_studio.modality.claims import Claims

BINS = 10
_FEWEST = 20  # answers below which a temperature would be fitted to chance
_PARTS = 5  # in which the temperature is tried on answers that it was not fitted to
_COLDEST, _HOTTEST = 0.05, 20.0
_DRAWS = 400
_MOST_DRAWN = 4_000_000


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same certainty.

    Attributes:
        low: From this certainty on.
        high: Up to this one.
        certainty: Their mean certainty, from 0 to 1.
        right: The share of them that is right.
        count: How many there are.
        ids: The samples that they belong to.
    """

    low: float
    high: float
    certainty: float
    right: float
    count: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scaling:
    """A temperature, and what it does.

    Attributes:
        temperature: By which scores are divided; 1 where that does not help.
        before: Calibration error of the answers as the network gives them.
        after: That of answers which the temperature was not fitted to (cross-fitted).
        samples: How many answers it was fitted to.
        reason: Why there is no temperature, in words; empty if there is one.
        loss_before: Mean negative log-likelihood as the network answers; ``loss_after`` that of answers
            which the temperature was not fitted to. The error is a coarser measure: of few answers it may
            stay where the likelihood gains.
    """

    temperature: float
    before: float
    after: float
    samples: int
    reason: str = ""
    loss_before: float = 0.0
    loss_after: float = 0.0


def bins(claims: Claims) -> list[Bin]:
    """Return the answers in ten steps of certainty, empty steps left out."""
    places = np.minimum((claims.certainty * BINS).astype(int), BINS - 1)
    found = []
    for number in range(BINS):
        here = places == number
        if here.any():
            found.append(
                Bin(
                    number / BINS,
                    (number + 1) / BINS,
                    float(claims.certainty[here].mean()),
                    float(claims.right[here].mean()),
                    int(here.sum()),
                    tuple(int(n) for n in dict.fromkeys(claims.samples[here].tolist())),
                )
            )
    return found


def error(claims: Claims) -> float:
    """Return the expected calibration error (Naeini et al. 2015), from 0 to 1.

    It is the mean distance between how certain answers are and how often they are right, over ten steps
    of certainty, each weighed by its answers.
    """
    return float(_errors(claims.certainty[None], claims.right[None])[0]) if len(claims) else 0.0


def _errors(certainty: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the error of each row of (draws, answers)."""
    draws, count = certainty.shape
    places = np.minimum((certainty * BINS).astype(int), BINS - 1)
    places += BINS * np.arange(draws)[:, None]
    gaps = np.bincount(places.ravel(), (right - certainty).ravel(), draws * BINS)
    return np.asarray(np.abs(gaps.reshape(draws, BINS)).sum(1) / count)


def interval(claims: Claims, seed: int = 0) -> list[float]:
    """Return the 95 % interval of the calibration error, by drawing the answers anew (Efron 1979)."""
    count = len(claims)
    if not count:
        return []
    rng = np.random.default_rng(seed)
    draws = max(50, min(_DRAWS, _MOST_DRAWN // count))
    chosen = rng.integers(0, count, (draws, count))
    found = _errors(claims.certainty[chosen], claims.right[chosen])
    low, high = np.quantile(found, (0.025, 0.975))
    return [float(low), float(high)]


def scaling(pairs: Sequence[Pair]) -> Scaling:
    """Return the temperature that makes probabilities fit best, and whether it helps.

    The temperature minimises the mean negative log-likelihood (Guo et al. 2017). That is convex in its
    inverse, so a bounded search finds the lowest place. Whether it helps is judged on answers that it
    was not fitted to, in five parts; where it does not, there is none.
    """
    shares, truth, several = table(pairs)
    count = len(truth)
    before = error(_claims(shares, truth, several=several)) if count else 0.0
    if reason := _refusal(shares, truth, several=several):
        return Scaling(1.0, before, before, count, reason)
    logs = _logs(shares, several=several)
    part = np.arange(count) % _PARTS
    scaled, lost = np.empty_like(shares), 0.0
    for number in range(_PARTS):
        beta = _fitted(logs[part != number], truth[part != number], several=several)
        here = part == number
        scaled[here] = _at(logs[here], beta, several=several)
        lost += _loss(logs[here], truth[here], beta, several=several) * int(here.sum())
    after = error(_claims(scaled, truth, several=several))
    now, then = _loss(logs, truth, 1.0, several=several), lost / count
    if then >= now:
        why = "Its probabilities are as good as scaling could make them."
        return Scaling(1.0, before, before, count, why, now, now)
    temperature = 1 / _fitted(logs, truth, several=several)
    return Scaling(temperature, before, after, count, "", now, then)


def table(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return probabilities (answers, classes), what is true, and whether classes stand alone.

    What is true is the place of the one class, (answers,), or 0 and 1 for each class where a sample may
    have several. Answers without probabilities, or of a class that the model does not know, are left out.
    """
    several = any("labels" in answer.answer for _, answer in pairs)
    names = sorted({name for _, answer in pairs for name in answer.probabilities})
    place = {name: index for index, name in enumerate(names)}
    rows, truth = [], []
    for sample, answer in pairs:
        if not answer.probabilities or (not several and sample.label not in place):
            continue
        rows.append([answer.probabilities.get(name, 0.0) for name in names])
        true = set(sample.names)
        truth.append([float(n in true) for n in names] if several else place[str(sample.label)])
    shares = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    return shares, np.array(truth, dtype=np.float64 if several else np.int64), several


def _refusal(shares: np.ndarray, truth: np.ndarray, *, several: bool) -> str:
    if not len(truth):
        return (
            "No validation sample has a probability for each class; from"
            f" {_FEWEST} on a temperature can be found."
        )
    if len(truth) < _FEWEST:
        have = "validation sample has" if len(truth) == 1 else "validation samples have"
        return (
            f"Only {len(truth):,} {have} probabilities; from {_FEWEST} on a"
            " temperature can be found."
        )
    right = ((shares >= 0.5) == (truth > 0.5)) if several else shares.argmax(1) == truth
    if bool(right.all()):
        return "Every validation answer is right, so nothing shows how sure it ought to be."
    return ""


def _claims(shares: np.ndarray, truth: np.ndarray, *, several: bool) -> Claims:
    if several:
        certainty, right = shares.ravel(), truth.ravel()
    else:
        certainty, right = shares.max(1), (shares.argmax(1) == truth).astype(float)
    return Claims(certainty, right, np.zeros(len(certainty), int))


def _logs(shares: np.ndarray, *, several: bool) -> np.ndarray:
    clipped = np.clip(shares, 1e-12, 1 - 1e-12 if several else 1.0)
    return np.asarray(np.log(clipped / (1 - clipped)) if several else np.log(clipped))


def _at(logs: np.ndarray, beta: float, *, several: bool) -> np.ndarray:
    if several:
        return np.asarray(1 / (1 + np.exp(-beta * logs)))
    lifted = np.exp(beta * (logs - logs.max(1, keepdims=True)))
    return np.asarray(lifted / lifted.sum(1, keepdims=True))


def _loss(logs: np.ndarray, truth: np.ndarray, beta: float, *, several: bool) -> float:
    found = np.clip(_at(logs, beta, several=several), 1e-300, 1.0)
    if several:
        other = np.clip(1 - found, 1e-300, 1.0)
        return float(-(truth * np.log(found) + (1 - truth) * np.log(other)).mean())
    return float(-np.log(found[np.arange(len(truth)), truth]).mean())


def _fitted(logs: np.ndarray, truth: np.ndarray, *, several: bool) -> float:
    """Return the inverse temperature of the least loss, by golden-section search."""
    low, high = math.log(1 / _HOTTEST), math.log(1 / _COLDEST)
    ratio = (math.sqrt(5) - 1) / 2

    def lost(place: float) -> float:
        return _loss(logs, truth, math.exp(place), several=several)

    one, two = high - ratio * (high - low), low + ratio * (high - low)
    at_one, at_two = lost(one), lost(two)
    for _ in range(50):
        if at_one < at_two:
            high, two, at_two = two, one, at_one
            one = high - ratio * (high - low)
            at_one = lost(one)
        else:
            low, one, at_one = one, two, at_two
            two = low + ratio * (high - low)
            at_two = lost(two)
    return math.exp((low + high) / 2)
