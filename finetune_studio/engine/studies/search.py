"""A bounded search for a better recipe: trial after trial, each a run, the best of which is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from finetune_studio.core import study
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, RunFinished, Validated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study import Part, Study
from finetune_studio.core.study_events import (
    SearchFinished,
    StudyStarted,
    TrialFinished,
    TrialStarted,
)
from finetune_studio.core.task import Task
from finetune_studio.engine import evaluate, run, trouble
from finetune_studio.engine.studies import parts
from finetune_studio.engine.studies.asking import Asking
from finetune_studio.engine.studies.space import own_place, settings_of, space_of

FLATTERED = (
    "The best of many was picked by its score on the validation samples, so that score is flattered;"
    " the test split says how good it is."
)

_OVER = "The time for the search was over."


class Within(Control):
    """Stops and waits when another control says so, and can be broken off by itself."""

    def __init__(self, outer: Control) -> None:
        super().__init__()
        self._outer = outer
        self._own = threading.Event()
        self.stop = _Either(self._own, outer.stop)

    @property
    def broken_off(self) -> bool:
        """Whether it was broken off by itself."""
        return self._own.is_set()

    def break_off(self) -> None:
        """End this job after the step in hand, and not the other one."""
        self._own.set()

    @property
    @override
    def paused(self) -> bool:
        return self._outer.paused

    @override
    def wait_while_paused(self) -> None:
        self._outer.wait_while_paused()


class _Either(threading.Event):
    """Is set when one of two events is."""

    def __init__(self, one: threading.Event, other: threading.Event) -> None:
        super().__init__()
        self._both = (one, other)

    @override
    def is_set(self) -> bool:
        return super().is_set() or any(event.is_set() for event in self._both)


def search(
    project: Project, recipe: Recipe, control: Control, known: Study | None = None
) -> Iterator[Event]:
    """Try recipes within bounds, break off those that fall behind, and end with the best one's run.

    The first trial is the user's own recipe, so that what comes out is at least as good on the validation
    split, where all are judged. A trial that fails is noted, and the search goes on. Trials share what
    frozen layers say of the samples, as long as the frozen part and the variation are the same.

    Args:
        project: Where the study is kept.
        recipe: The choices; ``search`` says how many trials, how long, and over what.
        control: Stops it after the step in hand; the study then goes on with the unfinished trial.
        known: The study to go on with.

    Raises:
        StudioError: If there is nothing to search over, or no trial came to its end.
    """
    task = evaluate.load_task(recipe.task)
    space = space_of(recipe, varies=task.varies)
    if not space:
        raise StudioError(
            "There is nothing to search over.", "Name learning_rate or depth in search.over."
        )
    facts = {"headline": task.headline, "less_is_better": task.less_is_better}
    found = known or Study.begin(project, study.SEARCH, recipe, time.time(), **facts)
    found.note_stop(stopped=False)
    asking = Asking(space, recipe.seed, less_is_better=task.less_is_better)
    yield StudyStarted(
        str(found.folder), str(project.folder), recipe.task, study.SEARCH, recipe.search.trials,
        task.headline, len(found.done), resumed=known is not None, time=time.time(),
    )  # fmt: skip
    while part := _next(found, recipe, asking, own_place(recipe, space)):
        ended: list[RunFinished] = []
        yield from _trial(project, found, part, control, task, asking, ended)
        if ended:  # stopped by the user, half-way
            yield ended[0]
            return
        yield _stated(found, part)
    tried, wanted = len(found.parts), recipe.search.trials
    if tried < wanted and not found.run:
        yield Noted(
            f"{_OVER} {tried:,} of {wanted:,} trials began; more minutes (search.minutes) allow more.",
            time=time.time(),
        )
    best = found.best
    if best is None:
        why = next((part.reason for part in found.parts if part.reason), "")
        found.finished = True  # to go on with it would end the same way
        found.keep()
        raise StudioError(f"No trial came to its end. {why}".strip(), "Train a single run first.")
    flattered = FLATTERED if sum(part.score is not None for part in found.parts) > 1 else ""
    yield _best(found, best, task, flattered)
    if flattered:
        yield Noted(flattered, "warning", time.time())
    yield parts.promote(project, found, best)


def _next(found: Study, recipe: Recipe, asking: Asking, own: dict[str, Any]) -> Part | None:
    """Return the unfinished trial, or a new one; None when trials or time are used up."""
    if found.parts and not found.parts[-1].outcome:
        return found.parts[-1]
    number, spent = len(found.parts) + 1, sum(part.seconds for part in found.parts)
    limit = recipe.search.minutes * 60
    if number > recipe.search.trials or (limit and number > 1 and spent >= limit) or found.run:
        return None
    place = asking.place(number, found.parts) if number > 1 else own
    part = Part(number, settings_of(recipe, place), place=place)
    found.parts.append(part)
    found.keep()
    return part


def _trial(
    project: Project,
    found: Study,
    part: Part,
    control: Control,
    task: Task,
    asking: Asking,
    stopped: list[RunFinished],
) -> Iterator[Event]:
    """Carry a trial out; whatever it fails of is noted. ``stopped`` gets its end if the user stopped it."""
    folder, own = found.run_of(part), Within(control)
    before = [p for p in found.parts if p is not part]
    yield TrialStarted(
        str(found.folder), part.number, found.recipe.search.trials, part.settings, time.time()
    )
    began = time.monotonic()
    try:
        mark = {"study": found.number, "kind": study.TRIAL, "part": part.number}
        parts.prepare(folder, found.recipe_of(part), mark=mark)
        curve = _curve(run.Run(folder), task)
        ended: list[RunFinished] = []
        late, left = False, _left(found, part)
        for event in parts.carried_out(project, folder, own, ended):
            yield event
            if left is not None and time.monotonic() - began > left and not own.broken_off:
                late = True
                own.break_off()
            if isinstance(event, Validated):
                curve.append(event.metrics.get(task.headline, -event.loss))
                if asking.falls_behind(part.number, before, curve):
                    own.break_off()
        spent = part.seconds + time.monotonic() - began  # all of it counts, not the learning alone
        if ended[0].stopped and not own.broken_off:
            part.seconds = spent
            found.note_stop(stopped=True)
            stopped.append(ended[0])
            return
        outcome = study.PRUNED if ended[0].stopped else study.FINISHED
        parts.note(part, ended[0], folder, outcome)
        part.seconds, part.reason = spent, _OVER if late and ended[0].stopped else ""
        part.curve, part.score = curve, ended[0].metrics.get(task.headline)
    except Exception as error:  # noqa: BLE001  one recipe that does not work is not the end of a search
        told = trouble.explain(error)
        part.outcome, part.reason = study.FAILED, f"{told.message} {told.hint}".strip()
        part.seconds += time.monotonic() - began
    found.keep()
    best = found.best
    for other in found.done:
        if other is not best:
            found.slim(other)


def _left(found: Study, part: Part) -> float | None:
    """Return how many seconds a trial has; None for the first, with which all others are compared."""
    limit = found.recipe.search.minutes * 60
    if not limit or part.number == 1:
        return None
    return max(0.0, limit - sum(one.seconds for one in found.parts))


def _curve(this: run.Run, task: Task) -> list[float]:
    """Return the scores of the epochs that a trial has behind it already."""
    judged = [event for event in this.events() if isinstance(event, Validated)]
    return [event.metrics.get(task.headline, -event.loss) for event in judged]


def _stated(found: Study, part: Part) -> TrialFinished:
    return TrialFinished(
        str(found.folder), part.number, found.recipe.search.trials, str(found.run_of(part)),
        part.outcome, part.score, part.metrics, part.best_epoch, round(part.seconds, 3),
        part.settings, part.reason, time.time(),
    )  # fmt: skip


def _best(found: Study, best: Part, task: Task, flattered: str) -> SearchFinished:
    seconds = round(sum(part.seconds for part in found.parts), 3)
    return SearchFinished(
        str(found.folder), len(found.parts), best.number, task.headline, best.score or 0.0,
        best.settings, flattered, seconds,
    )  # fmt: skip
