"""Looks for likely wrong labels with heads that never saw the sample, and keeps what it found."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finetune_studio.core import label_doubts
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, PhaseStarted, Prediction
from finetune_studio.core.job import Control
from finetune_studio.core.label_doubts import LabelDoubt
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, Pair, Task
from finetune_studio.engine import baselines, evaluate, kept_table, quick_head
from finetune_studio.engine.comparing import mcnemar
from finetune_studio.engine.features.table import Table, tabulate
from finetune_studio.engine.run import Run
from finetune_studio.insights.label_errors import doubts

_FEWEST = 20  # labelled samples below which nothing can be said
_tables: OrderedDict[str, Table] = OrderedDict()  # reduced features of the projects looked at last


@dataclass(frozen=True, slots=True)
class Rescored:
    """What corrections do to a small head on stored features.

    Attributes:
        before: Its share of right answers with the labels that were there when it was looked for wrong
            ones, judged by today's; ``after`` with today's labels.
        corrections: How many labels and exclusions differ.
        gained: Validation samples that are right only with the corrections; ``lost`` those that are right
            only without them.
        judging: How many more labels and exclusions differ among samples that no head learns from.
        chance: How often chance alone makes so uneven a split (McNemar 1947).
        samples: How many validation samples judge it.
        seconds: How long it took.
    """

    before: float
    after: float
    corrections: int
    samples: int
    seconds: float
    gained: int = 0
    lost: int = 0
    chance: float = 1.0
    judging: int = 0


def look(project: Project, run_folder: Path, control: Control) -> Iterator[Event]:
    """Look for wrong labels with the model that a run began from, and score that model beside the run.

    Raises:
        StudioError: If the task has no classes, or there are too few samples.
    """
    recipe = Run(run_folder).recipe
    yield from find(project, control, recipe)
    table: list[Table] = []
    if not control.stop.is_set():
        yield from features(project, recipe, control, table)
    if table:
        yield PhaseStarted("baseline", "Judging the model as it was before fine-tuning")
        baselines.keep_before(project, run_folder, table[0])


def find(project: Project, control: Control, recipe: Recipe | None = None) -> Iterator[Event]:
    """Look at all labelled samples and keep, for each, what speaks against its label.

    The features are those of the recipe's model before fine-tuning: a network that was fine-tuned on
    these labels would defend them. Five small heads answer the fifth that they have not learnt from.

    Raises:
        StudioError: If the task has no classes, or there are too few samples.
    """
    chosen = recipe or project.recipe()
    table: list[Table] = []
    yield from features(project, chosen, control, table)
    if not table or control.stop.is_set():
        return
    yield PhaseStarted("label_errors", "Asking heads about samples that they have not seen")
    samples, values = table[0].samples, table[0].values
    names, labels = _labels(samples)
    parts = quick_head.parts_of(labels, [s.group for s in samples], chosen.seed)
    shares = quick_head.cross_answered(values, labels, len(names), parts)
    found = [
        LabelDoubt(
            samples[d.place].id,
            str(samples[d.place].label),
            names[d.suggested],
            round(float(shares[d.place, d.suggested]), 4),
            round(float(shares[d.place, labels[d.place]]), 4),
            d.suspected,
        )
        for d in doubts(shares, labels.tolist())
    ]
    label_doubts.keep(project.dataset, found, chosen.model.source)
    count = sum(doubt.suspected for doubt in found)
    yield Noted(
        f"{count:,} of {len(found):,} labels are likely wrong."
        if count
        else "No label looks wrong.",
        "warning" if count else "ok",
    )


def rescore(
    project: Project, control: Control, made: list[Rescored], recipe: Recipe | None = None
) -> Iterator[Event]:
    """Fit a small head without and with the corrections made since :func:`find`, and append both scores.

    Raises:
        StudioError: If wrong labels were not looked for yet, or there is nothing to judge by.
    """
    earlier = {d.sample: d.label for d in label_doubts.saved(project.dataset) or ()}
    if not earlier:
        raise StudioError("Wrong labels were not looked for yet.", "Look for them first.")
    table: list[Table] = []
    yield from features(project, recipe or project.recipe(), control, table, excluded=True)
    if not table:
        return
    began = time.perf_counter()
    samples, values = table[0].samples, table[0].values
    names, labels = _labels(samples)
    place = {name: number for number, name in enumerate(names)}
    # A class that is gone since has no place any more; its samples then had no label worth keeping.
    before = np.array([place.get(earlier.get(s.id, str(s.label)), -1) for s in samples])
    learnt = np.array([s.split == "train" for s in samples])
    judged = np.array([s.split == "validation" and s.usable for s in samples])
    usable = np.array([s.usable for s in samples])
    if not judged.any() or not (learnt & usable).any():
        raise StudioError(
            "There are no validation samples to judge corrections by.",
            "Divide the data anew on the Data page.",
        )
    known = np.array([s.id in earlier for s in samples])
    with_old = learnt & known & (before >= 0)
    with_new = learnt & usable
    right = []
    for mask, targets in ((with_old, before), (with_new, labels)):
        weights = quick_head.fitted(values[mask], targets[mask], len(names))
        said = quick_head.answered(values[judged], weights).argmax(1)
        right.append(said == labels[judged])
    old, new = right
    gained, lost = int((new & ~old).sum()), int((old & ~new).sum())
    differs = known & ((before != labels) | ~usable)
    took = time.perf_counter() - began
    made.append(
        Rescored(
            float(old.mean()),
            float(new.mean()),
            int((differs & learnt).sum()),
            int(judged.sum()),
            took,
            gained,
            lost,
            mcnemar(gained, lost),
            int((differs & ~learnt).sum()),
        )
    )


def features(
    project: Project,
    recipe: Recipe,
    control: Control,
    made: list[Table],
    *,
    excluded: bool = False,
) -> Iterator[Event]:
    """Append the reduced features of labelled samples, from memory where they are there.

    Test samples stay locked until the test set was opened. Those that were ``excluded`` since wrong labels
    were looked for are given too, where that is wanted.

    Raises:
        StudioError: If the task has no classes, or there are too few samples.
    """
    samples = _asked(project, excluded=excluded)
    names, _ = _labels([s for s in samples if s.usable])
    if len(names) < 2 or len(samples) < _FEWEST:
        raise StudioError(
            "Wrong labels can only be looked for where each sample has one of several classes.",
            f"At least {_FEWEST} labelled samples of two classes are needed.",
        )
    model = recipe.model.model_dump_json()
    key = f"{project.folder}\n{model}"
    known = _tables.get(key) or kept_table.read(project.folder, model, samples)
    if known is not None and _holds(known, samples):
        _remember(key, known)
        made.append(_of(known, samples))
        return
    task = evaluate.load_task(recipe.task)
    yield PhaseStarted("load", "Loading the model as it was before fine-tuning")
    bundle = _before(task, project, recipe)
    raw: list[Table] = []
    yield from tabulate(task, bundle, samples, control, raw)
    if not raw:
        return
    if len({s.id for s in raw[0].samples}) < len(raw[0].values):
        raise StudioError(
            "This model looks at a sample in several parts, which cannot be judged by one label.",
            "Choose a model that gives one answer a sample.",
        )
    table = Table(raw[0].samples, quick_head.reduced(raw[0].values))
    _remember(key, table)
    kept_table.keep(project.folder, model, table)
    made.append(_of(table, samples))


def _before(task: Task, project: Project, recipe: Recipe) -> Bundle:
    """Return the model that a run began from.

    Raises:
        StudioError: If it cannot be loaded; where it was moved, with what that means.
    """
    try:
        return task.load_model(recipe, project.dataset.labels())
    except StudioError as error:
        source = Path(recipe.model.source)
        if not source.is_absolute() or source.exists():
            raise
        raise StudioError(
            "Wrong labels are looked for with the model that the run began from, and that is not there any"
            f" more: {source}.",
            "Put it back there. The run itself needs it no more: it answers, explains and exports without.",
        ) from error


def _remember(key: str, table: Table) -> None:
    _tables[key] = table
    while len(_tables) > 2:
        _tables.popitem(last=False)


def _asked(project: Project, *, excluded: bool) -> list[Sample]:
    """Return the labelled samples that may be looked at."""
    opened = bool(project.logged("test_opened"))
    earlier = {d.sample for d in label_doubts.saved(project.dataset) or ()} if excluded else set()
    return [
        s
        for s in project.dataset.samples(usable=None if excluded else True)
        if s.label is not None
        and (opened or s.split != "test")
        and (s.usable or (s.id in earlier and not s.problem))
    ]


def _holds(table: Table, samples: Sequence[Sample]) -> bool:
    """Whether a table has all samples, and shows what they show today: other data may have come since."""
    shown = {s.id: (s.path, s.fields) for s in table.samples}
    return all(shown.get(s.id) == (s.path, s.fields) for s in samples)


def _of(table: Table, samples: Sequence[Sample]) -> Table:
    """Return the rows of samples as they are today."""
    today = {s.id: s for s in samples}
    rows = [row for row, s in enumerate(table.samples) if s.id in today]
    return Table([today[table.samples[row].id] for row in rows], table.values[rows])


def _labels(samples: Sequence[Sample]) -> tuple[list[str], np.ndarray]:
    names = sorted({str(s.label) for s in samples if s.label is not None})
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[str(s.label)] for s in samples], int)


def pairs(project: Project, found: Sequence[LabelDoubt]) -> list[Pair]:
    """Return doubted samples with what the heads that never saw them say, in the order given."""
    samples = {s.id: s for s in project.dataset.samples(usable=True)}
    return [
        (samples[d.sample], Prediction(d.suggested, _shares(d), sample=d.sample))
        for d in found
        if d.sample in samples
    ]


def _shares(doubt: LabelDoubt) -> dict[str, float]:
    shares = {doubt.suggested: doubt.share, doubt.label: doubt.own}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
