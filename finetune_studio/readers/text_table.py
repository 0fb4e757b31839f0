"""Reads a table (CSV, TSV, JSONL, Parquet) with a column of texts and a column of their labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core import label_names, tables, text_tables
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.folders import listed, nearly_equal
from finetune_studio.core.label_cells import EMPTY, LabelCells, understood
from finetune_studio.core.label_names import LabelNames
from finetune_studio.core.reader import Description, Reader, TableLook
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.tables import places
from finetune_studio.core.text_columns import flag_columns, label_roles
from finetune_studio.core.text_tables import Part, Plan

_ROLES = ("text_column", "label_column", "split_column", "group_column")
_YES = ("1", "true")
_WHAT = "texts and labels"
_NONE = "-"  # what the user writes where no second table names the labels


@dataclass(frozen=True)
class Labelled:
    """A plan with how its labels are meant and named."""

    plan: Plan
    cells: LabelCells
    names: LabelNames | None


class TextTable(Reader):
    """One row a text; a second table may say what the labels mean."""

    name = "text_table"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.9 where texts and labels that recur are found, 0.6 where labels rarely do, else 0.3."""
        del names  # the tables of an archive lie at the path
        if not places.tables_at(places.top(path)):
            return 0.0
        try:
            found = _labelled(path, DataChoices())
        except StudioError:
            return 0.3 if path.is_file() else 0.2
        cells = [cell for part in found.plan.parts for cell in part.cells("label_column")]
        recur = found.cells.several or len(set(cells)) <= max(2, len(cells) // 2)
        return 0.9 if recur else 0.6

    def root(self, path: Path) -> Path:
        """Return the folder in which the table lies."""
        top = places.top(path)
        return top.parent if top.is_file() else top

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a line; one without text or label carries that as its problem."""
        del names
        found = _labelled(path, choices)
        yield from text_tables.read(found.plan, lambda part, line: _row(part, line, found))

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which column is taken for what, where the names of labels come from, how letters are read."""
        del names
        found = _labelled(path, choices)
        plan = found.plan
        roles = plan.parts[0].roles
        title = f"{plan.names}: texts in column {roles['text_column']!r}"
        flags = _flags(plan.parts[0])
        title += f", a column for each of {len(flags)} labels" if flags else ""
        title += "" if flags else f", labels in column {roles['label_column']!r}"
        title += f", splits in {roles['split_column']!r}" if roles["split_column"] else ""
        title += f", groups in {roles['group_column']!r}" if roles["group_column"] else ""
        notes = [*text_tables.encoding_notes(plan), *text_tables.split_notes(plan)]
        notes += [found.cells.rule] if found.cells.rule else []
        notes += [f"Several labels a text: 1 in the columns {listed(flags)}."] if flags else []
        labels = _labels(plan.parts, found.cells)
        notes += [found.names.said(labels)] if found.names else []
        notes += [
            f"The first row of {part.table.path.name} is read as a sample: it names no columns."
            for part in plan.parts
            if not part.table.header
        ]
        kept = {found.names.of(label) if found.names else label for label in labels}
        notes += [*nearly_equal(kept), *plan.notes]
        beside = {"labels_path": found.names.path.name} if found.names else {"labels_path": ""}
        return Description(title, tuple(notes), plan.look(beside))

    def columns(self, path: Path) -> TableLook | None:
        """Return the first table's columns and rows, without any guess."""
        return text_tables.columns(path, (*_ROLES, "labels_path"))


def _labelled(path: Path, choices: DataChoices) -> Labelled:
    """Find the tables, how their labels are meant, and what they are called.

    Raises:
        StudioError: If no table fits, or the chosen table of labels does not.
    """
    named = _chosen_names(path, choices)

    def aside(parts: list[Part]) -> set[Path]:
        return {named} if named else _only_names(parts)

    plan = text_tables.planned(path, choices, label_roles, _WHAT, aside)
    cells = understood(
        [cell for part in plan.parts for cell in part.cells("label_column")],
        choices.label_separator,
    )
    labels = _labels(plan.parts, cells)
    if named:
        return Labelled(plan, cells, label_names.chosen(named, labels, choices.encoding))
    if choices.labels_path == _NONE or not labels:
        return Labelled(plan, cells, None)
    read = {part.table.path for part in plan.parts}
    first = plan.parts[0]
    folder = first.table.path.parent
    others = [file for file in places.tables_at(folder) if file not in read]
    return Labelled(plan, cells, _names_beside(others, labels, first, choices.encoding))


def _chosen_names(path: Path, choices: DataChoices) -> Path | None:
    if choices.labels_path in ("", _NONE):
        return None
    top = places.top(path)
    named = Path(choices.labels_path).expanduser()
    return named if named.is_absolute() else (top.parent if top.is_file() else top) / named


def _only_names(parts: list[Part]) -> set[Path]:
    """Return the tables that hold each label of a much longer table once: they name labels."""
    found: set[Path] = set()
    for part in parts:
        others = [p for p in parts if len(p.rows) > 2 * len(part.rows)]
        for other in others:
            labels = _labels([other], understood(other.cells("label_column")))
            if labels and _names_beside([part.table.path], labels, other, ""):
                found.add(part.table.path)
    return found


def _names_beside(
    files: Sequence[Path], labels: set[str], part: Part, encoding: str
) -> LabelNames | None:
    column = part.roles["label_column"]
    return label_names.beside(files, labels, part.table, column, encoding)


def _labels(parts: Sequence[Part], cells: LabelCells) -> set[str]:
    found = {cell for part in parts for cell in part.cells("label_column")}
    found = {cell for cell in found if not text_tables.empty(cell)}
    return {label for cell in found for label in cells.labels(cell)} if cells.several else found


def _flags(part: Part) -> list[str]:
    return flag_columns(part.table.columns, part.roles["label_column"])


def _row(part: Part, line: tables.Line, found: Labelled) -> Row:
    text_column, label_column = part.roles["text_column"], part.roles["label_column"]
    text, cell = line.cells.get(text_column) or "", line.cells.get(label_column) or ""
    flags = _flags(part)
    fields = {"text": text} | text_tables.further(part, line, flags)
    group = text_tables.group_of(part, line)
    missing = ""
    if flags:
        cell = "".join(line.cells.get(flag) or "" for flag in flags)
    if text_tables.empty(text):
        missing = f"the cell in column {text_column!r} is empty, so there is no text"
    elif text_tables.empty(cell):
        missing = f"the cell in column {label_column!r} is empty, so there is no label"
        if found.cells.several:
            missing += f"; write {EMPTY} where a text has none of the labels"
    if missing:
        problem = f"{text_tables.at(part, line)}: {missing}"
        return Row(group=group, fields=fields, problem=problem)
    if flags:
        fields["labels"] = [f for f in flags if (line.cells.get(f) or "").strip().lower() in _YES]
        return Row(group=group, fields=fields)
    names = found.names
    if not found.cells.several:
        return Row(label=names.of(cell) if names else cell, group=group, fields=fields)
    labels = found.cells.labels(cell)
    fields["labels"] = [names.of(label) for label in labels] if names else labels
    return Row(group=group, fields=fields)
