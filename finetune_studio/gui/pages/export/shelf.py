"""What can be exported and what was: read off the window's thread, told in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.catalogue import Entry
from finetune_studio.core.events import Event, ExportVerified
from finetune_studio.core.events import from_json as event_from
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.words import figure, score_name
from finetune_studio.gui.pages.export.formats import FormatRow
from finetune_studio.gui.widgets.export_table import ExportRow, agreement, milliseconds


@dataclass(frozen=True)
class Shelf:
    """Formats that suit the run, and the exports that the project already has, newest first.

    ``thing`` is what its models are asked about: a picture, a text; ``metric`` what their score is called.
    """

    formats: tuple[FormatRow, ...]
    exports: tuple[ExportRow, ...]
    thing: str = "sample"
    metric: str = ""


@dataclass(frozen=True)
class _Known:
    """What is known of a run before any export: its parameters, and its score on the validation split."""

    parameters: int = 0
    score: float | None = None
    metric: str = ""


def look(project: Project, run_folder: Path | None = None, others: tuple[str, ...] = ()) -> Shelf:
    """Return what suits a run and what was exported, also into the folders ``others``."""
    from finetune_studio.core.exporter import use_of
    from finetune_studio.engine.evaluate import load_task
    from finetune_studio.engine.run import Run
    from finetune_studio.exporters import CATALOGUE, ELSEWHERE

    task = load_task(project.task)
    run = Run(run_folder) if run_folder is not None else None
    use = use_of(task.outside) if task.outside else None
    folders = list(project.exports_folder.iterdir()) if project.exports_folder.is_dir() else []
    folders += [Path(other) for other in others if Path(other) not in folders]
    titles = {row.name: row.title for row in CATALOGUE}
    found = [row for folder in folders if (row := read_export(folder, titles)) is not None]
    rows = tuple(sorted(found, key=lambda row: row.made, reverse=True))
    if use is None:
        return Shelf((), rows)
    started = run.started if run is not None else None
    metrics = run.metrics if run is not None else {}
    known = _Known(started.parameters if started else 0, metrics.get(task.headline), task.headline)
    mine = [row for row in rows if run is not None and row.run == run.number]
    formats = []
    for entry in CATALOGUE:
        kind = entry.load()()
        if kind.accepts(task) and (run is None or kind.suits(run.recipe)):
            needs = tuple(dict.fromkeys([*entry.facts["needs"], *use.packages]))
            formats.append(_row(entry, needs, known, mine, kind.missing()))
    if task.models == "image":
        formats += [_row(entry, (), _Known(), (), entry.facts["missing"]) for entry in ELSEWHERE]
    return Shelf(tuple(formats), rows, use.thing, _called(known.metric))


def _called(metric: str) -> str:
    words = score_name(metric).replace("_", " ") if metric else ""
    return words[:1].upper() + words[1:]


def _row(
    row: Entry, needs: tuple[str, ...], known: _Known, exports: Sequence[ExportRow], missing: str
) -> FormatRow:
    """Return a format with what was measured for this run, else with what is to be expected."""
    made = next((e for e in exports if e.format == row.name), None)
    if missing:
        return FormatRow(row.name, row.title, row.summary, needs, missing=missing)
    if made is not None:
        return FormatRow(
            row.name,
            row.title,
            row.summary,
            needs,
            f"{made.megabytes:.1f} MB",
            milliseconds(made.milliseconds),
            milliseconds(made.many) if made.many else "–",
            f"{figure(made.before)} → {figure(made.after)}",
            agreement(made.agreement),
            measured=True,
        )
    size = known.parameters * 4 / 2**20 * float(row.facts.get("size", 0))
    exact = bool(row.facts.get("exact"))
    score = figure(known.score) if known.score is not None else ""
    return FormatRow(
        row.name,
        row.title,
        row.summary,
        needs,
        f"about {size:.1f} MB" if size else "a few MB",
        str(row.facts.get("speed", "")),
        "",
        f"{score}" if exact or not score else f"{score} or less",
        "100 %" if exact else "nearly all",
    )


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
        verified.format,
        verified.latency_p95_ms,
        verified.batch_ms,
    )


def proof(row: ExportRow, thing: str) -> str:
    """Return what was proven, as sentences; ``thing`` is what models of the project are asked about."""
    name = row.title if "export" in row.title else f"{row.title} export"
    same = (
        f"On all {row.samples:,} samples that were compared"
        if row.agreement == 1
        else f"On {agreement(row.agreement)} of {row.samples:,} samples that were compared"
    )
    slowest = f" (19 of 20 less than {milliseconds(row.slow)})" if row.slow else ""
    many = f", {milliseconds(row.many)} for 32 at once" if row.many else ""
    return (
        f"{same}, the {name} gives the trained model's answer. It takes"
        f" {milliseconds(row.milliseconds)} a {thing}{slowest}{many} on this computer, and"
        f" {row.megabytes:.1f} MB."
    )


def contents(folder: Path) -> list[tuple[str, str]]:
    """Return the files of an export, the one to begin with first, each with what it is."""
    from finetune_studio.engine import cards

    words = {"README.md": "how it is used, what it needs and how well it does"}
    return [(name, words.get(name, said)) for name, said in cards.contents(folder)]


def default_folder(project: Project, run_folder: Path, name: str) -> Path:
    """Return where an export goes unless the user chooses otherwise."""
    return project.exports_folder / f"{run_folder.name}-{name}"


def own_folder(chosen: Path, name: str) -> Path:
    """Return where an export goes that the user wants in a folder: right there, or in one called ``name``.

    An export never mixes with other files and takes the place of a whole folder, so that it gets one of its
    own in a filled folder and where a drive begins, such as a memory stick.
    """
    if (chosen / "export.json").is_file():
        return chosen
    try:
        filled = chosen.is_mount() or any(chosen.iterdir())
    except OSError:  # it may not even be looked into; writing will say so
        return chosen
    return chosen / name if filled else chosen


def write(
    project: Project, run_folder: Path, name: str, out: Path, control: Control
) -> Iterator[Event]:
    """Export a run; the engine is loaded in the worker's thread."""
    from finetune_studio.engine import export

    yield from export.export(project, run_folder, name, out, control)


def pack(folder: Path, target: Path, control: Control) -> Iterator[Event]:
    """Write an export into one zip."""
    from finetune_studio.engine import packing_up

    yield from packing_up.zipped(folder, target, control)


def serve(folder: Path, control: Control) -> Iterator[Event]:
    """Let programs on this computer ask an export, at any port that is free."""
    from finetune_studio.engine import serving

    yield from serving.serve(folder, control, port=0)
