"""Computes what the frozen layers say about each sample, once, and keeps it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from finetune_studio.core import settings
from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Event, Noted, PhaseStarted, Progress, SampleSetAside
from finetune_studio.core.files import folder_size
from finetune_studio.core.job import Control
from finetune_studio.core.task import Batch, Bundle, Task, View
from finetune_studio.engine import trouble
from finetune_studio.engine.allocator import give_back, keeping_memory
from finetune_studio.engine.device import Device
from finetune_studio.engine.features import store as stores
from finetune_studio.engine.features.prefix import FrozenPrefix
from finetune_studio.engine.features.store import FeatureStore
from finetune_studio.engine.feeds import CachedFeed, laid_out
from finetune_studio.engine.launch import Team
from finetune_studio.engine.loaders import Loader, by_length, grouped

_SAVE_EVERY_S = 30.0  # so that a killed run need not compute everything again
_AT_ONCE = 16  # on a CPU: a tenth faster than 32 (MobileNetV2), as more of it stays in the cache


@dataclass(frozen=True)
class Means:
    """What batches are made with: the task and its network, where it runs, and who decodes."""

    task: Task
    bundle: Bundle
    device: Device
    loader: Loader
    control: Control
    team: Team
    batch_size: int


@dataclass(frozen=True)
class Split:
    """Samples to be looked at; ``views`` 0 means as they are, for validation or without variation."""

    name: str
    samples: list[Sample]
    views: int
    half: bool


def fill(
    means: Means, prefix: FrozenPrefix, split: Split, made: list[CachedFeed]
) -> Iterator[Event]:
    """Compute what is not stored yet, and append the feed to ``made`` (nothing if stopped).

    Raises:
        NotKept: If the activations cannot be written.
    """
    keys = stores.keys_of(split.samples)
    shape = tuple(shape_each(means, prefix))
    used: list[Path] = []
    found: list[FeatureStore] = []
    kept, began = split.samples, time.monotonic()
    computed = False
    for index in range(max(1, split.views)):
        view = View(_recipe(means).seed, index) if split.views else None
        folder = _folder(means, prefix, view, half=split.half)
        used.append(folder)
        stores.touch(folder)
        if means.team.leads:
            _tidy(folder, keys)
        store = FeatureStore(folder, shape, keys, half=split.half)
        unreadable: set[int] = set()
        if todo := _missing_anywhere(means.team, store, kept):
            computed = True
            room = len(todo) * store.row_bytes()
            if means.team.leads:
                limit = min(
                    _recipe(means).compute.cache_limit_mb * 2**21, stores.room_for("features")
                )
                stores.make_room(folder.parent, room, limit, used)
            yield PhaseStarted("features", _named(split, index), len(todo))
            with keeping_memory():  # given back after each view, or it grows from one to the next
                yield from _together(means, prefix, store, todo, view, unreadable)
        if means.team.any(means.control.stop.is_set()):
            return
        kept = [s for s in kept if s.id not in unreadable]
        found.append(store)
    if computed:
        took = time.monotonic() - began
        yield Noted(
            f"{len(kept):,} {split.name} samples seen once, in {took:.3g} s;"
            " epochs reuse what the frozen layers said."
        )
    made.append(CachedFeed(means.task, means.bundle, kept, means.device, prefix, found))


def bytes_needed(means: Means, prefix: FrozenPrefix, samples: int, views: int) -> int:
    """Return the bytes that fp32 activations of all samples and views take."""
    return shape_each(means, prefix).numel() * 4 * samples * max(1, views)


def shape_each(means: Means, prefix: FrozenPrefix) -> torch.Size:
    """Return the shape of what the prefix says of one sample."""

    def blank() -> Batch:
        batch = means.task.blank(means.bundle).to(means.device.torch)
        return laid_out(batch, means.device)

    return prefix.shape_each(means.task, means.bundle, blank)


def _folder(means: Means, prefix: FrozenPrefix, view: View | None, *, half: bool) -> Path:
    """Return where the activations of this prefix and view lie."""
    varied = _recipe(means).augment.model_dump(exclude={"views"}) if view else None
    on = f"{means.device.kind} {means.device.precision}"
    extra: dict[str, Any] = {"view": view, "varied": varied, "on": on}
    key = stores.prefix_key(means.bundle, prefix, extra)
    return settings.computed_folder() / "features" / f"{key}{'h' if half else ''}"


def _recipe(means: Means) -> Any:
    assert means.bundle.recipe is not None
    return means.bundle.recipe


def _tidy(folder: Path, keys: dict[int, str]) -> None:
    """Let go of other data's activations in this folder, where the user's limit is passed."""
    excess = folder_size(folder.parent) - stores.room_for("features")
    stores.drop_strange_parts(folder, excess, keys.values())


def _named(split: Split, index: int) -> str:
    several = split.views > 1
    text = f"Varied copy {index + 1} of {split.views}" if several else "Looking at each sample once"
    return f"{text} ({split.name})"


def _missing_anywhere(team: Team, store: FeatureStore, samples: list[Sample]) -> list[Sample]:
    """Return what a process lacks; all look before one begins, so that they share the same work."""
    lacking = store.missing(samples)
    if team.size == 1:
        return lacking
    numbers = set(team.gathered([s.id for s in lacking]))
    return [s for s in samples if s.id in numbers]


def _together(
    means: Means,
    prefix: FrozenPrefix,
    store: FeatureStore,
    todo: list[Sample],
    view: View | None,
    unreadable: set[int],
) -> Iterator[Event]:
    """Let each process compute its share; then take in what the others kept."""
    team, failed = means.team, ""
    if team.size == 1:
        yield from _filled(means, prefix, store, todo, view, unreadable)
        return
    try:
        yield from _filled(means, prefix, store, team.share(todo), view, unreadable)
    except stores.NotKept as error:
        failed = str(error)
    if any(found := team.gathered([failed])):  # one full disk, and all go on without
        raise stores.NotKept(next(text for text in found if text))
    unreadable |= set(team.gathered(list(unreadable)))
    store.refresh()
    rest = [s for s in store.missing(todo) if s.id not in unreadable]
    if not means.control.stop.is_set():  # on another machine, whose disk this one does not see
        yield from _filled(means, prefix, store, rest, view, unreadable)
    team.wait()


def _at_once(means: Means) -> int:
    """Return how many samples are looked at together; no more than the user's batches have."""
    return min(means.batch_size, _AT_ONCE) if means.device.kind == "cpu" else means.batch_size


