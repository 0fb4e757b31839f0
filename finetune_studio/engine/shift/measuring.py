"""Measures how far training samples lie from what a network knows; the answer is kept in the project."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core import files
from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress, SampleSetAside
from finetune_studio.core.job import Control
from finetune_studio.core.measures import ShiftMeasured
from finetune_studio.core.portion import spread
from finetune_studio.core.preview import Words
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.shift import words
from finetune_studio.tasks import CATALOGUE

if TYPE_CHECKING:
    from finetune_studio.models.pretrained import Pretrained

_MOST = 200  # samples: the figures settle with about a hundred
_BATCH = 16
_KEPT = 20  # answers, for other data or other models
_FILE = "shift.json"


def measure(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Yield progress, then one ShiftMeasured, which is kept for the same data and model.

    At most 200 training samples are looked at, spread over the data. What is measured depends on the
    network alone: the statistics of its batch norms, or how its tokenizer breaks words up; a network
    for pictures without batch norms is stood in for by the embedded starter.

    Raises:
        StudioError: If the model is not on this computer, or no sample can be read.
    """
    if (known := kept(project, recipe)) is not None:
        yield known
        return
    began = time.perf_counter()
    task = load_task(recipe.task)
    samples = _some(project, task)
    if not samples:
        raise StudioError(
            "There are no training samples to look at.", "Import data on the Data page first."
        )
    yield PhaseStarted("shift", "Comparing your data with what the model knows", len(samples))
    pretrained = _found(recipe)
    if "tokenizer.json" in pretrained.files:
        found = _by_tokens(recipe, task, pretrained, samples)
    else:
        made: list[ShiftMeasured] = []
        yield from _by_norms(recipe, task, samples, control, made)
        if not made:  # stopped
            return
        found = made[0]
    found = replace(found, seconds=round(time.perf_counter() - began, 2))
    _keep(project, recipe, found)
    yield found


def kept(project: Project, recipe: Recipe) -> ShiftMeasured | None:
    """Return what was measured before of the same data and the same model, if anything."""
    values = _read(project).get(_key(project, recipe))
    return ShiftMeasured(**values) if values else None


def _read(project: Project) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads((project.folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not measured yet, or cut short: it is measured again
        return {}
    return found if isinstance(found, dict) else {}


def _keep(project: Project, recipe: Recipe, found: ShiftMeasured) -> None:
    values = {name: value for name, value in found.as_json().items() if name != "event"}
    every = {**_read(project), _key(project, recipe): values}
    files.write_json(project.folder / _FILE, dict(list(every.items())[-_KEPT:]))


def _key(project: Project, recipe: Recipe) -> str:
    place = Path(recipe.model.source).expanduser()
    stamp = place.stat().st_mtime_ns if place.exists() else 0
    chosen = (recipe.task, recipe.model.source, recipe.model.architecture, recipe.model.image_size)
    return f"{words.VERSION}/{project.dataset.fingerprint()}/{'/'.join(map(str, chosen))}/{stamp}"


def _some(project: Project, task: Task) -> list[Sample]:
    """Return training samples, spread evenly over the data."""
    usable = project.dataset.samples(split="train", usable=True)
    return spread([sample for sample in usable if task.teaches(sample)], _MOST)


def _found(recipe: Recipe) -> Pretrained:
    from finetune_studio.models import pretrained

    facts = CATALOGUE[recipe.task].facts
    return pretrained.find(
        recipe.model, facts["family"], task=recipe.task, auto=facts.get("auto", "")
    )


def _by_tokens(
    recipe: Recipe, task: Task, pretrained: Pretrained, samples: Sequence[Sample]
) -> ShiftMeasured:
    from finetune_studio.engine.shift import fragments
    from finetune_studio.modality.text_inputs import uncut_tokenizer

    tokenizer = uncut_tokenizer(pretrained.files["tokenizer.json"])
    texts = [
        mark.text
        for sample in samples
        for mark in task.preview(sample).marks
        if isinstance(mark, Words)
    ]
    unknown = next(
        (i for t in ("[UNK]", "<unk>") if (i := tokenizer.token_to_id(t)) is not None), None
    )
    figures = fragments.pieces(tokenizer, texts, unknown)
    plain = fragments.pieces(tokenizer, [fragments.PLAIN], unknown)["broken_words"]
    return words.of_tokens(recipe, figures, plain, len(samples))


def _by_norms(
    recipe: Recipe,
    task: Task,
    samples: Sequence[Sample],
    control: Control,
    made: list[ShiftMeasured],
) -> Iterator[Event]:
    from finetune_studio.engine.shift import norms

    bundle = _loaded(recipe, task)
    watched = norms.Watched(bundle.network)
    stand_in = not watched.norms
    if stand_in:
        starter = {"model.source": CATALOGUE[recipe.task].facts["starter"], "model.image_size": 0}
        bundle = _loaded(recipe.with_settings({**starter, "model.architecture": ""}), task)
        watched = norms.Watched(bundle.network)
    done = 0
    for loaded in _answered(task, bundle, samples, watched):
        done += loaded[0]
        yield from loaded[1]
        yield Progress("shift", done, len(samples))
        if control.stop.is_set():
            return
    distances = list(watched.distances().values())
    if not distances:
        raise StudioError(
            f"None of {len(samples):,} training samples can be read.",
            "Look at Health on the Data page.",
        )
    raw = sum(distances) / len(distances)
    made.append(words.of_norms(recipe, raw, done, stand_in=stand_in))


def _loaded(recipe: Recipe, task: Task) -> Bundle:
    """Return the model, which sees the middle of a picture, as it did when it was pretrained: no bars."""
    plain = recipe.with_settings({"model.fit": "crop"})
    bundle = task.load_model(plain, Labels(("a", "b"), (1, 2)))
    bundle.network.eval()
    return bundle


def _answered(
    task: Task, bundle: Bundle, samples: Sequence[Sample], watched: object
) -> Iterator[tuple[int, list[Event]]]:
    """Send samples through the network; yield how many were read, and which were not."""
    import torch

    from finetune_studio.engine.loaders import Loader, grouped
    from finetune_studio.engine.shift.norms import Watched

    assert isinstance(watched, Watched)
    with Loader(task, bundle) as loader:
        for loaded in loader.run(grouped(samples, _BATCH), None):
            if loaded.batch is not None:
                with torch.inference_mode(), watched.watching():
                    task.predict(bundle, loaded.batch)
            problems: list[Event] = [
                SampleSetAside(sample.id, sample.place, why) for sample, why in loaded.problems
            ]
            yield len(loaded.kept), problems
