"""Thresholds: one class against the rest, what is missed and falsely named, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finetune_studio.core.task import Pair

PARTS = 5  # in which a threshold is tried on samples that it was not chosen by
_ROUNDS = 10  # with other parts, so that chance in dividing evens out
_MANY = 5000  # samples from which on one round is enough


@dataclass(frozen=True)
class Trade:
    """What each threshold of a class would give; arrays share their order, the highest threshold first.

    Attributes:
        name: The class.
        thresholds: From 1 down to 0; the class is named from there on.
        missed: Samples of the class that are not named so.
        falsely: Other samples that are.
        positives: How many samples have the class; ``negatives`` how many have not.
        certainty: The probability of the class for each sample; ``truth`` whether it has it.
        samples: The samples' numbers.
    """

    name: str
    thresholds: np.ndarray
    missed: np.ndarray
    falsely: np.ndarray
    positives: int
    negatives: int
    certainty: np.ndarray
    truth: np.ndarray
    samples: np.ndarray

    @property
    def recall(self) -> np.ndarray:
        """Return the share of the class that is found at each threshold, from 0 to 1."""
        return np.asarray((self.positives - self.missed) / max(1, self.positives))

    @property
    def precision(self) -> np.ndarray:
        """Return how often naming the class is right; 1 where it is never named."""
        hits = self.positives - self.missed
        said = hits + self.falsely
        return np.where(said > 0, hits / np.maximum(1, said), 1.0)

    @property
    def false_alarms(self) -> np.ndarray:
        """Return the share of the other samples that is named so, from 0 to 1."""
        return np.asarray(self.falsely / max(1, self.negatives))

    def at(self, threshold: float) -> int:
        """Return the place of what a threshold gives."""
        # Thresholds fall: the first place is wanted from which on the next one would name more.
        return int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1

    def ids_at(self, threshold: float) -> tuple[frozenset[int], frozenset[int]]:
        """Return the samples that are missed at a threshold, and those falsely named."""
        named = self.certainty >= threshold
        missed = self.samples[self.truth & ~named]
        falsely = self.samples[~self.truth & named]
        return frozenset(map(int, missed)), frozenset(map(int, falsely))


@dataclass(frozen=True, slots=True)
class Best:
    """The cheapest threshold: what it gives and costs, and what one half would have cost."""

    threshold: float
    missed: int
    falsely: int
    cost: float
    cost_at_half: float


@dataclass(frozen=True, slots=True)
class Fair:
    """What cheapest thresholds did on samples that they were not chosen by: means of several rounds."""

    missed: float
    falsely: float
    cost: float
    cost_at_half: float


def classes(pairs: Sequence[Pair]) -> list[str]:
    """Return the classes that have at least one sample and one other, so that there is a choice."""
    known = {name for _, answer in pairs for name in answer.probabilities}
    counted = {name: sum(name in sample.names for sample, _ in pairs) for name in known}
    return sorted(name for name, count in counted.items() if 0 < count < len(pairs))


def trade(pairs: Sequence[Pair], name: str) -> Trade:
    """Return what each threshold of a class would give."""
    judged = [(s, a) for s, a in pairs if a.probabilities]
    certainty = np.array([a.probabilities.get(name, 0.0) for _, a in judged], float)
    truth = np.array([name in s.names for s, _ in judged], bool)
    return _ranked(name, certainty, truth, np.array([s.id for s, _ in judged], int))


def _ranked(name: str, certainty: np.ndarray, truth: np.ndarray, samples: np.ndarray) -> Trade:
    order = np.argsort(-certainty, kind="stable")
    ranked, hit = certainty[order], truth[order]
    # Samples of the same probability are named together.
    last = np.nonzero(np.diff(ranked, append=-1.0))[0]
    found = np.concatenate([[0], np.cumsum(hit)[last]])
    named = np.concatenate([[0], last + 1])
    positives = int(truth.sum())
    return Trade(
        name,
        np.concatenate([[np.nextafter(1.0, 2.0)], ranked[last]]),
        positives - found,
        named - found,
        positives,
        len(truth) - positives,
        certainty,
        truth,
        samples,
    )


def cheapest(found: Trade, miss: float, false_alarm: float) -> Best:
    """Return the threshold at which the validation samples would have cost least.

    Of several that cost the same, the one nearest to where a perfectly calibrated model should have it:
    at the cost of a false alarm as a share of both costs (Elkan 2001). It keeps at least half-way from
    the next sample that would be named.

    Args:
        found: What each threshold gives.
        miss: What a sample of the class costs that is not named so.
        false_alarm: What another sample costs that is.
    """
    costs = miss * found.missed + false_alarm * found.falsely
    ideal = false_alarm / (miss + false_alarm) if miss + false_alarm > 0 else 0.5
    upper = np.minimum(found.thresholds, 1.0)
    lower = np.concatenate([upper[1:], [0.0]])
    between = np.clip(ideal, lower + (upper - lower) * 0.5, upper)
    possible = np.ones(len(costs), bool)
    if len(upper) > 1 and upper[1] >= 1.0:  # a threshold of 1 names those that are wholly certain
        possible[0] = False
    cheap = np.nonzero(possible & (costs == costs[possible].min()))[0]
    place = int(cheap[np.argmin(np.abs(between[cheap] - ideal))])
    half = found.at(0.5)
    return Best(
        float(between[place]),
        int(found.missed[place]),
        int(found.falsely[place]),
        float(costs[place]),
        float(costs[half]),
    )


def fairly(found: Trade, miss: float, false_alarm: float, seed: int = 0) -> Fair | None:
    """Return what cheapest thresholds cost on samples that they were not chosen by; None if too few.

    The samples a threshold was chosen by flatter it, the more so the fewer there are. So they are dealt
    into five parts, the class evenly among them; each part is counted with the threshold that the other
    four choose (cross-fitting, Stone 1974), and that several times over with other parts.

    Args:
        found: What each threshold gives.
        miss: What a sample of the class costs that is not named so.
        false_alarm: What another sample costs that is.
        seed: Deals the parts.
    """
    if min(found.positives, found.negatives) < PARTS:
        return None
    rng = np.random.default_rng(seed)
    rounds = 1 if len(found.truth) > _MANY else _ROUNDS
    missed = falsely = 0
    for _ in range(rounds):
        part = _dealt(found.truth, rng)
        for number in range(PARTS):
            here = part == number
            others = _ranked(
                found.name, found.certainty[~here], found.truth[~here], found.samples[~here]
            )
            named = found.certainty[here] >= cheapest(others, miss, false_alarm).threshold
            missed += int((found.truth[here] & ~named).sum())
            falsely += int((~found.truth[here] & named).sum())
    half = found.at(0.5)
    at_half = miss * found.missed[half] + false_alarm * found.falsely[half]
    cost = (miss * missed + false_alarm * falsely) / rounds
    return Fair(missed / rounds, falsely / rounds, float(cost), float(at_half))


def _dealt(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a part for each sample; those of the class are spread evenly, and so are the others."""
    part = np.empty(len(truth), int)
    for kind in (True, False):
        places = rng.permutation(np.nonzero(truth == kind)[0])
        part[places] = np.arange(len(places)) % PARTS
    return part


def average_precision(found: Trade) -> float:
    """Return the area under precision over recall, in steps, from 0 to 1."""
    return float((np.diff(found.recall) * found.precision[1:]).sum())


def roc_area(found: Trade) -> float:
    """Return the chance that a sample of the class is ranked above another one (0.5 is no better)."""
    return float(np.trapezoid(found.recall, found.false_alarms))
