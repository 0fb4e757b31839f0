"""Looks for likely wrong labels with heads that never saw the sample, and keeps what it found."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, PhaseStarted, Prediction
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Pair
from finetune_studio.engine import evaluate, quick_head
from finetune_studio.engine.features.table import Table, tabulate
from finetune_studio.insights.label_errors import doubts

KEPT = "likely_wrong_labels"  # under this key in the project
_FEWEST = 20  # labelled samples below which nothing can be said
_tables: OrderedDict[str, Table] = OrderedDict()  # reduced features of the projects looked at last


@dataclass(frozen=True, slots=True)
class LabelDoubt:
    """What was found about a sample's label.

    Attributes:
        sample: Its number.
        label: The label that was doubted; another one since means that the user has decided.
        suggested: The class that it rather has.
        share: How likely that is, from 0 to 1; ``own`` how likely the label is.
        suspected: Whether the label is likely wrong.
    """

    sample: int
    label: str
    suggested: str
    share: float
    own: float
    suspected: bool


@dataclass(frozen=True, slots=True)
class Rescored:
    """What corrections do to a small head on stored features.

    Attributes:
        before: Its share of right answers with the labels that were there when it was looked for wrong
            ones, judged by today's; ``after`` with today's labels.
        corrections: How many labels and exclusions differ.
        samples: How many validation samples judge it.
        seconds: How long it took.
    """

    before: float
    after: float
    corrections: int
    samples: int
    seconds: float


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
    keep(project, found, chosen.model.source)
    count = sum(doubt.suspected for doubt in found)
    yield Noted(
        f"{count:,} of {len(found):,} labels are likely wrong."
        if count
        else "No label looks wrong.",
        "warning" if count else "ok",
    )


def features(
    project: Project, recipe: Recipe, control: Control, made: list[Table]
) -> Iterator[Event]:
    """Append the reduced features of all labelled samples, from memory where they are there.

    Raises:
        StudioError: If the task has no classes, or there are too few samples.
    """
    samples = [s for s in project.dataset.samples(usable=True) if s.label is not None]
    names, _ = _labels(samples)
    if len(names) < 2 or len(samples) < _FEWEST:
        raise StudioError(
            "Wrong labels can only be looked for where each sample has one of several classes.",
            f"At least {_FEWEST} labelled samples of two classes are needed.",
        )
    key = f"{project.folder}\n{recipe.model.model_dump_json()}"
    known = _tables.get(key)
    if known is not None and {s.id for s in samples} <= {s.id for s in known.samples}:
        made.append(_of(known, samples))
        return
    task = evaluate.load_task(recipe.task)
    yield PhaseStarted("load", "Loading the model as it was before fine-tuning")
    bundle = task.load_model(recipe, project.dataset.labels())
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
    _tables[key] = table
    while len(_tables) > 2:
        _tables.popitem(last=False)
    made.append(_of(table, samples))


def _of(table: Table, samples: Sequence[Sample]) -> Table:
    """Return the rows of samples as they are today."""
    today = {s.id: s for s in samples}
    rows = [row for row, s in enumerate(table.samples) if s.id in today]
    return Table([today[table.samples[row].id] for row in rows], table.values[rows])


def _labels(samples: Sequence[Sample]) -> tuple[list[str], np.ndarray]:
    names = sorted({str(s.label) for s in samples if s.label is not None})
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[str(s.label)] for s in samples], int)


# --- what is kept ---------------------------------------------------------------------------------


def keep(project: Project, found: Sequence[LabelDoubt], model: str) -> None:
    """Remember what was found, the most doubtful first."""
    rows = [[d.sample, d.label, d.suggested, d.share, d.own, int(d.suspected)] for d in found]
    project.dataset.put(KEPT, json.dumps({"model": model, "rows": rows}))


def known(project: Project) -> list[LabelDoubt] | None:
    """Return what is known of the samples whose label is still the one that was doubted, worst first.

    None where wrong labels were not looked for yet.
    """
    saved: dict[str, Any] = json.loads(project.dataset.get(KEPT, "{}"))
    if not saved:
        return None
    labels = {s.id: s.label for s in project.dataset.samples(usable=True)}
    return [
        LabelDoubt(n, label, suggested, share, own, bool(suspected))
        for n, label, suggested, share, own, suspected in saved["rows"]
        if labels.get(n) == label
    ]


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
