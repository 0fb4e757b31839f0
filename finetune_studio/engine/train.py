"""THE loop: carries out a recipe, read from top to bottom, with no branch on the kind of task."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor

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
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Pair
from finetune_studio.engine import device as devices
from finetune_studio.engine import evaluate, optim, run
from finetune_studio.engine.setup import Session, prepare
from finetune_studio.models import layers
from finetune_studio.monitors.divergence import Divergence
from finetune_studio.monitors.plateau import Plateau

_STATE_EVERY_S = 0.05  # at most 20 StepDone a second: more would make the window stutter
_SAVE_EVERY_S = 30.0  # so that a crash loses well under a minute
_ROLLBACKS = 3


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
    log = run.EventLog(folder)
    try:
        for event in _train(project, run.Run(folder), control, resumed=resume is not None):
            log.add(event)
            yield event
    finally:
        log.close()


def _train(project: Project, this: run.Run, control: Control, *, resumed: bool) -> Iterator[Event]:
    with ExitStack() as stack:
        # Load the network, mark what learns, compute what the frozen part says once.
        ready: list[Session] = []
        yield from prepare(project, this, control, stack, ready)
        if not ready:  # stopped while preparing: nothing has been learnt yet
            yield RunFinished(
                str(this.folder), str(project.folder), this.recipe.task, {}, 0, 0, True
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
    choices, place, feed = session.recipe.optimiser, session.place, session.train_feed
    steps_an_epoch = math.ceil(len(feed.samples) / choices.batch_size)
    steps = steps_an_epoch * choices.epochs
    plateau = Plateau(session.recipe.stop.patience, place.epochs_without_gain)
    divergence, rollbacks, factor = Divergence(), 0, 1.0
    good = session.snapshot()
    clock = _Clock(place.seconds)
    if place.done:
        return
    yield PhaseStarted("train", "Training", steps)

    while place.epoch < choices.epochs:
        # One pass over the samples, in an order that depends on the seed and the epoch alone.
        order = session.order(place.epoch)[place.step_in_epoch * choices.batch_size :]
        layers.set_modes(session.bundle.network)
        losses: list[Tensor] = []
        seen, trouble = 0, ""
        with feed.active():
            for batch in feed.batches(order, choices.batch_size, place.epoch):
                # One step; its random numbers come from the seed and the step, so a resumed run
                # draws the same ones.
                rates = optim.set_rates(
                    session.optimiser, factor * optim.rate_factor(choices, place.step, steps)
                )
                torch.manual_seed((session.recipe.seed << 32) + place.step)
                with session.device.autocast():
                    loss = session.task.loss(session.bundle, batch)
                session.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                if choices.gradient_clip:
                    torch.nn.utils.clip_grad_norm_(session.learning, choices.gradient_clip)
                session.optimiser.step()
                losses.append(loss.detach())
                place.step, place.step_in_epoch = place.step + 1, place.step_in_epoch + 1
                seen += len(batch.samples)

                # State what happened, not more often than a window can draw.
                if place.step == 1 or clock.since_stated() >= _STATE_EVERY_S:
                    mean = float(torch.stack(losses).mean())
                    done = place.epoch + place.step_in_epoch / steps_an_epoch
                    yield StepDone(
                        place.step, round(done, 4), mean, rates, clock.speed(seen),
                        devices.memory_mb(), round(clock.seconds(), 2),
                    )  # fmt: skip
                    yield Progress("train", place.step, steps, clock.left(place.step, steps))
                    losses, seen = [], 0
                    trouble = divergence.trouble(mean)

                # Do what the user asked for; save in good time before a crash.
                if control.stop.is_set() or trouble:
                    break
                if control.paused:
                    place.seconds = clock.seconds()
                    yield session.save()
                    yield RunPaused(place.step)
                    control.wait_while_paused()
                    clock = _Clock(place.seconds)
                    yield RunContinued(place.step)
                if clock.since_saved() > _SAVE_EVERY_S:
                    place.seconds = clock.seconds()
                    yield session.save()
                    clock.saved()
        yield from _set_aside(session)
        if control.stop.is_set():
            break
        if losses and not trouble:
            trouble = divergence.trouble(float(torch.stack(losses).mean()))

        # A run that diverges goes back to its last good epoch and takes smaller steps.
        if trouble:
            rollbacks += 1
            if rollbacks > _ROLLBACKS:
                raise StudioError(trouble, "Choose a learning rate at least ten times smaller.")
            factor /= 2
            session.restore(good)
            yield Noted(
                f"{trouble} Back to epoch {place.epoch}, with half the learning rate.",
                "warning",
                time.time(),
            )
            continue

        # Judge the epoch; keep it if it is the best so far; end early if nothing is gained any more.
        place.epoch, place.step_in_epoch = place.epoch + 1, 0
        began = time.perf_counter()
        pairs, loss_value = _validate(session)
        metrics = session.task.score(pairs)
        best = session.judge(metrics, loss_value)
        enough = plateau.add(gained=best) and session.recipe.stop.early
        place.epochs_without_gain = plateau.without_gain
        yield Validated(
            place.epoch, place.step, loss_value, metrics, best, plateau.without_gain, plateau.patience,
            round(time.perf_counter() - began, 3),
        )  # fmt: skip
        good = session.snapshot()
        if enough:
            session.reason = (
                f"No gain for {plateau.patience} epochs; epoch {place.best_epoch:g} is kept."
            )
            yield Noted(session.reason, "info", time.time())
            break

    place.done = not control.stop.is_set()
    place.seconds = clock.seconds()
    yield session.save()


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
    return pairs, sum(losses) / max(1, len(losses))


def _set_aside(session: Session) -> Iterator[Event]:
    """State which samples could not be read during the epoch, and leave them out from now on."""
    problems = {sample.id: (sample, why) for sample, why in session.train_feed.problems}
    session.train_feed.problems.clear()
    new = {n: found for n, found in problems.items() if n not in session.set_aside}
    session.set_aside |= set(new)
    for number, (sample, why) in new.items():
        yield SampleSetAside(number, sample.path, why)


def _started(project: Project, this: run.Run, session: Session, *, resumed: bool) -> RunStarted:
    train, validation = session.train_feed.samples, session.validation_feed.samples
    network = session.bundle.network
    steps = math.ceil(len(train) / session.recipe.optimiser.batch_size)
    return RunStarted(
        run=str(this.folder),
        project=str(project.folder),
        task=this.recipe.task,
        model=session.bundle.origin,
        epochs=session.recipe.optimiser.epochs,
        steps=steps * session.recipe.optimiser.epochs,
        samples={"train": len(train), "validation": len(validation)},
        device=session.device.why,
        parameters=sum(p.numel() for p in network.parameters()),
        trainable=sum(p.numel() for p in session.learning),
        headline=session.task.headline,
        resumed=resumed,
        time=time.time(),
        baseline=session.task.baseline(train, [(s, evaluate.NOTHING) for s in validation]),
    )


class _Clock:
    """Measures the run's own time, pauses left out, and how fast it goes."""

    def __init__(self, before: float) -> None:
        self._before = before
        self._start = self._stated = self._saved = time.perf_counter()
        self._first_step: int | None = None

    def seconds(self) -> float:
        return self._before + time.perf_counter() - self._start

    def since_stated(self) -> float:
        return time.perf_counter() - self._stated

    def speed(self, seen: int) -> float:
        """Return samples per second since the last call, and begin to measure anew."""
        now = time.perf_counter()
        passed, self._stated = now - self._stated, now
        return round(seen / max(passed, 1e-6), 1)

    def left(self, step: int, steps: int) -> float | None:
        """Return the seconds that the remaining steps will take, once there is something to go by."""
        if self._first_step is None:
            self._first_step = step
            self._start_of_steps = time.perf_counter()
            return None
        passed = time.perf_counter() - self._start_of_steps
        return round(passed / max(1, step - self._first_step) * (steps - step), 1)

    def since_saved(self) -> float:
        return time.perf_counter() - self._saved

    def saved(self) -> None:
        self._saved = time.perf_counter()
