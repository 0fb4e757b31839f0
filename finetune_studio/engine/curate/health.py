"""Searching data for trouble, and carrying out what a finding offers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from finetune_studio.checks import CATALOGUE
from finetune_studio.core import texts
from finetune_studio.core.catalogue import Entry
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import CheckFinished, Event, Finding, Noted, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.modality import mojibake
from finetune_studio.tasks import CATALOGUE as TASKS
from finetune_studio.tasks import nouns


def check(
    dataset: Dataset, task: str, control: Control, names: Sequence[str] | None = None
) -> Iterator[Event]:
    """Run checks over a dataset; those that fit its task, or those named.

    Raises:
        StudioError: If the data are not where they were, or there is no such check.
    """
    if len(dataset) == 0:
        raise StudioError("There are no samples to check.", "Import data first.")
    if not dataset.root.exists():
        raise StudioError(
            f"The data are not at {dataset.root} any more.",
            "Plug the drive in, or relink the folder on the Data page.",
        )
    dataset.called = nouns(task)
    started = time.monotonic()
    rows = [CATALOGUE[name] for name in names] if names is not None else fitting(dataset, task)
    attention = 0
    for row in rows:
        yield PhaseStarted(f"check {row.name}", row.summary)
        for event in row.load()(dataset, control):
            attention += isinstance(event, Finding) and event.severity in ("warning", "bad")
            yield event
        if control.stop.is_set():
            yield Noted("The checks were stopped.")
            return
    yield CheckFinished(
        str(dataset.root),
        task,
        dataset.get("reader"),
        len(dataset),
        attention,
        time.monotonic() - started,
        dataset.split_counts(),
        dataset.counts(),
    )


def fitting(dataset: Dataset, task: str) -> list[Entry]:
    """Return the checks for what a task's samples are; what the dataset holds decides without a task."""
    facts = TASKS[task].facts if task in TASKS else {}
    inputs = facts.get("inputs") or ("texts" if texts.are_held(dataset) else "images")
    classes = facts.get("fewest_classes", 2) >= 2
    marked = any("spans" in sample.fields for sample in dataset.samples(usable=True)[:100])
    return [
        row
        for row in CATALOGUE
        if row.facts["inputs"] in (inputs, "any")
        and (classes or not row.facts.get("classes"))
        and (marked or not row.facts.get("spans"))
    ]


def apply_remedy(project: Project, finding: Finding) -> str:
    """Carry out a finding's remedy as one step of undo; return what was done, for people.

    Raises:
        StudioError: If the finding offers nothing that can be carried out.
    """
    if not finding.edits:
        raise StudioError(
            f"There is nothing to do by itself about this: {finding.message}",
            "Look at the samples and decide.",
        )
    with project.dataset.one_edit(finding.remedy):
        for edit in finding.edits:
            _carry_out(project, edit)
    return finding.remedy


def _carry_out(project: Project, edit: Mapping[str, Any]) -> None:
    dataset, value = project.dataset, edit.get("value")
    ids = [int(number) for number in edit.get("ids", [])]
    match edit["action"]:
        case "exclude":
            dataset.exclude(ids)
        case "move":
            dataset.move(ids, str(value))
        case "review":
            dataset.review(ids)
        case "relabel":
            dataset.relabel(ids, str(value))
        case "merge" if isinstance(value, Mapping):
            _merge(dataset, [str(name) for name in value["names"]], str(value["into"]))
        case "mend":
            _mend(dataset, ids)
        case "recipe":
            project.keep_recipe(project.recipe().with_settings(edit["value"]))
        case other:
            raise StudioError(f"No remedy is called {other!r}.", "Update the program.")


def _merge(dataset: Dataset, names: list[str], into: str) -> None:
    """Make several names one: of classes, in lists of classes, and of the types of spans."""
    text = f"Merged {', '.join(names)} into {into}"
    classes = set(dataset.classes().values())
    if known := [name for name in names if name in classes]:
        dataset.merge_classes(known, into)
    gone = set(names) - {into}
    for sample in dataset.samples():
        fields: dict[str, Any] = {}
        labels, spans = sample.fields.get("labels"), sample.fields.get("spans")
        if isinstance(labels, list) and gone & set(labels):
            renamed = [into if label in gone else label for label in labels]
            fields["labels"] = list(dict.fromkeys(renamed))
        if isinstance(spans, list) and any(span[2] in gone for span in spans):
            fields["spans"] = [[*s[:2], into if s[2] in gone else s[2], *s[3:]] for s in spans]
        if fields:
            dataset.rewrite(sample.id, fields, text)


def _mend(dataset: Dataset, ids: list[int]) -> None:
    """Write letters right that were read in a wrong encoding."""
    wanted = set(ids)
    for sample in dataset.samples():
        if sample.id in wanted and (fields := mojibake.mended_fields(sample.fields)):
            dataset.rewrite(sample.id, fields, f"Mended the letters of {sample.place}")
