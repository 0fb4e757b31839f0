"""The command that says how far data lie from what a model knows, before anything is trained."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from finetune_studio.cli import training
from finetune_studio.cli.codes import DONE, INTERRUPTED
from finetune_studio.cli.printing import Printer
from finetune_studio.core import measures, recipe
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes beside the data."""
    command.add_argument("--task", help="what the data are for; left out, their format decides")
    command.add_argument(
        "--model", metavar="NAME|FILE|FOLDER", help="left out: the project's, or the first starter"
    )


def distance(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Say how far the samples of a project lie, or data in a project that is thrown away."""
    from finetune_studio.engine import shift

    with ExitStack() as stack:
        if Project.exists(arguments.data):
            project = stack.enter_context(Project(arguments.data, arguments.task or ""))
            choices = project.recipe()
        else:
            project, choices = _thrown_away(arguments, out, control, stack)
        if arguments.model:
            model = {"model.source": training.source(arguments.model, Path.cwd())}
            choices = choices.with_settings(model)
        if control.stop.is_set():
            return INTERRUPTED
        last = out.all(shift.measure(project, choices, control))
    return DONE if isinstance(last, measures.ShiftMeasured) else INTERRUPTED


def _thrown_away(
    arguments: argparse.Namespace, out: Printer, control: Control, stack: ExitStack
) -> tuple[Project, Recipe]:
    """Return a project in a temporary folder with the data in it, and the choices to look at them with."""
    from finetune_studio.engine import curate
    from finetune_studio.tasks import CATALOGUE, starter_of

    task = arguments.task or curate.task_of(arguments.data) or recipe.Recipe().task
    name = CATALOGUE[task].name
    own = {"task": name, "data.path": str(arguments.data)}
    if not arguments.model:
        own["model.source"] = starter_of(name)
    choices = recipe.Recipe().with_settings(own)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="finetune-studio-"))
    project = stack.enter_context(Project(Path(folder), name))
    out.all(curate.import_data(project, choices.data, choices.seed, control), quiet=True)
    return project, choices
