"""What the tables of the Runs page show of each run; no Qt but the rows themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.words import score_name
from finetune_studio.gui.pages.train import choices
from finetune_studio.gui.pages.train.outlook_words import AMOUNTS, model_title, subtitle
from finetune_studio.gui.widgets.runs_table import RunRow
from finetune_studio.gui.widgets.waiting_list import WaitingRow

if TYPE_CHECKING:
    from finetune_studio.core.queue import Waiting
    from finetune_studio.engine.run import Run

_HERE = " of this project"  # said of a run among its own


def list_runs(project: Project, at_work: str = "") -> list[RunRow]:
    """Return every run of a project; ``at_work`` is the number of the one that trains now."""
    return [row_of(folder, at_work=folder.name == at_work) for folder in project.runs()]


def row_of(folder: Path, *, at_work: bool = False) -> RunRow:
    """Return what the table shows of a run; one that is damaged says so."""
    from finetune_studio.engine.run import Run

    number = int(folder.name)
    try:
        run = Run(folder)
        recipe, started = run.recipe, run.started
        scores = run.metrics
        metric = started.headline if started else ""
        score = scores.get(metric, next(iter(scores.values()), None))
        return RunRow(
            str(folder),
            number,
            started.time if started else 0.0,
            model_title(recipe.model.source, run.project_folder).removesuffix(_HERE),
            AMOUNTS.get(recipe.layers.amount, recipe.layers.amount),
            score_name(metric),
            score,
            run.state,
            run.size(),
            run.usable,
            at_work,
            *_monitors(run),
        )
    except (StudioError, OSError, ValueError):
        return RunRow(str(folder), number, 0.0, "–", "–", "", None, "damaged", 0, has_network=False)


def _monitors(run: Run) -> tuple[str, str]:
    """Return what the monitors said last of a run, and its level; nothing of one that none heard."""
    from finetune_studio.engine import watching

    last = watching.last_words(run.events())
    if last is None:
        return "", "ok"
    return watching.in_sentences(last), watching.worst(last)


def waiting_rows(project: Project, waiting: Sequence[Waiting]) -> list[WaitingRow]:
    """Return what the list shows of the runs that wait, in their order."""
    samples = project.dataset.split_counts()["train"] if waiting else 0
    found = []
    for one in waiting:
        epochs = one.recipe.optimiser.epochs
        many = "1 epoch" if epochs == 1 else f"{epochs:,} epochs"
        differs = choices.departures(one.recipe, samples)
        about = (
            f"Differs from its preset: {choices.joined(differs)}" if differs else "As its preset"
        )
        found.append(WaitingRow(one.id, f"{subtitle(one.recipe, project)} · {many}", about))
    return found


def to_continue(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Return what the next run takes over to begin with the network of an earlier one.

    The other choices stay; layers chosen by name stay only if the run has the same network.
    """
    from finetune_studio.engine.run import Run
    from finetune_studio.gui.pages.model_rows import choose

    same = Run(folder).recipe.model.source == recipe.model.source
    taken = {"model.source": str(folder), "model.architecture": "", "model.image_size": 0}
    return taken if same else choose(recipe, str(folder)) | taken
