"""Everything a run needs before its first step: network, device, feeds, optimiser, and where it was."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import fields
from importlib.metadata import version
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from finetune_studio.core import files
from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine import (
    before,
    begun,
    blending,
    compiling,
    cutting,
    feeds,
    fitting,
    interpolation,
    methods,
    pacing,
    practices,
    presets,
    recalling,
    replaying,
    run,
    supply,
    unfreezing,
    untaught,
)
from finetune_studio.engine import device as devices
from finetune_studio.engine.device import Device
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.features.filling import Means
from finetune_studio.engine.launch import Team
from finetune_studio.engine.loaders import Loader
from finetune_studio.engine.session import Session
from finetune_studio.engine.supply import Chosen
from finetune_studio.models import layers, lora, recompute

T = TypeVar("T")


def prepare(
    project: Project,
    this: run.Run,
    control: Control,
    team: Team,
    stack: ExitStack,
    made: list[Session],
) -> Iterator[Event]:
    """Make a session and append it to ``made`` (nothing if stopped); say what takes time.

    Raises:
        StudioError: If the data cannot be trained on as they are.
    """
    recipe, task = this.recipe, load_task(this.recipe.task)
    fresh = not this.model
    labels, train, validation, replay = _given(project, this, task)
    seen = replay.seen(train) if replay else train  # as an epoch sees them
    if fresh and not this.samples:
        yield from untaught.found(task, labels.names, project.dataset.samples(usable=True))
    yield PhaseStarted("load", "Loading the model")
    device = devices.choose(recipe.compute.device, recipe.compute.precision, team.local_rank)
    if slow := devices.half_is_slow(device):
        yield Noted(f"Computing in {device.precision} does not pay here: {slow}.", "warning")
    bundle = _network(task, this, labels, (seen, validation), device)
    moving, ever = run.moving_names(bundle), unfreezing.learning_names(bundle)
    recipe = practices.settled(bundle, recipe, ever)
    old = recalling.known(this, bundle, recipe, moving)
    team.wait()  # until all have seen whether the run is new
    if fresh and team.leads:
        recalling.keep(this.folder, old)
        replaying.keep(this.folder, replay)
        _write_down(project, this, bundle, device, train, validation)
    if fresh:
        yield from cutting.told(task, bundle, train)

    starts = practices.starts(this, bundle, recipe)

    # Restore before features are computed, so that a boundary sees the weights it will be used with.
    place, best, state = _restored(this, bundle)
    if state and state["damaged"]:
        yield Noted(state["damaged"], "warning")
    bundle.network = team.prepare(bundle.network)
    stage = unfreezing.stage_of(bundle, recipe, place.epoch, ever)
    chosen = _chosen(this, recipe, len(seen))
    _use_threads(recipe, stack)
    loader, words = _loader(task, bundle, recipe, device, train, chosen, team)
    stack.enter_context(loader)
    if words:
        yield Noted(words)
    means = Means(task, bundle, device, loader, control, team, chosen.batch_size)
    unfreezing.enter(bundle, stage)
    found: list[feeds.Feed] = []
    yield from supply.feeds_for(means, train, validation, chosen, found)
    if team.any(control.stop.is_set()) or len(found) < 2:
        return
    yield from _told(task, recipe, train, found[0])
    way = methods.made(means, recipe, found[0], methods.Learns(moving, ever, stage, starts))
    if fresh:
        yield from practices.told(task, bundle, recipe, seen, found[0], way, team)
        yield from (*recalling.told(old, recipe, way), *replaying.told(replay))
    session = Session(
        this.folder, means, recipe, way.method, train, validation, place, chosen, moving, ever, stage,
        found, best, blending=blending.made(task, bundle, recipe, train, solved=way.solved),
        recalling=recalling.made(bundle, recipe, old, solved=way.solved),
        replay=replay if replay and replay.samples else None,
    )  # fmt: skip
    if state:
        _go_on(session, state)
    yield from fitting.fit(session, known="chosen" in this.environment)
    yield from compiling.compiled(bundle.network, recipe, device, found[0], session.steps)
    made.append(session)


def _loader(
    task: Task,
    bundle: Bundle,
    recipe: Recipe,
    device: Device,
    train: list[Sample],
    chosen: Chosen,
    team: Team,
) -> tuple[Loader, str]:
    """Return what reads samples, by as many processes in the whole team, and why by so many."""
    measured = pacing.workers(task, bundle, recipe, device, train, chosen.workers)
    chosen.workers, words = team.same(measured)
    return Loader(task, bundle, recipe.compute.threads, workers=chosen.workers), words


def _network(
    task: Task,
    this: run.Run,
    labels: Labels,
    samples: tuple[list[Sample], list[Sample]],
    device: Device,
) -> Bundle:
    """Return the network on its device, with all marked that learns in any epoch.

    A run that goes on is built from its own files: what it was begun from may be gone.

    Args:
        task: Loads the model.
        this: The run.
        labels: The classes that are taught.
        samples: Those of training and of validation.
        device: Where the network goes.
    """
    recipe = this.recipe
    lora.refuse_4bit(recipe.layers, device.torch)
    bundle = begun.bundle_of(this) or task.load_model(recipe, labels)
    bundle.recipe = _as_task_can(recipe, task)
    lora.put_in(bundle, recipe.layers, recipe.seed)
    lora.quantise(bundle, device.torch)
    bundle.network.to(device.torch)
    if device.kind != "mps":
        _channels_last(bundle.network)
    amount = recipe.layers
    names = layers.names_for(amount.amount, bundle.network, bundle.head, amount.trainable)
    layers.set_trainable(bundle.network, names)
    if recipe.layers.keep_statistics:
        layers.keep_statistics(bundle.network)
    layers.set_modes(bundle.network)
    practices.drop_before_head(bundle)
    if recipe.compute.checkpointing:
        recompute.wrap(bundle.network, bundle.head)
    if recipe.optimiser.balance == "weights" and labels.names:
        counts = task.class_counts(samples[0])
        bundle.class_weights = _class_weights(counts, labels).to(device.torch)
    bundle.asked = task.asked(samples[1], recipe)
    return bundle


def _as_task_can(recipe: Recipe, task: Task) -> Recipe:
    """Return the recipe without variation of samples, where they are of a kind that is not varied."""
    return recipe if task.varies else recipe.with_settings({"augment.strength": "none"})


def _use_threads(recipe: Recipe, stack: ExitStack) -> None:
    """Let the run use as many threads as the recipe says, and no longer than the run lasts."""
    stack.callback(torch.set_num_threads, torch.get_num_threads())
    if recipe.compute.threads:
        torch.set_num_threads(recipe.compute.threads)


def _write_down(
    project: Project,
    this: run.Run,
    bundle: Bundle,
    device: Device,
    train: list[Sample],
    validation: list[Sample],
) -> None:
    """Write what a new run is made of, so that it goes on from its folder alone."""
    own = [s.id for s in train if s.id >= 0]  # those of another project have no number here
    chosen = {"train": own, "validation": [s.id for s in validation]}
    files.write_json(this.folder / "samples.json", chosen)
    files.write_json(this.folder / "environment.json", _environment(project, device))
    interpolation.refuse(bundle, this.recipe)
    before.remember(this.folder, bundle, run.moving_names(bundle))
    run.save_model(this.folder, bundle)  # last: with it the run counts as begun


def _chosen(this: run.Run, recipe: Recipe, samples: int) -> Chosen:
    """Return what was chosen when the run began, or what to begin with."""
    if known := this.environment.get("chosen"):
        return known_of(Chosen, known)
    batch = recipe.optimiser.batch_size or presets.suited_to(samples)
    return Chosen(batch, max(1, recipe.optimiser.accumulation))


def _told(task: Task, recipe: Recipe, train: list[Sample], feed: feeds.Feed) -> Iterator[Event]:
    """Say what of the recipe and of the samples comes to nothing."""
    if recipe.optimiser.balance != "none" and not task.class_counts(train):
        yield Noted("There are no classes to balance in these data: every sample counts alike.")
    if not feed.samples:
        raise StudioError(
            "None of the training samples can be read.", "Look at Health on the Data page."
        )
    if len(feed.samples) == len(train):
        return
    unseen = set(task.class_counts(train)) - set(task.class_counts(feed.samples))
    if unseen:
        names = ", ".join(sorted(unseen))
        yield Noted(f"No training sample of {names} can be read, so it is not learnt.", "bad")


def _go_on(session: Session, state: dict[str, Any]) -> None:
    session.rollbacks = int(state.get("rollbacks", 0))
    session.take_up_good(state.get("good"))
    try:
        session.method.load_state_dict(state["method"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise StudioError(
            f"The checkpoint of this run cannot be gone on with: {error}.",
            "It is of another version of the program. Start a new run with the same recipe.",
        ) from error


def _samples(
    project: Project, this: run.Run, task: Task, labels: Labels
) -> tuple[list[Sample], list[Sample]]:
    """Return training and validation samples: of the dataset now, or those the run began with."""
    usable = [s for s in project.dataset.samples(usable=True) if task.teaches(s)]
    if chosen := this.samples:
        numbers = {split: set(ids) for split, ids in chosen.items()}
        return (
            [s for s in usable if s.id in numbers["train"]],
            [s for s in usable if s.id in numbers["validation"]],
        )
    train = [s for s in usable if s.split == "train"]
    validation = [s for s in usable if s.split == "validation"]
    if len(labels) < task.fewest_classes:
        have = f"only the class {labels.names[0]!r}" if labels.names else "no class"
        needed = {1: "one is", 2: "two are"}.get(task.fewest_classes, f"{task.fewest_classes} are")
        raise StudioError(
            f"There is {have} in these data, but {needed} needed.",
            "Add samples of another class.",
        )
    if not train:
        raise StudioError(
            "There are no training samples.", "Divide the data anew on the Data page."
        )
    if not validation:
        raise StudioError(
            f"With {len(train)} samples there is nothing left to validate with.",
            "Add samples (three a class at the least), or put some into the validation split.",
        )
    return train, validation


def _given(
    project: Project, this: run.Run, task: Task
) -> tuple[Labels, list[Sample], list[Sample], replaying.Replay | None]:
    """Return the classes, what is learnt from and judged with, and what of it is shown again."""
    fresh = not this.model
    labels = task.labels(project.dataset) if fresh else this.labels
    train, validation = _samples(project, this, task, labels)
    train, replay = replaying.found(project, this, task, train, _apart(project, train))
    if fresh:
        labels = replaying.labels_with(task, labels, replay)
    if fresh and not this.samples:
        labels = _taught(task, labels, train)
    return labels, train, validation, replay


def _apart(project: Project, train: list[Sample]) -> list[Sample]:
    """Return the samples that a run must not learn from: those that judge it or are left out."""
    learnt = {sample.id for sample in train}
    return [sample for sample in project.dataset.samples() if sample.id not in learnt]


def _taught(task: Task, labels: Labels, train: list[Sample]) -> Labels:
    """Return the classes that training has: only these get an output of the network."""
    found = untaught.taught(task, labels, train)
    if len(found) < task.fewest_classes:
        only = f"the class {found.names[0]!r}" if found.names else "no class"
        raise StudioError(
            f"All training samples have {only}; the other classes have none there.",
            "Move some of their samples into the training split, or divide the data anew.",
        )
    return found


def _restored(
    this: run.Run, bundle: Bundle
) -> tuple[run.Place, dict[str, Tensor], dict[str, Any] | None]:
    found = run.load_checkpoint(this.folder) if this.checkpoints else None
    if found is None:
        return run.Place(), {}, None
    weights, best, state = found
    bundle.network.load_state_dict(weights, strict=False)
    return known_of(run.Place, state["place"]), best, state


def known_of(kind: type[T], values: dict[str, Any]) -> T:
    """Return what was kept; fields that only another version knows are left out."""
    names = {f.name for f in fields(cast(Any, kind))}
    return kind(**{name: value for name, value in values.items() if name in names})


def _class_weights(counts: Mapping[str, int], labels: Labels) -> Tensor:
    """Return the weight of each class: all / (classes x its count), so that the mean weight is one."""
    every = sum(counts.values())
    return torch.tensor([every / (len(labels) * max(1, counts.get(n, 0))) for n in labels.names])


def _channels_last(network: nn.Module) -> None:
    """Lay convolutions out as the processor likes them (1.15 to 1.25 times as fast).

    Adapters are left as they are: peft looks at their numbers in their first order.
    """
    adapters = set(lora.names(network))
    for name, parameter in network.named_parameters():
        if parameter.ndim == 4 and name not in adapters:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _environment(project: Project, device: Device) -> dict[str, Any]:
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "transformers": version("transformers"),
        "device": device.kind,
        "precision": device.precision,
        "why_this_device": device.why,
        "data_fingerprint": project.dataset.fingerprint(),
        "data_root": str(project.dataset.root),
        "splits": project.dataset.split_counts(),
        "time": time.time(),
    }
