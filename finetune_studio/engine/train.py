"""THE loop: carries out a recipe, read from top to bottom, with no branch on the kind of task."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
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
    RunStarted,
    SampleSetAside,
    StepDone,
    Validated,
    dated,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Pair
from finetune_studio.engine import device as devices
from finetune_studio.engine import evaluate, run
from finetune_studio.engine.session import Session
from finetune_studio.engine.setup import prepare
from finetune_studio.models import layers
from finetune_studio.monitors.divergence import Divergence
from finetune_studio.monitors.plateau import Plateau

_STATE_EVERY_S = 0.05  # at most 20 StepDone a second: more would make the window stutter
_SAVE_EVERY_S = 30.0  # so that a crash loses well under a minute
_ROLLBACKS = 3
_LOOK = "Check that the data are where they were, and look at Health on the Data page."


def train(
    project: Project, recipe: Recipe, control: Control, resume: Path | None = None
) -> Iterator[Event]:
    """Carry out a recipe, or go on with the unfinished run in the folder ``resume``.

    Every event is also written to the run's log. Stopping keeps the best network and a checkpoint.

    Raises:
        StudioError: If data, model and recipe do not fit together, or the disk is full.
    """
    folder = resume or project.new_run()
    if resume is None:
        recipe.save(folder / "recipe.toml")
    try:
        with closing(run.EventLog(folder)) as log:
            for stated in _train(project, run.Run(folder), control, resumed=resume is not None):
                event = dated(stated)
                log.add(event)
                yield event
    except BaseException:
        run.forget_unless_begun(folder)
        raise


def _train(project: Project, this: run.Run, control: Control, *, resumed: bool) -> Iterator[Event]:
    with ExitStack() as stack:
        # Load the network, mark what learns, compute what the frozen part says once.
        ready: list[Session] = []
        yield from prepare(project, this, control, stack, ready)
        if not ready:  # stopped while preparing: nothing has been learnt yet
            yield RunFinished(
                str(this.folder), str(project.folder), this.recipe.task, {}, 0, 0, stopped=True
            )
            return
        session = ready[0]
        yield _started(project, this, session, resumed=resumed)
        yield from _loop(session, control)

        # The best epoch is what the user gets; its answers are kept for Inspect.
        session.load(session.best)
        pairs, _ = _validate(session)
        evaluate.save_answers(this.folder, "validation", pairs)
        yield RunFinished(
            str(this.folder),
            str(project.folder),
            this.recipe.task,
            session.task.score(pairs),
            session.place.best_epoch,
            round(session.place.seconds, 3),
            stopped=not session.place.done,
            reason=session.reason,
        )


def _loop(session: Session, control: Control) -> Iterator[Event]:
    place, count = session.place, len(session.train_feed.samples)
    steps = session.steps_an_epoch * session.recipe.optimiser.epochs
    plateau = Plateau(session.recipe.stop.patience, place.epochs_without_gain)
    divergence, rollbacks = Divergence(), 0
    good = session.snapshot()
    clock = _Clock(place.seconds)
    yield PhaseStarted("train", "Training", steps)

    while place.epoch < session.recipe.optimiser.epochs and not place.done:
        # One pass over the samples, in an order that depends on the seed and the epoch alone.
        order = session.order(place.epoch)[place.step_in_epoch * session.batch_size :]
        trouble: list[str] = []
        yield from _epoch(session, control, clock, order, divergence, trouble)
        yield from _set_aside(session)
        if control.stop.is_set():
            break

        # A run that diverges goes back to its last good epoch and takes smaller steps.
        if trouble:
            rollbacks += 1
            if rollbacks > _ROLLBACKS:
                raise StudioError(trouble[0], "Choose a learning rate at least ten times smaller.")
            session.restore(good)
            for _ in range(rollbacks):
                session.method.smaller_steps()
            text = f"{trouble[0]} Back to epoch {place.epoch}, with half the learning rate."
            yield Noted(text, "warning")
            continue

        # Judge the epoch; keep it if it is the best so far; end early if nothing is gained any more.
        place.epoch, place.step_in_epoch = place.epoch + 1, 0
        began = time.perf_counter()
        pairs, loss = _validate(session)
        yield from _set_aside(session)
        metrics = session.task.score(pairs)
        best = session.judge(metrics, loss)
        enough = plateau.add(gained=best) and session.recipe.stop.early
        place.epochs_without_gain = plateau.without_gain
        seconds = round(time.perf_counter() - began, 3)
        yield Validated(
            float(place.epoch), place.step, loss, metrics, best, plateau.without_gain,
            plateau.patience, seconds,
        )  # fmt: skip
        good = session.snapshot()
        if enough:
            session.reason = (
                f"No gain for {plateau.patience} epochs; epoch {place.best_epoch:g} is kept."
            )
            yield Noted(session.reason)
            break

    place.done = not control.stop.is_set() and count > 0
    place.seconds = clock.seconds()
    yield session.save()


def _epoch(
    session: Session,
    control: Control,
    clock: _Clock,
    order: list[int],
    divergence: Divergence,
    trouble: list[str],
) -> Iterator[Event]:
    """Take the steps of one epoch, or what is left of it; ``trouble`` gets why it was broken off."""
    place, feed = session.place, session.train_feed
    steps = session.steps_an_epoch * session.recipe.optimiser.epochs
    losses: list[Tensor] = []
    before, seen = place.step, 0
    layers.set_modes(session.bundle.network)
    with feed.active():
        for batch in feed.batches(order, session.batch_size, place.epoch):
            # One step. Its random numbers come from the seed and the step, so that a resumed run
            # draws the same ones.
            torch.manual_seed((session.recipe.seed << 32) + place.step)
            loss, rates = session.method.step(partial(session.loss, batch), place.step, steps)
            losses.append(loss)
            place.step, place.step_in_epoch = place.step + 1, place.step_in_epoch + 1
            seen += len(batch.samples)

            # State what happened, not more often than a window can draw.
            last = place.step_in_epoch == session.steps_an_epoch
            if place.step == 1 or last or clock.since_stated() >= _STATE_EVERY_S:
                mean = float(torch.stack(losses).mean())
                done = place.epoch + place.step_in_epoch / session.steps_an_epoch
                yield StepDone(
                    place.step, round(done, 4), mean, rates, clock.speed(seen),
                    round(devices.memory_mb()), round(clock.seconds(), 2),
                )  # fmt: skip
                yield Progress("train", place.step, steps, clock.left(place.step, steps))
                losses, seen = [], 0
                if found := divergence.trouble(mean):
                    trouble.append(found)

            # Do what the user asked for; save in good time before a crash.
            if control.stop.is_set() or trouble:
                return
            if control.paused:
                yield from _pause(session, control, clock)
            elif clock.since_saved() > _SAVE_EVERY_S:
                place.seconds = clock.seconds()
                yield session.save()
                clock.saved()
    if order and place.step == before:
        raise StudioError("None of the training samples can be read.", _LOOK)


def _pause(session: Session, control: Control, clock: _Clock) -> Iterator[Event]:
    """Save, wait with the network in memory, and go on."""
    session.place.seconds = clock.seconds()
    yield session.save()
    yield RunPaused(session.place.step)
    with clock.standing():
        control.wait_while_paused()
    yield RunContinued(session.place.step)


def _validate(session: Session) -> tuple[list[Pair], float]:
    """Return the answers to the validation split and their mean loss."""
    feed = session.validation_feed
    session.bundle.network.eval()
    known = {sample.id: sample for sample in feed.samples}
    pairs: list[Pair] = []
    losses: list[float] = []
    with torch.no_grad(), feed.active():
        for batch in feed.batches(range(len(feed.samples)), 64, None):
            with session.device.autocast():
                answers = session.task.predict(session.bundle, batch)
                loss = float(session.task.loss(session.bundle, batch))
            losses += [loss] * len(answers)
            pairs += [(known[n], a) for n, a in zip(batch.samples, answers, strict=True)]
    if not pairs:
        raise StudioError("None of the validation samples can be read.", _LOOK)
    return pairs, sum(losses) / max(1, len(losses))


def _set_aside(session: Session) -> Iterator[Event]:
    """State which samples could not be read, each once."""
    problems: dict[int, tuple[Sample, str]] = {}
    for feed in (session.train_feed, session.validation_feed):
        problems |= {sample.id: (sample, why) for sample, why in feed.problems}
        feed.problems.clear()
    new = {n: found for n, found in problems.items() if n not in session.set_aside}
    session.set_aside |= set(new)
    for number, (sample, why) in new.items():
        yield SampleSetAside(number, sample.path, why)


def _started(project: Project, this: run.Run, session: Session, *, resumed: bool) -> RunStarted:
    train, validation = session.train_feed.samples, session.validation_feed.samples
    network = session.bundle.network
    return RunStarted(
        run=str(this.folder),
        project=str(project.folder),
        task=this.recipe.task,
        model=session.bundle.origin,
        epochs=session.recipe.optimiser.epochs,
        steps=session.steps_an_epoch * session.recipe.optimiser.epochs,
        samples={"train": len(train), "validation": len(validation)},
        device=session.device.why,
        parameters=sum(p.numel() for p in network.parameters()),
        trainable=sum(p.numel() for p in session.learning),
        headline=session.task.headline,
        resumed=resumed,
        baseline=session.task.baseline(train, [(s, evaluate.NOTHING) for s in validation]),
    )


class _Clock:
    """Measures the run's own time, pauses left out, and how fast it goes."""

    def __init__(self, before: float) -> None:
        self._start = time.perf_counter() - before
        self._stated = self._saved = time.perf_counter()
        self._first: tuple[int, float] | None = None

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Leave the time spent in this context out."""
        began = time.perf_counter()
        yield
        gone = time.perf_counter() - began
        self._start += gone
        self._stated += gone
        self._saved += gone
        self._first = None

    def since_stated(self) -> float:
        return time.perf_counter() - self._stated

    def speed(self, seen: int) -> float:
        """Return samples per second since the last call, and begin to measure anew."""
        now = time.perf_counter()
        passed, self._stated = now - self._stated, now
        return round(seen / max(passed, 1e-6), 1)

    def left(self, step: int, steps: int) -> float | None:
        """Return the seconds that the remaining steps will take, once there is something to go by."""
        now = time.perf_counter()
        if self._first is None:
            self._first = step, now
        first, began = self._first
        return round((now - began) / (step - first) * (steps - step), 1) if step > first else None

    def since_saved(self) -> float:
        return time.perf_counter() - self._saved

    def saved(self) -> None:
        self._saved = time.perf_counter()
