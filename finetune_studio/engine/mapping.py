"""Lays a run's samples out as a map: at once roughly, then by neighbourhood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair
from finetune_studio.engine import evaluate
from finetune_studio.engine.columns import columns
from finetune_studio.engine.features.table import Table, tabulate
from finetune_studio.engine.run import Run, load_bundle
from finetune_studio.insights import map as layout
from finetune_studio.insights.slices import grouped, is_ordered

_FEWEST = 3


@dataclass(frozen=True)
class Map:
    """Where samples lie.

    Attributes:
        ids: Their numbers.
        places: float32 (samples, 2), within -1 and 1.
        way: ``pca`` or ``tsne``.
    """

    ids: np.ndarray
    places: np.ndarray
    way: str


@dataclass(frozen=True)
class Parts:
    """How something that is known of samples parts them, as on the Slices tab.

    Attributes:
        column: A column of the data, or something measured, such as brightness.
        of: What each sample's part is called, by the sample's number.
        order: The names of the parts, as they are shown.
        ordered: Whether they are ranges of a number, which come one after the other.
    """

    column: str
    of: dict[int, str]
    order: tuple[str, ...]
    ordered: bool


def parts(project: Project, ids: Sequence[int]) -> list[Parts]:
    """Return every way in which columns of the data and measures part samples of a map.

    Pictures are opened where nothing is known of them yet.
    """
    wanted = set(ids)
    samples = [s for s in project.dataset.samples(usable=True) if s.id in wanted]
    found = []
    for name, values in columns(project.dataset, samples).items():
        groups = grouped(values)
        if len(groups) > 1:
            of = {number: value for value, members in groups for number in members}
            order = tuple(value for value, _ in groups)
            found.append(Parts(name, of, order, is_ordered(values)))
    return found


def answers_to_training(project: Project, run_folder: Path) -> list[Pair]:
    """Return the run's answers to the samples that it learnt from, where it was asked for them."""
    return evaluate.answers(run_folder, project.dataset, "train")


def lay_out(
    project: Project, run_folder: Path, control: Control, made: list[Map]
) -> Iterator[Event]:
    """Append a map by main directions, and after it one by neighbourhoods; a Noted follows each.

    The features are what the run's own network tells its head. Test samples stay locked: they are left out.

    Raises:
        StudioError: If there are too few samples, or the network looks at a sample in several parts.
    """
    run = Run(run_folder)
    task = evaluate.load_task(run.recipe.task)
    samples = [
        s for s in project.dataset.samples(usable=True) if s.split != "test" and task.teaches(s)
    ]
    if len(samples) < _FEWEST:
        raise StudioError("There are too few samples for a map.", "Add samples on the Data page.")
    yield PhaseStarted("load", "Loading the trained network")
    bundle = load_bundle(run.folder, project.dataset)
    table: list[Table] = []
    yield from tabulate(task, bundle, samples, control, table)
    if not table:
        return
    values = table[0].values
    if len(values) != len(table[0].samples):
        raise StudioError(
            "This model looks at a sample in several parts, so it has no one place on a map.",
            "Choose a model that gives one answer a sample.",
        )
    ids = np.array([s.id for s in table[0].samples])
    made.append(Map(ids, layout.principal(values), "pca"))
    yield Noted("The map is laid out by main directions.")
    if control.stop.is_set():
        return
    yield PhaseStarted("tsne", "Laying the map out by neighbourhoods")
    made.append(Map(ids, layout.neighbourhoods(values, run.recipe.seed), "tsne"))
    yield Noted("The map is laid out by neighbourhoods.")
