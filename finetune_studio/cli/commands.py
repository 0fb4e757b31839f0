"""The commands that look at data, runs and exports."""

from __future__ import annotations

import argparse
import importlib
import tempfile
from pathlib import Path

from finetune_studio.cli.codes import DONE, INTERRUPTED
from finetune_studio.cli.printing import Printer
from finetune_studio.core import events, recipe
from finetune_studio.core.catalogue import Catalogue
from finetune_studio.core.errors import StudioError
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.words import sentence


def check(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Look for trouble in data, in a project that is thrown away."""
    from finetune_studio.engine import curate
    from finetune_studio.tasks import CATALOGUE

    task = CATALOGUE[arguments.task or curate.task_of(arguments.data) or recipe.Recipe().task].name
    choices = recipe.Recipe().with_settings({"data.path": str(arguments.data)})
    with (
        tempfile.TemporaryDirectory(prefix="finetune-studio-") as folder,
        Project(Path(folder), task) as project,
    ):
        for event in curate.import_data(project, choices.data, choices.seed, control):
            if isinstance(event, events.Noted):
                out.show(event)
        if control.stop.is_set():
            return INTERRUPTED
        last = out.all(curate.check(project.dataset, task, control))
    return DONE if isinstance(last, events.CheckFinished) else INTERRUPTED


def evaluate(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Score a run on a split."""
    from finetune_studio.engine import evaluate as evaluating

    run_folder = in_a_project(run_at(arguments.source))
    with Project(run_folder.parent.parent) as project:
        last = out.all(evaluating.evaluate(project, run_folder, arguments.split, control))
    return DONE if isinstance(last, events.Evaluated) else INTERRUPTED


def export(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Write a run's model for use elsewhere, and prove it."""
    from finetune_studio.engine import export as exports
    from finetune_studio.exporters import row_called

    format_name = row_called(arguments.format).name
    run_folder = in_a_project(run_at(arguments.source))
    with Project(run_folder.parent.parent) as project:
        last = out.all(exports.export(project, run_folder, format_name, arguments.out, control))
    if not isinstance(last, events.ExportVerified):
        return INTERRUPTED
    if arguments.zip:
        from finetune_studio.engine.packing_up import zipped

        packed = out.all(zipped(Path(last.path), None, control), quiet=True)
        if not isinstance(packed, events.Zipped):
            return INTERRUPTED
        out.say(sentence(packed)[0])
    return DONE


def serve(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Answer programs by an export until Ctrl+C, which is how a service ends and so is no failure."""
    from finetune_studio.engine import serving

    source = arguments.source
    if not (source / "export.json").is_file():
        raise StudioError(
            f"There is no export in {source}.",
            "Export a run first; then give the folder PROJECT/exports/<name>.",
        )
    out.all(serving.serve(source, control, port=arguments.port, host=arguments.host))
    return DONE


def predict(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Answer each input by a run or an export."""
    from finetune_studio.engine import evaluate as evaluating

    source = arguments.source
    if not source.is_dir():
        raise StudioError(f"There is no run or export at {source}.", "Give the folder of one.")
    if not (source / "export.json").is_file():
        source = run_at(source, "run or export")
    failed = answered = 0
    for answer in evaluating.predict(source, arguments.inputs, control):
        failed += answer.error is not None
        answered += 1
        out.show(answer)
    if answered < len(arguments.inputs):
        return INTERRUPTED
    if failed == answered:
        one = "The input" if answered == 1 else f"Each of the {answered:,} inputs"
        raise StudioError(f"{one} could not be answered.", "The reason stands beside each input.")
    return DONE


def show_list(arguments: argparse.Namespace, out: Printer, control: Control) -> int:  # noqa: ARG001
    """List a catalogue."""
    place = "models.zoo" if arguments.kind == "models" else arguments.kind
    module = importlib.import_module(f"finetune_studio.{place}")
    found = module.CATALOGUE
    assert isinstance(found, Catalogue)
    for row in getattr(module, "listed", lambda: found)():
        out.show(row)
    return DONE


def doctor(arguments: argparse.Namespace, out: Printer, control: Control) -> int:  # noqa: ARG001
    """Say what is installed and what works."""
    from finetune_studio.engine import doctor as examining

    findings = examining.examine()
    for finding in findings:
        out.show(finding)
    bad = [finding.subject for finding in findings if finding.severity == "bad"]
    if bad:
        raise StudioError(
            f"Something is wrong with: {', '.join(bad)}.", "See above for what to do about it."
        )
    return DONE


def run_at(place: Path, wanted: str = "run") -> Path:
    """Return the run's folder; of a project, its newest run that has a trained network."""
    from finetune_studio.engine.run import Run

    if (place / "recipe.toml").is_file():
        return place.resolve()
    project = place.parent if place.name == "runs" else place
    if not Project.exists(project):
        raise StudioError(
            f"There is no {wanted} in {place}.", "Give the folder PROJECT/runs/<number>."
        )
    runs = sorted(
        (f for f in (project / "runs").glob("[0-9]*") if (f / "recipe.toml").is_file()),
        key=lambda f: int(f.name) if f.name.isdigit() else 0,
    )
    usable = [folder for folder in runs if Run(folder).usable]
    if not usable:
        raise StudioError(
            f"The project {project} has no trained network yet.", "Train one in it first."
        )
    return usable[-1].resolve()


def in_a_project(run_folder: Path) -> Path:
    """Return the run's folder if it lies in its project, where the samples are known.

    Raises:
        StudioError: If it was taken out of it; nothing is then written into the folders around it.
    """
    if run_folder.parent.name != "runs" or not Project.exists(run_folder.parent.parent):
        raise StudioError(
            f"The run {run_folder} does not lie in a project, so its samples are not known.",
            "Give the folder PROJECT/runs/<number>. To ask this run, 'predict' works anywhere.",
        )
    return run_folder
