"""Decides where a run's batches come from: stored activations where they replay, else decoded samples."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from finetune_studio.core import settings
from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Event, Noted
from finetune_studio.engine import blending, feeds, pacing
from finetune_studio.engine.features import filling
from finetune_studio.engine.features.filling import Means, Split
from finetune_studio.engine.features.prefix import FrozenPrefix, find_prefixes
from finetune_studio.engine.features.store import NotKept, room_for
from finetune_studio.engine.loaders import grouped
from finetune_studio.models import layers

_SAME = 1e-3  # largest relative difference of the first batch's loss between cached and uncached
_FREE = 512 * 2**20  # bytes of the disk that are left alone


@dataclass
class Chosen:
    """What was chosen by memory or measurement when the run began; a resumed run keeps it.

    Attributes:
        batch_size: Samples a step.
        parts: In how many parts a step is computed.
        workers: Processes that decode; 0 means threads, -1 that it is not chosen yet.
        views: After how many epochs varied copies come again; 0 means never.
        halved: Boundaries before which activations are kept as fp16, to fit.
        whole: Boundaries before which they are kept as fp32.
    """

    batch_size: int = 0
    parts: int = 1
    workers: int = -1
    views: int = 0
    halved: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)


def feeds_for(
    means: Means,
    train: list[Sample],
    validation: list[Sample],
    chosen: Chosen,
    made: list[feeds.Feed],
) -> Iterator[Event]:
    """Append the training and the validation feed (nothing if stopped)."""
    recipe = means.bundle.recipe
    assert recipe is not None
    if recipe.compute.cache == "auto":
        views = recipe.augment.views if recipe.augment.strength != "none" else 0
        for prefix in _prefixes(means):
            half, fits = _room(means, prefix, len(train), views, chosen)
            if not fits:
                yield Noted("What the frozen layers say does not fit into the room for it.")
                continue
            words = _agreement(means, train, prefix)
            if not means.team.same(words):
                continue
            yield Noted(words, "ok")
            chosen.views = views
            (chosen.halved if half else chosen.whole).append(prefix.boundary)
            cached: list[feeds.CachedFeed] = []
            # What judges a run is computed in fp32 throughout, as an export computes it.
            exact = replace(means, device=replace(means.device, precision="fp32"))
            try:
                yield from pacing.keep_decoded(means, train, views, varied=views > 0)
                split = Split("train", train, views, half)
                yield from filling.fill(means, prefix, split, cached)
                if len(cached) == 1:
                    split = Split("validation", validation, 0, half=False)
                    yield from filling.fill(exact, prefix, split, cached)
            except NotKept as error:
                text = f"What the frozen layers say could not be kept: {error}."
                yield Noted(f"{text} Each epoch computes it anew, which is slower.", "warning")
                break
            yield from pacing.tell(means.loader)
            made += cached
            return
    varied = recipe.augment.strength != "none"
    yield from pacing.keep_decoded(means, train, recipe.optimiser.epochs, varied=varied)
    parts = (means.task, means.bundle)
    border = _border(means, train) if blending.wanted(recipe) else None
    made.append(feeds.DecodedFeed(*parts, train, means.device, means.loader, chosen.views, border))
    made.append(feeds.DecodedFeed(*parts, validation, means.device, means.loader))


def _prefixes(means: Means) -> Iterator[FrozenPrefix]:
    """Yield the frozen parts whose activations can be kept, the longest first."""
    for prefix in find_prefixes(means.task, means.bundle):
        if means.task.ragged and len(filling.shape_each(means, prefix)) != 1:
            continue  # an activation for each place would differ in size from sample to sample
        yield prefix


def _border(means: Means, train: list[Sample]) -> feeds.Border:
    """Return where the layers that learn begin, as it is where frozen layers are computed once."""
    for prefix in _prefixes(means):
        if means.team.same(_agreement(means, train, prefix)):
            return feeds.border_at(prefix.boundary, filling.shape_each(means, prefix))
    inputs = means.task.blank(means.bundle).inputs
    return feeds.border_at("", inputs.shape[1:] if isinstance(inputs, torch.Tensor) else ())


def _room(
    means: Means, prefix: FrozenPrefix, samples: int, views: int, chosen: Chosen
) -> tuple[bool, bool]:
    """Return whether activations must be kept as fp16, and whether they fit at all."""
    if prefix.boundary in (*chosen.halved, *chosen.whole):
        return prefix.boundary in chosen.halved, True
    assert means.bundle.recipe is not None
    limit = min(means.bundle.recipe.compute.cache_limit_mb * 2**20, room_for("features"))
    folder = settings.computed_folder()
    with suppress(OSError):
        while not folder.exists():
            folder = folder.parent
        limit = min(limit, max(0, shutil.disk_usage(folder).free - _FREE))
    needed = filling.bytes_needed(means, prefix, samples, views)
    return means.team.same((needed > limit, needed / 2 <= limit))


def _agreement(means: Means, train: list[Sample], prefix: FrozenPrefix) -> str:
    """Run the first batch both ways, in evaluation mode so that no norm moves, and compare the loss.

    Return how well they agree, in words; nothing if they do not.
    """
    groups = means.loader.run(grouped(train, 8), None)
    loaded = next((group for group in groups if group.batch is not None), None)
    if loaded is None or loaded.batch is None:
        return ""
    task, bundle, device = means.task, means.bundle, means.device
    batch = feeds.laid_out(loaded.batch.to(device.torch), device)
    try:
        with torch.no_grad(), device.autocast():
            bundle.network.eval()
            whole = float(task.loss(bundle, batch))
            replayed = _replayed_loss(means, prefix, batch)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return ""  # this network's rest cannot run alone: a shorter prefix is tried
    finally:
        layers.set_modes(bundle.network)
    if whole == replayed:
        return "Computed once and computed anew agree exactly on the first batch."
    apart = abs(whole - replayed)
    close = apart <= _SAME * max(1.0, abs(whole))
    return f"Computed once and computed anew agree to {apart:.1e} in loss." if close else ""


def _replayed_loss(means: Means, prefix: FrozenPrefix, batch: Any) -> float:
    task, bundle = means.task, means.bundle
    stored = prefix.compute(task, bundle, batch)
    blank = feeds.laid_out(task.blank(bundle).to(means.device.torch), means.device)
    blank.targets = batch.targets
    prefix.stored = stored.float()  # as the store gives it back
    with prefix.replaying():
        return float(task.loss(bundle, blank))
