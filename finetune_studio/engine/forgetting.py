"""What a run has forgotten: how far its layers moved, and what the original could do and still can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.events import Event, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.project import Project
from finetune_studio.engine import drift
from finetune_studio.engine.blend_words import kept
from finetune_studio.engine.drift import Drift
from finetune_studio.engine.interpolation import along


@dataclass(frozen=True)
class Known:
    """What was measured of a run before; None where nothing was."""

    drift: Drift | None
    blend: BlendMeasured | None


def known(run_folder: Path) -> Known:
    """Return what was measured of a run before; no network is loaded."""
    return Known(drift.kept(run_folder), kept(run_folder))


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
