"""What the Runs page shows of a study: a title, a sentence, and a table; no Qt but the cells themselves."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from finetune_studio.core import study
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.words import score_name
from finetune_studio.gui.pages.train.outlook_words import AMOUNTS
from finetune_studio.gui.pages.train.rate_card import plain
from finetune_studio.gui.widgets.figures_table import Cell
from finetune_studio.gui.widgets.happenings import span
from finetune_studio.gui.widgets.recent_list import ago

if TYPE_CHECKING:
    from finetune_studio.core.project import Project
    from finetune_studio.core.study import Part, Study

_NONE = Cell("–", -1.0, right=True)


@dataclass(frozen=True)
class StudyView:
    """A study as the page shows it.

    Attributes:
        folder: Its folder.
        title: What stands in the list of studies.
        text: What came out of it, or how far it is.
        warning: What must be kept in mind.
        titles: The table's headings; ``rows`` its cells.
        best: The recipe of the best trial; None where there is none, or nothing to take over.
        sorts: Whether its rows can be sorted, as trials can.
        can_resume: Whether it is unfinished.
    """

    folder: str
    title: str
    text: str
    titles: tuple[str, ...]
    rows: list[list[Cell]] = field(default_factory=list)
    warning: str = ""
    best: Recipe | None = None
    sorts: bool = False
    can_resume: bool = False


def list_studies(project: Project, at_work: str = "") -> list[StudyView]:
    """Return every study of a project, the newest first; ``at_work`` is the folder of the one at work."""
    found = []
    for one in reversed(study.all_of(project)):
        working = at_work == str(one.folder)
        show = _folds if one.kind == study.CROSSVAL else _trials
        found.append(show(one, working=working))
    return found


def study_at_work(run: Path | None) -> str:
    """Return the folder of the study that a run at work is a part of; empty for any other run."""
    if run is None:
        return ""
    if run.parent.name == "runs" and run.parent.parent.parent.name == "studies":
        return str(run.parent.parent)
    mark = study.mark_of(run)
    return str(run.parent.parent / "studies" / str(mark["study"])) if mark else ""


def _folds(one: Study, *, working: bool) -> StudyView:
    done, folds = one.done, len(one.parts)
    names = list(dict.fromkeys(name for part in done for name in part.metrics))
    rows = [_score_row(name, one.parts) for name in names]
    titles = ("Score", "Mean ± spread", *(f"Fold {part.number}" for part in one.parts))
    if not done:
        text = "No fold is finished yet."
    elif len(done) < folds:
        text = f"{len(done)} of {folds} folds are finished."
    else:
        text = (
            "Mean and standard deviation over the folds, each judged on samples that its model had not"
            f" seen. {_outcome(one, 'fold')}"
        )
    few = "Two or three folds say little about the spread." if 0 < folds < 4 else ""
    return StudyView(
        str(one.folder),
        _title(one, f"Cross-validation, {folds} folds", working=working),
        text,
        titles,
        rows,
        few,
        can_resume=not one.finished and not working,
    )


def _score_row(name: str, parts: Sequence[Part]) -> list[Cell]:
    values = [part.metrics[name] for part in parts if name in part.metrics]
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    mean = statistics.fmean(values)
    title = score_name(name)
    cells = [
        Cell(title[:1].upper() + title[1:]),
        Cell(f"{mean:.3f}{spread}", mean, right=True),
    ]
    for part in parts:
        value = part.metrics.get(name)
        cells.append(_NONE if value is None else Cell(f"{value:.3f}", value, right=True))
    return cells


def _trials_of(one: Study) -> str:
    return "1 trial" if len(one.parts) == 1 else f"{len(one.parts)} trials"


def _trials(one: Study, *, working: bool) -> StudyView:
    best = one.best
    headline = score_name(str(one.facts.get("headline", "score")))
    titles = (
        *("Trial", "Rate", "Retrained", "Variation"),
        *(headline[:1].upper() + headline[1:], "Epochs", "Time", "Outcome"),
    )
    rows = [_trial_row(one, part, is_best=part is best) for part in one.parts]
    text = f"{len(one.done)} of at most {one.recipe.search.trials} trials are finished."
    warning, judged = "", sum(part.score is not None for part in one.parts)
    if best is not None:
        which = f"is the best of {judged}" if judged > 1 else "is the only one that was judged"
        text = f"Trial {best.number} {which}. {_outcome(one, 'trial')}"
    if judged > 1:
        warning = (
            "The best of many was picked by its score on the validation samples, so that score is"
            " flattered. The test split says how good it is: open it once, on Inspect."
        )
    return StudyView(
        str(one.folder),
        _title(one, f"Search, {_trials_of(one)}", working=working),
        text,
        titles,
        rows,
        warning,
        one.recipe_of(best) if best is not None else None,
        sorts=True,
        can_resume=not one.finished and not working,
    )


def _trial_row(one: Study, part: Part, *, is_best: bool) -> list[Cell]:
    recipe = one.recipe_of(part)
    rate, head = recipe.optimiser.learning_rate, recipe.optimiser.head_learning_rate
    ended, level = {
        study.FINISHED: ("finished", ""),
        study.PRUNED: ("out of time" if part.reason else "fell behind", ""),
        study.FAILED: ("failed", "bad"),
    }.get(part.outcome, ("unfinished", "warning"))
    less = bool(one.facts.get("less_is_better"))
    worst = float("inf") if less else -1.0
    score = Cell("–", worst, right=True)
    if part.score is not None:
        score = Cell(f"{part.score:.3f}", part.score, right=True, level="ok" if is_best else "")
    return [
        Cell(f"{part.number} (best)" if is_best else str(part.number), part.number, right=True),
        Cell(plain(rate), rate, right=True, hint=f"The head learns with {plain(head)}."),
        Cell(AMOUNTS.get(recipe.layers.amount, recipe.layers.amount)),
        Cell(recipe.augment.strength),
        score,
        Cell(str(part.epochs) if part.epochs else "–", part.epochs, right=True),
        Cell(span(part.seconds) if part.seconds else "–", part.seconds, right=True),
        Cell(ended, ended, level=level, hint=part.reason),
    ]


def _outcome(one: Study, part: str) -> str:
    if not one.run:
        return "What comes out of it is not there yet."
    if one.kind == study.CROSSVAL and one.recipe.crossval.final:
        return f"Run {one.run} learnt from all of them." if one.finished else ""
    return f"The best {part} is run {one.run}."


def _title(one: Study, what: str, *, working: bool) -> str:
    state = "at work" if working else "finished" if one.finished else "unfinished"
    when = ago(one.began)
    return " · ".join(text for text in (f"{one.number}: {what}", when, state) if text)
