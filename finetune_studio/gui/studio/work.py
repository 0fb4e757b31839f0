"""What the studio hands to its workers, and small facts about projects and runs on disk."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from finetune_studio.core import settings as preferences
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, RunFinished, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.study_events import (
    FoldFinished,
    FoldStarted,
    StudyStarted,
    TrialFinished,
    TrialStarted,
)
from finetune_studio.tasks import nouns

if TYPE_CHECKING:  # recipes bring pydantic, which would double the time to the first paint
    from finetune_studio.core.project import Project
    from finetune_studio.core.recipe import Recipe

TRAINING = "training"  # names of jobs
IMPORT = "import"
SAMPLE_FOLDER = "Sample - leaves"
_SAMPLE = "leaves"
_MOST_EVENTS = 20_000
_importing = threading.RLock()


def import_first() -> None:
    """Import what projects are made of; the window and its threads take turns at it.

    Two threads that import pydantic at the same time now and then find its modules half made.
    """
    with _importing:
        importlib.import_module("finetune_studio.core.project")
        importlib.import_module("finetune_studio.core.recipe")


def train(
    project: Project, recipe: Recipe, resume: Path | None, control: Control
) -> Iterator[Event]:
    """Train, or carry out a study; the engine, and torch with it, is loaded in the worker's thread."""
    from finetune_studio.engine import rehearsal, studies

    with rehearsal.none_beside():
        yield from studies.carry_out(project, recipe, control, resume)


