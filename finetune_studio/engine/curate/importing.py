"""Importing is indexing: samples are listed in the project and read where they lie."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace as with_values
from pathlib import Path

from finetune_studio.core import archive
from finetune_studio.core.columns import NONE
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    DataImported,
    Event,
    Noted,
    PhaseStarted,
    Progress,
    SampleSetAside,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.reader import Description, Reader
from finetune_studio.core.recipe import DataChoices, fields
from finetune_studio.engine.curate import arrivals
from finetune_studio.engine.curate.choosing import existing, keep_apart, reader_for
from finetune_studio.engine.curate.counting import reasons

# The choices that say how data are read: other ones make other data of the same file.
READING = (
    *("path_column", "label_column", "text_column", "question_column", "target_column"),
    *("split_column", "group_column", "labels_path", "label_separator", "encoding"),
)
_MOST_NAMED = 1000  # samples set aside that are named one by one


def _without_columns(reader: Reader, place: Path, choices: DataChoices) -> str:
    """Say which columns were named though the data have none: their groups would not be kept together."""
    columns = [name for name in READING if name.endswith("_column")]
    named = [name for name in columns if getattr(choices, name) not in ("", NONE)]
    if not named or reader.columns(place) is not None:
        return ""
    titles = ", ".join(str(fields()[f"data.{name}"]["title"]).lower() for name in named)
    return (
        f"These data are no table with columns, so this does nothing: {titles}. A table that names the files"
        " and their columns can be imported in their place."
    )


def import_data(
    project: Project, choices: DataChoices, seed: int, control: Control, *, replace: bool = False
) -> Iterator[Event]:
    """Index data into a project and divide them into splits where they bring none.

    The same data again change nothing. ``replace`` reads anew, other data too, which is possible until
    the first run. A stopped import leaves the project as it was.

    Raises:
        StudioError: If the data cannot be read, or the project holds other data.
    """
    started = time.monotonic()
    path = existing(Path(choices.path))
    keep_apart(project.folder, path)
    if len(project.dataset) and not replace:
        yield from _same_again(project, path, choices, started)
        return
    if len(project.dataset) and (project.runs() or project.studies()):
        raise StudioError(
            f"{project.folder} has runs that were trained on its data.",
            "Make a new project for other data.",
        )
    place, kind = path, "folder" if path.is_dir() else "file"
    if archive.is_archive(path):
        yield from archive.unpack(path, project.folder / "data", control)
        found = archive.unpacked(path, project.folder / "data")
        if found is None or control.stop.is_set():
            yield Noted("The import was stopped; nothing was changed.")
            return
        place, kind = found, "archive"
    yield PhaseStarted("index", f"Listing the samples of {path.name}")
    reader = reader_for(place, choices, task=project.task)
    rows: list[Row] = []
    for row in reader.read(place, choices):
        rows.append(row)
        if len(rows) % 2000 == 0:
            yield Progress("index", len(rows), 0)
            control.wait_while_paused()
            if control.stop.is_set():
                yield Noted("The import was stopped; nothing was changed.")
                return
    _refuse_useless(path, rows)
    if problems := [row.problem for row in rows if row.problem]:
        few = "1 of them is" if len(problems) == 1 else f"{len(problems):,} of them are"
        yield Noted(f"{len(rows):,} samples were read; {few} set aside: {reasons(problems)}.")
    described = reader.describe(place, choices)
    yield Noted(f"{described.title}.")
    if words := _without_columns(reader, place, choices):
        yield Noted(words, level="warning")
    for note in described.notes:
        yield Noted(note)
    _keep(
        project,
        choices,
        seed,
        reader,
        place,
        rows,
        described,
        {"source": str(path), "source_kind": kind},
    )
    yield from _told(project, started)


def news(project: Project) -> list[Row]:
    """Return the samples that appeared in the project's folder or table since the import."""
    place = _place(project)
    try:
        if place is None or not place.exists() or arrivals.untouched(project.dataset, place):
            return []
        return arrivals.new(project.dataset, _read_again(project, place))
    except StudioError:  # emptied or damaged since: the health panel says so, not the news
        return []


def add_news(project: Project) -> int:
    """Take new samples in; return how many.

    They join the split of their folder, of their group, or training: what judges a model stays the
    same by itself.
    """
    place = _place(project)
    if place is None or not place.exists():
        return 0
    try:
        every = _read_again(project, place)
    except StudioError:
        return 0
    dataset = project.dataset
    rows = arrivals.new(dataset, every)
    if not rows:
        return 0
    homes = {s.group: s.split for s in dataset.samples() if s.group and s.split}
    settled = [
        with_values(row, split=row.split or homes.get(row.group or "", "train")) for row in rows
    ]
    before = len(dataset)
    with dataset.transaction():
        after = dataset.fill(settled, root=dataset.root)
        arrivals.keep(dataset, every, place)
    return after - before


