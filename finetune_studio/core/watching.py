"""What a run states for those who watch it: the same few samples, gradients and drift, alarms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from finetune_studio.core.events import Event


@dataclass(frozen=True, slots=True)
class WatchBegun(Event):
    """What is known of a run's data before its first step.

    Attributes:
        classes: How many classes are told apart; 0 where the task has none.
        copies: Validation samples that stand in training too, to the letter; None if it was not looked for.
        varies: Whether training samples can be varied at random.
        samples: Numbers of the validation samples whose answers are followed.
    """

    classes: int
    copies: int | None = None
    varies: bool = True
    samples: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Watched(Event):
    """What the model says to the same few validation samples after ``epoch`` epochs.

    Attributes:
        answers: For each sample its ``id``, the ``answer`` as people read it, its ``certainty`` (0 to 1,
            or None), whether it is ``right`` (None where answers are not just right or wrong), its own
            headline ``score`` then, and the ``truth``.
        never: Classes that no validation sample was given, with how many samples have them.
    """

    epoch: float
    answers: list[dict[str, Any]]
    never: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heated(Event):
    """How strongly each part of the network was pulled in the last step of an epoch, and how far it moved.

    Attributes:
        rows: For each part its ``stage`` in words, its ``name``, how many numbers ``learn`` of it, the
            length of its ``gradient``, and its ``drift`` from the pretrained weights, relative to their
            length, which is its ``size``. They are None where nothing learns; drift and size of what
            began from nothing are None too.
        gradient: Over all that learns; ``drift`` over all pretrained weights that learn.
        seconds: What finding this out took.
    """

    epoch: float
    rows: list[dict[str, Any]]
    gradient: float | None = None
    drift: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RolledBack(Event):
    """A run that went wrong in ``epoch`` (and why) went back ``to`` the end of another."""

    epoch: float
    to: float
    why: str


@dataclass(frozen=True, slots=True)
class MonitorSpoke(Event):
    """A monitor sees something, or no longer (``state`` empty, severity ok).

    Attributes:
        monitor: Its catalogue name.
        severity: ok, info, warning or bad.
        text: One or two plain sentences.
        epoch: When it spoke; ``since`` is the epoch since which it is so.
        state: A word for what it sees.
        button: What a button that acts says; empty where nothing is to be done.
        settings: What that changes in the recipe of the next run, by dotted names.
        page: The page of the window that it leads to instead.
    """

    monitor: str
    severity: str
    text: str
    epoch: float
    since: float = 0.0
    state: str = ""
    button: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    page: str = ""
    time: float = 0.0
