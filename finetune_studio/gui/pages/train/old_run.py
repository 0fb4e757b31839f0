"""A run read back from its folder, to be shown as it learnt."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune_studio.core.events import Event
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.watching import WatchBegun
from finetune_studio.gui.studio import work

_MOST_EVENTS = 20_000


@dataclass(frozen=True)
class OldRun:
    """What a run's folder says; the state is empty until it was looked into."""

    folder: Path
    events: list[Event]
    recipe: Recipe
    state: str

    @property
    def can_resume(self) -> bool:
        """Whether it did not come to its end."""
        return self.state in ("stopped", "interrupted")


def load_curves() -> Any:
    """Load what draws curves (over a second); called off the window's thread, before it is needed."""
    return importlib.import_module("finetune_studio.gui.pages.train.run_panel")


def read_run(folder: Path) -> OldRun:
    """Read a run; of a very long one, only every few steps.

    Raises:
        StudioError: If the folder holds no run, or a damaged one.
    """
    from finetune_studio.engine.run import Run

    run = Run(folder)
    events = heard(run.recipe, list(run.events()))
    while len(events) > _MOST_EVENTS:
        fewer = work.thinned(events)
        if len(fewer) == len(events):
            break
        events = fewer
    return OldRun(folder, events, run.recipe, run.state)


def heard(recipe: Recipe, events: list[Event]) -> list[Event]:
    """Return a run's events with what monitors say of it, also where none heard it then."""
    from finetune_studio.engine import watching

    if any(isinstance(event, WatchBegun) for event in events):
        return events
    return watching.replayed(recipe, events)
