"""What a run's events add up to: where it stands, what happened when, and its curves; no Qt here."""

from __future__ import annotations

from dataclasses import dataclass, field

from finetune_studio.core import events, watching
from finetune_studio.core.events import Event
from finetune_studio.core.measures import CostMeasured
from finetune_studio.core.study_events import FoldStarted, TrialStarted
from finetune_studio.core.study_words import sentence
from finetune_studio.core.words import figure, score_name
from finetune_studio.gui.pages.train.study_words import part_of
from finetune_studio.gui.widgets.event_log import Line
from finetune_studio.gui.widgets.happenings import span

_SAVED = "Checkpoint saved"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One judgement on the validation samples; ``trained`` is the mean training loss before it."""

    number: float
    loss: float
    score: float
    best: bool
    trained: float | None


@dataclass
class Story:
    """Takes every event of a run in turn, live or from its log.

    Attributes:
        started: What the run said when it began; None while it gets ready.
        phase: What it does now, in words; empty before the first event.
        done: Finished items of the phase, of ``total``; 0 of 0 where they are not counted.
        estimate: What a rehearsal said before.
        part: Which part of a study this run is, such as ``Fold 2 of 5``; empty for a single run.
        seconds_left: An estimate of the whole run's rest, once there is one.
        step: The last statement about the steps.
        epochs: Every judgement.
        without_gain: Epochs without gain so far.
        patience: Epochs without gain that end the run; 0 until the first judgement.
        saved: When the last checkpoint was written (Unix seconds); 0 if none was.
        paused: Whether the run waits.
        rolled_back: What went wrong since the last judgement, in words.
        finished: What it said at its end; ``cost`` what it took.
        failed: Why it ended, if an error ended it.
        set_aside: How many samples could not be used.
        lines: What happened, with times.
        spoken: What each monitor said last, by its name.
        said: All that monitors said that is no all-clear.
        watched: The answers to the same samples, epoch by epoch.
        heat: Gradients and drift of the last epoch.
        followed: Numbers of the samples whose answers are followed.
    """

    estimate: events.Estimated | None = None
    part: str = ""
    started: events.RunStarted | None = None
    phase: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    step: events.StepDone | None = None
    epochs: list[Epoch] = field(default_factory=list)
    without_gain: int = 0
    patience: int = 0
    saved: float = 0.0
    paused: bool = False
    rolled_back: str = ""
    finished: events.RunFinished | None = None
    cost: CostMeasured | None = None
    failed: str = ""
    set_aside: int = 0
    lines: list[Line] = field(default_factory=list)
    spoken: dict[str, watching.MonitorSpoke] = field(default_factory=dict)
    said: list[watching.MonitorSpoke] = field(default_factory=list)
    watched: list[watching.Watched] = field(default_factory=list)
    heat: watching.Heated | None = None
    followed: list[int] = field(default_factory=list)
    _losses: list[float] = field(default_factory=list)
    _offset: float | None = None  # from the run's own seconds to the clock's

    @property
    def headline(self) -> str:
        """Return the name of the score that picks the best epoch."""
        return self.started.headline if self.started else ""

    @property
    def best(self) -> Epoch | None:
        """Return the best epoch so far; at the end the one that was kept."""
        if self.finished is not None:
            kept = self.finished.best_epoch
            return next((epoch for epoch in self.epochs if epoch.number == kept), None)
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)

    @property
    def baseline(self) -> tuple[str, float] | None:
        """Return what the headline score must beat: in words, and its value."""
        found = self.started.baseline if self.started else {}
        if not found or found.get("metric") != self.headline:
            return None
        return str(found.get("text", "the baseline")), float(found["value"])

    @property
    def alarms(self) -> list[watching.MonitorSpoke]:
        """Return what monitors see now, the worst first."""
        order = ("bad", "warning", "info")
        seen = [spoke for spoke in self.spoken.values() if spoke.severity in order]
        return sorted(seen, key=lambda spoke: order.index(spoke.severity))

    def alarm(self, *monitors: str) -> watching.MonitorSpoke | None:
        """Return the worst that these monitors see now, if anything."""
        return next((spoke for spoke in self.alarms if spoke.monitor in monitors), None)

    @property
    def is_final(self) -> bool:
        """Whether it is the final model of a cross-validation, which nothing is left to judge."""
        return self.started is not None and self.started.samples.get("validation") == 0

    @property
    def all_epochs(self) -> int:
        """Return how many epochs were planned."""
        return self.started.epochs if self.started else 0

    def take(self, event: Event, now: float = 0.0) -> None:
        """Take note of an event; ``now`` is the clock's time where it happens live."""
        when = now or self._clock(event)
        match event:
            case FoldStarted() | TrialStarted():
                self.part = part_of(event)
                self._tell(when, sentence(event)[0])
            case events.RunStarted():
                self._begin(event, when)
            case events.PhaseStarted():
                self.phase, self.done, self.total = event.text, 0, event.total
                if event.phase != "train":
                    self._tell(when, event.text)
            case events.Progress():
                self.done, self.total = event.done, event.total
                self.seconds_left = event.seconds_left if event.phase == "train" else None
            case events.StepDone():
                self.step = event
                self._losses.append(event.loss)
            case events.Validated():
                self._judge(event, when)
            case CostMeasured():
                self.cost = event
            case _:
                self._note(event, when)

    def fail(self, message: str, now: float = 0.0) -> None:
        """Take note of the error that ended the run."""
        self.failed = message
        self._tell(now, message, "bad")

    def _begin(self, event: events.RunStarted, when: float) -> None:
        """Begin, or go on: what was said of an end is no longer true."""
        self.started, self.finished, self.failed, self.paused = event, None, "", False
        self._losses = []
        words = "Training goes on" if event.resumed else "Training begins"
        self._tell(when, f"{words}: {event.trainable:,} of {event.parameters:,} parameters learn")

    def _judge(self, event: events.Validated, when: float) -> None:
        self.epochs = [epoch for epoch in self.epochs if epoch.number < event.epoch]
        name = self.headline if self.headline in event.metrics else next(iter(event.metrics), "")
        score = event.metrics.get(name, 0.0)
        trained = sum(self._losses) / len(self._losses) if self._losses else None
        self.epochs.append(Epoch(event.epoch, event.loss, score, event.best, trained))
        self._losses, self.rolled_back = [], ""
        self.without_gain, self.patience = event.epochs_without_gain, event.patience
        best = ", the best so far" if event.best else ""
        words = f"Epoch {event.epoch:g}: {plain(name)} {figure(score)}{best}"
        self._tell(when, words, "ok" if event.best else "info")

    def _note(self, event: Event, when: float) -> None:
        match event:
            case watching.MonitorSpoke():
                self._hear(event, when)
            case watching.Watched():
                self.watched = [w for w in self.watched if w.epoch < event.epoch] + [event]
            case watching.Heated():
                self.heat = event
            case watching.WatchBegun():
                self.followed = event.samples
            case events.CheckpointSaved():
                self.saved = event.time or when
                self._tell(when, _SAVED)
            case events.Noted():
                if event.level in ("warning", "bad"):
                    self.rolled_back = event.text
                self._tell(event.time or when, event.text, event.level)
            case events.SampleSetAside():
                self.set_aside += 1
                self._tell(when, f"{event.path} was set aside: {event.reason}", "warning")
            case events.RunPaused():
                self.paused = True
                self._tell(when, "Paused after the step in hand")
            case events.RunContinued():
                self.paused = False
                self._tell(when, "Training goes on")
            case events.RunFinished():
                self.finished, self.paused, self.seconds_left = event, False, None
                how = "Stopped" if event.stopped else "Finished"
                self._tell(when, f"{how}; learning took {span(event.seconds)}")

    def _hear(self, event: watching.MonitorSpoke, when: float) -> None:
        self.spoken[event.monitor] = event
        if event.severity != "ok":
            self.said.append(event)
        self._tell(event.time or when, event.text, event.severity)

    def _tell(self, when: float, text: str, level: str = "info") -> None:
        """Add a line, but not twice at once; of checkpoints only the last one stays."""
        if text == _SAVED:
            self.lines = [line for line in self.lines if line.text != _SAVED]
        if self.lines and (self.lines[-1].text, self.lines[-1].level) == (text, level):
            return  # the end of a study says again what its last run said
        if (
            self.lines
        ):  # what comes later is told later: some events have only a guess of their moment
            when = max(when, self.lines[-1].time) if when else when
        self.lines.append(Line(when, text, level))

    def _clock(self, event: Event) -> float:
        """Return when a replayed event happened, as well as the log tells; 0 where it does not."""
        told = getattr(event, "time", 0.0)
        if isinstance(event, events.RunStarted):
            self._offset = None  # a resumed run counts on from where it was
        if isinstance(event, events.StepDone):
            if self._offset is None:
                began = self.started.time if self.started else 0.0
                self._offset = began - event.seconds
            return self._offset + event.seconds
        if told:
            return float(told)
        if self._offset is not None and self.step is not None:
            return self._offset + self.step.seconds
        return self.started.time if self.started else 0.0


def plain(metric: str) -> str:
    """Return a score's name for people."""
    return score_name(metric)


def heading(metric: str) -> str:
    """Return a score's name as it begins a row."""
    name = plain(metric)
    return name[:1].upper() + name[1:]


def in_short(story: Story, *, at_work: bool) -> str:
    """Return a few words for the rail: the epoch at work, or the best score."""
    if at_work and story.part:
        return story.part[:1].lower() + story.part[1:]
    if at_work and story.step is not None:
        return f"epoch {min(story.all_epochs, int(story.step.epoch) + 1)} of {story.all_epochs}"
    return f"{plain(story.headline)} {figure(story.best.score)}" if story.best is not None else ""


def so_far(story: Story) -> str:
    """Return the phase and its count in words, such as ``Looking at each sample once: 1,204 of 3,068``."""
    text = f"{story.part}: {story.phase}" if story.part else story.phase
    if story.total and not story.started:
        return f"{text}: {story.done:,} of {story.total:,}"
    return text
