"""Cross-validation: every sample is judged once, by a model that had not seen it."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from finetune_studio.core import files, study
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, RunFinished, dated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study import Part, Study
from finetune_studio.core.study_events import (
    CrossValidated,
    FoldFinished,
    FoldStarted,
    StudyStarted,
)
from finetune_studio.core.task import Task
from finetune_studio.engine import evaluate, untaught
from finetune_studio.engine.studies import folding, judging, oof, parts

_FOLDS = "folds.json"


def cross_validate(
    project: Project, recipe: Recipe, control: Control, known: Study | None = None
) -> Iterator[Event]:
    """Carry out a run a fold, say mean and spread of their scores, and end with a model to use.

    Which epoch of a fold counts, and when it ends, is picked on a part of the samples that it was given to
    learn from, never on those that judge it (Cawley and Talbot 2010), so that the scores are not flattered.
    The test split takes part in nothing. The model is a final one, which learns from all samples for the
    median of the folds' best epochs (Hastie, Tibshirani and Friedman 2009, section 7.10: what is
    cross-validated is the procedure, which is then applied to all data), or the best fold's.

    Args:
        project: Where the study is kept.
        recipe: The choices; ``crossval`` says how many folds.
        control: Stops it after the step in hand; the study then goes on with the unfinished fold.
        known: The study to go on with.

    Raises:
        StudioError: If there are too few samples for so many folds.
    """
    task = evaluate.load_task(recipe.task)
    found = known or _begun(project, recipe, task)
    folds = _folds(found)
    found.note_stop(stopped=False)
    yield StudyStarted(
        str(found.folder), str(project.folder), recipe.task, study.CROSSVAL, len(folds),
        task.headline, len(found.done), resumed=known is not None, time=time.time(),
    )  # fmt: skip
    if known is None:
        yield from _told(project, task, len(folds))
    for part in found.parts:
        ended: list[RunFinished] = []
        if not part.outcome:
            yield from _fold(project, task, control, found, part, ended)
        if ended and ended[0].stopped:
            found.note_stop(stopped=True)
            yield ended[0]
            return
        if ended:
            judged: list[RunFinished] = []
            yield from judging.by_the_fold(
                project, found.run_of(part), folds[part.number - 1], ended[0], control, judged
            )
            if not judged:  # stopped by the user while it was judged
                found.note_stop(stopped=True)
                yield replace(ended[0], stopped=True)
                return
            part.score = judged[0].metrics.get(task.headline)
            yield _note(found, part, judged[0])
    yield _summed_up(found, oof.FILE)
    if recipe.crossval.final:
        yield from _final(project, recipe, control, found, task)
    else:
        best = found.best
        assert best is not None
        yield parts.promote(project, found, best)


# --- folds ----------------------------------------------------------------------------------------


def _samples(project: Project, task: Task) -> list[Sample]:
    """Return what is divided into folds: everything but the test split."""
    usable = [s for s in project.dataset.samples(usable=True) if task.teaches(s)]
    return [sample for sample in usable if sample.split != "test"]


def _begun(project: Project, recipe: Recipe, task: Task) -> Study:
    samples = _samples(project, task)
    classes = len(task.class_counts(samples))
    if classes < task.fewest_classes:
        raise StudioError(
            f"There {'is one class' if classes else 'is no class'} in these data, but"
            f" {task.fewest_classes} are needed.",
            "Add samples of another class.",
        )
    divided = folding.divide(samples, recipe.crossval.folds, recipe.seed)
    facts = {"headline": task.headline, "less_is_better": task.less_is_better}
    found = Study.begin(project, study.CROSSVAL, recipe, time.time(), **facts)
    files.write_json(found.folder / _FOLDS, divided)
    found.parts = [Part(number) for number in range(1, len(divided) + 1)]
    found.keep()
    return found


def _folds(found: Study) -> list[list[int]]:
    try:
        return list(json.loads((found.folder / _FOLDS).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise StudioError(
            f"The folds of the study in {found.folder} cannot be read: {error}.", "Start it anew."
        ) from error


def _told(project: Project, task: Task, folds: int) -> Iterator[Event]:
    few = folding.thin(_samples(project, task), folds)
    if few:
        names = ", ".join(few[:5]) + (" and others" if len(few) > 5 else "")
        yield Noted(
            f"There are fewer samples than folds of {names}: some folds judge none of theirs, so their"
            " spread says little.",
            "warning",
        )


def _fold(
    project: Project,
    task: Task,
    control: Control,
    found: Study,
    part: Part,
    ended: list[RunFinished],
) -> Iterator[Event]:
    folds, folder = _folds(found), found.run_of(part)
    judged = folds[part.number - 1]
    others = {n for fold in folds if fold is not judged for n in fold}
    given = [s for s in project.dataset.samples(usable=True) if s.id in others]
    samples = folding.set_apart(given, found.recipe.data.validation_share, found.recipe.seed)
    mark = {"study": found.number, "kind": study.FOLD, "part": part.number}
    fresh = not (folder / "recipe.toml").is_file()
    said = (
        [dated(e) for e in _untaught(project, task, part.number, samples, judged)] if fresh else []
    )
    parts.prepare(folder, found.recipe_of(part), mark=mark, samples=samples, told=said)
    counts = {split: len(numbers) for split, numbers in samples.items()} | {"judged": len(judged)}
    yield FoldStarted(str(found.folder), part.number, len(folds), counts, time.time())
    yield from said
    yield from parts.carried_out(project, folder, control, ended)


def _untaught(
    project: Project, task: Task, number: int, samples: dict[str, list[int]], judged: list[int]
) -> Iterator[Event]:
    """Say which classes the model of a fold cannot know, since all of theirs are kept from it."""
    each = {s.id: s for s in project.dataset.samples(usable=True)}
    learnt = task.class_counts(each[n] for n in samples["train"] if n in each)
    if not learnt:
        return
    judging = [each[n] for n in (*judged, *samples["validation"]) if n in each]
    remedy = "Add samples of the class, or choose fewer folds; a final model learns it."
    for said in untaught.told(task, list(learnt), "judging", judging, remedy):
        yield replace(said, text=f"Fold {number}: {said.text}")


def _note(found: Study, part: Part, ended: RunFinished) -> FoldFinished:
    """Take the fold into the table; only weights that may still be wanted stay on the disk."""
    parts.note(part, ended, found.run_of(part))
    found.keep()
    best = found.best
    for other in found.done:
        if found.recipe.crossval.final or other is not best:
            found.slim(other)
    return FoldFinished(
        str(found.folder), part.number, len(found.parts), ended.run, ended.metrics,
        ended.best_epoch, ended.seconds, time.time(),
    )  # fmt: skip


def _summed_up(found: Study, file: str) -> CrossValidated:
    """Put the folds' answers together, and say mean and spread of every score."""
    if not (found.folder / file).is_file():
        oof.gather(found.folder, [found.run_of(part) for part in found.parts])
    names = list(dict.fromkeys(name for part in found.parts for name in part.metrics))
    each = {n: [p.metrics[n] for p in found.parts if n in p.metrics] for n in names}
    several = {n: values if len(values) > 1 else values * 2 for n, values in each.items()}
    return CrossValidated(
        study=str(found.folder),
        folds=len(found.parts),
        mean={n: statistics.fmean(values) for n, values in each.items()},
        spread={n: statistics.stdev(values) for n, values in several.items()},
        each=each,
        samples=len(oof.folds(found.folder)),
        epochs=_epochs(found),
        answers=str(found.folder / file),
        seconds=round(sum(part.seconds for part in found.parts), 3),
    )


