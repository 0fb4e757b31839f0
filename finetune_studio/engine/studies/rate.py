"""The learning-rate range test: a short run whose rate rises until the loss explodes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from finetune_studio.core import settings, study
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.passing import passing_folder
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study_events import RateFound, RateTried
from finetune_studio.engine import run
from finetune_studio.engine.allocator import give_back
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.launch import Alone
from finetune_studio.engine.rehearsal.few import Samples, batch_size, shuffled
from finetune_studio.engine.session import Session, TooLarge
from finetune_studio.engine.setup import prepare
from finetune_studio.engine.studies import parts
from finetune_studio.engine.studies.suggesting import smoothed, steepest, valley
from finetune_studio.models import layers
from finetune_studio.models.node import within

_LOWEST, _HIGHEST = (
    1e-7,
    10.0,
)  # of the rate of the pretrained layers, or of a head that learns alone
_MOST_STEPS, _FEWEST_STEPS = 100, 30
_STEPS_S = 20.0  # in which the steps are to be done; as many are taken as fit
_BATCHES = 16  # whose samples are looked at
_MOST_SAMPLES = 512
_EXPLODED = 4.0  # times the lowest loss so far: then it is over
_SMOOTH = 0.8  # of the loss that ends the test, as steps come in


def rate_test(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Raise the learning rate step by step, and suggest one (Smith 2017).

    A network as the recipe's run begins with takes at most 100 steps, the rate rising evenly in its
    logarithm from 1e-7 until the loss is four times the lowest; rates of other layers keep their
    relation. The loss is smoothed over neighbouring steps (without lagging behind). The suggestion is
    fastai's default, the *valley*: two thirds down the largest fall of the loss (see
    ``suggesting.py``). There the network learns fast, and is still well below the rate at which it
    breaks. The steepest descent is stated beside it. A few hundred samples, drawn class by class in
    turn, stand for all of them; layers that are to begin later learn from the first step.

    Raises:
        StudioError: If the recipe cannot be carried out, or a head is solved, which needs no rate.
    """
    if recipe.optimiser.method == "solve" and recipe.layers.amount == "head_only":
        raise StudioError(
            "A head that is solved exactly has no learning rate to find.",
            "Choose small steps as the method first.",
        )
    yield PhaseStarted("rate", "Looking for the learning rate")
    began = time.monotonic()
    samples = shuffled(project, load_task(recipe.task), recipe.seed)
    size = batch_size(recipe, samples)
    count = min(_BATCHES * size, max(_MOST_SAMPLES, 2 * size), len(samples.train))
    few = samples.few(count, 0)
    with (
        passing_folder("rate") as place,
        settings.computing_into(place),
        ExitStack() as stack,
    ):
        this = _trial_run(place / "run", _plain(recipe, size), few)
        ready: list[Session] = []
        for event in prepare(project, this, control, Alone(), stack, ready):
            if isinstance(event, Progress):
                yield event
        if ready:
            yield from _tested(ready[0], recipe, control, began)
    give_back()


def _plain(recipe: Recipe, size: int) -> Recipe:
    """Return the recipe with nothing that changes the rate or what learns while the test goes on."""
    return study.single(
        recipe,
        {
            "optimiser.method": "steps",
            "optimiser.schedule": "constant",
            "optimiser.warmup_share": 0.0,
            "optimiser.batch_size": size,
            "optimiser.epochs": 1000,
            "augment.views": 1,
            "layers.head_first": 0,
            "layers.unfreeze_at": {},
            "layers.unfreezing": "none",
            "regularise.averaging": 0.0,
            "forgetting.replay": 0.0,
            "compute.workers": max(0, recipe.compute.workers),
        },
    )


def _trial_run(folder: Path, recipe: Recipe, few: Samples) -> run.Run:
    numbers = {"train": sorted(sample.id for sample in few.train), "validation": []}
    parts.prepare(folder, recipe, samples=numbers)
    return run.Run(folder)


def _tested(session: Session, recipe: Recipe, control: Control, began: float) -> Iterator[Event]:
    """Take the steps, and yield each; then what they suggest, unless stopped."""
    group, usual = _group(session, recipe)
    rates: list[float] = []
    losses: list[float] = []
    for rate, loss in _steps(session, control, usual):
        rates.append(rate)
        losses.append(loss)
        yield RateTried(len(rates), rate, loss)
    if control.stop.is_set():
        return
    curve = smoothed(rates, losses)
    found = valley(rates, curve)
    suggested = {}
    if found is not None:
        suggested = {
            name: _rounded(getattr(recipe.optimiser, name.rpartition(".")[2]) * found / usual)
            for name in ("optimiser.learning_rate", "optimiser.head_learning_rate")
        }
    own = "optimiser.head_learning_rate" if group == "head" else "optimiser.learning_rate"
    yield RateFound(
        suggested.get(own), group, suggested, steepest(rates, curve), rates, losses, curve,
        round(time.monotonic() - began, 2),
    )  # fmt: skip


def _group(session: Session, recipe: Recipe) -> tuple[str, float]:
    """Return whose rate is shown: that of the pretrained layers, or of a head that learns alone."""
    choices, bundle = recipe.optimiser, session.bundle
    heads = [bundle.head, *layers.always(bundle.network, bundle.head)]
    body = not all(any(within(name, head) for head in heads) for name in session.stage)
    return ("body", choices.learning_rate) if body else ("head", choices.head_learning_rate)


def _steps(session: Session, control: Control, usual: float) -> Iterator[tuple[float, float]]:
    """Yield each step's rate and the loss before it, until the loss explodes or all rates are tried."""
    batches = _batches(session)
    count, number, began = _MOST_STEPS, 0, time.monotonic()
    lowest, mean = math.inf, 0.0
    while number < count and not control.stop.is_set():
        rate = _LOWEST * (_HIGHEST / _LOWEST) ** (number / (count - 1))
        session.method.factor = rate / usual
        loss = _step(session, batches, number)
        if not math.isfinite(loss):
            return
        yield rate, loss
        number += 1
        mean = _SMOOTH * mean + (1 - _SMOOTH) * loss
        now = mean / (1 - _SMOOTH**number)
        lowest = min(lowest, now)
        if now > _EXPLODED * lowest:
            return
        if number == 1:  # it took longer, for all that is slow only once
            began = time.monotonic()
        if number == 4:  # nothing has changed yet at such rates: as many as there is time for
            each = (time.monotonic() - began) / 3
            count = max(_FEWEST_STEPS, min(_MOST_STEPS, int(_STEPS_S / max(each, 1e-6))))


def _batches(session: Session) -> Iterator[Any]:
    """Yield the parts of one step after the other, epoch after epoch."""
    epoch = 0
    while True:
        groups = session.groups(session.order(epoch))
        step: list[Any] = []
        for batch in session.train_feed.batches(groups, epoch):
            step.append(batch)
            if len(step) == session.chosen.parts:
                yield step
                step = []
        epoch += 1


def _step(session: Session, batches: Iterator[Any], number: int) -> float:
    """Take one step as the loop does; return the loss before it."""
    layers.set_modes(session.bundle.network)
    session.device.seed(session.seed_of(number))
    with session.train_feed.active():
        batch = next(batches)
        try:
            loss, _ = session.method.step(
                lambda: session.learn(batch), number, max(session.steps, number + 1)
            )
        except TooLarge as error:
            raise StudioError(
                "A batch does not fit into the memory.", "Choose a smaller batch size."
            ) from error
    return float(torch.as_tensor(loss))


def _rounded(rate: float) -> float:
    """Return a rate with two digits, within what a recipe takes."""
    return float(f"{min(100.0, rate):.1e}")
