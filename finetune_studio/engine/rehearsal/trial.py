"""A small run from beginning to end, and when what happened in it."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from finetune_studio.core import settings
from finetune_studio.core.events import (
    CheckpointSaved,
    Event,
    PhaseStarted,
    Progress,
    RunFinished,
    SampleSetAside,
    Validated,
)
from finetune_studio.core.files import folder_size
from finetune_studio.core.job import Control
from finetune_studio.core.passing import passing_folder
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine.allocator import give_back
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.features import store
from finetune_studio.engine.rehearsal.decoding import Kept, kept_by
from finetune_studio.engine.rehearsal.few import Samples
from finetune_studio.engine.rehearsal.watch import Watch
from finetune_studio.engine.train import train


class Until(threading.Event):
    """Is set when another event is, or when a time has come (of ``time.monotonic``)."""

    def __init__(self, other: threading.Event, moment: float) -> None:
        super().__init__()
        self._other, self._moment = other, moment

    def is_set(self) -> bool:
        """Whether to stop."""
        return super().is_set() or self._other.is_set() or time.monotonic() > self._moment


@dataclass(frozen=True)
class Features:
    """What was computed once in one phase: samples, seconds."""

    samples: int
    seconds: float

    @property
    def each_s(self) -> float:
        """Return the seconds of one sample."""
        return self.seconds / max(1, self.samples)


@dataclass
class Trial:
    """What a small run took.

    Attributes:
        train: Samples to learn from; ``validation`` to judge with.
        moments: When each event was stated, in seconds from the beginning.
        peak_mb: The most memory held.
        row_bytes: What is kept of one sample that is computed once; 0 where nothing is.
        known: Names of the cache's folders: for what learns, and for what judges.
        run_mb: The run's folder; ``checkpoint_mb`` of that in a checkpoint.
        decoded: What the whole run will keep of decoded samples; None if nothing.
    """

    train: int
    validation: int
    moments: list[tuple[float, Event]] = field(default_factory=list)
    peak_mb: float = 0.0
    row_bytes: int = 0
    known: tuple[str, str] = ("", "")
    run_mb: float = 0.0
    checkpoint_mb: float = 0.0
    decoded: Kept | None = None

    @property
    def complete(self) -> bool:
        """Whether it came to its end by itself."""
        last = self.moments[-1][1] if self.moments else None
        return isinstance(last, RunFinished) and not last.stopped

    @property
    def took_s(self) -> float:
        """Return how long all of it took."""
        return self.moments[-1][0]

    @property
    def cached(self) -> bool:
        """Whether frozen layers were computed only once."""
        return self.row_bytes > 0

    def features(self) -> list[Features]:
        """Return what each phase in which frozen layers were computed took."""
        found = []
        for place, (began, event) in enumerate(self.moments):
            if isinstance(event, PhaseStarted) and event.phase == "features":
                after = (t for t, e in self.moments[place + 1 :] if not _within_features(e))
                found.append(Features(event.total, next(after, self.took_s) - began))
        return found

    def load_s(self) -> float:
        """Return the seconds until the first step, but for the features."""
        return self._first_step() - sum(phase.seconds for phase in self.features())

    def epochs_s(self) -> list[float]:
        """Return the seconds of each epoch's steps."""
        begins = [self._first_step(), *(t for t, _ in self._judgements())]
        ends = [t - judged.seconds for t, judged in self._judgements()]
        return [max(0.0, end - begin) for begin, end in zip(begins, ends, strict=False)]

    def later_epoch_s(self) -> float:
        """Return the seconds of the steps of an epoch after the first."""
        first, *later = self.epochs_s()
        return statistics.median(later) if later else first

    def judging_s(self) -> float:
        """Return the seconds of one judgement."""
        return statistics.median(judged.seconds for _, judged in self._judgements())

    def saving_s(self) -> float:
        """Return the seconds of one checkpoint."""
        saved = self._last(CheckpointSaved)
        return saved - max(t for t, _ in self._judgements())

    def ending_s(self) -> float:
        """Return the seconds after the last checkpoint."""
        return self.took_s - self._last(CheckpointSaved)

    def _first_step(self) -> float:
        return next(
            t for t, e in self.moments if isinstance(e, PhaseStarted) and e.phase == "train"
        )

    def _judgements(self) -> list[tuple[float, Validated]]:
        return [(t, e) for t, e in self.moments if isinstance(e, Validated)]

    def _last(self, kind: type[Event]) -> float:
        return max(t for t, e in self.moments if isinstance(e, kind))


def _within_features(event: Event) -> bool:
    return isinstance(event, SampleSetAside) or (
        isinstance(event, Progress) and event.phase == "features"
    )


def carry_out(samples: Samples, recipe: Recipe, control: Control, whole: Recipe) -> Trial:
    """Carry out a recipe on these samples, in a folder that is gone afterwards.

    A stopped or refused one is not complete. What is computed once is kept in the same folder, so
    that the user's cache stays as it is. ``whole`` is the recipe that this is a trial of.
    """
    give_back()
    trial = Trial(len(samples.train), len(samples.validation))
    with passing_folder("rehearsal") as folder:
        with settings.computing_into(folder), Watch() as watch:
            began = time.perf_counter()
            with Project(folder / "project", recipe.task) as project:
                project.dataset.fill(samples.rows(), root=folder)
                for event in train(project, recipe, control):
                    trial.moments.append((time.perf_counter() - began, event))
        trial.peak_mb = watch.peak_mb
        _weigh(trial, folder)
        if trial.complete:
            parts = (load_task(recipe.task), project.runs_folder / "1", samples, whole)
            with settings.computing_into(folder):
                trial.decoded = kept_by(*parts, cached=trial.cached)
    give_back()
    return trial


def _weigh(trial: Trial, folder: Path) -> None:
    """Note what lies in the folder: the run, its checkpoint, what was computed once."""
    runs = folder / "project" / "runs"
    trial.run_mb = folder_size(runs) / 2**20
    trial.checkpoint_mb = sum(folder_size(f) for f in runs.glob("*/checkpoints")) / 2**20
    computed = folder / "features"
    if not computed.is_dir():
        return
    kept = {f: store.keys_in(f) for f in computed.iterdir()}
    rows = [f for f, (keys, _) in kept.items() if keys]
    if rows:  # one folder for both where nothing is varied
        first, last = min(rows, key=_made), max(rows, key=_made)
        trial.known = (first.name, last.name)
        trial.row_bytes = kept[first][1]


def _made(folder: Path) -> int:
    """Return when the first rows of a cache's folder were begun."""
    return min(int(part.name.split("-")[1]) for part in folder.glob("part-*.bin"))
