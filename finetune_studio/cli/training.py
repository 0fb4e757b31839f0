"""The commands that train: whose choices win, and whether a run begins or goes on."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.cli.codes import DONE, INTERRUPTED
from finetune_studio.cli.printing import Printer
from finetune_studio.core import events, own_run, recipe, settings, study
from finetune_studio.core.errors import StudioError
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe

if TYPE_CHECKING:
    from finetune_studio.engine.launch import Team

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


def demo(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Train, evaluate, export and report on the embedded sample."""
    from finetune_studio.engine import evaluate, launch, report
    from finetune_studio.engine import export as exports

    folder = arguments.out or settings.documents() / "finetune-studio-demo"
    data = settings.resources() / "samples" / "leaves"
    out.say(f"The sample: {data}")
    own = {"task": Recipe().task, "preset": "quick", "data.path": str(data)}
    _fits(folder, own["data.path"])
    with Project(folder, Recipe().task) as project:
        finished = _begin(project, own, out, control, launch.Alone())
        if finished.stopped:
            return INTERRUPTED
        run_folder = Path(finished.run)
        for job in (
            evaluate.evaluate(project, run_folder, "test", control),
            exports.export(project, run_folder, "onnx", None, control),
        ):
            out.all(job)
            if control.stop.is_set():
                return INTERRUPTED
        page = report.write_report(project, run_folder)
        out.say(f"The report: {page}")
        out.say(f"The project: {project.folder}  (open it with: finetune-studio)")
    return DONE


