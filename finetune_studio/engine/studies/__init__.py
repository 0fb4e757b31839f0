"""Studies: what is learnt from several runs, as a cross-validation, a search or a test of learning rates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finetune_studio.core.events import Event
    from finetune_studio.core.job import Control
    from finetune_studio.core.project import Project
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.engine.launch import Team


def carry_out(
    project: Project,
    recipe: Recipe,
    control: Control,
    resume: Path | None = None,
    team: Team | None = None,
) -> Iterator[Event]:
    """Carry out whatever the recipe asks for: a study where it asks for one, else a single run.

    ``resume`` is an unfinished run, or an unfinished study (or a run of it), which then goes on. The last
    event is the ``RunFinished`` of what came out, or of the run that was stopped.

    Raises:
        StudioError: If data, model and recipe do not fit together.
    """
    from finetune_studio.engine.studies.carrying import carry_out as begin

    return begin(project, recipe, control, resume, team)


def rate_test(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Raise the learning rate from tiny to huge on a copy of the network, and suggest one.

    Yields RateTried events and, unless stopped, a RateFound; leaves nothing behind but computed features
    in a temporary folder, which is removed.

    Raises:
        StudioError: If the recipe cannot be carried out with these data.
    """
    from finetune_studio.engine.studies.rate import rate_test as begin

    return begin(project, recipe, control)