def rate_test(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Look for a learning rate; a rehearsal at work is waited for, since both use the same threads."""
    from finetune_studio.engine import rehearsal, studies

    with rehearsal.none_beside():
        yield from studies.rate_test(project, recipe, control)


def rehearse(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Estimate what a run will take; what stands against it is told as a note, not as a failure."""
    from finetune_studio.engine import rehearsal, trouble

    try:
        yield from rehearsal.rehearse(project, recipe, control)
    except Exception as error:  # noqa: BLE001  whatever a library raises is told in words
        told = trouble.explain(error)
        yield Noted(f"No estimate can be made. {told.message} {told.hint}".strip(), "warning")


def import_data(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Index the data that the recipe names."""
    from finetune_studio.engine import curate

    yield from curate.import_data(project, recipe.data, recipe.seed, control)


def reply(
    run: Path, messages: list[dict[str, str]], before: bool, control: Control
) -> Iterator[Event]:
    """Let a run's language model, or (``before``) the one that it began from, reply to a conversation."""
    from finetune_studio.engine import chat

    yield from chat.reply(run, messages, control, before=before)


def recalled(folder: Path) -> tuple[Recipe, list[Event]]:
    """Return a run's choices and what it stated so far, to go on with it."""
    from finetune_studio.engine.run import Run

    run = Run(folder)
    return run.recipe, list(run.events())


def is_project(folder: Path) -> bool:
    """Whether a folder holds a project."""
    import_first()
    from finetune_studio.core.project import Project

    return Project.exists(folder)


def make_project(folder: Path, task: str, name: str) -> Project:
    """Make a project in a folder that has none, called ``name`` or else like its folder."""
    import_first()
    from finetune_studio.core.project import Project
    from finetune_studio.core.recipe import Recipe

    if Project.exists(folder):
        raise StudioError(
            f"There is a project in {folder} already.", "Open it, or take another name."
        )
    project = Project(folder, task)
    project.dataset.called = nouns(task)
    if name:
        project.dataset.put("name", name)
    project.keep_recipe(Recipe(task=task).with_settings({"model.source": first_model(task)}))
    return project


def first_model(task: str) -> str:
    """Return the model that is offered first: the task's starter, or the catalogue's first."""
    from finetune_studio.models.zoo import CATALOGUE as MODELS
    from finetune_studio.tasks import CATALOGUE as TASKS

    facts = TASKS[task].facts
    offered = [row.name for row in MODELS.family(str(facts["family"]))]
    return str(facts["starter"]) or next(iter(offered), "")


def open_project(folder: Path) -> Project:
    """Open the project in a folder."""
    import_first()
    from finetune_studio.core.project import Project

    if not Project.exists(folder):
        raise StudioError(
            f"There is no project in {folder}.",
            "Choose a folder that Finetune Studio made, or start a new project.",
        )
    project = Project(folder)
    project.dataset.called = nouns(project.task)
    try:
        follow_sample(project)
    except BaseException:
        project.close()
        raise
    return project


def sample_project(folder: Path, title: str) -> Project:
    """Open the sample's project, or make it."""
    if is_project(folder):
        return open_project(folder)
    project = make_project(folder, "image_classification", title)
    project.dataset.put("sample", _SAMPLE)
    return project


def sample_photos() -> Path:
    """Return the folder with the photos inside the package."""
    return preferences.resources() / "samples" / _SAMPLE


def warm_up() -> tuple[str, str]:
    """Load torch, and return where networks run: a kind, and why, in words."""
    from finetune_studio.engine import device

    chosen = device.choose()
    return chosen.kind, chosen.why


def follow_sample(project: Project) -> None:
    """Point a sample project at the package of today, which an update may have moved."""
    name = project.dataset.get("sample")
    data = preferences.resources() / "samples" / name
    if name and not project.dataset.root.is_dir() and data.is_dir():
        project.dataset.relink(data)


def unfinished_run(project: Project) -> Path | None:
    """Return the newest run, or study, if it crashed or if the window was closed over it.

    One that the user stopped is none of these.
    """
    from finetune_studio.core import study
    from finetune_studio.engine.run import Run

    if (found := study.unfinished(project)) is not None:
        closed = project.dataset.get("closed_over_study") == found.folder.name
        return found.folder if closed or not found.facts.get("stopped") else None
    closed_over = project.dataset.get("closed_over_run")
    runs = project.runs()
    if not runs or not (runs[-1] / "recipe.toml").is_file():
        return None
    state = Run(runs[-1]).state
    closed = state == "stopped" and closed_over == runs[-1].name
    return runs[-1] if state == "interrupted" or closed else None


def note_closed_over(project: Project) -> None:
    """Remember that the window was closed over the newest run, or over a study."""
    for kind in ("run", "study"):
        project.dataset.put(f"closed_over_{kind}", project.dataset.get(f"last_{kind}"))


def newest_usable(project: Project) -> Path | None:
    """Return the newest run that has a trained network."""
    runs = [folder for folder in project.runs() if has_network(folder)]
    return runs[-1] if runs else None


def has_network(folder: Path) -> bool:
    """Whether a run came as far as a checkpoint."""
    return (folder / "checkpoints" / "index.json").is_file()


def run_folder(project: Project, run: str) -> Path | None:
    """Return the folder that an event means, be it a path or a number.

    A run that is a part of a study lies in that study's folder.
    """
    for folder in (Path(run), project.runs_folder / Path(run).name):
        if (folder / "recipe.toml").is_file():
            return folder
    return None


def with_event(past: list[Event], event: Event) -> list[Event]:
    """Return a run's history with one more event; a part of a study begins a history of its own."""
    if begins_part(event):
        past = []
    past.append(event)
    many = isinstance(event, StepDone) and len(past) > _MOST_EVENTS
    return thinned(past) if many else past


def begins_part(event: Event) -> bool:
    """Whether the next run of a study begins with this event."""
    return isinstance(event, FoldStarted | TrialStarted)


def changes_study(event: object) -> bool:
    """Whether a study's table is not what it was before this event."""
    return isinstance(event, StudyStarted | FoldFinished | TrialFinished | RunFinished)


def thinned(events: list[Event]) -> list[Event]:
    """Leave out every second step of a long run's history; every other event stays."""
    kept: list[Event] = []
    odd = False
    for event in events:
        if isinstance(event, StepDone):
            odd = not odd
            if odd:
                continue
        kept.append(event)
    return kept
