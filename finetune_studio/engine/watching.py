"""Lets monitors hear a run: as it states its events, or afterwards from its log; no torch is loaded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from finetune_studio.core.events import Event, RunStarted, StepDone, Validated
from finetune_studio.core.monitor import Course, Epoch, Monitor, Verdict
from finetune_studio.core.recipe import dotted
from finetune_studio.core.watching import Heated, MonitorSpoke, RolledBack, WatchBegun, Watched
from finetune_studio.monitors import CATALOGUE
from finetune_studio.tasks import CATALOGUE as TASKS

if TYPE_CHECKING:
    from finetune_studio.core.recipe import Recipe

_LOUD = ("warning", "bad")


class Watch:
    """Takes every event of a run in turn and lets each monitor speak once for each state it enters.

    All that monitors know comes from events, so that a log says the same as the run did, and a run that
    goes on takes up its log first.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.course = Course(dict(dotted(recipe)))
        self._monitors: dict[str, Monitor] = {row.name: row.load()() for row in CATALOGUE}
        self._states: dict[str, str] = {}
        self._losses: list[tuple[int, float, float]] = []  # step, epoch, mean loss until there
        self._judged = 0  # the step of the last judgement
        self._never: dict[str, int] = {}
        self._heat: Heated | None = None

    def recall(self, event: Event) -> None:
        """Take up an event of the run's past; whatever a monitor said then is not said again."""
        if isinstance(event, MonitorSpoke):
            self._states[event.monitor] = event.state
        self._learn(event)

    def take(self, event: Event) -> Iterator[MonitorSpoke]:
        """Take an event, and yield what monitors say about it."""
        self._learn(event)
        if isinstance(event, WatchBegun | Validated | RolledBack):
            yield from self._heard()

    def _learn(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._begin(event)
            case WatchBegun():
                self.course.classes, self.course.copies = event.classes, event.copies
                self.course.varies = event.varies
            case StepDone():
                self._losses = [known for known in self._losses if known[0] < event.step]
                self._losses.append((event.step, event.epoch, event.loss))
                if event.step == 1 and math.isfinite(event.loss):
                    self.course.first = event.loss
            case Watched():
                self._never = event.never
            case Heated():
                self._heat = event
            case RolledBack():
                self._go_back(event)
            case Validated():
                self._judge(event)

    def _begin(self, event: RunStarted) -> None:
        course = self.course
        facts = TASKS[event.task].facts if event.task in TASKS else {}
        course.planned, course.samples, course.headline = (
            event.epochs,
            event.samples,
            event.headline,
        )
        course.less_is_better = bool(facts.get("less_is_better"))
        fits = event.baseline.get("metric") == event.headline
        course.baseline = float(event.baseline["value"]) if fits else None
        if not event.resumed:
            course.epochs, course.rollbacks = [], []
            self._losses, self._judged, self._states = [], 0, {}

    def _go_back(self, event: RolledBack) -> None:
        self.course.rollbacks.append((event.epoch, event.why))
        self.course.epochs = [e for e in self.course.epochs if e.number <= event.to]
        self._losses = [known for known in self._losses if known[1] <= event.to]
        self._judged = max((step for step, _, _ in self._losses), default=0)

    def _judge(self, event: Validated) -> None:
        course = self.course
        course.epochs = [epoch for epoch in course.epochs if epoch.number < event.epoch]
        name = (
            course.headline if course.headline in event.metrics else next(iter(event.metrics), "")
        )
        course.patience = event.patience if course.settings.get("stop.early", True) else 0
        heat = self._heat if self._heat is not None and self._heat.epoch == event.epoch else None
        course.epochs.append(
            Epoch(
                event.epoch,
                event.loss,
                event.metrics.get(name, 0.0),
                event.best,
                self._trained(event.step),
                event.epochs_without_gain,
                heat.gradient if heat else None,
                heat.drift if heat else None,
                self._never,
            )
        )
        self._judged = event.step

    def _trained(self, until: int) -> float | None:
        """Return the mean training loss of the steps since the judgement before."""
        before, total, weight = min(self._judged, until), 0.0, 0
        for step, _, loss in self._losses:
            if before < step <= until and math.isfinite(loss):
                total, weight, before = total + loss * (step - before), weight + step - before, step
        return total / weight if weight else None

    def _heard(self) -> Iterator[MonitorSpoke]:
        at = self.course.epochs[-1].number if self.course.epochs else 0.0
        for name, monitor in self._monitors.items():
            said, known = monitor.look(self.course), self._states.get(name, "")
            if said is not None and said.state != known:
                self._states[name] = said.state
                yield spoken(name, said, at)
            elif said is None and known and monitor.over:
                self._states[name] = ""
                yield MonitorSpoke(name, "ok", monitor.over, at, at)


def spoken(monitor: str, said: Verdict, at: float) -> MonitorSpoke:
    """Return what a monitor sees as an event."""
    action = said.action
    return MonitorSpoke(
        monitor,
        said.severity,
        said.text,
        at,
        said.since,
        said.state,
        action.title if action else "",
        dict(action.settings) if action else {},
        action.page if action else "",
    )


def watched(recipe: Recipe, past: Iterable[Event], stated: Iterable[Event]) -> Iterator[Event]:
    """Yield a run's events, and behind each what monitors say about it."""
    watch = Watch(recipe)
    for event in past:
        watch.recall(event)
    for event in stated:
        yield event
        yield from watch.take(event)


def replayed(recipe: Recipe, events: Iterable[Event]) -> list[Event]:
    """Return the events of a log with what monitors say, also where no monitor heard the run then.

    A verdict has the time of the event behind which it stands.
    """
    known = [event for event in events if not isinstance(event, MonitorSpoke)]
    found: list[Event] = []
    for event in watched(recipe, (), known):
        found.append(_timed(event, found) if isinstance(event, MonitorSpoke) else event)
    return found


def last_words(events: Iterable[Event]) -> list[MonitorSpoke] | None:
    """Return the last word of each monitor that still sees something wrong, the worst first.

    None where no monitor heard the run, as of versions without them.
    """
    heard, last = False, dict[str, MonitorSpoke]()
    for event in events:
        if isinstance(event, WatchBegun):
            heard = True
        elif isinstance(event, RunStarted) and not event.resumed:
            last = {}
        elif isinstance(event, MonitorSpoke):
            last[event.monitor] = event
    found = [spoke for spoke in last.values() if spoke.severity in _LOUD]
    found.sort(key=lambda spoke: -_LOUD.index(spoke.severity))
    return found if heard or found else None


def in_sentences(last: Iterable[MonitorSpoke]) -> str:
    """Return what monitors said last, each under its title; or that they see nothing wrong."""
    told = [f"{CATALOGUE[spoke.monitor].title}: {spoke.text}" for spoke in last]
    return " ".join(told) or "The monitors see nothing wrong."


def in_short(last: Iterable[MonitorSpoke]) -> str:
    """Return in one sentence which monitors see something wrong, and since when; empty where none does."""
    told = [
        CATALOGUE[spoke.monitor].title.lower()
        + (f" since epoch {spoke.since:g}" if spoke.since else "")
        for spoke in last
    ]
    return f"The monitors saw: {', '.join(told)}." if told else ""


def worst(last: Iterable[MonitorSpoke]) -> str:
    """Return the level of the worst that monitors said."""
    levels = {spoke.severity for spoke in last}
    return next((level for level in reversed(_LOUD) if level in levels), "ok")


def _timed(spoke: MonitorSpoke, before: list[Event]) -> MonitorSpoke:
    time = next((t for e in reversed(before) if (t := getattr(e, "time", 0.0))), 0.0)
    return replace(spoke, time=time)
