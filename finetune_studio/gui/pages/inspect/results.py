"""Everything the Inspect page shows of one run, read off the window's thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from finetune_studio.core import label_doubts
from finetune_studio.core.events import Evaluated
from finetune_studio.core.preview import Preview
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Pair, Task
from finetune_studio.gui.pages.inspect import words
from finetune_studio.gui.pages.inspect.sorting import Sorting, sort_out, with_absent
from finetune_studio.gui.pages.inspect.words import TestLook
from finetune_studio.insights import explainer, sorter

if TYPE_CHECKING:
    from finetune_studio.engine.run import Run


@dataclass(frozen=True)
class Results:
    """What is known of a run's answers on the validation split, under today's labels.

    Attributes:
        folder: The run's folder.
        task: What the run was taught; it draws the samples.
        scored: Scores, intervals and baseline; None where no answers were kept.
        sorting: The answers sorted by what became of them.
        classes: Names of all classes of the project, for relabelling; none where a sample has no class.
        recipe: What the run was started with.
        beside: What its score stands beside, in sentences.
    """

    folder: Path
    number: int
    best_epoch: float
    model: str
    task: Task
    pairs: Sequence[Pair]
    scored: Evaluated | None
    sorting: Sorting
    test: TestLook
    classes: tuple[str, ...] = field(default=())
    recipe: Recipe | None = None
    beside: Sequence[str] = ()

    @property
    def subtitle(self) -> str:
        """Return the run in a line: its number, its best epoch and how many samples judge it."""
        epoch = f" · best epoch {self.best_epoch:g}" if self.best_epoch else ""
        count = words.samples(len(self.pairs), self.task.name, "validation")
        return f"Run {self.number}{epoch} · {count}"

    @property
    def sorter(self) -> str:
        """Return the name of the insight that sorts the answers."""
        return sorter(self.task.name)

    @property
    def explains(self) -> bool:
        """Whether it can be shown why an answer was given."""
        return explainer(self.task.name) is not None

    def preview(self, pair: Pair) -> Preview:
        """Return a sample with its answer as the task draws it."""
        return self.task.preview(*pair)


def read(project: Project, folder: Path) -> Results:
    """Read a run's kept answers and score them; no network is loaded.

    Raises:
        StudioError: If the folder holds no run or one of its files is damaged.
    """
    from finetune_studio.engine import evaluate
    from finetune_studio.engine.run import Run

    run = Run(folder)
    task = evaluate.load_task(run.recipe.task)
    pairs = evaluate.answers(folder, project.dataset, "validation")
    tested = evaluate.answers(folder, project.dataset, "test")
    finished = run.finished
    test = TestLook(
        project.dataset.split_counts().get("test", 0),
        len(project.logged("test_opened")),
        evaluate.scored(project, run, task, "test", tested) if tested else None,
    )
    doubts = label_doubts.open_ones(project.dataset) or ()
    found = sort_out(sorter(task.name), pairs, task.score)
    sorting = replace(
        found,
        rows=with_absent(found.rows, project.dataset.current(run.labels).names),
        labels={doubt.sample: doubt.own - doubt.share for doubt in doubts},
    )
    return Results(
        folder,
        run.number,
        finished.best_epoch if finished else 0.0,
        run.recipe.model.source,
        task,
        pairs,
        evaluate.scored(project, run, task, "validation", pairs) if pairs else None,
        sorting,
        test,
        tuple(project.dataset.classes().values()) if sorting.grid is not None else (),
        run.recipe,
        _beside(project, run, pairs) if pairs else (),
    )


def _beside(project: Project, run: Run, pairs: list[Pair]) -> list[str]:
    """Return what a score stands beside, and what the monitors of the run saw last."""
    from finetune_studio.engine import baselines, watching

    found = list(baselines.sentences(baselines.beside(project, run.folder, pairs)))
    said = watching.in_short(watching.last_words(run.events()) or ())
    return [*found, said] if said else found


def finished_runs(project: Project | None) -> list[tuple[int, Path]]:
    """Return number and folder of each run with a trained network, the newest first."""
    from finetune_studio.engine.run import Run

    folders = reversed(project.runs()) if project is not None else ()
    return [
        (int(folder.name), folder)
        for folder in folders
        if (folder / "recipe.toml").is_file() and Run(folder).usable
    ]
