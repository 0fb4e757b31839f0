"""THE loop: carries out a recipe, read from top to bottom, with no branch on the kind of task."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    Event,
    Noted,
    PhaseStarted,
    Progress,
    RunContinued,
    RunFinished,
    RunPaused,
    SampleSetAside,
    StepDone,
    Validated,
    dated,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch
from finetune_studio.core.watching import RolledBack
from finetune_studio.core.words import duration
from finetune_studio.engine import device as devices
from finetune_studio.engine import (
    evaluate,
    judging,
    pacing,
    run,
    stating,
    trouble,
    unfreezing,
    watching,
)
from finetune_studio.engine.allocator import give_back, own_garbage
from finetune_studio.engine.clock import Clock
from finetune_studio.engine.cost import Meter, what_it_took
from finetune_studio.engine.feeds import CachedFeed
from finetune_studio.engine.interpolation import at_end
from finetune_studio.engine.launch import Alone, Team
from finetune_studio.engine.lookout import Lookout
from finetune_studio.engine.session import Session, TooLarge
from finetune_studio.engine.setup import prepare
from finetune_studio.models import layers
from finetune_studio.monitors.divergence import Divergence
from finetune_studio.monitors.plateau import Plateau

_ROLLBACKS = 3
_LOOK_EVERY = 4  # steps, whose mean loss says whether a run diverges


@dataclass
class Outcome:
    """How an epoch went: stopped, too large for the memory, diverged (how, in words), or the last needed."""

    stop: bool = False
    too_large: bool = False
    diverged: str = ""
    enough: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of its steps were taken and none went wrong."""
        return not (self.stop or self.too_large or self.diverged)


def train(
    project: Project,
    recipe: Recipe,
    control: Control,
    resume: Path | None = None,
    team: Team | None = None,
) -> Iterator[Event]:
    """Carry out a recipe, or go on with the unfinished run in the folder ``resume``.

    Every event is also written to the run's log. Stopping keeps the best network and a checkpoint.
    Where several processes carry out a run together (``team``), the leader alone writes.

    Raises:
        StudioError: If data, model and recipe do not fit together, or the disk is full.
    """
    team = team or Alone()
    folder = resume or (project.new_run() if team.leads else None)
    if resume is None and folder is not None:
        recipe.save(folder / "recipe.toml")
    folder = team.same(folder)
    assert folder is not None
    try:
        with closing(run.EventLog(folder) if team.leads else run.NoLog()) as log, own_garbage():
            this = run.Run(folder)
            doing = _train(project, this, control, team, resumed=bool(this.model))
            for stated in watching.watched(this.recipe, list(this.events()), doing):
                event = dated(stated)
                log.add(event)
                yield event
    except BaseException:
        if team.leads:
            run.forget_unless_begun(folder)
        raise


def _train(
    project: Project, this: run.Run, control: Control, team: Team, *, resumed: bool
) -> Iterator[Event]:
    meter = Meter(cuda=this.recipe.compute.device != "cpu" and torch.cuda.is_available())
    with ExitStack() as stack:
        # Load the network, mark what learns, compute what the frozen part says once.
        ready: list[Session] = []
        yield from prepare(project, this, control, team, stack, ready)
        if not ready:  # stopped while preparing: nothing has been learnt yet
            yield RunFinished(
                str(this.folder), str(project.folder), this.recipe.task, {}, 0, 0, stopped=True
            )
            return
        session = ready[0]
        meter.goes_on(session)
        yield stating.started(project, this, session, resumed=resumed)
        lookout = Lookout(session)
        yield lookout.begun(project)
        yield from _loop(session, control, lookout)
        yield from _how_fast(session)

        # The best epoch is what the user gets; its answers are kept for Inspect.
        session.load(session.best)
        yield from at_end(session)
        pairs = session.best_pairs or judging.validate(session)[0]
        if team.leads and pairs:
            evaluate.save_answers(this.folder, "validation", pairs)
        yield from what_it_took(session, meter)
        yield RunFinished(
            str(this.folder),
            str(project.folder),
            this.recipe.task,
            session.task.score(pairs) if pairs else {},
            session.place.best_epoch,
            round(session.place.seconds, 3),
            stopped=not session.place.done,
            reason=session.reason,
        )
        if session.full:
            raise StudioError(session.reason, "Free some space, then resume. Nothing was lost.")


