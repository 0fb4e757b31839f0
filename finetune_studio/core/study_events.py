"""Facts that a study states beside the events of its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from finetune_studio.core.events import Event


@dataclass(frozen=True, slots=True)
class StudyStarted(Event):
    """A study of ``parts`` runs begins, or goes on with ``done`` of them behind it.

    ``kind`` is crossval or search; ``parts`` counts folds, or trials at most.
    """

    study: str
    project: str
    task: str
    kind: str
    parts: int
    headline: str
    done: int = 0
    resumed: bool = False
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class FoldStarted(Event):
    """A fold's run begins; ``samples`` counts those to learn from, to pick the epoch with, and that judge."""

    study: str
    fold: int
    folds: int
    samples: dict[str, int]
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class FoldFinished(Event):
    """A fold's run ended; ``metrics`` are those of its best epoch, on samples it had not seen."""

    study: str
    fold: int
    folds: int
    run: str
    metrics: dict[str, float]
    best_epoch: float
    seconds: float
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class CrossValidated(Event):
    """All folds are done.

    Attributes:
        mean: The mean of each score over the folds, headline first.
        spread: The standard deviation of each score between folds (n - 1).
        each: Each score fold by fold.
        samples: How many samples were judged, each by a model that had not seen it.
        epochs: The median of the folds' best epochs.
        answers: The file with every sample's answer.
    """

    study: str
    folds: int
    mean: dict[str, float]
    spread: dict[str, float]
    each: dict[str, list[float]]
    samples: int
    epochs: int
    answers: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialStarted(Event):
    """A trial's run begins; ``settings`` are the fields in which its recipe differs from the user's."""

    study: str
    trial: int
    trials: int
    settings: dict[str, Any] = field(default_factory=dict)
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class TrialFinished(Event):
    """A trial ended: ``outcome`` is finished, pruned (it fell behind) or failed (``reason`` says why)."""

    study: str
    trial: int
    trials: int
    run: str
    outcome: str
    score: float | None
    metrics: dict[str, float]
    best_epoch: float
    seconds: float
    settings: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class SearchFinished(Event):
    """A search is over: trial ``best`` of ``trials`` reached the best ``score`` of the ``headline``.

    ``settings`` are what its recipe changes; ``warning`` says that the score is flattered; it
    is empty where a single trial was judged.
    """

    study: str
    trials: int
    best: int
    headline: str
    score: float
    settings: dict[str, Any]
    warning: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RateTried(Event):
    """One step of a learning-rate range test: the loss before a step with this ``rate``."""

    step: int
    rate: float
    loss: float


@dataclass(frozen=True, slots=True)
class RateFound(Event):
    """What a learning-rate range test suggests.

    Attributes:
        rate: The suggested rate of the group ``group`` (body, or head where it alone learns); None where
            the loss never fell.
        settings: The recipe's fields that give this rate, by dotted name.
        steepest: Where the smoothed loss falls fastest.
        rates: The rates tried; ``losses`` the loss at each, ``smoothed`` the curve that was judged.
    """

    rate: float | None
    group: str
    settings: dict[str, float]
    steepest: float | None
    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    seconds: float