def _epochs(found: Study) -> int:
    """Return the median of the folds' best epochs, at least one; half epochs count up."""
    return max(1, int(statistics.median(part.best_epoch for part in found.parts) + 0.5))


# --- the final model ------------------------------------------------------------------------------


def _final(
    project: Project, recipe: Recipe, control: Control, found: Study, task: Task
) -> Iterator[Event]:
    """Learn from all samples, for as long as the folds found best; nothing is left to judge with."""
    epochs, folder = _epochs(found), parts.own_run(project, found)
    numbers = sorted(n for fold in _folds(found) for n in fold)
    text = (
        f"The final model learns from all {len(numbers):,} samples outside the test split, for"
        f" {epochs} {'epoch' if epochs == 1 else 'epochs'} (the median of the folds' best). Its scores are"
        " those of the folds, on samples that the models had not seen."
    )
    fresh = not (folder / "recipe.toml").is_file()
    said = dated(Noted(text))
    parts.prepare(
        folder,
        study.single(recipe, {"stop.early": False, "stop.after": epochs}),
        mark={"study": found.number, "kind": study.FINAL},
        samples={"train": numbers, "validation": []},
        told=[said],
    )
    if fresh:
        yield said
    ended: list[RunFinished] = []
    yield from parts.carried_out(project, folder, control, ended)
    if ended[0].stopped:
        found.note_stop(stopped=True)
        yield ended[0]
        return
    yield _judged(project, found, folder, ended[0], task)


def _judged(
    project: Project, found: Study, folder: Path, ended: RunFinished, task: Task
) -> RunFinished:
    """Give the final model the folds' answers, and its end their scores; written down in its log."""
    oof.give_to(found.folder, folder)
    pairs = evaluate.answers(folder, project.dataset, "validation")
    stated = replace(ended, metrics=task.score(pairs), reason="Judged by the folds before it.")
    parts.count_energy(found, folder)
    parts.restate(folder, stated)
    found.finished = True
    found.keep()
    return stated
