"""Rehearses a run: first on a handful of samples, then on as many as twenty seconds allow."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finetune_studio.core import settings
from finetune_studio.core.events import Estimated, Event, Noted, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import device as devices
from finetune_studio.engine.allocator import give_back, own_garbage
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.rehearsal.few import Samples, batch_size, shuffled
from finetune_studio.engine.rehearsal.reckoning import Reckoned, reckon, too_large
from finetune_studio.engine.rehearsal.trial import Trial, Until, carry_out
from finetune_studio.engine.rehearsal.watch import held_and_free_mb

_MOST_S = 20.0
_SPARE_S = 3.0  # for what takes longer than was foreseen
_HANDFUL = 8
_MOST_BATCHES = 4
_MOST_JUDGED = 64
_EPOCHS = 3  # the first is slower, and two later ones are compared

_at_work = threading.Lock()
_runs: list[object] = []  # that are at work; meanwhile nothing is rehearsed


@contextmanager
def none_beside() -> Iterator[None]:
    """Wait until no rehearsal works, and let none begin as long as the context lasts.

    A rehearsal shares threads, random numbers and the place of the cache with a run.
    """
    mine = object()
    _runs.append(mine)
    try:
        with _at_work:
            pass
        yield
    finally:
        _runs.remove(mine)


def rehearse(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Do all that a run does with a few samples in a temporary folder; say what the whole will take.

    Nothing is written into the project or the caches. Yields one ``Estimated`` at the end, or a
    ``Noted`` where even a handful of samples takes too long; neither if stopped.

    Raises:
        StudioError: If the recipe cannot be carried out with these data.
    """
    yield PhaseStarted("rehearsal", "Estimating time and memory")
    with _at_work:
        if control.stop.is_set() or _runs:
            return
        _bring_in_libraries()
        with own_garbage():
            found = _rehearsed(project, recipe, control)
    if control.stop.is_set():
        return
    if found is None:
        yield Noted(
            "Even a handful of samples takes longer than 20 seconds here, so no estimate can be made."
            " A smaller model or fewer layers to retrain would be faster.",
            "warning",
        )
    else:
        yield found


def _rehearsed(project: Project, recipe: Recipe, control: Control) -> Estimated | None:
    began = time.monotonic()
    samples = shuffled(project, load_task(recipe.task), recipe.seed)
    limited = Control()
    limited.stop = Until(control.stop, began + _MOST_S)
    give_back()
    device = devices.choose(recipe.compute.device, recipe.compute.precision)
    memory = held_and_free_mb(device)
    solved = recipe.optimiser.method == "solve"

    # A handful of samples twice: once for all that is slow only once, then to show how fast all is.
    few = samples.few(_HANDFUL, _HANDFUL // 2)
    short = _short(recipe, batch_size(recipe, samples), solved=solved)
    best = carry_out(few, short, limited, recipe)
    if not best.complete:
        return None
    if too_large(best, samples, recipe):
        recipe, short = (r.with_settings({"compute.cache": "off"}) for r in (recipe, short))
    again = carry_out(few, short, limited, recipe)
    best = again if again.complete else best

    # As many as there is time for are measured; where that is cut short, the handful has to do.
    left = began + _MOST_S - _SPARE_S - time.monotonic()
    more = _within(left, best, samples, recipe)
    if more is not None:
        measured = carry_out(more, short, limited, recipe)
        best = measured if measured.complete else best
    solved = solved and best.cached and recipe.layers.amount == "head_only"
    found = reckon(best, samples, recipe, solved=solved, held_mb=memory[0])
    return _estimated(project, device, best, found, memory, time.monotonic() - began)


def _bring_in_libraries() -> None:
    """Load what the first run of a process waits for; by the time a run begins that is done."""
    import torchvision  # noqa: F401


def _short(recipe: Recipe, batch: int, *, solved: bool) -> Recipe:
    """Return the recipe with few epochs and one view, ended by nothing but its last epoch.

    All layers learn from the start, as they do for most of a run with gradual unfreezing; and nobody
    measures who decodes, which takes longer than the few samples do.
    """
    epochs = recipe.optimiser.epochs if solved else min(_EPOCHS, recipe.optimiser.epochs)
    return recipe.with_settings(
        {
            "optimiser.epochs": epochs,
            "optimiser.batch_size": batch,
            "augment.views": 1,
            "layers.head_first": 0,
            "layers.unfreeze_at": {},
            "layers.unfreezing": "none",
            "compute.workers": max(0, recipe.compute.workers),
            "stop.early": False,
            "forgetting.replay": 0.0,
        }
    )


def _within(seconds: float, first: Trial, samples: Samples, recipe: Recipe) -> Samples | None:
    """Return the samples of the trial that is measured; None without time for more than a handful."""
    size = batch_size(recipe, samples)
    looked = sum(phase.seconds for phase in first.features())
    each = (looked + sum(first.epochs_s())) / first.train
    judged = len(first.epochs_s()) * first.judging_s() / first.validation
    for count in (size * n for n in range(_MOST_BATCHES, 0, -1)):
        train = min(count, len(samples.train))
        validation = min(_MOST_JUDGED, max(1, train // 2), len(samples.validation))
        if first.load_s() + train * each + validation * judged <= seconds:
            return samples.few(train, validation) if train > first.train else None
    return None


def _estimated(
    project: Project,
    device: devices.Device,
    trial: Trial,
    found: Reckoned,
    memory: tuple[float, float],
    took_s: float,
) -> Estimated:
    return Estimated(
        seconds=round(sum(found.parts.values()), 2),
        first_epoch_s=round(found.first_epoch_s, 2),
        epoch_s=round(found.epoch_s, 3),
        memory_mb=round(found.memory_mb),
        held_mb=round(memory[0]),
        free_memory_mb=round(memory[1]),
        disk_mb=round(found.disk_mb, 5),
        features_mb=round(found.features_mb, 5),
        free_disk_mb=round(_free_disk_mb(project, found)),
        device=device.kind,
        why=device.why,
        cached=trial.cached,
        took_s=round(took_s, 1),
        parts=found.parts,
    )


def _free_disk_mb(project: Project, found: Reckoned) -> float:
    """Return the room on the fuller of the disks for the project and, if it is used, the cache."""
    folders = [project.folder]
    if found.features_mb:
        folders.append(settings.computed_folder())
    return min(shutil.disk_usage(_existing(folder)).free for folder in folders) / 2**20


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
