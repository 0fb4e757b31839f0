"""Where a run's batches come from: decoded each time, or replayed from stored activations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from finetune_studio.core.dataset import Sample
from finetune_studio.core.task import Batch, Bundle, Task, View, moved
from finetune_studio.engine.device import Device
from finetune_studio.engine.features.prefix import FrozenPrefix
from finetune_studio.engine.features.store import FeatureStore, as_seen
from finetune_studio.engine.loaders import Loader

_MAP = 4  # places a side; of fewer no piece worth the name can be cut


@dataclass(frozen=True)
class Border:
    """Where the layers that learn begin: a module's name, empty for the network's inputs.

    Attributes:
        name: The module.
        maps: Whether pictures or maps of at least four by four places arrive there.
    """

    name: str = ""
    maps: bool = False


class Feed(Protocol):
    """Gives batches of chosen samples, made as the epoch asks."""

    samples: list[Sample]
    problems: list[tuple[Sample, str]]
    border: Border

    def batches(self, groups: Iterable[Sequence[int]], epoch: int | None) -> Iterator[Batch | None]:
        """Yield one batch a group of places; None where none of its samples can be read.

        ``epoch`` None means unvaried.
        """

    def show(self, batch: Batch) -> None:
        """Let the network see this batch next."""

    def active(self) -> AbstractContextManager[None]:
        """Return the context in which the network takes these batches."""


@dataclass
class ReplayedBatch(Batch):
    """A batch whose inputs are a dummy of one; ``stored`` goes in at the boundary instead."""

    stored: torch.Tensor | None = None


class DecodedFeed:
    """Reads, varies and runs every sample through the whole network each time.

    Args:
        views: After how many epochs the same varied copies come again; 0 means never.
        border: Where the layers that learn begin, where that matters.
    """

    def __init__(
        self,
        task: Task,
        bundle: Bundle,
        samples: list[Sample],
        device: Device,
        loader: Loader,
        views: int = 0,
        border: Border | None = None,
    ) -> None:
        self.samples = samples
        self.border = border or Border()
        self.problems: list[tuple[Sample, str]] = []
        self._task = task
        self._bundle = bundle
        self._device = device
        self._loader = loader
        self._views = views

    def batches(self, groups: Iterable[Sequence[int]], epoch: int | None) -> Iterator[Batch | None]:
        """Yield decoded batches; samples that cannot be read are noted in :attr:`problems`."""
        again = epoch % self._views if epoch is not None and self._views else epoch
        view = _view(self._bundle, again)
        chosen = ([self.samples[i] for i in places] for places in groups)
        for loaded in self._loader.run(chosen, view):
            self.problems += loaded.problems
            if loaded.batch is None:
                yield None
            else:
                yield laid_out(loaded.batch.to(self._device.torch), self._device)

    def show(self, batch: Batch) -> None:
        """Do nothing: the batch holds its inputs."""

    def active(self) -> AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return nullcontext()


class CachedFeed:
    """Replays stored activations, so that only what learns is computed.

    Small ones are held in memory (on a graphics processor in its own); others are read from their
    mapped files.
    """

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
        self.border = border_at(prefix.boundary, views[0].shape)
        self.problems: list[tuple[Sample, str]] = []
        self._task = task
        self._bundle = bundle
        self._device = device
        self._prefix = prefix
        self._views = views
        self._rows = [view.rows(samples) for view in views]
        self._held = self._in_memory()
        self._numbers = [sample.id for sample in samples]
        self._targets = task.targets(samples, bundle)
        self._blank = laid_out(task.blank(bundle).to(device.torch), device).inputs

    def _in_memory(self) -> list[torch.Tensor]:
        """Return the activations of each view where they take little of the memory; else nothing."""
        needed = sum(view.row_bytes() for view in self._views) * len(self.samples) / 2**20
        share = 0.25 if self._device.kind == "cuda" else 0.05
        if not self.samples or needed > self._device.free_mb() * share:
            return []
        pairs = zip(self._views, self._rows, strict=True)
        return [view.resident(rows, self._device.torch) for view, rows in pairs]

    def batches(self, groups: Iterable[Sequence[int]], epoch: int | None) -> Iterator[Batch | None]:
        """Yield batches whose inputs are a dummy of one; the boundary gets the stored activations."""
        view = (epoch or 0) % len(self._views)
        for places in groups:
            if not places:
                yield None
                continue
            numbers = [self._numbers[i] for i in places]
            index = torch.as_tensor(places)
            targets = moved(self._targets_of(places, index), self._device.torch)
            stored = _channels_last(self._stored(view, places, index), self._device)
            yield ReplayedBatch(self._blank, targets, numbers, stored)

    def show(self, batch: Batch) -> None:
        """Give the boundary this batch's activations."""
        assert isinstance(batch, ReplayedBatch)
        self._prefix.stored = batch.stored

    def _stored(self, view: int, places: Sequence[int], index: torch.Tensor) -> torch.Tensor:
        if self._held:
            held = self._held[view]
            return as_seen(held.index_select(0, index.to(held.device)).float())
        rows = self._rows[view]
        return self._views[view].take([rows[i] for i in places]).to(self._device.torch)

    def _targets_of(self, places: Sequence[int], index: torch.Tensor) -> Any:
        """Return the targets of some samples; asked of the task again where they are ragged."""
        if isinstance(self._targets, torch.Tensor):
            return self._targets.index_select(0, index)
        return self._task.targets([self.samples[i] for i in places], self._bundle)

    def stored(self, places: Sequence[int]) -> torch.Tensor:
        """Return the activations of some samples, as the boundary is given them."""
        return self._stored(0, places, torch.as_tensor(places))

    def active(self) -> AbstractContextManager[None]:
        """Return the context in which the network replays."""
        return self._prefix.replaying()


def border_at(name: str, shape: Sequence[int]) -> Border:
    """Return the border at a module that is given activations of this shape, without the batch."""
    return Border(name, len(shape) == 3 and min(shape[1:]) >= _MAP)


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