def _loop(session: Session, control: Control, lookout: Lookout) -> Iterator[Event]:
    place, stopped = session.place, False
    plateau = Plateau(session.recipe.stop.patience, place.epochs_without_gain)
    divergence = Divergence(first=place.first_loss)
    if place.step == 0:
        session.mark_good()
    clock = Clock(place.seconds)
    _refuse_full_disk(session)
    give_back()  # what loading has left behind
    yield PhaseStarted("train", "Training", session.steps_to_take)

    while place.epoch < session.epochs and not place.done:
        # More layers may learn from this epoch on; what is computed once is then computed anew.
        yield from unfreezing.follow(session)
        stopped = session.team.any(control.stop.is_set())
        if stopped:
            break

        # One pass over the samples, in an order that depends on the seed and the epoch alone.
        order = session.order(place.epoch)[place.step_in_epoch * session.batch_size :]
        if place.step_in_epoch >= session.steps_an_epoch:
            order = []  # it was interrupted just before it was judged
        outcome = Outcome()
        yield from _epoch(session, control, lookout, clock, order, divergence, outcome)
        yield from _set_aside(session)
        stopped = outcome.stop
        if stopped:
            break

        # What did not fit into the memory is computed again, in smaller parts.
        if outcome.too_large:
            yield Noted(trouble.smaller(session.compute_less_at_a_time()), "warning")
            continue

        # Judge the epoch; keep it if it is the best so far; end early if nothing is gained any more.
        if outcome.whole:
            yield from _judge(session, lookout, plateau, divergence, outcome)

        # A run that diverges goes back to its last good epoch and takes smaller steps.
        if outcome.diverged:
            yield from _rolled_back(session, outcome.diverged)
            plateau.without_gain = place.epochs_without_gain
            continue
        if _room_is_left(session, control):
            session.mark_good()
        if outcome.enough:
            session.reason = (
                f"No gain for {plateau.patience} epochs; epoch {place.best_epoch:g} is kept."
            )
            yield Noted(session.reason)
            break

    place.done = not stopped
    place.seconds = clock.seconds()
    yield session.save()


def _epoch(
    session: Session,
    control: Control,
    lookout: Lookout,
    clock: Clock,
    order: list[int],
    divergence: Divergence,
    outcome: Outcome,
) -> Iterator[Event]:
    """Take the steps of one epoch, or what is left of it; ``outcome`` says why it was broken off."""
    place, feed, method = session.place, session.train_feed, session.method
    losses: list[Tensor] = []
    recent: list[Tensor] = []
    seen = total = 0
    layers.set_modes(session.bundle.network)
    with feed.active():
        batches = feed.batches(session.groups(order), place.epoch)
        for parts in together(batches, session.chosen.parts):
            # One step. Its random numbers come from the seed and the step, so that a resumed run
            # draws the same ones. A step of which nothing can be read is counted, and not taken.
            session.device.seed(session.seed_of(place.step))
            samples = sum(len(batch.samples) for batch in parts if batch is not None)
            try:
                if session.team.any(samples > 0):
                    ends = place.step_in_epoch + 1 == session.steps_an_epoch
                    learn = lookout.feeling(partial(session.learn, parts), last=ends)
                    loss, rates = method.step(learn, place.step, session.steps)
                    losses.append(loss)
                    recent.append(loss)
            except TooLarge:
                outcome.too_large = True
                give_back()
                return
            place.step, place.step_in_epoch = place.step + 1, place.step_in_epoch + 1
            seen, total = seen + samples, total + samples

            # See whether it diverges, by the count of steps: by the clock, no run would be like another.
            last = place.step_in_epoch == session.steps_an_epoch
            if recent and (place.step == 1 or last or place.step % _LOOK_EVERY == 0):
                outcome.diverged = divergence.trouble(float(torch.stack(recent).mean()))
                place.first_loss, recent = divergence.first, []

            # State what happened, not more often than a window can draw.
            at_once = control.paused or control.stop.is_set() or bool(outcome.diverged)
            if losses and (place.step == 1 or last or at_once or clock.due(session.team.size)):
                mean = float(torch.stack(losses).mean())
                yield from _stated(session, clock, mean, rates, seen * session.team.size)
                losses, seen = [], 0

            # Do what the user asked for; save in good time before a crash.
            outcome.stop = session.team.any(control.stop.is_set())
            if outcome.stop or outcome.diverged:
                return
            if control.paused:
                yield from _pause(session, control, clock)
                if control.stop.is_set() and session.team.size == 1:
                    outcome.stop = True
                    return
            elif clock.save_due():
                yield from _saved(session, control, clock)
    if order and not session.team.any(total > 0):
        raise StudioError("None of the training samples can be read.", judging.LOOK)


