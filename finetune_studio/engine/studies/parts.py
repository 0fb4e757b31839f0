"""The runs that a study is made of: prepared, carried out or gone on with, and made a run of the project."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from finetune_studio.core import files, study
from finetune_studio.core.events import Event, RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.measures import CostMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study import Part, Study
from finetune_studio.core.words import energy
from finetune_studio.engine import run
from finetune_studio.engine.train import train


def prepare(
    folder: Path,
    recipe: Recipe,
    *,
    mark: dict[str, Any] | None = None,
    samples: dict[str, list[int]] | None = None,
    told: Sequence[Event] = (),
) -> None:
    """Make a run's folder, unless it was made: its samples, what it is in a study, what was said before.

    The recipe is written last: with it the folder is a run, which only has to be gone on with.
    """
    if (folder / "recipe.toml").is_file():
        return
    with files.explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if samples is not None:
        files.write_json(folder / "samples.json", samples)
    if mark:
        files.write_json(folder / study.MARK, mark)
    if told:
        lines = "".join(json.dumps(event.as_json()) + "\n" for event in told)
        files.write_text(folder / "events.jsonl", lines)
    recipe.save(folder / "recipe.toml")


def carried_out(
    project: Project, folder: Path, control: Control, ended: list[RunFinished]
) -> Iterator[Event]:
    """Carry out a prepared run or go on with it; how it ended is appended to ``ended``, not stated."""
    this = run.Run(folder)
    known = this.finished
    if known is not None and not known.stopped:
        ended.append(known)  # killed between its end and the study's note of it
        return
    for event in train(project, this.recipe, control, resume=folder):
        if isinstance(event, RunFinished):
            ended.append(event)
        else:
            yield event


def note(part: Part, ended: RunFinished, folder: Path, outcome: str = study.FINISHED) -> None:
    """Take into a part how its run ended."""
    from finetune_studio.core.events import Validated

    judged = [event for event in run.Run(folder).events() if isinstance(event, Validated)]
    part.outcome = outcome
    part.metrics = dict(ended.metrics)
    part.best_epoch, part.seconds = ended.best_epoch, ended.seconds
    part.epochs = int(judged[-1].epoch) if judged else 0


def count_energy(found: Study, folder: Path) -> None:
    """Let the cost that a study's own run states count all of its runs: without them it would not be there.

    A trial that failed says of itself what it took only if it came that far.
    """
    cost = run.Run(folder).cost
    if cost is None or cost.study_wh:
        return
    folders = [found.run_of(part) for part in found.parts]
    runs = [run.Run(place) for place in folders if (place / "recipe.toml").is_file()]
    others = [other.cost for other in runs if other.cost is not None]
    if not others:
        return
    drawn = sum(other.energy_wh for other in others)
    many = "1 other run" if len(others) == 1 else f"{len(others)} other runs"
    how = f"{cost.how.removesuffix('.')}; {energy(drawn)} of that for {many} of its study."
    whole = replace(
        cost,
        energy_wh=round(cost.energy_wh + drawn, 4),
        processor_s=round(cost.processor_s + sum(other.processor_s for other in others), 1),
        how=how,
        study_wh=round(drawn, 4),
    )
    _replace(folder, CostMeasured, whole)


def restate(folder: Path, ended: RunFinished) -> None:
    """Let a run's log end otherwise: what it said of its end is replaced."""
    _replace(folder, RunFinished, ended)


def _replace(folder: Path, kind: type[Event], event: Event) -> None:
    """Put an event where the last of its kind stands in a log; earlier ones of that kind go."""
    log = folder / "events.jsonl"
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line]
    own = [n for n, line in enumerate(lines) if json.loads(line).get("event") == kind.word()]
    place = own[-1] if own else len(lines)
    lines[place : place + 1] = [json.dumps(event.as_json())]
    files.write_text(log, "".join(f"{x}\n" for n, x in enumerate(lines) if n not in own[:-1]))


def own_run(project: Project, found: Study) -> Path:
    """Return the folder of the project's run that comes out of a study, its number taken once."""
    if not found.run:
        found.run = project.new_run().name
        found.keep()
    return project.runs_folder / found.run


def promote(project: Project, found: Study, part: Part) -> RunFinished:
    """Make a part's run a run of the project, and return how it ended; also after a crash half-way."""
    before, target = found.run_of(part), own_run(project, found)
    if not (target / "recipe.toml").is_file():
        with files.explained(target):
            if target.is_dir():
                target.rmdir()  # as it was made, empty
            before.rename(target)
    log = (target / "events.jsonl").read_text(encoding="utf-8")
    files.write_text(target / "events.jsonl", log.replace(*_inside(before, target)))
    count_energy(found, target)
    found.finished = True
    found.keep()
    ended = run.Run(target).finished
    assert ended is not None
    return replace(ended, run=str(target))


def _inside(before: Path, after: Path) -> tuple[str, str]:
    """Return two folders as they stand in lines of JSON."""
    return json.dumps(str(before))[1:-1], json.dumps(str(after))[1:-1]
