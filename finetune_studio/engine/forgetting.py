"""What a run has forgotten: how far its layers moved, and what the original could do and still can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core import shares
from finetune_studio.core.events import Event, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import drift
from finetune_studio.engine.blend_words import kept
from finetune_studio.engine.drift import Drift
from finetune_studio.engine.interpolation import along
from finetune_studio.engine.run import Run


@dataclass(frozen=True)
class Known:
    """What was measured of a run before, None where nothing was; ``guards`` says what was done against it."""

    drift: Drift | None
    blend: BlendMeasured | None
    guards: str = ""


def known(run_folder: Path) -> Known:
    """Return what was measured of a run before, and what guarded it; no network is loaded."""
    return Known(drift.kept(run_folder), kept(run_folder), guards(Run(Path(run_folder)).recipe))


def guards(recipe: Recipe) -> str:
    """Say what of a recipe keeps a network from forgetting; where nothing does, what could."""
    if recipe.layers.amount == "head_only":
        return "Only the new last layer learnt, so that nothing was forgotten."
    found = []
    if recipe.forgetting.old_answers:
        found.append(f"its old answers were kept (strength {recipe.forgetting.old_answers:g})")
    if recipe.forgetting.replay:
        found.append(
            f"earlier samples were shown again ({shares.whole(recipe.forgetting.replay)} of each step)"
        )
    if recipe.regularise.towards_pretrained:
        found.append(
            f"weights were pulled to the pretrained ones (strength {recipe.regularise.towards_pretrained:g})"
        )
    if recipe.layers.rate_decay < 1:
        found.append(f"deeper layers learnt more slowly ({recipe.layers.rate_decay:g} a stage)")
    if recipe.forgetting.blend < 1:
        found.append(
            f"it was blended with the original ({shares.whole(recipe.forgetting.blend)} learnt)"
        )
    if found:
        return f"Against forgetting in this run: {'; '.join(found)}.".replace("%", " %")
    return (
        "Nothing guarded this run against forgetting. On the Train page, 'Keep the original's answers',"
        " 'Pull to the pretrained weights' and, after a run of yours, 'Replay of earlier samples' do; the"
        " slider here blends it afterwards."
    )


def measure(
    project: Project, run_folder: Path, control: Control, held_out: str = ""
) -> Iterator[Event]:
    """Measure how far a run's layers moved, then both curves of the blend; the answers are kept.

    Raises:
        StudioError: If what the run was begun from is gone, or its adapters cannot be blended.
    """
    yield PhaseStarted("drift", "Comparing the layers with those it was begun from")
    drift.measure(run_folder)
    yield from along(project, run_folder, control, held_out)
