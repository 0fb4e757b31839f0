"""One or several tables of texts as one dataset: which are read, as which split, and row by row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune_studio.core import tables
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.folders import listed
from finetune_studio.core.reader import TableLook
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.splits import SPLITS, split_named
from finetune_studio.core.tables import Cells, Table, places
from finetune_studio.core.text_columns import looks_headless

SEEN = 1000  # rows looked at before the columns are guessed
_SHOWN = 20
_SHOWN_LETTERS = 2000
# Names that fields of samples have already; a column of such a name gets a mark behind it.
_TAKEN = frozenset(
    {"text", "label", "labels", "summaries", "spans", "split_words", "question", "context"}
    | {"answers", "messages", "file", "row", "path", "split", "group"}
)

Guess = Callable[[Table, Sequence[Cells], DataChoices], dict[str, str]]


@dataclass(frozen=True)
class Part:
    """One table: the split that its name says, what its columns mean, and its first sound rows."""

    table: Table
    split: str | None
    roles: dict[str, str]
    rows: tuple[Cells, ...] = ()

    def cells(self, role: str) -> list[str]:
        """Return the filled cells of a role's column in the first rows."""
        column = self.roles.get(role, "")
        return [cell for row in self.rows if column and (cell := row.get(column))]


@dataclass(frozen=True)
class Plan:
    """Which tables are read, in which order, and what the user should know about that."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """Return the tables' names for a title."""
        names = [part.table.path.name for part in self.parts]
        return f"The table {names[0]}" if len(names) == 1 else f"The tables {listed(names)}"

    def look(self, guesses: dict[str, str] | None = None) -> TableLook:
        """Return the first table as it is understood."""
        first = self.parts[0]
        return shown(first.table, first.roles | (guesses or {}))


def planned(
    path: Path,
    choices: DataChoices,
    guess: Guess,
    what: str,
    aside: Callable[[list[Part]], Collection[Path]] = lambda _: (),
) -> Plan:
    """Decide which tables at a path are read and what their columns mean.

    Args:
        path: A table, or a folder with tables.
        choices: What the user decided.
        guess: Finds a table's columns, or raises.
        what: What a table of this kind holds, for messages.
        aside: Finds tables that only explain others.

    Raises:
        StudioError: If no table fits, or several do that have nothing to do with each other.
    """
    folder = places.top(path)
    found = places.tables_at(folder)
    if not found:
        raise StudioError(
            f"There is no table in {path}.", f"Choose a CSV, TSV, JSONL or Parquet file of {what}."
        )
    by_name = places.splits_by_name(found)
    candidates = [f for split in SPLITS for f in found if by_name.get(f) == split] or found
    refusals: dict[Path, StudioError] = {}
    parts: list[Part] = []
    for file in candidates:
        try:
            parts.append(_part(file, by_name.get(file), choices, guess))
        except StudioError as error:
            refusals[file] = error
    if len(parts) > 1:
        gone = aside(parts)
        parts = [part for part in parts if part.table.path not in gone]
    if not parts:
        raise next(iter(refusals.values()))
    notes = [f"Left out: {error.message}" for error in refusals.values()] if by_name else []
    if not by_name and len(parts) > 1:
        _refuse_unlike(folder, parts, what)
        notes.append(f"{len(parts)} tables with the same columns are read one after another.")
    if by_name and (others := [f.name for f in found if f not in by_name]):
        notes.append(f"Left out, as their names say no split: {listed(others[:5])}.")
    parts, more = _with_training(parts)
    return Plan(tuple(parts), tuple(notes + more))


def read(
    plan: Plan, row_of: Callable[[Part, tables.Line], Row], split_role: str = "split_column"
) -> Iterator[Row]:
    """Yield a row a line of each table; one that is damaged carries that as its problem."""
    for part in plan.parts:
        for line in tables.lines(part.table):
            if line.problem:
                yield Row(
                    fields=place_of(part, line), problem=f"{part.table.path.name}, {line.problem}"
                )
                continue
            row = row_of(part, line)
            column = part.roles.get(split_role, "")
            said = (line.cells.get(column) or "").strip() if column else ""
            split = split_named(said) if said else None
            if said and split is None and not row.problem:
                problem = f"{at(part, line)}: {said!r} in column {column!r} is no split"
                row = replace(row, problem=problem)
            split = split or part.split
            yield replace(row, split=split) if split else row


def at(part: Part, line: tables.Line) -> str:
    """Return where a row stands, for messages."""
    return f"{part.table.path.name}, row {line.number}"


