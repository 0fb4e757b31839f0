"""What a monitor is given, the numbers of a run so far, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Epoch:
    """One judgement on the validation samples, and what led to it.

    Attributes:
        number: Epochs that were done by then.
        validation: The loss on the validation samples.
        score: The headline score.
        best: Whether it was the best so far.
        training: The mean training loss since the judgement before; None where none was stated.
        without_gain: Epochs without gain by then.
        gradient: The length of the gradient before its last step, over all that learns; None if unknown.
        drift: How far the pretrained weights that learn have moved, relative to their size; None if unknown.
        never: Classes that no validation sample was given, with how many samples have them.
    """

    number: float
    validation: float
    score: float
    best: bool
    training: float | None = None
    without_gain: int = 0
    gradient: float | None = None
    drift: float | None = None
    never: dict[str, int] = field(default_factory=dict)


@dataclass
class Course:
    """What is known of a run so far, as plain numbers.

    Attributes:
        settings: The run's recipe by dotted names.
        planned: Epochs that were planned.
        samples: How many samples each split has.
        classes: How many classes are told apart; 0 where the task has none.
        headline: The name of the score in :class:`Epoch`.
        less_is_better: Whether a smaller score is the better one.
        baseline: What the simplest answer scores; None if unknown.
        first: The training loss of the first step, before anything was learnt; None if unknown.
        copies: Validation samples that stand in training too, to the letter; None if unknown.
        varies: Whether training samples can be varied at random.
        epochs: Every judgement that still counts.
        rollbacks: For each time the run went back: the epoch that went wrong, and why.
        patience: Epochs without gain that end the run; 0 if they do not.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    planned: int = 0
    samples: dict[str, int] = field(default_factory=dict)
    classes: int = 0
    headline: str = ""
    less_is_better: bool = False
    baseline: float | None = None
    first: float | None = None
    copies: int | None = None
    varies: bool = True
    epochs: list[Epoch] = field(default_factory=list)
    rollbacks: list[tuple[float, str]] = field(default_factory=list)
    patience: int = 0

    @property
    def by_steps(self) -> bool:
        """Whether the network learns by small steps, and not by being solved."""
        return bool(self.settings.get("optimiser.method", "steps") == "steps")

    @property
    def judged_on(self) -> int:
        """Return how many validation samples there are."""
        return self.samples.get("validation", 0)

    @property
    def best(self) -> Epoch | None:
        """Return the best epoch so far, which is the one that is kept."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)

    def gain(self, score: float) -> float | None:
        """Return how much of the way from the simplest answer to a perfect one a score is.

        0 is no better than the simplest answer, 1 perfect; None where a score has no upper end.
        """
        if self.less_is_better:
            return None
        chance = self.baseline if self.baseline is not None else 1 / max(2, self.classes)
        return (score - chance) / max(1e-9, 1 - chance)


@dataclass(frozen=True, slots=True)
class Action:
    """What would set it right: ``settings`` of the next run by dotted names, or a ``page`` to go to."""

    title: str
    settings: dict[str, Any] = field(default_factory=dict)
    page: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a monitor sees.

    Attributes:
        state: A word for it; a monitor is heard once for each state it enters.
        severity: info, warning or bad.
        text: One or two plain sentences.
        since: The epoch since which it is so.
        action: What would set it right, if anything would.
    """

    state: str
    severity: str
    text: str
    since: float
    action: Action | None = None


class Monitor(ABC):
    """Looks at the numbers of a run after each epoch. One file in ``monitors/``, one catalogue row.

    Class attributes:
        over: What is said when it no longer sees anything; empty where what was seen stays true.
    """

    over: ClassVar[str] = ""

    @abstractmethod
    def look(self, course: Course) -> Verdict | None:
        """Return what is to be seen now, from the numbers alone; None if nothing is."""
