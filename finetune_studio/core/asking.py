"""Which column of a table of texts is which: as the user says, or by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from finetune_studio.core import lines, tables
from finetune_studio.core.columns import NONE
from finetune_studio.core.errors import StudioError
from finetune_studio.core.lines import Part, Parts
from finetune_studio.core.reader import TableLook
from finetune_studio.core.splits import split_named
from finetune_studio.core.tables import Table

SEEN = 200  # rows looked at
_SHOWN = 20
_SPLIT_WORDS = ("split", "set", "subset", "fold", "partition", "part")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column that a reader looks for.

    Attributes:
        role: The recipe's field that names it, such as ``question_column``; or a word of the reader.
        words: Names that mean it, best first, small and with ``_`` between words.
        what: What it holds, for people; empty where the table may lack it.
    """

    role: str
    words: tuple[str, ...]
    what: str = ""


def tables_at(path: Path) -> tuple[Parts, dict[str, Table]]:
    """Return the tables of a dataset by the names of their files.

    Raises:
        StudioError: If there is none, or one that is chosen cannot be read.
    """
    found = lines.parts(path, tables.SUFFIXES)
    if not found.files:
        raise StudioError(
            f"There is no table in {path}.", "Choose a CSV, TSV, JSONL or Parquet file."
        )
    looked: dict[str, Table] = {}
    notes: list[str] = []
    for part in found.files:
        try:
            looked[part.name] = tables.open_table(part.path)
        except StudioError as error:
            if len(found.files) == 1:
                raise
            notes.append(f"Left out: {error.message}")
    kept = tuple(part for part in found.files if part.name in looked)
    if not kept:
        raise StudioError(notes[0].removeprefix("Left out: "), "Choose a table that can be read.")
    return replace(found, files=kept, notes=(*found.notes, *notes)), looked


def roles(table: Table, wanted: Sequence[Wanted], choices: object) -> dict[str, str]:
    """Return the column of each role, empty where there is none that is needed.

    Raises:
        StudioError: If a column that is needed, or that the user names, is not there.
    """
    found: dict[str, str] = {}
    for want in wanted:
        said = str(getattr(choices, want.role, "") or "")
        if said and said != NONE and said not in table.columns:
            raise StudioError(
                f"{table.path} has no column {said!r}.",
                f"Its columns are: {', '.join(table.columns)}.",
            )
        free = [column for column in table.columns if column not in found.values()]
        guess = "" if said == NONE else said or named(free, want.words)
        if not guess and want.what:
            raise StudioError(
                f"{table.path} has no column that seems to hold {want.what}.",
                f"Say which it is. Its columns are: {', '.join(table.columns)}.",
            )
        found[want.role] = guess
    found["split_column"] = _split_column(table, choices, set(found.values()))
    return found


def fitting(
    found: Parts, looked: dict[str, Table], wanted: Sequence[Wanted], choices: object
) -> tuple[Parts, dict[str, dict[str, str]]]:
    """Return the tables that have the wanted columns, and which these are, by the files' names.

    Raises:
        StudioError: If no table has them.
    """
    chosen: dict[str, dict[str, str]] = {}
    refusals: list[StudioError] = []
    for part in found.files:
        try:
            chosen[part.name] = roles(looked[part.name], wanted, choices)
        except StudioError as error:
            refusals.append(error)
    if not chosen:
        raise refusals[0]
    kept = tuple(part for part in found.files if part.name in chosen)
    notes = [f"Left out: {error.message}" for error in refusals]
    return replace(found, files=kept, notes=(*found.notes, *notes)), chosen


def named(columns: Sequence[str], words: Sequence[str]) -> str:
    """Return the column whose name means one of the words; the earlier word wins."""
    plain = {column: _plain(column) for column in columns}
    for word in words:
        for column, name in plain.items():
            if name == word:
                return column
    return ""


def look(table: Table, found: dict[str, str], shown_roles: Sequence[str]) -> TableLook:
    """Return a table as the window shows it, with what its columns are taken for."""
    rows = tables.preview(table, _SHOWN)
    cells = tuple(tuple(row.get(name) or "" for name in table.columns) for _, row in rows)
    encoding = table.encoding_title if table.kind != "parquet" else ""
    guesses = {role: found.get(role, "") for role in (*shown_roles, "split_column")}
    return TableLook(table.columns, guesses, cells, encoding)


def notes(found: Parts, looked: dict[str, Table]) -> list[str]:
    """Return what to tell about tables: how their letters are read, and which are left out."""
    first = looked[found.files[0].name]
    told = [f"{first.path.name} is read as {first.encoding_title}."]
    return [*(told if first.kind != "parquet" else []), *found.notes]


def split_of(part: Part, cells: tables.Cells, column: str) -> tuple[str | None, str]:
    """Return the split that a row or its file says, and why that is none, if so."""
    said = (cells.get(column) or "").strip() if column else ""
    if said and split_named(said) is None:
        return part.split, f"{said!r} in column {column!r} is no split"
    return split_named(said) or part.split, ""


def _split_column(table: Table, choices: object, taken: set[str]) -> str:
    said = str(getattr(choices, "split_column", "") or "")
    if said and said != NONE and said not in table.columns:
        raise StudioError(
            f"{table.path} has no column {said!r}.",
            f"Its columns are: {', '.join(table.columns)}.",
        )
    if said:
        return "" if said == NONE else said
    guess = named([c for c in table.columns if c not in taken], _SPLIT_WORDS)
    if not guess:
        return ""
    values = {(cells.get(guess) or "").strip() for _, cells in tables.preview(table, SEEN)} - {""}
    return guess if values and all(split_named(value) for value in values) else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.strip().casefold()).strip("_")
