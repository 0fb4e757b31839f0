"""Importing is indexing: samples are listed in the project and read where they lie."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace as with_values
from pathlib import Path

from finetune_studio.core import archive
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
from finetune_studio.core.reader import Reader
from finetune_studio.core.recipe import DataChoices
from finetune_studio.engine.curate.looking import existing, keep_apart, reader_for

_COLUMNS = ("path_column", "label_column", "split_column", "group_column")
_MOST_NAMED = 1000  # samples set aside that are named one by one


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
    if len(project.dataset) and project.runs():
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
    reader = reader_for(place, choices)
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
    _keep(project, choices, seed, reader, place, rows, {"source": str(path), "source_kind": kind})
    yield from _told(project, started)


def news(project: Project) -> list[Row]:
    """Return the samples that appeared in the project's folder or table since the import."""
    place = _place(project)
    if place is None or not place.exists():
        return []
    choices = DataChoices(**json.loads(project.dataset.get("data_choices", "{}")))
    reader = reader_for(place, choices)
    known = set(project.dataset.paths())
    try:
        return [row for row in reader.read(place, choices) if row.path and row.path not in known]
    except StudioError:  # emptied or damaged since: the health panel says so, not the news
        return []


def add_news(project: Project) -> int:
    """Take new samples in; return how many.

    They join the split of their folder, of their group, or training: what judges a model stays the
    same by itself.
    """
    rows = news(project)
    if not rows:
        return 0
    dataset = project.dataset
    homes = {s.group: s.split for s in dataset.samples() if s.group and s.split}
    settled = [
        with_values(row, split=row.split or homes.get(row.group or "", "train")) for row in rows
    ]
    before = len(dataset)
    return dataset.fill(settled, root=dataset.root) - before


def relink(project: Project, folder: Path) -> int:
    """Find the samples of a moved folder or another drive letter; return how many are there.

    The folder itself, one of the old name in it, and the one above it are tried.

    Raises:
        StudioError: If none of the files is found.
    """
    dataset = project.dataset
    folder = existing(folder)
    folder = folder if folder.is_dir() else folder.parent
    paths = dataset.paths()
    tried = (folder, folder / dataset.root.name, folder.parent)
    best = max(tried, key=lambda place: sum((place / path).is_file() for path in paths[:1000]))
    found = dataset.relink(best)
    source = Path(dataset.get("source"))
    if dataset.get("source_kind") == "folder":
        dataset.put("source", str(best))
    elif dataset.get("source_kind") == "file":
        dataset.put("source", str(best / source.name))
    return found


def _same_again(
    project: Project, path: Path, choices: DataChoices, started: float
) -> Iterator[Event]:
    """Let the same data pass, also from a new place; refuse all other data."""
    dataset = project.dataset
    source = Path(dataset.get("source"))
    if path != source and not source.exists() and path.is_dir():
        missing = sum(not (path / p).is_file() for p in dataset.paths())
        if not missing:
            relink(project, path)
            source = Path(dataset.get("source"))
            yield Noted(f"The data were found in their new place, {path}.")
    again = archive.is_archive(path) and archive.unpacked(path, project.folder / "data")
    if path != source and not (again and dataset.root.is_relative_to(again)):
        raise StudioError(
            f"{project.folder} holds the data of {source}, not of {path}.",
            "Choose another folder for other data; data that were moved are relinked on the Data page.",
        )
    known = json.loads(dataset.get("data_choices", "{}"))
    for name in ("reader", *_COLUMNS):
        wanted = getattr(choices, name)
        if wanted and wanted != known.get(name, wanted):
            raise StudioError(
                f"{project.folder} read {source.name} with {name} {known[name]!r}, not {wanted!r}.",
                "Make a new project to read it in another way.",
            )
    yield from _told(project, started)


def _refuse_useless(path: Path, rows: list[Row]) -> None:
    if not rows:
        raise StudioError(f"{path} holds no samples.", "Choose a folder or table with samples.")
    if all(row.problem for row in rows):
        raise StudioError(
            f"None of the {len(rows):,} samples of {path} can be used."
            f" The first: {rows[0].problem}.",
            "Check that the files lie where the table says, or choose another column for the paths.",
        )


def _keep(
    project: Project,
    choices: DataChoices,
    seed: int,
    reader: Reader,
    place: Path,
    rows: list[Row],
    facts: dict[str, str],
) -> None:
    """Write everything in one transaction, so that a project has all of its data or none."""
    table = reader.describe(place, choices).table
    kept = {name: getattr(choices, name) for name in _COLUMNS}
    if table:
        kept = {name: kept[name] or table.guesses.get(name, "") for name in _COLUMNS}
    dataset = project.dataset
    with dataset.transaction():
        dataset.clear()
        dataset.fill(rows, root=reader.root(place))
        dataset.divide(validation=choices.validation_share, test=choices.test_share, seed=seed)
        for name, value in facts.items():
            dataset.put(name, value)
        dataset.put("reader", reader.name)
        dataset.put("data_choices", json.dumps({"reader": reader.name, **kept}))
        dataset.put("imported", str(time.time()))


def _told(project: Project, started: float) -> Iterator[Event]:
    dataset = project.dataset
    aside = [sample for sample in dataset.samples(usable=False) if sample.problem]
    for sample in aside[:_MOST_NAMED]:
        yield SampleSetAside(sample.id, sample.path, sample.problem)
    yield DataImported(
        len(dataset),
        len(dataset.labels()),
        len(aside),
        dataset.get("reader"),
        time.monotonic() - started,
    )


def _place(project: Project) -> Path | None:
    """Return what the reader reads: the folder, or the table in it; nothing for an archive."""
    kind = project.dataset.get("source_kind")
    if kind == "folder":
        return project.dataset.root
    if kind == "file":
        return project.dataset.root / Path(project.dataset.get("source")).name
    return None