def place_of(part: Part, line: tables.Line) -> dict[str, Any]:
    """Return the fields that say where a sample stood."""
    return {"file": part.table.path.name, "row": line.number}


def group_of(part: Part, line: tables.Line) -> str | None:
    """Return the group that a row belongs to."""
    column = part.roles.get("group_column", "")
    return ((line.cells.get(column) or "").strip() or None) if column else None


def further(part: Part, line: tables.Line, used: Collection[str] = ()) -> dict[str, Any]:
    """Return the cells of all other columns under their names, and where the row stood."""
    gone = {*part.roles.values(), *used}
    kept = {
        (f"{name}'" if name in _TAKEN else name): cell
        for name, cell in line.cells.items()
        if name not in gone and cell
    }
    return kept | place_of(part, line)


def empty(cell: str | None) -> bool:
    """Whether a cell holds nothing that can be seen."""
    return not (cell or "").strip(" \t\r\n\v\f\u00a0\u200b\u200c\u200d\u2060\ufeff\u3000\xad")


def columns(path: Path, roles: Sequence[str]) -> TableLook | None:
    """Return the first table's columns and rows, without any guess; None where there is no table."""
    found = places.tables_at(places.top(path))
    if not found:
        return None
    by_name = places.splits_by_name(found)
    return shown(tables.open_table(next(iter(by_name), found[0])), dict.fromkeys(roles, ""))


def shown(table: Table, guesses: dict[str, str]) -> TableLook:
    """Return a table's first rows, long cells cut, damaged rows too."""
    head = [line for line, _ in zip(tables.lines(table), range(_SHOWN), strict=False)]
    cells = tuple(
        tuple((line.cells.get(name) or "")[:_SHOWN_LETTERS] for name in table.columns)
        for line in head
    )
    encoding = table.encoding_title if table.kind != "parquet" else ""
    return TableLook(table.columns, guesses, cells, encoding)


def encoding_notes(plan: Plan) -> list[str]:
    """Say how the letters of each table are read, tables that are read alike together."""
    by_title: dict[str, list[str]] = {}
    for part in plan.parts:
        if part.table.kind != "parquet":
            by_title.setdefault(part.table.encoding_title, []).append(part.table.path.name)
    return [
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} read as {title}."
        for title, names in by_title.items()
    ]


def split_notes(plan: Plan) -> list[str]:
    """Say which table is which split, where their whole names do not say so already."""
    named = [p for p in plan.parts if p.split and split_named(p.table.path.stem) is None]
    said = [f"{part.table.path.name} is read as {part.split}" for part in named]
    return [f"{listed(said)}, as the names say."] if said else []


def _part(file: Path, split: str | None, choices: DataChoices, guess: Guess) -> Part:
    table = tables.open_table(file, choices.encoding)
    rows = _sound(table)
    if looks_headless(table, rows):
        table = tables.without_header(table)
        rows = _sound(table)
    return Part(table, split, guess(table, rows, choices), tuple(rows))


def _sound(table: Table) -> list[Cells]:
    """Return the first rows that are not damaged.

    Raises:
        StudioError: If there are none, or all are damaged, with what is wrong with the first.
    """
    head = [line for line, _ in zip(tables.lines(table), range(SEEN), strict=False)]
    sound = [line.cells for line in head if not line.problem]
    if not head:
        raise StudioError(
            f"{table.path} has no rows below the names of its columns.",
            "Choose a table with a row a sample.",
        )
    if not sound:
        raise StudioError(f"{table.path}, {head[0].problem}.", head[0].hint)
    return sound


def _refuse_unlike(folder: Path, parts: list[Part], what: str) -> None:
    if len({part.table.columns for part in parts}) > 1:
        raise StudioError(
            f"{folder} holds several tables of {what}:"
            f" {', '.join(part.table.path.name for part in parts)}.",
            "Choose one of these files instead of the folder, or call them train, validation and test.",
        )


def _with_training(parts: list[Part]) -> tuple[list[Part], list[str]]:
    """Take samples to train on from elsewhere where no table is for training, and say so."""
    if not any(part.split for part in parts) or any(part.split == "train" for part in parts):
        return parts, []
    if any(part.roles.get("split_column") for part in parts):
        return parts, []
    only_test = all(part.split == "test" for part in parts)
    freed = [p for p in parts if only_test or p.split != "test"]
    names = listed([part.table.path.name for part in freed])
    into = "train, validation and test" if len(freed) == len(parts) else "train and validation"
    note = f"No table is called train, so the samples of {names} are divided into {into}."
    return [replace(p, split=None) if p in freed else p for p in parts], [note]