def evenly(samples: Sequence[Sample], size: int) -> Iterator[Sequence[Sample]]:
    """Yield groups of this size; a size that memory or the user set is never passed.

    Of 16 a group may be larger, up to 31, so that none is smaller: of fewer some kernels round differently.
    """
    if size != _AT_ONCE:
        yield from grouped(samples, size)
        return
    count = max(1, len(samples) // size)
    ends = [len(samples) * i // count for i in range(count + 1)]
    for start, end in pairwise(ends):
        yield samples[start:end]


def _filled(
    means: Means,
    prefix: FrozenPrefix,
    store: FeatureStore,
    todo: Sequence[Sample],
    view: View | None,
    unreadable: set[int],
) -> Iterator[Event]:
    """Compute and keep what is missing, also if stopped; ``unreadable`` gets samples set aside."""
    done, size, saved = 0, _at_once(means), time.monotonic()
    todo = by_length(means.task, todo)
    try:
        while done < len(todo) and not means.control.stop.is_set():
            try:
                for loaded in means.loader.run(evenly(todo[done:], size), view):
                    if means.control.stop.is_set():
                        break
                    if loaded.batch is not None:
                        batch = laid_out(loaded.batch.to(means.device.torch), means.device)
                        with means.device.autocast():
                            store.put(loaded.kept, prefix.compute(means.task, means.bundle, batch))
                    for sample, reason in loaded.problems:
                        unreadable.add(sample.id)
                        yield SampleSetAside(sample.id, sample.place, reason)
                    done += len(loaded.kept) + len(loaded.problems)
                    yield Progress("features", done, len(todo))
                    if time.monotonic() - saved > _SAVE_EVERY_S:
                        store.save()
                        saved = time.monotonic()
            except (RuntimeError, MemoryError) as error:
                if size == 1 or not trouble.is_memory(error):
                    raise
                size = max(1, size // 2)
                give_back()
                yield Noted(trouble.smaller(size), "warning")
        store.keep()
    finally:
        store.drop()
