"""Everything the Inspect page shows of one run, read off the window's thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from finetune_studio.core.events import Evaluated
from finetune_studio.core.preview import Grid
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair
from finetune_studio.gui.pages.inspect.words import TestLook
from finetune_studio.gui.widgets.class_table import ClassRow
from finetune_studio.insights.confusion import confusion
from finetune_studio.insights.per_class import per_class


@dataclass(frozen=True)
class Results:
    """What is known of a run's answers on the validation split, under today's labels.

    Attributes:
        folder: The run's folder.
        scored: Scores, intervals and baseline; None where no answers were kept.
        classes: Names of all classes of the project, for relabelling.
    """

    folder: Path
    number: int
    best_epoch: float
    model: str
    pairs: Sequence[Pair]
    scored: Evaluated | None
    grid: Grid
    rows: Sequence[ClassRow]
    test: TestLook
    classes: tuple[str, ...] = field(default=())

    @property
    def subtitle(self) -> str:
        """Return the run in a line: its number, its best epoch and how many samples judge it."""
        epoch = f" · best epoch {self.best_epoch:g}" if self.best_epoch else ""
        return f"Run {self.number}{epoch} · {len(self.pairs):,} validation samples"


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
    grid = confusion(pairs)
    return Results(
        folder,
        run.number,
        finished.best_epoch if finished else 0.0,
        run.recipe.model.source,
        pairs,
        evaluate.scored(project, run, task, "validation", pairs) if pairs else None,
        grid,
        class_rows(pairs, grid),
        test,
        tuple(project.dataset.classes().values()),
    )


def class_rows(pairs: Sequence[Pair], grid: Grid) -> list[ClassRow]:
    """Return one row a class: how many samples, how many found, what it is taken for."""
    place = {name: index for index, name in enumerate(grid.rows)}
    return [
        ClassRow(
            score.name,
            score.samples,
            int(grid.values[:, place[score.name]].sum()),
            int(grid.values[place[score.name], place[score.name]]),
            score.taken_for,
            score.times,
        )
        for score in per_class(pairs)
    ]


def finished_runs(project: Project | None) -> list[tuple[int, Path]]:
    """Return number and folder of each run with a trained network, the newest first."""
    from finetune_studio.engine.run import Run

    folders = reversed(project.runs()) if project is not None else ()
    return [
        (int(folder.name), folder)
        for folder in folders
        if (folder / "recipe.toml").is_file() and Run(folder).usable
    ]
