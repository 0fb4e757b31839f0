"""Decides what a recipe asks for: a single run, a cross-validation or a search; and what is gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from finetune_studio.core import study
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, dated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study_events import RateFound
from finetune_studio.engine.launch import Team
from finetune_studio.engine.studies import crossval, parts
from finetune_studio.engine.studies.rate import rate_test
from finetune_studio.engine.studies.search import search
from finetune_studio.engine.train import train


def carry_out(
    project: Project, recipe: Recipe, control: Control, resume: Path | None, team: Team | None
) -> Iterator[Event]:
    """Carry out a recipe, or go on with a run or a study (see :func:`engine.studies.carry_out`)."""
    known = study.holding(project, resume) if resume else None
    if known is not None:
        refuse_team(known.recipe, team)
        yield from _studied(project, known.recipe, control, known)
    elif resume is not None or not asks_for_study(recipe):
        yield from train(project, recipe, control, resume, team)
    else:
        refuse_team(recipe, team)
        yield from _studied(project, recipe, control, None)


def asks_for_study(recipe: Recipe) -> bool:
    """Whether a recipe asks for more than a single run."""
    return bool(recipe.crossval.folds or recipe.search.trials or recipe.optimiser.find_rate)


def refuse_team(recipe: Recipe, team: Team | None) -> None:
    """Refuse to share a study among several processes.

    Raises:
        StudioError: If there are several.
    """
    if team is not None and team.size > 1 and asks_for_study(recipe):
        raise StudioError(
            "Cross-validation, a search and the test of learning rates run in a single process.",
            "Start it without torchrun, or train a single run with several processes.",
        )


def _studied(
    project: Project, recipe: Recipe, control: Control, known: study.Study | None
) -> Iterator[Event]:
    told: list[Event] = []
    if known is None and recipe.optimiser.find_rate:
        recipe, stated = recipe.with_settings({"optimiser.find_rate": False}), recipe
        for event in rate_test(project, stated, control):
            yield event
            if isinstance(event, RateFound):
                recipe = recipe.with_settings(event.settings)
                told = [dated(Noted(_said(event), "info" if event.settings else "warning"))]
        yield from told
    if recipe.crossval.folds:
        yield from crossval.cross_validate(project, recipe, control, known)
    elif recipe.search.trials:
        yield from search(project, recipe, control, known)
    else:
        folder = project.new_run()
        parts.prepare(folder, recipe, told=told)
        yield from train(project, recipe, control, folder)


def _said(found: RateFound) -> str:
    if not found.settings:
        return "The loss fell at no learning rate that was tried, so the chosen rates are kept."
    body, head = found.settings.values()
    which = f"{head:g} for the head"
    if found.group != "head":
        which = f"{body:g} for the pretrained layers and {which}"
    return f"The learning rate was looked for in {len(found.rates)} steps: {which} is used."
