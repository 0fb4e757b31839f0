"""What can be exported and what was: read off the window's thread, told in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from finetune_studio.core.catalogue import Entry
from finetune_studio.core.events import Event, ExportVerified
from finetune_studio.core.events import from_json as event_from
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.gui.widgets.export_table import ExportRow, agreement, milliseconds


@dataclass(frozen=True)
class Shelf:
    """Formats that suit the run, and the exports that the project already has, newest first.

    ``thing`` is what its models are asked about: a picture, a text.
    """

    formats: tuple[Entry, ...]
    exports: tuple[ExportRow, ...]
    thing: str = "sample"


def look(project: Project, run_folder: Path | None = None, others: tuple[str, ...] = ()) -> Shelf:
    """Return what suits a run and what was exported, also into the folders ``others``."""
    from finetune_studio.core.exporter import use_of
    from finetune_studio.engine.evaluate import load_task
    from finetune_studio.engine.run import Run
    from finetune_studio.exporters import CATALOGUE

    task = load_task(project.task)
    recipe = Run(run_folder).recipe if run_folder is not None else None
    use = use_of(task.outside) if task.outside else None
    suits = tuple(
        replace(row, facts={**row.facts, "needs": [*row.facts["needs"], *use.packages]})
        for row in CATALOGUE
        if use is not None
        and (kind := row.load()()).accepts(task)
        and (recipe is None or kind.suits(recipe))
    )
    folders = list(project.exports_folder.iterdir()) if project.exports_folder.is_dir() else []
    folders += [Path(other) for other in others if Path(other) not in folders]
    titles = {row.name: row.title for row in CATALOGUE}
    found = [row for folder in folders if (row := read_export(folder, titles)) is not None]
    rows = tuple(sorted(found, key=lambda row: row.made, reverse=True))
    return Shelf(suits, rows, use.thing if use is not None else "sample")


def read_export(folder: Path, titles: dict[str, str]) -> ExportRow | None:
    """Return what an export says of itself; None where there is no proven export."""
    try:
        about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
        verified = event_from(about["verified"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(verified, ExportVerified):
        return None
    return row_of(verified, titles, folder, int(about.get("run", 0)), str(about.get("made", "")))


def row_of(
    verified: ExportVerified, titles: dict[str, str], folder: Path, run: int, made: str
) -> ExportRow:
    """Return a proven export as a row; it counts where the folder lies today."""
    return ExportRow(
        titles.get(verified.format, verified.format),
        run,
        verified.agreement,
        verified.max_abs_diff,
        verified.metric,
        verified.metric_before,
        verified.metric_after,
        verified.latency_ms,
        verified.size_mb,
        verified.samples,
        str(folder),
        made,
    )


def proof(row: ExportRow, thing: str) -> str:
    """Return what was proven, as sentences; ``thing`` is what models of the project are asked about."""
    same = (
        f"On all {row.samples:,} samples that were compared"
        if row.agreement == 1
        else f"On {agreement(row.agreement)} of {row.samples:,} samples that were compared"
    )
    return (
        f"{same}, the {row.title} export gives the trained model's answer. It takes"
        f" {milliseconds(row.milliseconds)} a {thing} on this computer and {row.megabytes:.1f} MB."
    )


def contents(folder: Path) -> list[tuple[str, str]]:
    """Return the files of an export, the one to begin with first, each with what it is."""
    from finetune_studio.engine import cards

    return cards.contents(folder)


def default_folder(project: Project, run_folder: Path, name: str) -> Path:
    """Return where an export goes unless the user chooses otherwise."""
    return project.exports_folder / f"{run_folder.name}-{name}"


def write(
    project: Project, run_folder: Path, name: str, out: Path, control: Control
) -> Iterator[Event]:
    """Export a run; the engine is loaded in the worker's thread."""
    from finetune_studio.engine import export

    yield from export.export(project, run_folder, name, out, control)
