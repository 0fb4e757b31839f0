"""Judges a fold's network by the samples that were kept from it in every way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress, RunFinished, SampleSetAside
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair
from finetune_studio.engine import evaluate, run
from finetune_studio.engine import judging as loop
from finetune_studio.engine.studies import parts


def by_the_fold(
    project: Project,
    folder: Path,
    judged: Sequence[int],
    ended: RunFinished,
    control: Control,
    done: list[RunFinished],
) -> Iterator[Event]:
    """Let a finished run answer its fold, and append its end with the scores of that (nothing if stopped).

    From then on these samples are what the run was judged with: its answers, its scores and its validation
    samples are theirs. Those that picked its epoch are forgotten. Killed half-way, it is done again.

    Raises:
        StudioError: If none of the samples can be read.
    """
    this = run.Run(folder)
    chosen = this.samples
    if set(chosen["validation"]) == set(judged):  # judged before, or by an earlier version
        done.append(ended)
        return
    task = evaluate.load_task(this.recipe.task)
    numbers = set(judged)
    samples = [s for s in project.dataset.samples(usable=True) if s.id in numbers]
    yield PhaseStarted("evaluate", "Answering the samples of the fold", len(samples))
    bundle = run.load_bundle(folder, project.dataset)
    bundle.asked = task.asked(samples, this.recipe)
    pairs: list[Pair] = []
    for item in evaluate.answered(task, bundle, samples, control):
        if isinstance(item, SampleSetAside):
            yield item
        else:
            pairs += item
            yield Progress("evaluate", len(pairs), len(samples))
    if control.stop.is_set():
        return
    if not pairs:
        raise StudioError("None of the samples of this fold can be read.", loop.LOOK)
    pairs.sort(key=lambda pair: pair[0].id)
    evaluate.save_answers(folder, "validation", pairs)
    stated = replace(ended, metrics=task.score(pairs))
    parts.restate(folder, stated)
    files.write_json(folder / "samples.json", {**chosen, "validation": sorted(judged)})  # the last
    done.append(stated)
