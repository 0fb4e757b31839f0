"""Facts that a job states while it works: shown in the window, printed by the terminal, kept in a run.

Every long job is an iterator of these. An event is frozen and holds only plain values (numbers, texts,
lists, dictionaries), so that it crosses threads safely and can be written to disk and read again.
"""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Event:
    """A fact stated by a job; ``word`` is its name in logs and on the terminal."""

    @classmethod
    def word(cls) -> str:
        """Return the class's name in snake_case, as it stands in logs."""
        return _WORD.sub("_", cls.__name__).lower()

    def as_json(self) -> dict[str, Any]:
        """Return the event as plain values, its name first."""
        return {"event": self.word(), **asdict(self)}


def dated(event: Event) -> Event:
    """Return the event with the time of now (Unix seconds), if its kind has a time and it has none."""
    if getattr(event, "time", None) == 0.0:
        return replace(event, time=time.time())  # type: ignore[call-arg]  # checked above
    return event


_kinds: dict[str, type[Event]] = {}


def from_json(record: dict[str, Any]) -> Event | None:
    """Rebuild an event from its record; None for a kind this version does not know."""
    import finetune_studio.core.watching  # noqa: F401  more kinds, in a file of their own

    word = str(record.get("event"))
    if word not in _kinds:  # a log has thousands of lines: the kinds are gathered once
        _kinds.update({kind.word(): kind for kind in _all_kinds(Event)})
    kind = _kinds.get(word)
    if kind is None:
        return None
    known = {f.name for f in fields(kind)}
    try:
        return kind(**{name: value for name, value in record.items() if name in known})
    except TypeError:  # a record of another version, with fields missing
        return None


def _all_kinds(kind: type[Event]) -> list[type[Event]]:
    return [kind, *(deeper for sub in kind.__subclasses__() for deeper in _all_kinds(sub))]


# --- what any job may say -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PhaseStarted(Event):
    """A part of the work begins; ``text`` says which, for people; ``total`` counts its items (0: unknown)."""

    phase: str
    text: str
    total: int = 0
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """``done`` of ``total`` items of a phase are finished; ``seconds_left`` is an estimate, if any."""

    phase: str
    done: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """Something worth telling, ``level`` being info, ok, warning or bad; ``time`` in Unix seconds."""

    text: str
    level: str = "info"
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class SampleSetAside(Event):
    """A sample could not be used and was left out; the job goes on."""

    sample: int
    path: str
    reason: str
    time: float = 0.0


# --- data -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataImported(Event):
    """A dataset is indexed: ``samples`` rows in ``classes`` classes; ``set_aside`` rows could not be used."""

    samples: int
    classes: int
    set_aside: int
    reader: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Finding(Event):
    """What a check found. ``severity``: ok, info, warning or bad.

    ``samples`` are places (at most 1,000), ``ids`` the dataset's numbers of all of them. ``remedy`` is
    the sentence on the button; ``edits`` what the remedy does: a list of ``{"action": ..., "ids":
    [...], "value": ...}`` with the actions exclude, move, review, relabel, merge (the ``names`` of its value
    become ``into``), mend (broken letters are written right) and recipe.
    """

    check: str
    count: int
    severity: str
    message: str
    remedy: str = ""
    samples: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CheckFinished(Event):
    """All checks are done: ``findings`` of them need attention in ``samples`` samples."""

    data: str
    task: str
    reader: str
    samples: int
    findings: int
    seconds: float
    splits: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)


# --- a run ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins (or goes on, ``resumed``) with this many epochs, steps and samples a split."""

    run: str
    project: str
    task: str
    model: str
    epochs: int
    steps: int
    samples: dict[str, int]
    device: str
    parameters: int
    trainable: int
    headline: str
    resumed: bool = False
    time: float = 0.0
    baseline: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepDone(Event):
    """The mean of the steps since the last such event; ``epoch`` is fractional, rates per group."""

    step: int
    epoch: float
    loss: float
    learning_rates: dict[str, float]
    samples_per_second: float
    memory_mb: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Validated(Event):
    """The validation split was scored after ``epoch`` epochs; ``best`` if it is the best so far.

    ``patience`` is how many ``epochs_without_gain`` end the run; 0 where none do.
    """

    epoch: float
    step: int
    loss: float
    metrics: dict[str, float]
    best: bool
    epochs_without_gain: int = 0
    patience: int = 0
    seconds: float = 0.0
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class CheckpointSaved(Event):
    """The run can go on from here after a crash."""

    step: int
    epoch: float
    path: str
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class RunPaused(Event):
    """The run waits, its network kept in memory and a checkpoint on disk."""

    step: int


