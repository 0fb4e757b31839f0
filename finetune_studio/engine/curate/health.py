"""Searching data for trouble, and carrying out what a finding offers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from finetune_studio.checks import CATALOGUE
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import CheckFinished, Event, Finding, Noted, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project


def check(
    dataset: Dataset, task: str, control: Control, names: Sequence[str] | None = None
) -> Iterator[Event]:
    """Run checks over a dataset; all of them, or those named.

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
    started = time.monotonic()
    rows = [CATALOGUE[name] for name in names] if names is not None else list(CATALOGUE)
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
    dataset = project.dataset
    with dataset.one_edit(finding.remedy):
        for edit in finding.edits:
            ids = [int(number) for number in edit.get("ids", [])]
            match edit["action"]:
                case "exclude":
                    dataset.exclude(ids)
                case "move":
                    dataset.move(ids, str(edit["value"]))
                case "relabel":
                    dataset.relabel(ids, str(edit["value"]))
                case "recipe":
                    project.keep_recipe(project.recipe().with_settings(edit["value"]))
                case other:
                    raise StudioError(f"No remedy is called {other!r}.", "Update the program.")
    return finding.remedy