def relink(project: Project, folder: Path) -> int:
    """Find the samples of a moved folder or another drive letter; return how many are there.

    The folder itself, one of the old name in it, and the one above it are tried.

    Raises:
        StudioError: If none of the files is found.
    """
    dataset = project.dataset
    folder = existing(folder)
    folder = folder if folder.is_dir() else folder.parent
    tried = (folder, folder / dataset.root.name, folder.parent)
    best = max(tried, key=lambda place: _there(project, place))
    found = _there(project, best)
    if not dataset.paths() and len(dataset) and not found:
        names = ", ".join(sorted(_files(project))[:3]) or dataset.get("source")
        raise StudioError(
            f"None of the files of this project's samples is in {folder}.",
            f"Choose the folder in which {names} lies.",
        )
    dataset.relink(best)
    source = Path(dataset.get("source"))
    if dataset.get("source_kind") == "folder":
        dataset.put("source", str(best))
    elif dataset.get("source_kind") == "file":
        dataset.put("source", str(best / source.name))
    return found


def _read_again(project: Project, place: Path) -> list[Row]:
    """Return what is there now, read as at the import.

    Raises:
        StudioError: If it cannot be read any more.
    """
    choices = DataChoices(**json.loads(project.dataset.get("data_choices", "{}")))
    return list(reader_for(place, choices).read(place, choices))


def _there(project: Project, place: Path) -> int:
    """Return how many samples' files, or the files that they are rows of, lie below a place."""
    paths = project.dataset.paths()
    if paths:
        return sum((place / path).is_file() for path in paths)
    return sum(count for name, count in _files(project).items() if (place / name).is_file())


def _files(project: Project) -> Counter[str]:
    """Return the files that samples are rows of, with how many each has."""
    named = (s.fields.get("file") for s in project.dataset.samples())
    return Counter(str(name) for name in named if name)


def _same_again(
    project: Project, path: Path, choices: DataChoices, started: float
) -> Iterator[Event]:
    """Let the same data pass, also from a new place; refuse all other data."""
    dataset = project.dataset
    source = Path(dataset.get("source"))
    if path != source and not source.exists() and _moved_to(project, path, source):
        relink(project, path)
        source = Path(dataset.get("source"))
        yield Noted(f"The data were found in their new place, {path}.")
    again = archive.is_archive(path) and archive.unpacked(path, project.folder / "data")
    if path != source and not (again and dataset.root.is_relative_to(again)):
        raise StudioError(
            f"{project.folder} holds the data of {source}, not of {path}.",
            "Give another project folder for other data. To add samples, put them beside those of the"
            " project: the Data page, and train --add-new, take them in. Data that were moved are"
            " relinked on the Data page.",
        )
    known = json.loads(dataset.get("data_choices", "{}"))
    for name in ("reader", *READING):
        wanted = getattr(choices, name)
        if wanted and wanted != known.get(name, wanted):
            raise StudioError(
                f"{project.folder} read {source.name} with {name} {known[name]!r}, not {wanted!r}.",
                "Make a new project to read it in another way.",
            )
    yield from _told(project, started)


def _moved_to(project: Project, path: Path, source: Path) -> bool:
    """Whether a path holds all samples whose source is gone."""
    if path.is_file() and path.name != source.name:
        return False
    folder = path if path.is_dir() else path.parent
    every = len(project.dataset.paths()) or _files(project).total()
    return bool(every) and _there(project, folder) == every


def _refuse_useless(path: Path, rows: list[Row]) -> None:
    if not rows:
        raise StudioError(f"{path} holds no samples.", "Choose a folder or table with samples.")
    if all(row.problem for row in rows):
        raise StudioError(
            f"The only sample of {path} cannot be used: {rows[0].problem}."
            if len(rows) == 1
            else f"None of the {len(rows):,} samples of {path} can be used:"
            f" {reasons([row.problem for row in rows])}.",
            "Check the data, or say which columns hold what; for pictures, that the files lie where the"
            " table says.",
        )


def _keep(
    project: Project,
    choices: DataChoices,
    seed: int,
    reader: Reader,
    place: Path,
    rows: list[Row],
    described: Description,
    facts: dict[str, str],
) -> None:
    """Write everything in one transaction, so that a project has all of its data or none."""
    table = described.table
    kept = {name: getattr(choices, name) for name in READING}
    if table:
        kept = {name: kept[name] or table.guesses.get(name, "") for name in READING}
    dataset = project.dataset
    with dataset.transaction():
        dataset.clear()
        dataset.fill(rows, root=reader.root(place))
        dataset.divide(validation=choices.validation_share, test=choices.test_share, seed=seed)
        for name, value in facts.items():
            dataset.put(name, value)
        arrivals.keep(dataset, rows, place)
        dataset.put("reader", reader.name)
        dataset.put("data_choices", json.dumps({"reader": reader.name, **kept}))
        dataset.put("imported", str(time.time()))


def _told(project: Project, started: float) -> Iterator[Event]:
    dataset = project.dataset
    aside = [sample for sample in dataset.samples(usable=False) if sample.problem]
    for sample in aside[:_MOST_NAMED]:
        yield SampleSetAside(sample.id, sample.place, sample.problem)
    yield DataImported(
        len(dataset),
        len(dataset.labels()) or _named_within(project),
        len(aside),
        dataset.get("reader"),
        time.monotonic() - started,
    )


def _named_within(project: Project) -> int:
    """Return how many things samples without a class name: the labels of lists, or the types of spans."""
    return len({name for s in project.dataset.samples(usable=True) for name in s.names})


def _place(project: Project) -> Path | None:
    """Return what the reader reads: the folder, or the table in it; nothing for an archive."""
    kind = project.dataset.get("source_kind")
    if kind == "folder":
        return project.dataset.root
    if kind == "file":
        return project.dataset.root / Path(project.dataset.get("source")).name
    return None
