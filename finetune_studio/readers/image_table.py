"""Reads a table (CSV, TSV, JSONL, Parquet) whose columns name picture files and their labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core import tables
from finetune_studio.core.columns import Files, Roles, guess
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import NO_FILE, Description, Reader, TableLook
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.splits import SPLITS, split_named
from finetune_studio.core.tables import places

_SEEN = 200  # rows looked at before the columns are guessed
_SHOWN = 20
_ROLES = ("path_column", "label_column", "split_column", "group_column")


@dataclass(frozen=True)
class Plan:
    """Which tables are read, and what their columns mean."""

    parts: tuple[tuple[tables.Table, str | None], ...]  # each with the split its name says
    roles: Roles
    files: Files
    notes: tuple[str, ...] = ()


class ImageTable(Reader):
    """One row a picture; the paths are relative to the table."""

    name = "image_table"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.9 where a table names files that are there, less where it only seems to."""
        found = places.tables_at(places.top(path))
        if not found:
            return 0.0
        try:
            plan = _plan(path, DataChoices(), names)
        except StudioError:
            return 0.3 if path.is_file() else 0.2
        return 0.9 if plan.files.found else 0.6

    def root(self, path: Path) -> Path:
        """Return the folder in which the table lies."""
        top = places.top(path)
        return top.parent if top.is_file() else top

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a line; one whose file is missing carries that as its problem."""
        plan = _plan(path, choices, names)
        for table, split in plan.parts:
            for number, cells in tables.rows(table):
                yield _row(table, number, cells, split, plan)

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which column is taken for what, and how the letters are read."""
        plan = _plan(path, choices, names)
        table, roles = plan.parts[0][0], plan.roles
        title = f"The table {', '.join(t.path.name for t, _ in plan.parts)}: files in column"
        title += f" {roles.path!r}, labels in column {roles.label!r}"
        title += f", splits in {roles.split!r}" if roles.split else ""
        title += f", groups in {roles.group!r}" if roles.group else ""
        encoding = table.encoding_title if table.kind != "parquet" else ""
        note = (f"{table.path.name} is read as {encoding}.",) if encoding else ()
        look = TableLook(table.columns, roles.as_choices(), _cells(table), encoding)
        return Description(title, note + plan.notes, look)

    def columns(self, path: Path) -> TableLook | None:
        """Return the first table's columns and rows, without any guess."""
        found = places.tables_at(places.top(path))
        if not found:
            return None
        table = tables.open_table(found[0])
        encoding = table.encoding_title if table.kind != "parquet" else ""
        return TableLook(table.columns, dict.fromkeys(_ROLES, ""), _cells(table), encoding)


def _cells(table: tables.Table) -> tuple[tuple[str, ...], ...]:
    rows = tables.preview(table, _SHOWN)
    return tuple(tuple(row.get(name) or "" for name in table.columns) for _, row in rows)


def _plan(path: Path, choices: DataChoices, names: Collection[str] | None) -> Plan:
    """Decide which tables to read and what their columns mean.

    Raises:
        StudioError: If no table fits, more than one does, or a named column is missing.
    """
    top = places.top(path)
    found = places.tables_at(top)
    if not found:
        raise StudioError(
            f"There is no table in {path}.",
            "Choose a CSV, TSV, JSONL or Parquet file that names pictures and labels.",
        )
    folder = top.parent if top.is_file() else top
    only = top.is_file() or len(found) == 1
    inside = None
    if names is not None:  # the tables lie below ``path`` as they do in the archive
        above = "" if folder == path else folder.relative_to(path).as_posix() + "/"
        inside = {name[len(above) :] for name in names if name.startswith(above)}
    by_split = [f for split in SPLITS for f in found if split_named(f.stem) == split]
    candidates = by_split or found
    refusals: list[StudioError] = []
    plans: list[Plan] = []
    for file in candidates:
        try:
            plans.append(_plan_of(file, only, choices, inside))
        except StudioError as error:
            refusals.append(error)
    if not plans:
        raise refusals[0]
    if by_split:
        return _joined(plans, refusals)
    plans = [plan for plan in plans if plan.files.plain] or plans
    if len(plans) > 1:
        listed = ", ".join(plan.parts[0][0].path.name for plan in plans)
        raise StudioError(
            f"{folder} holds several tables that name pictures: {listed}.",
            "Choose one of these files instead of the folder.",
        )
    return plans[0]


def _plan_of(file: Path, only: bool, choices: DataChoices, inside: Collection[str] | None) -> Plan:
    table = tables.open_table(file, choices.encoding)
    files = Files(file.parent, inside)
    rows = [cells for _, cells in tables.preview(table, _SEEN)]
    if table.kind == "text" and files.any_there(table.columns):
        table = tables.without_header(table)  # the first row names a picture already
        rows = [cells for _, cells in tables.preview(table, _SEEN)]
    files.learn(rows)
    roles = guess(table.columns, rows, files, choices, str(file), strict=only)
    return Plan(((table, split_named(file.stem)),), roles, files)


def _joined(plans: list[Plan], refusals: list[StudioError]) -> Plan:
    """Make one plan of a table a split, whose columns must be alike."""
    first = plans[0]
    parts = []
    notes = [f"Left out: {error.message}" for error in refusals]
    for plan in plans:
        table, split = plan.parts[0]
        missing = [c for c in (first.roles.path, first.roles.label) if c not in table.columns]
        if missing:
            notes.append(f"Left out: {table.path.name} has no column {missing[0]!r}.")
        else:
            parts.append((table, split))
    return Plan(tuple(parts), first.roles, first.files, tuple(notes))


def _row(
    table: tables.Table, number: int, cells: tables.Cells, split: str | None, plan: Plan
) -> Row:
    roles = plan.roles
    where = f"{table.path.name}, row {number}"
    named = (cells.get(roles.path) or "").strip()
    label = (cells.get(roles.label) or "").strip() or None
    group = (cells.get(roles.group) or "").strip() or None if roles.group else None
    said = (cells.get(roles.split) or "").strip() if roles.split else ""
    found = plan.files.find(named)
    if not named:
        problem = f"{where}: the cell in column {roles.path!r} is empty, so no file is named"
    elif named.startswith(("http://", "https://")):
        problem = f"{where}: {named} is a web address; download the file first"
    elif found is None:
        problem = f"{where}: {NO_FILE} {named}"
    elif label is None:
        problem = f"{where}: the cell in column {roles.label!r} is empty, so there is no label"
    elif said and split_named(said) is None:
        problem = f"{where}: {said!r} in column {roles.split!r} is no split"
    else:
        problem = ""
    used = {roles.path, roles.label, roles.split, roles.group}
    fields = {name: value for name, value in cells.items() if name not in used and value}
    return Row(found or named, label, split_named(said) or split, group, fields, problem)
