"""The long jobs of the Inspect page, which load the engine in their own thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from finetune_studio.core.events import Event, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project


def open_test(project: Project, folder: Path, control: Control) -> Iterator[Event]:
    """Score a run on the test split; the look is logged."""
    from finetune_studio.engine import evaluate

    yield from evaluate.evaluate(project, folder, "test", control)


def write_report(project: Project, folder: Path, control: Control) -> Iterator[Event]:  # noqa: ARG001  a job takes a control
    """Write the report of a run into its project."""
    from finetune_studio.engine import report

    yield PhaseStarted("report", "Writing the report")
    report.write_report(project, folder)