@dataclass(frozen=True, slots=True)
class RunContinued(Event):
    """A paused run goes on."""

    step: int


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A run ended; ``metrics`` are the best checkpoint's on the validation split, headline first."""

    run: str
    project: str
    task: str
    metrics: dict[str, float]
    best_epoch: float
    seconds: float
    stopped: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Estimated(Event):
    """What a run will take, from a rehearsal on a few samples; early stopping may end it sooner.

    Attributes:
        seconds: The whole run; ``first_epoch_s`` until the first epoch is judged, ``epoch_s`` a later one.
        memory_mb: What the process will hold at most, as ``StepDone.memory_mb`` counts it.
        held_mb: What it held before; ``free_memory_mb`` what others left free then.
        disk_mb: What the run will write; ``features_mb`` of that are computed features, in the cache.
        free_disk_mb: Room on the fuller of the disks that it writes to.
        device: Where the network runs; ``why`` says so in words.
        cached: Whether frozen layers are computed only once.
        took_s: How long the rehearsal took.
        parts: Seconds of each part of the run, by its name.
    """

    seconds: float
    first_epoch_s: float
    epoch_s: float
    memory_mb: float
    held_mb: float
    free_memory_mb: float
    disk_mb: float
    features_mb: float
    free_disk_mb: float
    device: str
    why: str
    cached: bool
    took_s: float
    parts: dict[str, float] = field(default_factory=dict)


# --- after a run ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prediction(Event):
    """What a model answers to one input.

    ``label`` is the answer as a person reads it; ``probabilities`` are ordered from the most to the
    least likely. ``answer`` holds what a task says beyond that, as plain values (spans, sums of losses);
    ``error`` says why there is no answer; ``sample`` is the dataset's number, where the input came from
    one.
    """

    label: Any = None
    probabilities: dict[str, float] = field(default_factory=dict)
    input: str = ""
    seconds: float = 0.0
    sample: int | None = None
    error: str | None = None
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplyWritten(Event):
    """A model goes on writing: ``text`` is all of its reply so far, whole once it is ``done``.

    ``tokens`` were written in ``seconds`` until now.
    """

    text: str
    done: bool = False
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Evaluated(Event):
    """A split was scored. ``intervals`` are 95 % bounds; ``baseline`` what it must beat."""

    run: str
    split: str
    metrics: dict[str, float]
    samples: int
    set_aside: int = 0
    intervals: dict[str, list[float]] = field(default_factory=dict)
    baseline: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExportVerified(Event):
    """An export was written, loaded again outside the app's code and compared with the trained model.

    Attributes:
        latency_ms: Half of the samples took less, one at a time; ``latency_p95_ms`` nineteen of twenty.
        batch_ms: The same for 32 at a time, 0 where the network takes one; ``batch_p95_ms`` as above.
    """

    path: str
    format: str
    agreement: float
    max_abs_diff: float
    metric: str
    metric_before: float
    metric_after: float
    latency_ms: float
    size_mb: float
    samples: int = 0
    latency_p95_ms: float = 0.0
    batch_ms: float = 0.0
    batch_p95_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Zipped(Event):
    """An export lies in one file, ready to be sent."""

    path: str
    size_mb: float


@dataclass(frozen=True, slots=True)
class ServiceStarted(Event):
    """An export answers requests at ``address``; ``thing`` is what it is asked about."""

    address: str
    path: str
    thing: str = ""


@dataclass(frozen=True, slots=True)
class ServiceEnded(Event):
    """A service was stopped: so many requests were answered, so many refused, within ``seconds``."""

    answered: int
    refused: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Downloaded(Event):
    """A model's weights are on this computer now."""

    model: str
    path: str
    size_mb: float


@dataclass(frozen=True, slots=True)
class Examined(Event):
    """One thing the doctor looked at. ``severity``: ok, info, warning or bad."""

    subject: str
    value: str
    severity: str
    message: str
