"""Chooses by measuring how samples are decoded: by whom, and whether decoded ones are kept."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

import torch

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Event, Noted
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, Task, View
from finetune_studio.engine import decoded, trouble
from finetune_studio.engine.allocator import give_back
from finetune_studio.engine.device import Device
from finetune_studio.engine.features.filling import Means
from finetune_studio.engine.features.store import room_for
from finetune_studio.engine.loaders import Loader, choose_workers, grouped
from finetune_studio.models import layers

_FEW = 8  # samples


def workers(
    task: Task, bundle: Bundle, recipe: Recipe, device: Device, samples: list[Sample], known: int
) -> tuple[int, str]:
    """Return how many processes decode, 0 for threads, and why in words.

    Args:
        task: What is learnt.
        bundle: The network, all that ever learns marked.
        recipe: Its choice wins over measuring.
        device: Where the network runs.
        samples: The training samples.
        known: What was chosen when the run began; -1 if it begins now.
    """
    if known >= 0:
        return known, ""
    if recipe.compute.workers >= 0 or (os.cpu_count() or 1) <= 2:
        return max(0, recipe.compute.workers), ""
    groups = list(grouped(samples[:64], _FEW))
    view = View(recipe.seed, 0) if recipe.augment.strength != "none" else None
    pace = _network_pace(task, bundle, device, groups[0])
    return choose_workers(task, bundle, groups, view, pace, threads=recipe.compute.threads)


def _network_pace(task: Task, bundle: Bundle, device: Device, samples: Sequence[Sample]) -> float:
    """Return the seconds that the network takes to learn from a sample; nothing is changed by it."""
    with Loader(task, bundle, 1) as loader:
        batch = next((loaded.batch for loaded in loader.run([samples], None)), None)
    if batch is None:
        return 0.0  # nothing can be read: threads will do
    bundle.network.eval()  # norms must not learn from the trial
    try:
        for _ in range(2):  # the first call allocates
            began = time.perf_counter()
            with device.autocast():
                loss = task.loss(bundle, batch)
            loss.backward()
            if device.kind == "cuda":
                torch.cuda.synchronize()
        return (time.perf_counter() - began) / len(batch.samples)
    except (RuntimeError, MemoryError) as error:
        if not trouble.is_memory(error):
            raise
        give_back()
        return float("inf")  # it will go on in small parts, and the threads will keep up
    finally:
        bundle.network.zero_grad(set_to_none=True)
        layers.set_modes(bundle.network)


def keep_decoded(
    means: Means, samples: list[Sample], reads: int, *, varied: bool
) -> Iterator[Event]:
    """Let the loader keep decoded samples if each will be read so often that it pays."""
    recipe = means.bundle.recipe
    assert recipe is not None
    if recipe.compute.decoded == "off" or reads < 2 or means.loader.store is not None:
        return
    means.loader.store, words = decoded.choose(
        means.task,
        means.bundle,
        samples,
        reads,
        varied=varied,
        limit=min(recipe.compute.cache_limit_mb * 2**20, room_for("decoded")),
    )
    if words:
        yield Noted(words)


def tell(loader: Loader) -> Iterator[Event]:
    """State what happened to the loader."""
    while loader.notes:
        yield Noted(loader.notes.pop(0), "warning")