def _how_fast(session: Session) -> Iterator[Event]:
    """Say what computing the frozen layers once was good for."""
    if isinstance(session.train_feed, CachedFeed) and session.place.epoch:
        epochs = "1 epoch" if session.place.epoch == 1 else f"{session.place.epoch} epochs"
        took = duration(session.place.seconds)
        yield Noted(f"Features computed once; {epochs} in {took}.", "ok")


def _judge(
    session: Session,
    lookout: Lookout,
    plateau: Plateau,
    divergence: Divergence,
    outcome: Outcome,
) -> Iterator[Event]:
    """Judge the network on the validation samples, unless the last steps went wrong."""
    place, began = session.place, time.perf_counter()
    with session.as_judged():
        if not session.validation:  # a study's final model learns from all; its folds were judged
            session.keep_last()
            return
        pairs, loss = judging.validate(session)
        outcome.diverged = divergence.judged(loss)
        if outcome.diverged:
            return
        place.epoch, place.step_in_epoch = place.epoch + 1, 0
        metrics = session.task.score(pairs)
        best = session.judge(metrics, loss, pairs)
    yield from _set_aside(session)
    outcome.enough = plateau.add(gained=best) and session.recipe.stop.early
    if not unfreezing.complete(session):  # layers that are still to come deserve their chance
        plateau.without_gain, outcome.enough = 0, False
    place.epochs_without_gain = plateau.without_gain
    seconds = round(time.perf_counter() - began, 3)
    yield from lookout.judged(pairs)
    yield Validated(
        float(place.epoch), place.step, loss, metrics, best, plateau.without_gain,
        plateau.patience if session.recipe.stop.early else 0, seconds,
    )  # fmt: skip


def together(batches: Iterable[Batch | None], parts: int) -> Iterator[list[Batch | None]]:
    """Yield the parts of each step together."""
    found = iter(batches)
    while step := list(itertools.islice(found, parts)):
        yield step


def _stated(
    session: Session, clock: Clock, loss: float, rates: dict[str, float], seen: int
) -> Iterator[Event]:
    """State the steps since the last statement."""
    place = session.place
    done = place.epoch + place.step_in_epoch / session.steps_an_epoch
    yield StepDone(
        place.step, round(done, 4), loss, rates, clock.speed(seen),
        round(devices.memory_mb()), round(clock.seconds(), 2),
    )  # fmt: skip
    steps = session.steps_to_take
    yield Progress("train", place.step, steps, clock.left(place.step, steps))


def _rolled_back(session: Session, why: str) -> Iterator[Event]:
    """Go back to the last good epoch, with half the learning rate; a crash does not undo that."""
    session.rollbacks += 1
    factor, wrong = session.method.factor, session.place.epoch + 1
    session.back_to_good()
    session.method.factor = factor / 2
    yield session.save()
    yield RolledBack(float(wrong), float(session.place.epoch), why)
    if session.rollbacks > _ROLLBACKS:
        raise StudioError(why, "Choose a learning rate at least ten times smaller.")
    epoch = session.place.epoch
    yield Noted(f"{why} Back to epoch {epoch}, with half the learning rate.", "warning")


def _saved(session: Session, control: Control, clock: Clock) -> Iterator[Event]:
    """Save, or end the run while there still is room to."""
    if _room_is_left(session, control):
        session.place.seconds = clock.seconds()
        yield session.save()
        clock.saved()


def _room_is_left(session: Session, control: Control) -> bool:
    """Whether more than the last checkpoint fits on the disk; if not, the run is asked to end."""
    if not session.disk_nearly_full():
        return True
    session.full = True
    session.reason = f"The disk is nearly full, so the run was stopped: {session.folder}."
    control.ask_stop()
    return False


def _refuse_full_disk(session: Session) -> None:
    if session.disk_nearly_full():
        raise StudioError(
            f"There is too little room on the disk to keep this run: {session.folder}.",
            "Free some space, then start or resume it.",
        )


def _pause(session: Session, control: Control, clock: Clock) -> Iterator[Event]:
    """Save, wait with the network in memory, and go on."""
    session.place.seconds = clock.seconds()
    yield session.save()
    yield RunPaused(session.place.step)
    with clock.standing():
        control.wait_while_paused()
    yield RunContinued(session.place.step)


def _set_aside(session: Session) -> Iterator[Event]:
    """State which samples could not be read, each once."""
    yield from pacing.tell(session.means.loader)
    problems: dict[int, tuple[Sample, str]] = {}
    for feed in (session.train_feed, session.validation_feed):
        problems |= {sample.id: (sample, why) for sample, why in feed.problems}
        feed.problems.clear()
    new = {n: found for n, found in problems.items() if n not in session.set_aside}
    session.set_aside |= set(new)
    for number, (sample, why) in new.items():
        yield SampleSetAside(number, sample.place, why)
