"""Where a run's batches come from: decoded each time, or replayed from stored activations."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

import torch

from finetune_studio.core import settings
from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Event, Noted, PhaseStarted, Progress, SampleSetAside
from finetune_studio.core.job import Control
from finetune_studio.core.task import Batch, Bundle, Task, View
from finetune_studio.engine.device import Device
from finetune_studio.engine.features import store as stores
from finetune_studio.engine.features.prefix import FrozenPrefix
from finetune_studio.engine.features.store import FeatureStore
from finetune_studio.engine.loaders import Loader, grouped

_SAVE_EVERY_S = 30.0  # so that a killed run need not compute everything again


class Feed(Protocol):
    """Gives batches of chosen samples, made as the epoch asks."""

    samples: list[Sample]
    problems: list[tuple[Sample, str]]

    def batches(self, order: Sequence[int], size: int, epoch: int | None) -> Iterator[Batch]:
        """Yield the samples at these places, ``size`` at a time; ``epoch`` None means unvaried."""

    def active(self) -> AbstractContextManager[None]:
        """Return the context in which the network takes these batches."""


class DecodedFeed:
    """Reads, varies and runs every sample through the whole network each time."""

    def __init__(
        self, task: Task, bundle: Bundle, samples: list[Sample], device: Device, loader: Loader
    ) -> None:
        self.samples = samples
        self.problems: list[tuple[Sample, str]] = []
        self._task = task
        self._bundle = bundle
        self._device = device
        self._loader = loader

    def batches(self, order: Sequence[int], size: int, epoch: int | None) -> Iterator[Batch]:
        """Yield decoded batches; samples that cannot be read are noted in :attr:`problems`."""
        groups = grouped([self.samples[i] for i in order], size)
        view = _view(self._bundle, epoch)
        for loaded in self._loader.run(groups, view):
            self.problems += loaded.problems
            if loaded.batch is not None:
                yield laid_out(loaded.batch.to(self._device.torch), self._device)

    def active(self) -> AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return nullcontext()


class CachedFeed:
    """Replays stored activations, so that only what learns is computed."""

    def __init__(
        self,
        task: Task,
        bundle: Bundle,
        samples: list[Sample],
        device: Device,
        prefix: FrozenPrefix,
        views: list[FeatureStore],
    ) -> None:
        self.samples = samples
        self.problems: list[tuple[Sample, str]] = []
        self._task = task
        self._bundle = bundle
        self._device = device
        self._prefix = prefix
        self._views = views
        self._rows = [view.rows(samples) for view in views]
        self._blank = laid_out(task.blank(bundle).to(device.torch), device).inputs

    def batches(self, order: Sequence[int], size: int, epoch: int | None) -> Iterator[Batch]:
        """Yield batches whose inputs are a dummy of one; the boundary gets the stored activations."""
        view = (epoch or 0) % len(self._views)
        for places in grouped(list(order), size):
            chosen = [self.samples[i] for i in places]
            stored = self._views[view].take([self._rows[view][i] for i in places])
            self._prefix.stored = _channels_last(stored.to(self._device.torch), self._device)
            targets = self._task.targets(chosen, self._bundle)
            batch = Batch(None, targets, [s.id for s in chosen]).to(self._device.torch)
            batch.inputs = self._blank
            yield batch

    def active(self) -> AbstractContextManager[None]:
        """Return the context in which the network replays."""
        return self._prefix.replaying()


def build_cached(
    task: Task,
    bundle: Bundle,
    samples: list[Sample],
    device: Device,
    loader: Loader,
    prefix: FrozenPrefix,
    control: Control,
    *,
    split: str,
    views: int,
    half: bool,
    made: list[CachedFeed],
) -> Iterator[Event]:
    """Compute what is not stored yet, and append the feed to ``made`` (nothing if stopped).

    ``views`` 0 means the samples as they are, for validation or without variation.
    """
    recipe = bundle.recipe
    assert recipe is not None
    shape = tuple(_probe(task, bundle, prefix, device).shape[1:])
    root = settings.computed_folder() / "features"
    limit = recipe.compute.cache_limit_mb * 2**20
    keys = stores.keys_of(samples)
    used: list[Path] = []
    found: list[FeatureStore] = []
    kept = samples
    for index in range(max(1, views)):
        view = View(recipe.seed, index) if views else None
        varied = recipe.augment.model_dump(exclude={"views"}) if view else None
        key = stores.prefix_key(bundle, prefix, {"view": view, "varied": varied, "on": device.kind})
        folder = root / f"{key}{'h' if half else ''}"
        used.append(folder)
        stores.touch(folder)
        store = FeatureStore(folder, shape, keys, half=half)
        todo = store.missing(kept)
        room = len(todo) * math.prod(shape) * (2 if half else 4)
        stores.make_room(root, room, limit * 2, used)
        if todo:
            text = (
                "Looking at each sample once"
                if views < 2
                else f"Varied copy {index + 1} of {views}"
            )
            yield PhaseStarted("features", f"{text} ({split})", len(todo))
        unreadable: set[int] = set()
        yield from _filled(
            store, task, bundle, todo, view, device, loader, prefix, control, unreadable
        )
        if control.stop.is_set():
            return
        kept = [s for s in kept if s.id not in unreadable]
        found.append(store)
        if todo and index == 0:
            yield Noted(
                f"{len(kept):,} {split} samples seen once; epochs reuse what the frozen layers said."
            )
    made.append(CachedFeed(task, bundle, kept, device, prefix, found))


def _filled(
    store: FeatureStore,
    task: Task,
    bundle: Bundle,
    todo: list[Sample],
    view: View | None,
    device: Device,
    loader: Loader,
    prefix: FrozenPrefix,
    control: Control,
    unreadable: set[int],
) -> Iterator[Event]:
    """Compute and keep what is missing, also if stopped; ``unreadable`` gets samples set aside."""
    assert bundle.recipe is not None
    done, saved = 0, time.monotonic()
    try:
        for loaded in loader.run(grouped(todo, bundle.recipe.optimiser.batch_size), view):
            if control.stop.is_set():
                break
            for sample, reason in loaded.problems:
                unreadable.add(sample.id)
                yield SampleSetAside(sample.id, sample.path, reason)
            if loaded.batch is not None:
                batch = laid_out(loaded.batch.to(device.torch), device)
                with device.autocast():
                    store.put(loaded.kept, prefix.compute(task, bundle, batch))
            done += len(loaded.kept) + len(loaded.problems)
            yield Progress("features", done, len(todo))
            if time.monotonic() - saved > _SAVE_EVERY_S:
                store.save()
                saved = time.monotonic()
        store.keep()
    finally:
        store.drop()


def bytes_needed(
    task: Task, bundle: Bundle, prefix: FrozenPrefix, device: Device, samples: int, views: int
) -> int:
    """Return the bytes that fp32 activations of all samples and views take."""
    return _probe(task, bundle, prefix, device).numel() * 4 * samples * max(1, views)


def _probe(task: Task, bundle: Bundle, prefix: FrozenPrefix, device: Device) -> torch.Tensor:
    return prefix.compute(task, bundle, laid_out(task.blank(bundle).to(device.torch), device))


def _view(bundle: Bundle, epoch: int | None) -> View | None:
    recipe = bundle.recipe
    if epoch is None or recipe is None or recipe.augment.strength == "none":
        return None
    return View(recipe.seed, epoch)


def laid_out(batch: Batch, device: Device) -> Batch:
    """Return the batch with pictures in channels-last order, which convolutions like best."""
    if isinstance(batch.inputs, torch.Tensor):
        batch.inputs = _channels_last(batch.inputs, device)
    return batch


def _channels_last(tensor: torch.Tensor, device: Device) -> torch.Tensor:
    if tensor.ndim == 4 and device.kind != "mps":
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor
