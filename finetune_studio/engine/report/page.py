"""The page put together: no scripts, no links to elsewhere, pictures inside, light and dark."""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from string import Template

from finetune_studio.core import files, settings
from finetune_studio.core.errors import StudioError
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import evaluate, facts
from finetune_studio.engine.facts import Facts
from finetune_studio.engine.report import making, results, trust
from finetune_studio.engine.run import Run
from finetune_studio.tasks import CATALOGUE

_FOOTER = "Written by Finetune Studio. This page holds everything it shows; nothing is loaded from elsewhere."


def write_report(project: Project, run_folder: Path) -> Path:
    """Write ``report.html`` into the project about one run and return its path.

    A run that has kept no answers on the validation split, such as one that crashed, is asked for them.

    Raises:
        StudioError: If the run has no trained network yet, or the disk is full.
    """
    run = Run(run_folder)
    if not run.usable:
        raise StudioError(
            f"The run {run.number} has no trained network yet.",
            "Let it train for an epoch at least.",
        )
    if not evaluate.answers(run.folder, project.dataset, "validation"):
        samples = project.dataset.samples(split="validation", usable=True)
        task = evaluate.load_task(run.recipe.task)
        if any(task.teaches(s) and (not s.path or Path(s.path).is_file()) for s in samples):
            for _ in evaluate.evaluate(project, run.folder, "validation", Control()):
                pass
    known = facts.gather(project, run_folder)
    place = settings.resources() / "report"
    page = Template((place / "report.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{known.title}: run {run.number}"),
        style=(place / "report.css").read_text(encoding="utf-8"),
        body=_body(project, known),
    )
    target = project.folder / "report.html"
    files.write_text(target, page)
    return target


def _body(project: Project, known: Facts) -> str:
    parts = [
        _head(known),
        results.cards(known),
        making.data(project, known),
        making.model(known),
        making.training(known),
        results.classes(known),
        results.matrix(known),
        results.answers(known),
        trust.calibration(project, known),
        trust.slices(project, known),
        _limits(project, known),
        making.recipe(known),
        f"<footer>{_FOOTER}</footer>",
    ]
    return "\n".join(part for part in parts if part)


def _head(known: Facts) -> str:
    when = known.run.environment.get("time", 0.0)
    trained = f"trained on {_day(when)} · " if when else ""
    title = CATALOGUE[known.task.name].title
    line = f"{title} · run {known.run.number} · {trained}report of {_day(time.time())}"
    verdict = " ".join(facts.summary(known))
    return (
        f"<header><h1>{escape(known.title)}</h1><p class='muted'>{escape(line)}</p>"
        f"<p class='verdict'>{escape(verdict)}</p>{_unfinished(known)}</header>"
    )


def _unfinished(known: Facts) -> str:
    if known.finished is not None and not known.finished.stopped:
        return ""
    text = "This run was not trained to its end; the page shows the best network so far."
    return f"<p class='warning'>{text}</p>"


def _day(seconds: float) -> str:
    moment = time.localtime(seconds)
    return f"{moment.tm_mday} {time.strftime('%B %Y', moment)}"


def _limits(project: Project, known: Facts) -> str:
    told = [*facts.limits(known), *trust.limits(project, known)]
    points = "".join(f"<li>{escape(point)}</li>" for point in told)
    return results.section("What the figures do not say", f"<ul>{points}</ul>")
