"""The samples that an earlier run learnt from, as far as they are known, for a run that goes on from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from finetune_studio.core import files, own_run
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project
from finetune_studio.core.task import Task
from finetune_studio.engine.run import Run

_FILE = "replayed.json"
_PLACES = ("file", "row")  # fields that say where a sample stood, and nothing of itself


@dataclass(frozen=True)
class Looked:
    """What was found of an earlier run's samples.

    Attributes:
        samples: Those that may be shown again; of another project they have numbers below zero.
        title: What the earlier run is called.
        lost: What of them is gone, as a sentence; empty where all are there.
        why: Why there are none, as a sentence.
    """

    samples: tuple[Sample, ...] = ()
    title: str = ""
    lost: str = ""
    why: str = ""


@dataclass(frozen=True)
class Kept:
    """What a run wrote down: numbers of its own project's samples, others in full, and their order."""

    own: frozenset[int]
    others: tuple[Sample, ...]
    order: tuple[int, ...]


def look(
    project: Project, source: Path, task: Task, train: Sequence[Sample], judged: Iterable[Sample]
) -> Looked:
    """Return the samples that the run ``source`` learnt from; none of those that judge this one.

    Args:
        project: That of the run that goes on.
        source: What its model is; only a run has samples.
        task: Knows what teaches.
        train: The training samples of the run that goes on.
        judged: Samples that must not be learnt from.
    """
    folder = own_run.found_at(source.expanduser())
    home = _home(folder)
    if not (folder / "model.json").is_file() or not (folder / "recipe.toml").is_file():
        return Looked(
            why="This run does not go on from one of your own runs, so that there are no earlier samples"
            " to replay."
        )
    title = own_run.title(str(folder), project.folder) or f"run {folder.name}"
    title = title[:1].lower() + title[1:]
    before = Run(folder)
    numbers = set(before.samples.get("train", ()))
    same = home is not None and home.resolve() == project.folder
    if same:
        own = _own(project, before, numbers, train)
        found, known = own, len(numbers)
    elif home is not None:
        found, known = _of_other(home, before, numbers, task), len(numbers)
    else:
        return Looked(why=f"The project of {title} is gone, so that its samples are not known.")
    handed = _handed_on(folder)
    known += len(handed)
    found = [*found, *handed]
    forbidden = {_content(sample) for sample in judged}
    apart = [s for s in found if _content(s) not in forbidden]
    there = [s for s in apart if not s.path or Path(s.path).is_file()]
    if not there:
        return Looked(
            why=f"None of the {known:,} samples that {title} learnt from can be shown again: they are"
            " gone, left out by now, or among those that judge this run."
        )
    lost = known - len(there)
    words = (
        f"{lost:,} others are gone, left out by now, or among those that judge this run."
        if lost
        else ""
    )
    mine = {s.id for s in train}
    numbered = [s if s.id in mine and same else replace(s, id=-1 - n) for n, s in enumerate(there)]
    return Looked(tuple(numbered), title, words)


def _home(folder: Path) -> Path | None:
    """Return the project that a run lies in, be it a run of a study."""
    homes = [place for place in folder.parents[:4] if Project.exists(place)]
    return homes[0] if homes else None


def _own(project: Project, before: Run, numbers: set[int], train: Sequence[Sample]) -> list[Sample]:
    """Return what this project itself trains with; nothing where it holds other data by now."""
    was = before.environment.get("data_root", "")
    if was and Path(was) != project.dataset.root and not _moved_along(Path(was), project):
        return []
    return [sample for sample in train if sample.id in numbers]


def _moved_along(was: Path, project: Project) -> bool:
    """Whether the data lie somewhere else by now, and are the same: their folder kept its name."""
    return was.name == project.dataset.root.name


def _of_other(home: Path, before: Run, numbers: set[int], task: Task) -> list[Sample]:
    """Return another project's samples under its names of today; none where it cannot be read."""
    try:
        dataset = Dataset(home / "project.sqlite")
    except StudioError:
        return []
    with closing(dataset):
        was = before.environment.get("data_root", "")
        if was and Path(was).name != dataset.root.name:
            return []
        usable = dataset.samples(usable=True)
    # What judges there may judge this run too, one day: it stays unseen.
    learnt = [s for s in usable if s.id in numbers and s.split == "train" and task.teaches(s)]
    return [replace(sample, split="train", group=None, label_id=None) for sample in learnt]


def _handed_on(folder: Path) -> list[Sample]:
    """Return what the earlier run was itself shown again of one before it, in another project."""
    before = kept(folder)
    return list(before.others) if before is not None else []


def _content(sample: Sample) -> str:
    """Return what tells a sample from others: its file, or what its text says."""
    said = {name: value for name, value in sample.fields.items() if name not in _PLACES}
    return json.dumps([sample.path, said if not sample.path else {}], sort_keys=True, default=str)


def keep(folder: Path, samples: Sequence[Sample]) -> None:
    """Write down the samples that a run shows again, in their order."""
    values = {
        "order": [sample.id for sample in samples],
        "others": [asdict(sample) for sample in samples if sample.id < 0],
    }
    files.write_json(folder / _FILE, values)


def kept(folder: Path) -> Kept | None:
    """Return what a run wrote down; None where it wrote nothing."""
    try:
        values: dict[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StudioError(
            f"{folder / _FILE} cannot be read, without which this run cannot go on as it began: {error}.",
            "Start a new run with the same recipe.",
        ) from error
    order = tuple(int(number) for number in values["order"])
    others = tuple(Sample(**one) for one in values["others"])
    return Kept(frozenset(n for n in order if n >= 0), others, order)
