"""What a study will cost, and which part of it is at work, in words; no Qt here."""

from __future__ import annotations

from finetune_studio.core.events import Estimated, Event
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study_events import FoldStarted, TrialStarted
from finetune_studio.gui.widgets.happenings import span


def runs_of(recipe: Recipe) -> int:
    """Return how many runs a recipe asks for, at most."""
    if recipe.crossval.folds:
        return recipe.crossval.folds + recipe.crossval.final
    return recipe.search.trials or 1


def cost_of_folds(recipe: Recipe, found: Estimated | None) -> str:
    """Return what a cross-validation is made of, and how long it takes."""
    folds = recipe.crossval.folds
    if not folds:
        return (
            "One division into training and validation can be lucky or unlucky. Cross-validation divides"
            " the samples several times, and says how far the score moves. The test split is not touched."
        )
    what = f"{folds} folds" + (" and a final model" if recipe.crossval.final else "")
    return f"{what}: {_runs(runs_of(recipe), found)} The test split is not touched."


def cost_of_search(recipe: Recipe, found: Estimated | None) -> str:
    """Return what a search is made of, and how long it takes."""
    trials = recipe.search.trials
    if not trials:
        return (
            "Tries other learning rates, depths and variations, each in a run of its own, and keeps the"
            " best. Trials that fall behind are broken off early."
        )
    if not recipe.search.over:
        return "Nothing is chosen to search over."
    limit = (
        f" After {recipe.search.minutes:g} min the search ends." if recipe.search.minutes else ""
    )
    return (
        f"Up to {_runs(trials, found)}{limit} Deeper retraining takes longer, and trials that fall behind"
        " end early. The best score of many is flattered: judge it once on the test split."
    )


def in_all(recipe: Recipe, text: str) -> str:
    """Return an estimate's sentence, said of one of several runs where a study is chosen."""
    runs = runs_of(recipe)
    return f"Each of {runs:,} runs: {text[:1].lower()}{text[1:]}" if runs > 1 and text else text


def part_of(event: Event) -> str:
    """Return which part of a study begins with an event: ``Fold 2 of 5``; empty for any other."""
    if isinstance(event, FoldStarted):
        return f"Fold {event.fold} of {event.folds}"
    if isinstance(event, TrialStarted):
        return f"Trial {event.trial} of {event.trials}"
    return ""


def _runs(runs: int, found: Estimated | None) -> str:
    many = f"{runs:,} runs" if runs != 1 else "1 run"
    if found is None:
        return f"{many}, as long as {runs:,} single ones."
    return f"{many} of at most {span(found.seconds)}, about {span(runs * found.seconds)} in all."
