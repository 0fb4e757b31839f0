"""How good a run is on parts of the data, and whether its classes can be told without looking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair, Task
from finetune_studio.engine import evaluate, tally
from finetune_studio.engine.columns import columns
from finetune_studio.engine.comparing.flips import answering
from finetune_studio.engine.run import Run
from finetune_studio.insights.shortcuts import Shortcut, shortcut
from finetune_studio.insights.slices import Slice, slices

_MOST_FOR_SHORTCUTS = 2000  # samples that are measured; more say the same


@dataclass(frozen=True)
class SliceLook:
    """The slices of a run's validation answers, and what can be told without looking at samples.

    Attributes:
        metric: The name of the score that slices are judged by.
        score: What all samples together reach.
        slices: Worst first; ``tried`` how many were large enough to judge.
        shortcut: Whether classes can be told from size, brightness or source; None without classes.
    """

    metric: str
    score: float
    slices: Sequence[Slice]
    tried: int
    shortcut: Shortcut | None


def look(project: Project, run_folder: Path) -> SliceLook:
    """Return the slices of a run; pictures are opened where nothing is known of them yet."""
    run = Run(run_folder)
    task = evaluate.load_task(run.recipe.task)
    pairs = evaluate.answers(run_folder, project.dataset, "validation")
    metric, scores = own_scores(task, pairs)
    found = slices(scores, columns(project.dataset, [s for s, _ in pairs]))
    return SliceLook(
        metric,
        sum(scores.values()) / len(scores) if scores else 0.0,
        found,
        sum(not one.small for one in found),
        shortcuts(project),
    )


def shortcuts(project: Project) -> Shortcut | None:
    """Return whether classes can be told without looking at samples; None where there are none.

    Test samples stay locked until the test set was opened.
    """
    opened = bool(project.logged("test_opened"))
    known = project.dataset.samples(usable=True)
    labelled = [s for s in known if s.label is not None and (opened or s.split != "test")]
    if not labelled:
        return None
    some = labelled[:: max(1, math.ceil(len(labelled) / _MOST_FOR_SHORTCUTS))]
    found = columns(project.dataset, some)
    return shortcut({s.id: str(s.label) for s in some}, found, {s.id: s.group for s in some})


def own_scores(task: Task, pairs: Sequence[Pair]) -> tuple[str, dict[int, float]]:
    """Return a score from 0 to 1 for each sample by itself, and what it is called.

    What is right has 1: a score of what was found is 0 where there is nothing to find and nothing was said.
    """
    if tally.one_each(pairs):
        return "accuracy", {s.id: float(str(a.label) == str(s.label)) for s, a in pairs}
    found: dict[int, float] = {}
    name = ""
    try:
        how = answering(task.name, pairs)
    except StudioError:  # what is written is better or worse, not right or wrong
        how = None
    for pair in pairs:
        own = {n: v for n, v in task.score([pair]).items() if n != "loss" and 0 <= v <= 1}
        name = name or next(iter(own), "")
        if name in own:
            right = how is not None and how.said(pair) == how.truth(pair)
            found[pair[0].id] = 1.0 if right else own[name]
    return name, found
