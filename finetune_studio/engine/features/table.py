"""What the last layer is told of each sample, as one table of plain numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress, SampleSetAside
from finetune_studio.core.job import Control
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine import device as devices
from finetune_studio.engine.features import filling
from finetune_studio.engine.features.filling import Means, Split
from finetune_studio.engine.features.prefix import FrozenPrefix, find_prefixes
from finetune_studio.engine.features.store import NotKept
from finetune_studio.engine.feeds import CachedFeed, laid_out
from finetune_studio.engine.launch import Alone
from finetune_studio.engine.loaders import Loader, by_length, grouped
from finetune_studio.models import layers
from finetune_studio.models.listening import pooled

_BATCH = 32
_READ = 512  # rows taken from the store at a time


@dataclass
class Table:
    """Features of samples.

    Attributes:
        samples: Those that could be read, in the order of the rows.
        values: float32 (samples, features).
        boundary: The module whose input they are.
    """

    samples: list[Sample] = field(default_factory=list)
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    boundary: str = ""


def tabulate(
    task: Task, bundle: Bundle, samples: Sequence[Sample], control: Control, made: list[Table]
) -> Iterator[Event]:
    """Append the features of samples (nothing if stopped); computed once and kept for the next time.

    They are what the head of the network is given in evaluation mode. Where that still has places, it is
    their mean. A run that trains the head alone finds the same ones, and leaves them for here.

    Raises:
        StudioError: If the network has nothing before its head.
    """
    network = bundle.network
    layers.set_trainable(network, layers.names_for("head_only", network, bundle.head))
    layers.set_modes(network)
    prefixes = find_prefixes(task, bundle)
    if not prefixes:
        raise StudioError(
            "This network has no part before its head that could tell samples apart.",
            "Choose another model.",
        )
    # The longest says most; what has places is averaged.
    prefix = prefixes[0]
    where = devices.choose()
    network.to(where.torch)
    with Loader(task, bundle) as loader:
        means = Means(task, bundle, where, loader, control, Alone(), _BATCH)
        try:
            yield from _kept(means, prefix, list(samples), made)
        except NotKept:  # a full disk, or a folder that may not be written
            yield from _computed(means, prefix, list(samples), made)
    network.eval()


def _kept(
    means: Means, prefix: FrozenPrefix, samples: list[Sample], made: list[Table]
) -> Iterator[Event]:
    feeds: list[CachedFeed] = []
    yield from filling.fill(means, prefix, Split("all", samples, 0, half=False), feeds)
    if not feeds:
        return
    found = feeds[0]
    with torch.inference_mode():
        portions = grouped(range(len(found.samples)), _READ)
        rows = [flat(found.stored(list(places))) for places in portions]
    made.append(Table(found.samples, _together(rows), prefix.boundary))


def _computed(
    means: Means, prefix: FrozenPrefix, samples: list[Sample], made: list[Table]
) -> Iterator[Event]:
    ordered = by_length(means.task, samples)
    yield PhaseStarted("features", "Looking at each sample once", len(ordered))
    kept: list[Sample] = []
    rows: list[np.ndarray] = []
    done = 0
    for loaded in means.loader.run(grouped(ordered, _BATCH), None):
        if means.control.stop.is_set():
            return
        for sample, reason in loaded.problems:
            yield SampleSetAside(sample.id, sample.place, reason)
        if loaded.batch is not None:
            batch = laid_out(loaded.batch.to(means.device.torch), means.device)
            rows.append(flat(prefix.compute(means.task, means.bundle, batch)))
            kept += loaded.kept
        done += len(loaded.kept) + len(loaded.problems)
        yield Progress("features", done, len(ordered))
    made.append(Table(kept, _together(rows), prefix.boundary))


def flat(values: torch.Tensor) -> np.ndarray:
    """Return (samples, features): of pictures the mean over places, of texts that over tokens."""
    return np.asarray(pooled(values).float().cpu().numpy(), np.float32)


def _together(rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)
