"""Edits: carried out, remembered, taken back and done again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

from finetune_studio.core.dataset.store import Store
from finetune_studio.core.dataset.words import Edit

_COLUMNS = {
    "sample": {"label", "split", "excluded", "fields", "review"},
    "class": {"name", "merged_into", "removed"},
}


class Change(NamedTuple):
    """One cell that an edit changes: of a ``sample`` or a ``class``."""

    kind: str
    row: int
    column: str
    before: Any
    after: Any


class History:
    """All edits of one store, the newest last; those taken back are kept until the next edit."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gathered: list[Change] | None = None

    def edit(self, text: str, changes: list[Change]) -> None:
        """Carry out an edit and remember how to take it back; what was undone is forgotten."""
        if not changes:
            return
        with self._store.change():
            self._write((c.kind, c.row, c.column, c.after) for c in changes)
            if self._gathered is not None:
                self._gathered += changes
                return
            self._remember(text, changes)

    @contextmanager
    def together(self, text: str) -> Iterator[None]:
        """Make one edit of all that are made inside, under one text."""
        with self._store.change():
            if self._gathered is not None:
                yield
                return
            gathered: list[Change] = []
            self._gathered = gathered
            try:
                yield
            finally:
                self._gathered = None
            self._remember(text, gathered)

    def undo(self) -> str | None:
        """Take the last edit back; return its text, or None if there is none."""
        with self._store.change():
            found = self._store.rows(
                "SELECT id, text FROM edit WHERE undone = 0 ORDER BY id DESC LIMIT 1"
            )
            if not found:
                return None
            changes = self._store.rows(
                "SELECT kind, row, col, before FROM change WHERE edit = ? ORDER BY id DESC",
                (found[0][0],),
            )
            self._write(changes)
            self._store.run("UPDATE edit SET undone = 1 WHERE id = ?", (found[0][0],))
        return str(found[0][1])

    def redo(self) -> str | None:
        """Do the edit again that was taken back last; return its text, or None if there is none."""
        with self._store.change():
            found = self._store.rows(
                "SELECT id, text FROM edit WHERE undone = 1 ORDER BY id ASC LIMIT 1"
            )
            if not found:
                return None
            changes = self._store.rows(
                "SELECT kind, row, col, after FROM change WHERE edit = ? ORDER BY id",
                (found[0][0],),
            )
            self._write(changes)
            self._store.run("UPDATE edit SET undone = 0 WHERE id = ?", (found[0][0],))
        return str(found[0][1])

    def edits(self, sample: int | None = None) -> list[Edit]:
        """Return all edits, or those of one sample, the newest first."""
        only = ""
        if sample is not None:
            only = " WHERE id IN (SELECT edit FROM change WHERE kind = 'sample' AND row = ?)"
        rows = self._store.rows(
            f"SELECT id, time, text, undone FROM edit{only} ORDER BY id DESC",  # noqa: S608  no user text
            () if sample is None else (sample,),
        )
        return [Edit(number, when, text, bool(undone)) for number, when, text, undone in rows]

    def newest(self) -> dict[int, int]:
        """Return the number of the newest edit of each sample that was edited."""
        return dict(
            self._store.rows(
                "SELECT row, max(edit) FROM change WHERE kind = 'sample'"
                " AND edit IN (SELECT id FROM edit WHERE undone = 0) GROUP BY row"
            )
        )

    def _remember(self, text: str, changes: list[Change]) -> None:
        """Write the edit itself; its changes are carried out already."""
        if not changes:
            return
        self._store.run("DELETE FROM change WHERE edit IN (SELECT id FROM edit WHERE undone = 1)")
        self._store.run("DELETE FROM edit WHERE undone = 1")
        number = self._store.run("INSERT INTO edit (time, text) VALUES (?, ?)", (time.time(), text))
        self._store.run_many(
            "INSERT INTO change (edit, kind, row, col, before, after) VALUES (?, ?, ?, ?, ?, ?)",
            [(number, *change) for change in changes],
        )

    def _write(self, cells: Iterable[tuple[Any, ...]]) -> None:
        """Set cells ``(kind, row, column, value)`` in their order, equal columns at one go."""
        for (kind, column), some in groupby(cells, key=lambda cell: (cell[0], cell[2])):
            if column not in _COLUMNS[kind]:
                raise ValueError(f"{kind}.{column} is no editable column")
            self._store.run_many(
                f"UPDATE {kind} SET {column} = ? WHERE id = ?",  # noqa: S608  from the table above
                [(value, row) for _, row, _, value in some],
            )
