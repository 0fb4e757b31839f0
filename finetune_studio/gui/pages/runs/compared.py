"""What the comparison of runs shows, read off the window's thread."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair
from finetune_studio.gui.widgets.excerpt import excerpt
from finetune_studio.gui.widgets.gallery import GalleryItem
from finetune_studio.tasks import CATALOGUE as TASKS

if TYPE_CHECKING:
    from finetune_studio.core.preview import Preview
    from finetune_studio.core.task import Task
    from finetune_studio.engine.comparing import Compared, Difference, Flips

PARTS = {"recipe": "Choices", "facts": "Circumstances", "result": "Results"}


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other: each run, and what differs."""

    runs: tuple[Compared, ...]
    rows: tuple[Difference, ...]

    @property
    def answering(self) -> list[Compared]:
        """Return the runs whose answers are kept."""
        return [run for run in self.runs if run.answered]

    @property
    def silent(self) -> list[Compared]:
        """Return the runs whose answers can be computed, but are not there."""
        return [run for run in self.runs if not run.answered and run.has_network]


@dataclass(frozen=True)
class Flipped:
    """Two runs' answers to the same samples: what became of them, and how a sample is drawn."""

    flips: Flips
    sentence: str
    proven: bool
    called: tuple[str, str]
    task: Task
    before: Mapping[int, Pair]
    now: Mapping[int, Pair]

    def item(self, number: int, kind: str) -> GalleryItem:
        """Return a sample as the gallery shows it."""
        sample, answer = self.now[number]
        was = str(self.before[number][1].label or "nothing")
        is_ = str(answer.label or "nothing")
        strong = is_ if was == is_ else f"{was} → {is_}"
        level = {"won": "ok", "lost": "bad"}.get(kind, "warning")
        label = f"labelled {sample.label}" if sample.label is not None else ""
        texts = TASKS[self.task.name].facts["inputs"] == "texts"
        marks = excerpt(self.preview(number).marks) if texts else ()
        return GalleryItem(sample.id, sample.path, strong, "", label, level, marks)

    def preview(self, number: int) -> Preview:
        """Return a sample with the second run's answer as the task draws it."""
        return self.task.preview(*self.now[number])

    def said(self, number: int) -> str:
        """Return in words what is true and what each run says."""
        sample = self.now[number][0]
        lines = [f"Labelled {sample.label}."] if sample.label is not None else []
        for run, pairs in ((self.flips.first, self.before), (self.flips.second, self.now)):
            answer = pairs[number][1]
            share = answer.probabilities.get(str(answer.label))
            sure = f", {share:.0%}".replace("%", " %") if share is not None else ""
            lines.append(f"Run {run} says {answer.label or 'nothing'}{sure}.")
        return "\n".join(lines)


def read(folders: Sequence[Path], home: Path) -> Comparison:
    """Read the runs to compare, and load what draws curves before it is needed.

    Raises:
        StudioError: If one is damaged, or they cannot stand beside each other.
    """
    from finetune_studio.engine import comparing

    importlib.import_module("finetune_studio.gui.pages.runs.comparison")
    runs = tuple(sorted((comparing.read(folder) for folder in folders), key=lambda r: r.number))
    comparing.refuse_unlike(runs)
    return Comparison(runs, tuple(comparing.differences(runs, home)))


def flipped(project: Project, first: Compared, second: Compared) -> Flipped:
    """Return which validation samples one run answers rightly and the other wrongly.

    Raises:
        StudioError: If no answer of theirs can be compared.
    """
    from finetune_studio.engine import comparing, evaluate
    from finetune_studio.tasks import nouns

    before, now = (
        evaluate.answers(run.folder, project.dataset, "validation") for run in (first, second)
    )
    found = comparing.flips(first, second, before, now)
    called = nouns(first.task)
    return Flipped(
        found,
        comparing.sentence(found, called),
        found.chance < 0.05,
        called,
        evaluate.load_task(first.task),
        {pair[0].id: pair for pair in before},
        {pair[0].id: pair for pair in now},
    )


def answer(project: Project, folders: Sequence[Path], control: Control) -> Iterator[Event]:
    """Let runs answer the validation samples whose answers are not kept."""
    from finetune_studio.engine import evaluate

    for folder in folders:
        if not control.stop.is_set():
            yield from evaluate.evaluate(project, folder, "validation", control)


def save(project: Project, shown: Comparison, file: Path) -> Path:
    """Write the comparison as a table of CSV, with the answers that differ; return the file.

    Raises:
        StudioError: If it cannot be written.
    """
    from finetune_studio.core.files import write_text
    from finetune_studio.engine import comparing, evaluate

    answers = {
        run.number: evaluate.answers(run.folder, project.dataset, "validation")
        for run in shown.answering
    }
    file = file if file.suffix else file.with_suffix(".csv")
    if file.is_dir():
        raise StudioError(f"{file} is a folder.", "Give the table another name.")
    write_text(file, comparing.as_csv(shown.runs, shown.rows, answers))
    return file
