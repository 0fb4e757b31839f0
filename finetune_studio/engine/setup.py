"""Everything a run needs before its first step: network, device, feeds, optimiser, and where it was."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from finetune_studio.core import files
from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine import device as devices
from finetune_studio.engine import feeds, optim, run
from finetune_studio.engine.device import Device
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.features.prefix import FrozenPrefix, find_prefixes
from finetune_studio.engine.features.store import NotKept
from finetune_studio.engine.loaders import Loader, grouped
from finetune_studio.engine.session import Session
from finetune_studio.models import layers

_SAME = 1e-3  # largest relative difference of the first batch's loss between cached and uncached
_TINY_HEAD = 500_000  # parameters


def prepare(
    project: Project, this: run.Run, control: Control, stack: ExitStack, made: list[Session]
) -> Iterator[Event]:
    """Make a session and append it to ``made`` (nothing if stopped); say what takes time.

    Raises:
        StudioError: If the data cannot be trained on as they are.
    """
    recipe = this.recipe
    task = load_task(recipe.task)
    fresh = not this.model
    labels = project.dataset.labels() if fresh else this.labels
    train, validation = _samples(project, this, labels)
    yield PhaseStarted("load", "Loading the model")
    bundle = task.load_model(recipe, labels)
    device = devices.choose(recipe.compute.device)
    bundle.network.to(device.torch)
    if device.kind != "mps":
        _channels_last(bundle.network)
    amount = recipe.layers
    layers.set_trainable(
        bundle.network,
        layers.names_for(amount.amount, bundle.network, bundle.head, amount.trainable),
    )
    layers.set_modes(bundle.network)
    if recipe.optimiser.balance == "weights":
        bundle.class_weights = _class_weights(train, labels).to(device.torch)
    if fresh:
        run.save_model(this.folder, bundle)
        files.write_json(
            this.folder / "samples.json",
            {"train": [s.id for s in train], "validation": [s.id for s in validation]},
        )
        files.write_json(this.folder / "environment.json", _environment(project, device))

    # Restore before features are computed, so that a boundary sees the weights it will be used with.
    place, best, state = _restored(this, bundle)
    loader = stack.enter_context(Loader(task, bundle, recipe.compute.threads))
    found: list[feeds.Feed] = []
    yield from _feeds(task, bundle, train, validation, device, loader, control, found)
    if control.stop.is_set() or len(found) < 2:
        return
    if not found[0].samples:
        raise StudioError(
            "None of the training samples can be read.", "Look at Health on the Data page."
        )
    unseen = {s.label for s in train} - {s.label for s in found[0].samples}
    if unseen:
        names = ", ".join(sorted(map(str, unseen)))
        yield Noted(f"No training sample of {names} can be read, so it is not learnt.", "bad")
    threads = torch.get_num_threads()
    stack.callback(torch.set_num_threads, threads)
    if recipe.compute.threads:
        torch.set_num_threads(recipe.compute.threads)
    if isinstance(found[0], feeds.CachedFeed) and _tiny(bundle):
        torch.set_num_threads(1)  # tiny steps on several threads collapse when the machine is busy
    can_solve = recipe.layers.amount == "head_only" and isinstance(found[0], feeds.CachedFeed)
    method = optim.method_for(recipe.optimiser, bundle.network, bundle.head, can_solve=can_solve)
    if recipe.optimiser.method == "solve" and not can_solve:
        yield Noted(
            "Only a head on computed features can be solved; small steps are taken instead."
        )
    if state:
        _go_on(method, state)
    made.append(
        Session(
            this.folder,
            task,
            bundle,
            recipe,
            device,
            method,
            found[0],
            found[1],
            place,
            run.moving_names(bundle),
            best,
        )
    )


def _go_on(method: optim.Method, state: dict[str, Any]) -> None:
    try:
        method.load_state_dict(state["method"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise StudioError(
            f"The checkpoint of this run cannot be gone on with: {error}.",
            "It is of another version of the program. Start a new run with the same recipe.",
        ) from error


def _samples(project: Project, this: run.Run, labels: Labels) -> tuple[list[Sample], list[Sample]]:
    """Return training and validation samples: of the dataset now, or those the run began with."""
    usable = [s for s in project.dataset.samples(usable=True) if s.label is not None]
    if chosen := this.samples:
        numbers = {split: set(ids) for split, ids in chosen.items()}
        return (
            [s for s in usable if s.id in numbers["train"]],
            [s for s in usable if s.id in numbers["validation"]],
        )
    train = [s for s in usable if s.split == "train"]
    validation = [s for s in usable if s.split == "validation"]
    if len(labels) < 2:
        have = f"only the class {labels.names[0]!r}" if labels.names else "no class"
        raise StudioError(
            f"There is {have} in these data, but two are needed.", "Add samples of another class."
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
    missing = set(labels.names) - {s.label for s in train}
    if missing:
        raise StudioError(
            f"No training sample has the class {', '.join(sorted(map(str, missing)))}.",
            "Move some of its samples into the training split, or exclude the class.",
        )
    return train, validation


def _feeds(
    task: Task,
    bundle: Bundle,
    train: list[Sample],
    validation: list[Sample],
    device: Device,
    loader: Loader,
    control: Control,
    made: list[feeds.Feed],
) -> Iterator[Event]:
    """Append the training and the validation feed: cached where the network has a frozen prefix."""
    recipe = bundle.recipe
    assert recipe is not None
    if recipe.compute.cache == "auto":
        varied = recipe.augment.strength != "none"
        views = recipe.augment.views if varied else 0
        for prefix in find_prefixes(task, bundle):
            half, fits = _room(task, bundle, prefix, device, len(train), views)
            if not fits:
                yield Noted("What the frozen layers say does not fit into the room for it.")
                continue
            agrees, words = _agrees(task, bundle, train, device, loader, prefix)
            if not agrees:
                continue
            yield Noted(words, "ok")
            cached: list[feeds.CachedFeed] = []
            try:
                for split, samples, count, small in (
                    ("train", train, views, half),
                    ("validation", validation, 0, False),
                ):
                    yield from feeds.build_cached(
                        task, bundle, samples, device, loader, prefix, control,
                        split=split, views=count, half=small, made=cached,
                    )  # fmt: skip
                    if control.stop.is_set():
                        return
            except NotKept as error:
                text = f"What the frozen layers say could not be kept: {error}."
                yield Noted(f"{text} Each epoch computes it anew, which is slower.", "warning")
                break
            made += cached
            return
    made.append(feeds.DecodedFeed(task, bundle, train, device, loader))
    made.append(feeds.DecodedFeed(task, bundle, validation, device, loader))


def _room(
    task: Task, bundle: Bundle, prefix: FrozenPrefix, device: Device, samples: int, views: int
) -> tuple[bool, bool]:
    """Return whether activations must be kept as fp16, and whether they fit at all."""
    assert bundle.recipe is not None
    limit = bundle.recipe.compute.cache_limit_mb * 2**20
    needed = feeds.bytes_needed(task, bundle, prefix, device, samples, views)
    return needed > limit, needed / 2 <= limit


def _agrees(
    task: Task,
    bundle: Bundle,
    train: list[Sample],
    device: Device,
    loader: Loader,
    prefix: FrozenPrefix,
) -> tuple[bool, str]:
    """Run the first batch both ways, in evaluation mode so that no norm moves, and compare the loss."""
    groups = loader.run(grouped(train, 8), None)
    loaded = next((group for group in groups if group.batch is not None), None)
    if loaded is None or loaded.batch is None:
        return False, ""
    batch = feeds.laid_out(loaded.batch.to(device.torch), device)
    try:
        with torch.no_grad(), device.autocast():
            bundle.network.eval()
            whole = float(task.loss(bundle, batch))
            stored = prefix.compute(task, bundle, batch)
            blank = feeds.laid_out(task.blank(bundle).to(device.torch), device)
            blank.targets = batch.targets
            prefix.stored = stored
            with prefix.replaying():
                replayed = float(task.loss(bundle, blank))
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False, ""  # this network's rest cannot run alone: a shorter prefix is tried
    finally:
        layers.set_modes(bundle.network)
    if whole == replayed:
        return True, "Computed once and computed anew agree exactly on the first batch."
    if abs(whole - replayed) <= _SAME * max(1.0, abs(whole)):
        return (
            True,
            f"Computed once and computed anew agree to {abs(whole - replayed):.1e} in loss.",
        )
    return False, ""


def _restored(
    this: run.Run, bundle: Bundle
) -> tuple[run.Place, dict[str, Tensor], dict[str, Any] | None]:
    found = run.load_checkpoint(this.folder) if this.checkpoints else None
    if found is None:
        return run.Place(), {}, None
    weights, best, state = found
    bundle.network.load_state_dict(weights, strict=False)
    return run.Place(**state["place"]), best, state


def _tiny(bundle: Bundle) -> bool:
    """Whether what learns is so small that threads only wait for each other when the machine is busy.

    Convolutions never count as tiny: their sums depend on the number of threads, and a cached run must
    end with the same numbers as an uncached one.
    """
    learning = [p for p in bundle.network.parameters() if p.requires_grad]
    return sum(p.numel() for p in learning) < _TINY_HEAD and all(p.ndim <= 2 for p in learning)


def _class_weights(train: list[Sample], labels: Labels) -> Tensor:
    """Return the weight of each class: all / (classes x its count), so that the mean weight is one."""
    counts = Counter(s.label for s in train)
    return torch.tensor([len(train) / (len(labels) * max(1, counts[n])) for n in labels.names])


def _channels_last(network: nn.Module) -> None:
    """Lay convolutions out as the processor likes them (1.15 to 1.25 times as fast)."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _environment(project: Project, device: Device) -> dict[str, Any]:
    import torchvision
    import transformers

    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "transformers": transformers.__version__,
        "device": device.kind,
        "why_this_device": device.why,
        "data_fingerprint": project.dataset.fingerprint(),
        "data_root": str(project.dataset.root),
        "splits": project.dataset.split_counts(),
        "time": time.time(),
    }
