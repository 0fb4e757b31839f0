"""Writes a blend of a run's network with the original as a run of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import torch

from finetune_studio.core import study
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    CheckpointSaved,
    Event,
    Noted,
    PhaseStarted,
    Progress,
    RunFinished,
    Validated,
    dated,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Bundle, Pair, Task
from finetune_studio.engine import before, evaluate, judging, run
from finetune_studio.engine.interpolation import mixing
from finetune_studio.engine.loaders import Loader, by_length, grouped
from finetune_studio.engine.run.checkpoints import best_tensors, index_of, read_state

_COPIED = ("model.json", "environment.json", "samples.json", "frozen.safetensors")
_BATCH = 32


def keep(project: Project, run_folder: Path, share: float, control: Control) -> Iterator[Event]:
    """Make a new run of this project whose network is the blend; it ends with RunFinished.

    It is a run like any other: with a recipe (``forgetting.blend``), a log, scores of its own on the
    validation samples of the first run, and everything that is needed to export or continue it. Stopping
    leaves no run behind.

    Raises:
        StudioError: If the share is no share, or what the run was begun from is gone.
    """
    if not 0 <= share <= 1:
        raise StudioError(f"A share of {share:g} makes no blend.", "Give a number from 0 to 1.")
    source = run.Run(run_folder)
    mixing.refuse_unjudged(source)
    yield PhaseStarted("load", "Blending the network with the one it was begun from")
    own = run.load_bundle(source.folder, merged=False)
    after = best_tensors(source.folder)
    old = mixing.of_run(before.bundle_of(source.folder), own, after)
    folder = project.new_run()
    finished = False
    try:
        blend = mixing.mixed(old, after, share)
        place = _written(source, folder, old, blend, share)
        bundle = run.load_bundle(folder)  # as anybody will who uses it
        with closing(run.EventLog(folder)) as log:
            for stated in _judged(project, source, folder, bundle, place, share, control):
                event = dated(stated)
                log.add(event)
                yield event
                finished = isinstance(event, RunFinished)
    finally:
        if not finished:
            shutil.rmtree(folder, ignore_errors=True)


def _written(
    source: run.Run,
    folder: Path,
    old: dict[str, torch.Tensor],
    blend: dict[str, torch.Tensor],
    share: float,
) -> run.Place:
    """Write the new run's files; return where it stands."""
    known = source.recipe.forgetting.blend  # a blend of a blend lies on the same way
    recipe = source.recipe.with_settings({"forgetting.blend": round(known * share, 6)})
    recipe.save(folder / "recipe.toml")
    for name in _COPIED:
        shutil.copy2(source.folder / name, folder / name)
    if (source.folder / study.MARK).is_file():  # its samples are not the project's
        shutil.copy2(source.folder / study.MARK, folder / study.MARK)
    if (source.folder / "processor").is_dir():
        shutil.copytree(source.folder / "processor", folder / "processor")
    before.keep(folder, old)
    checkpoint = source.folder / "checkpoints" / index_of(source.folder)["best"]
    values = read_state(checkpoint / "state.pt")["place"]
    place = run.Place(**{k: v for k, v in values.items() if k in asdict(run.Place())})
    place.done = place.blended = True
    run.save_checkpoint(folder, blend, blend, {"method": {}, "rollbacks": 0, "good": None}, place)
    return place


def _judged(
    project: Project,
    source: run.Run,
    folder: Path,
    bundle: Bundle,
    place: run.Place,
    share: float,
    control: Control,
) -> Iterator[Event]:
    task = evaluate.load_task(source.recipe.task)
    started = source.started
    if started is not None:
        yield replace(started, run=str(folder), project=str(project.folder), time=0.0)
    part = f"{share:.0%}".replace("%", " %")
    yield Noted(f"A blend of run {source.number}: {part} of what it learnt, the rest the original.")
    samples = _samples(project, source, task)
    bundle.asked = task.asked(samples, source.recipe)
    pairs: list[Pair] = []
    lost = counted = 0.0
    yield PhaseStarted("evaluate", "Answering the validation samples", len(samples))
    with Loader(task, bundle) as loader, torch.inference_mode():
        for loaded in loader.run(grouped(by_length(task, samples), _BATCH), None):
            if control.stop.is_set():
                return
            if loaded.batch is not None:
                answers, loss = task.judge(bundle, loaded.batch)
                weight = task.weight(bundle, loaded.batch)
                lost, counted = lost + float(loss) * weight, counted + weight
                pairs += zip(loaded.kept, answers, strict=True)
            yield Progress("evaluate", len(pairs), len(samples))
    if not pairs:
        raise StudioError("None of the validation samples can be read.", judging.LOOK)
    pairs.sort(key=lambda pair: pair[0].id)
    evaluate.save_answers(folder, "validation", pairs)
    metrics = task.score(pairs)
    epoch, loss_now = place.best_epoch, lost / max(counted, 1e-12)
    yield Validated(epoch, place.step, loss_now, metrics, best=True)
    yield CheckpointSaved(place.step, epoch, str(folder / "checkpoints"))
    yield RunFinished(
        str(folder), str(project.folder), source.recipe.task, metrics, epoch, place.seconds,
        stopped=False, reason=f"Blended from run {source.number}.",
    )  # fmt: skip


def _samples(project: Project, source: run.Run, task: Task) -> list[Sample]:
    numbers = set(source.samples.get("validation", ()))
    usable = project.dataset.samples(usable=True)
    return [sample for sample in usable if sample.id in numbers and task.teaches(sample)]
