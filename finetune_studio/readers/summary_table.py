"""Reads a table (CSV, TSV, JSONL, Parquet) with a column of texts and one or more of their summaries."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from finetune_studio.core import tables, text_tables
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.folders import listed
from finetune_studio.core.label_cells import LabelCells
from finetune_studio.core.reader import Description, Reader, TableLook
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.tables import places
from finetune_studio.core.text_columns import numbered, summary_roles
from finetune_studio.core.text_tables import Part, Plan

_ROLES = ("text_column", "target_column", "split_column", "group_column")
_LISTS = LabelCells(lists=True)


class SummaryTable(Reader):
    """One row a text; several summaries stand in numbered columns or in a list."""

    name = "summary_table"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.9 where columns of texts and summaries are found, 0.3 for another table."""
        del names  # the tables of an archive lie at the path
        if not places.tables_at(places.top(path)):
            return 0.0
        try:
            _plan(path, DataChoices())
        except StudioError:
            return 0.3 if path.is_file() else 0.2
        return 0.9

    def root(self, path: Path) -> Path:
        """Return the folder in which the table lies."""
        top = places.top(path)
        return top.parent if top.is_file() else top

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a line; one without text or summary carries that as its problem."""
        del names
        yield from text_tables.read(_plan(path, choices), _row)

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which column is taken for what, and how the letters are read."""
        del names
        plan = _plan(path, choices)
        roles = plan.parts[0].roles
        title = f"{plan.names}: texts in column {roles['text_column']!r}"
        title += f", summaries in column {roles['target_column']!r}"
        title += f", splits in {roles['split_column']!r}" if roles["split_column"] else ""
        title += f", groups in {roles['group_column']!r}" if roles["group_column"] else ""
        notes = [*text_tables.encoding_notes(plan), *text_tables.split_notes(plan)]
        notes += [
            f"Several summaries a text in {part.table.path.name}: columns {listed(targets)}."
            for part in plan.parts
            if len(targets := _targets(part)) > 1
        ]
        return Description(title, (*notes, *plan.notes), plan.look())

    def columns(self, path: Path) -> TableLook | None:
        """Return the first table's columns and rows, without any guess."""
        return text_tables.columns(path, _ROLES)


def _plan(path: Path, choices: DataChoices) -> Plan:
    return text_tables.planned(path, choices, summary_roles, "texts and summaries")


def _targets(part: Part) -> list[str]:
    target = part.roles["target_column"]
    return [target, *(c for c in numbered(part.table.columns, target) if c != target)]


def _row(part: Part, line: tables.Line) -> Row:
    where = text_tables.at(part, line)
    column, targets = part.roles["text_column"], _targets(part)
    text = line.cells.get(column) or ""
    summaries: list[str] = []
    for target in targets:
        cell = line.cells.get(target) or ""
        summaries += _LISTS.labels(cell) if cell.lstrip().startswith("[") else [cell]
    summaries = [summary for summary in summaries if not text_tables.empty(summary)]
    problem = ""
    if text_tables.empty(text):
        problem = f"{where}: the cell in column {column!r} is empty, so there is no text"
    elif not summaries:
        problem = f"{where}: the cell in column {targets[0]!r} is empty, so there is no summary"
    fields = {"text": text, "summaries": summaries} | text_tables.further(part, line, targets)
    return Row(group=text_tables.group_of(part, line), fields=fields, problem=problem)