def train(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Begin a run, or go on with the newest one; of several processes one leads, the others follow."""
    from finetune_studio.engine import launch

    with launch.team() as team:
        folder = arguments.out
        if folder is None:
            raise StudioError("It is not said where the project goes.", "Add --out PROJECT.")
        if team.leads:
            own = _own_choices(arguments)
            finished = _lead(folder, own, arguments, out, control, team)
        else:
            out.fall_silent()
            finished = _follow(folder, out, control, team)
    return INTERRUPTED if finished.stopped else DONE


def _lead(
    folder: Path,
    own: dict[str, Any],
    arguments: argparse.Namespace,
    out: Printer,
    control: Control,
    team: Team,
) -> events.RunFinished:
    known = Project.exists(folder)
    if not known:
        _fits(folder, own.get("data.path", ""))
    with Project(folder, own["task"]) as project:
        if known and own.get("data.path"):
            _same_data(project, own["data.path"], out, control)
        newest = _newest(project) if arguments.resume else None
        if newest:
            return _go_on(project, newest, out, control, team)
        if len(project.dataset):
            _news(project, out, wanted=arguments.add_new)
        return _begin(project, own, out, control, team)


def _news(project: Project, out: Printer, *, wanted: bool) -> None:
    """Take in what appeared in the data since the import, if that is wanted, and say so either way."""
    from finetune_studio.engine import curate
    from finetune_studio.tasks import nouns

    found = curate.add_news(project) if wanted else len(curate.news(project))
    if not found:
        return
    what = f"{found:,} new {nouns(project.task)[found > 1]}"
    place = project.dataset.get("source")
    told = f"{what} of {place} were taken in." if found > 1 else f"{what} of {place} was taken in."
    if not wanted:
        left = "are not used" if found > 1 else "is not used"
        told = f"{what} in {place} since the import {left}: give --add-new to take in what is new."
    out.show(events.Noted(told))


def _follow(folder: Path, out: Printer, control: Control, team: Team) -> events.RunFinished:
    """Carry out, with the leader, what it says; it alone makes the project and writes."""
    from finetune_studio.engine.studies import carry_out

    order: Any = team.same(None)  # a recipe and the run to go on with, or how it ended already
    if isinstance(order, events.RunFinished):
        return order
    if not Project.exists(folder):
        raise StudioError(
            f"The project {folder} cannot be seen by every process.",
            "Put the project and the data in a folder that all machines share.",
        )
    choices, resume = order
    with Project(folder, lock=False) as project:
        last = out.all(carry_out(project, choices, control, resume, team))
    assert isinstance(last, events.RunFinished)
    return last


def _own_choices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the user chose, by dotted name: the recipe file, then flags, then ``--set``.

    Raises:
        StudioError: If a choice does not fit, before anything is written.
    """
    from finetune_studio.tasks import CATALOGUE, starter_of

    own: dict[str, Any] = {}
    if arguments.recipe:
        own |= recipe.load(arguments.recipe).stated()
        _settle_data(own, arguments.recipe.parent)
        if not _goes_on(arguments):
            _settle_model(own, arguments.recipe.parent)
    flags = {
        "task": arguments.task,
        "data.path": str(arguments.data) if arguments.data else None,
        "model.source": arguments.model,
        "preset": arguments.preset,
        "seed": arguments.seed,
    }
    own |= {name: value for name, value in flags.items() if value is not None}
    own |= dict(recipe.parse_setting(text) for text in arguments.settings)
    if not _goes_on(arguments):  # what a run was begun from does not matter any more
        _settle_model(own, Path.cwd())
    _settle_data(own, Path.cwd())
    own["task"] = CATALOGUE[own.get("task") or _task_there(arguments.out) or Recipe().task].name
    if not _goes_on(arguments) and not own.get("model.source"):
        own["model.source"] = starter_of(own["task"])
    choices = Recipe().with_settings(own)
    if choices.options:  # loading a task takes seconds, so not without a reason
        CATALOGUE.load(own["task"]).own_options(choices)
    return own


def _task_there(folder: Path | None) -> str:
    """Return what the project in a folder teaches; empty where there is none yet."""
    if folder is None or not Project.exists(folder):
        return ""
    with Project(folder, lock=False) as project:
        return project.task


def _goes_on(arguments: argparse.Namespace) -> bool:
    """Whether there is a run that the command would go on with, or say again how it ended."""
    return bool(arguments.resume and arguments.out) and any(
        recipe_file
        for kind in ("runs", "studies")
        for recipe_file in (arguments.out / kind).glob("*/recipe.toml")
    )


def _settle_data(own: dict[str, Any], base: Path) -> None:
    """Make the paths of the data absolute, so that the run can go on from anywhere.

    A table of labels that is not there lies beside the data, where their reader looks for it.
    """
    if own.get("data.path"):
        own["data.path"] = str((base / Path(own["data.path"]).expanduser()).absolute())
    if own.get("data.labels_path"):
        place = base / Path(own["data.labels_path"]).expanduser()
        own["data.labels_path"] = (
            str(place.absolute()) if place.is_file() else own["data.labels_path"]
        )


def _settle_model(own: dict[str, Any], base: Path) -> None:
    """Make the path of the model absolute, and a project its only trained run."""
    if own.get("model.source"):
        own["model.source"] = source(own["model.source"], base)


def source(text: str, base: Path) -> str:
    """Return a model's name as it is, or a file's or folder's path as an absolute one.

    A project stands for its only trained run; ``owner/name``, where no such folder is, for a repository
    in Hugging Face's own cache.
    """
    from finetune_studio.models.zoo import CATALOGUE

    path = base / Path(text).expanduser()
    if _REPOSITORY.fullmatch(text) and not path.exists():
        return text
    written_as_path = "/" in text or "\\" in text or path.suffix in (".pth", ".pt", ".safetensors")
    if written_as_path or (text not in CATALOGUE and path.exists()):
        return str(own_run.found_at(path.absolute()))
    return text


def _fits(folder: Path, data: str) -> None:
    """Refuse what cannot become a project, before its folder is made.

    Raises:
        StudioError: If there are no data, or the project would lie among them.
    """
    from finetune_studio.engine import curate

    if not data:
        raise StudioError("It is not said which data to train on.", "Add --data PATH.")
    curate.keep_apart(folder, curate.existing(Path(data)))


def _same_data(project: Project, data: str, out: Printer, control: Control) -> None:
    """Refuse other data than the project's; the same data in a new place are found again."""
    from finetune_studio.engine import curate

    if len(project.dataset) and str(Path(data).resolve()) != project.dataset.get("source"):
        choices = Recipe().with_settings({"data.path": data}).data
        out.all(curate.import_data(project, choices, 0, control), quiet=True)


def _newest(project: Project) -> Path | None:
    """Return the newest study, if it is unfinished, or else the newest run that began.

    A folder without a recipe never did.
    """
    unfinished = study.unfinished(project)
    if unfinished is not None:
        return unfinished.folder
    begun = [f for f in project.runs() if (f / "recipe.toml").is_file()]
    return begun[-1] if begun else None


def _go_on(
    project: Project, newest: Path, out: Printer, control: Control, team: Team
) -> events.RunFinished:
    """Go on with a run, or say again how it ended."""
    from finetune_studio.engine import run
    from finetune_studio.engine.studies import carry_out

    this = run.Run(newest)
    done = this.finished
    if done is not None and not done.stopped:
        out.say(f"Run {newest.name} is finished already.")
        # Where it lies today: the project may have been moved or copied since.
        done = replace(done, run=str(newest), project=str(project.folder))
        out.show(done)
        return team.same(done)
    choices, resume = team.same((this.recipe, newest))
    last = out.all(carry_out(project, choices, control, resume, team))
    assert isinstance(last, events.RunFinished)
    return last


def _begin(
    project: Project, own: dict[str, Any], out: Printer, control: Control, team: Team
) -> events.RunFinished:
    """Index the data, fill in the preset (weaker than the user's own choices), and train."""
    from finetune_studio.engine import curate, presets
    from finetune_studio.engine.studies import carry_out

    choices = Recipe().with_settings(own)
    if choices.data.path or not len(project.dataset):
        _fits(project.folder, choices.data.path)
        out.all(curate.import_data(project, choices.data, choices.seed, control))
    else:
        own = own | {"data.path": project.dataset.get("source")}
    if not control.stop.is_set():
        samples = project.dataset.split_counts()["train"]
        choices = presets.apply(choices, samples, choices.preset).with_settings(own)
        project.keep_recipe(choices)
        choices, _ = team.same((choices, None))
        last = out.all(carry_out(project, choices, control, team=team))
        assert isinstance(last, events.RunFinished)
        return last
    stopped = events.RunFinished(
        "", str(project.folder), choices.task, {}, 0, 0, stopped=True,
        reason="Stopped before the run began.",
    )  # fmt: skip
    out.show(stopped)
    return team.same(stopped)
