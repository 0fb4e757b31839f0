"""The samples of a project: where they lie, their labels and splits, and every edit with its undo.

Rows live in SQLite (write-ahead log, one transaction for each thing the user does). The files themselves
are read where they lie and are never changed, moved or deleted.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import explained
from finetune_studio.core.splits import SPLITS, divide

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS class (id INTEGER PRIMARY KEY, name TEXT NOT NULL, merged_into INTEGER);
CREATE TABLE IF NOT EXISTS sample (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, label INTEGER, split TEXT NOT NULL DEFAULT '',
    grp TEXT, excluded INTEGER NOT NULL DEFAULT 0, problem TEXT NOT NULL DEFAULT '',
    fields TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS sample_label ON sample (label);
CREATE TABLE IF NOT EXISTS edit (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, text TEXT NOT NULL, changes TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0);
"""
_COLUMNS = {"sample": {"label", "split", "excluded", "path"}, "class": {"name", "merged_into"}}


@dataclass(frozen=True, slots=True)
class Row:
    """One sample as a reader finds it.

    Attributes:
        path: The file, relative to the data's root; empty where the sample lies in ``fields``.
        label: The class's name, or None if there is none.
        split: ``train``, ``validation`` or ``test`` where the data say so.
        group: Samples of one group stay in one split.
        fields: Anything else of the sample: texts, numbers, further columns.
        problem: Why the sample cannot be used; empty if it can.
    """

    path: str = ""
    label: str | None = None
    split: str | None = None
    group: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Labels:
    """The classes that a network tells apart, in the order of its outputs.

    ``ids`` are the project's numbers of the classes, which stay when a class is renamed.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample with what the user decided about it; ``path`` is absolute."""

    id: int
    path: str
    label: str | None
    label_id: int | None
    split: str
    group: str | None = None
    excluded: bool = False
    problem: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether the sample takes part in training and scoring."""
        return not self.excluded and not self.problem


@dataclass(frozen=True, slots=True)
class Edit:
    """Something the user did to the data, and when (Unix seconds)."""

    id: int
    time: float
    text: str
    undone: bool


class Dataset:
    """The dataset of one project, in its SQLite file; safe to use from several threads.

    Args:
        file: The SQLite file; made if missing.

    Raises:
        StudioError: If the file is no dataset or may not be written.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self.file = file
        try:
            with explained(file):
                file.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise StudioError(
                f"{file} cannot be opened as a project: {error}.",
                "Choose a folder you may write to, or another project.",
            ) from error

    def close(self) -> None:
        """Close the file; the dataset cannot be used afterwards."""
        with self._lock:
            self._db.close()

    # --- facts about the whole -------------------------------------------------------------------

    def get(self, key: str, default: str = "") -> str:
        """Return one remembered fact, such as ``root`` or ``task``."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else default

    def put(self, key: str, value: str) -> None:
        """Remember one fact."""
        with self._change():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @property
    def root(self) -> Path:
        """Return the folder that the samples' paths are relative to."""
        return Path(self.get("root"))

    def relink(self, root: Path) -> int:
        """Point at the same files in another place; return how many of them are there.

        Raises:
            StudioError: If none of the files is below the new root.
        """
        with self._lock:
            paths = [p for (p,) in self._db.execute("SELECT path FROM sample WHERE path <> ''")]
        found = sum((root / p).is_file() for p in paths)
        if paths and not found:
            raise StudioError(
                f"None of the {len(paths)} files of this project is in {root}.",
                f"Choose the folder in which {paths[0]} lies.",
            )
        self.put("root", str(root))
        return found

    def missing(self) -> int:
        """Return how many files are not where they were."""
        with self._lock:
            paths = [p for (p,) in self._db.execute("SELECT path FROM sample WHERE path <> ''")]
        root = self.root
        return sum(not (root / p).exists() for p in paths)

    # --- reading ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM sample").fetchone()[0])

    def samples(self, *, split: str | None = None, usable: bool | None = None) -> list[Sample]:
        """Return samples in the order of their numbers; ``usable`` filters by :attr:`Sample.usable`."""
        where = ["1"]
        values: list[Any] = []
        if split is not None:
            where.append("split = ?")
            values.append(split)
        if usable is not None:
            where.append(
                "(excluded = 0 AND problem = '')" if usable else "(excluded OR problem <> '')"
            )
        return self._select(" AND ".join(where), values)

    def sample(self, number: int) -> Sample:
        """Return the sample of that number.

        Raises:
            StudioError: If there is none.
        """
        found = self._select("id = ?", [number])
        if not found:
            raise StudioError(f"There is no sample {number}.", "Reload the project.")
        return found[0]

    def _select(self, where: str, values: list[Any]) -> list[Sample]:
        with self._lock:
            root = self.root
            names = self.classes()
            rows = self._db.execute(
                "SELECT id, path, label, split, grp, excluded, problem, fields FROM sample"  # noqa: S608
                f" WHERE {where} ORDER BY id",
                values,
            ).fetchall()
        base = str(root)
        join = Path(base).joinpath
        return [
            Sample(
                number,
                str(join(path)) if path else "",
                None if label is None else names.get(label),
                label,
                split,
                group,
                bool(excluded),
                problem,
                json.loads(fields) if fields != "{}" else {},
            )
            for number, path, label, split, group, excluded, problem, fields in rows
        ]

    def classes(self) -> dict[int, str]:
        """Return the living classes' names by number, in the order of their names."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, name FROM class WHERE merged_into IS NULL"
            ).fetchall()
        return dict(sorted(rows, key=lambda row: _natural(row[1])))

    def labels(self) -> Labels:
        """Return the classes that usable samples carry, in the order of their names."""
        with self._lock:
            used = {
                row[0]
                for row in self._db.execute(
                    "SELECT DISTINCT label FROM sample"
                    " WHERE excluded = 0 AND problem = '' AND label IS NOT NULL"
                )
            }
        kept = {number: name for number, name in self.classes().items() if number in used}
        return Labels(tuple(kept.values()), tuple(kept))

    def current(self, labels: Labels) -> Labels:
        """Return a run's labels under their names of today; merged classes then share a name."""
        with self._lock:
            rows = self._db.execute("SELECT id, name, merged_into FROM class").fetchall()
        table = {number: (name, into) for number, name, into in rows}
        return Labels(
            tuple(
                _name_today(table, number, name)
                for number, name in zip(labels.ids, labels.names, strict=True)
            )
            if labels.ids
            else labels.names,
            labels.ids,
        )

    def counts(self) -> dict[str, int]:
        """Return how many usable samples each class has, by name."""
        with self._lock:
            rows = dict(
                self._db.execute(
                    "SELECT label, count(*) FROM sample WHERE excluded = 0 AND problem = ''"
                    " GROUP BY label"
                ).fetchall()
            )
        return {name: int(rows.get(number, 0)) for number, name in self.classes().items()}

    def split_counts(self) -> dict[str, int]:
        """Return how many usable samples each split has."""
        with self._lock:
            rows = dict(
                self._db.execute(
                    "SELECT split, count(*) FROM sample WHERE excluded = 0 AND problem = ''"
                    " GROUP BY split"
                ).fetchall()
            )
        return {split: int(rows.get(split, 0)) for split in SPLITS}

    def fingerprint(self) -> str:
        """Return a hash of everything a run depends on: paths, labels, splits and exclusions."""
        digest = hashlib.sha256()
        with self._lock:
            for row in self._db.execute(
                "SELECT path, label, split, excluded, problem, fields FROM sample ORDER BY id"
            ):
                digest.update(json.dumps(row).encode())
        return digest.hexdigest()[:16]

    # --- filling ---------------------------------------------------------------------------------

    def fill(self, rows: Iterable[Row], *, root: Path) -> int:
        """Add the rows of a reader in one transaction; return how many there are now.

        Rows whose path is already there are left as they are, so that reading a folder again adds only
        what is new.
        """
        with self._change():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('root', ?)", (str(root),))
            numbers = {name: number for number, name in self.classes().items()}
            known = {p for (p,) in self._db.execute("SELECT path FROM sample WHERE path <> ''")}
            for row in rows:
                if row.path in known:
                    continue
                if row.label is not None and row.label not in numbers:
                    added = self._db.execute("INSERT INTO class (name) VALUES (?)", (row.label,))
                    numbers[row.label] = int(added.lastrowid or 0)
                self._db.execute(
                    "INSERT INTO sample (path, label, split, grp, problem, fields)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        row.path,
                        None if row.label is None else numbers[row.label],
                        row.split or "",
                        row.group,
                        row.problem,
                        json.dumps(row.fields),
                    ),
                )
        return len(self)

    def divide(self, *, validation: float, test: float, seed: int, again: bool = False) -> None:
        """Give every sample a split where the data brought none; ``again`` divides all anew.

        Data without any split are divided into train, validation and test; data with a training but
        no validation split give ``validation`` of their training samples.
        """
        rows = self.samples()
        brought = {row.split for row in rows if row.split}
        if again or not brought:
            pool, shares = rows, {"validation": validation, "test": test}
        elif "validation" not in brought:
            pool = [row for row in rows if row.split in ("train", "")]
            shares = {"validation": validation}
        else:
            pool, shares = [row for row in rows if not row.split], {}
        chosen = divide(
            [row.label or "" for row in pool],
            [row.group for row in pool],
            {split: share for split, share in shares.items() if share > 0},
            seed,
        )
        if again:
            changes = [
                ("sample", row.id, "split", row.split, split)
                for row, split in zip(pool, chosen, strict=True)
                if row.split != split
            ]
            self._edit(f"Divided {len(pool)} samples anew", changes)
            return
        with self._change():
            self._db.executemany(
                "UPDATE sample SET split = ? WHERE id = ?",
                [(split, row.id) for row, split in zip(pool, chosen, strict=True)],
            )

    def set_problem(self, problems: dict[int, str]) -> None:
        """Note why samples cannot be used (empty: they can again); this is a fact, not an edit."""
        with self._change():
            self._db.executemany(
                "UPDATE sample SET problem = ? WHERE id = ?",
                [(text, number) for number, text in problems.items()],
            )

    # --- edits -----------------------------------------------------------------------------------

    def relabel(self, ids: Sequence[int], name: str) -> None:
        """Give samples another class; a new name makes a new class."""
        name = _checked_name(name)
        number = self._number(name)
        self._edit(f"Label of {_counted(ids)} → {name}", self._changes(ids, "label", number))

    def exclude(self, ids: Sequence[int]) -> None:
        """Leave samples out of training and scoring."""
        self._edit(f"Excluded {_counted(ids)}", self._changes(ids, "excluded", 1))

    def include(self, ids: Sequence[int]) -> None:
        """Take excluded samples back in."""
        self._edit(f"Took {_counted(ids)} back", self._changes(ids, "excluded", 0))

    def move(self, ids: Sequence[int], split: str) -> None:
        """Put samples into another split."""
        if split not in SPLITS:
            raise StudioError(f"There is no split {split!r}.", f"Choose {', '.join(SPLITS)}.")
        self._edit(f"Moved {_counted(ids)} to {split}", self._changes(ids, "split", split))

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name; finished runs show the new name without retraining.

        Raises:
            StudioError: If another class has that name already (merge them instead).
        """
        new = _checked_name(new)
        numbers = {name: number for number, name in self.classes().items()}
        if old not in numbers:
            raise StudioError(f"There is no class {old!r}.", "Reload the project.")
        if new in numbers and new != old:
            raise StudioError(f"There is a class {new!r} already.", "Merge the two instead.")
        self._edit(f"Class {old} → {new}", [("class", numbers[old], "name", old, new)])

    def merge_classes(self, names: Sequence[str], into: str) -> None:
        """Make several classes one; finished runs add their probabilities up."""
        numbers = {name: number for number, name in self.classes().items()}
        target = self._number(_checked_name(into))
        changes: list[tuple[str, int, str, Any, Any]] = []
        for name in names:
            if name not in numbers:
                raise StudioError(f"There is no class {name!r}.", "Reload the project.")
            if (number := numbers[name]) != target:
                ids = self._ids_of_class(number)
                changes += [("sample", i, "label", number, target) for i in ids]
                changes.append(("class", number, "merged_into", None, target))
        self._edit(f"Merged {', '.join(names)} into {into}", changes)

    def undo(self) -> str | None:
        """Take the last edit back; return its text, or None if there is none."""
        return self._replay("undone = 0 ORDER BY id DESC", undone=1)

    def redo(self) -> str | None:
        """Do the edit again that was taken back last; return its text, or None if there is none."""
        return self._replay("undone = 1 ORDER BY id ASC", undone=0)

    def edits(self, sample: int | None = None) -> list[Edit]:
        """Return all edits, or those of one sample, the newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, time, text, undone, changes FROM edit ORDER BY id DESC"
            ).fetchall()
        return [
            Edit(number, when, text, bool(undone))
            for number, when, text, undone, changes in rows
            if sample is None
            or any(table == "sample" and row == sample for table, row, *_ in json.loads(changes))
        ]

    # --- inside ----------------------------------------------------------------------------------

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction; an error leaves everything as it was."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise StudioError(
                        f"The change could not be saved in {self.file}: {error}.",
                        "Check that the disk has room and the folder may be written. Nothing was lost.",
                    ) from error
                raise

    def _number(self, name: str) -> int:
        """Return a class's number, making the class if it is new."""
        with self._lock:
            for number, known in self.classes().items():
                if known == name:
                    return number
            with self._change():
                added = self._db.execute("INSERT INTO class (name) VALUES (?)", (name,))
            return int(added.lastrowid or 0)

    def _ids_of_class(self, number: int) -> list[int]:
        with self._lock:
            return [
                i for (i,) in self._db.execute("SELECT id FROM sample WHERE label = ?", (number,))
            ]

    def _changes(
        self, ids: Sequence[int], column: str, value: Any
    ) -> list[tuple[str, int, str, Any, Any]]:
        wanted = set(ids)
        with self._lock:
            rows = self._db.execute(f"SELECT id, {column} FROM sample").fetchall()  # noqa: S608
        return [
            ("sample", number, column, before, value)
            for number, before in rows
            if number in wanted and before != value
        ]

    def _edit(self, text: str, changes: list[tuple[str, int, str, Any, Any]]) -> None:
        """Carry out an edit and remember how to take it back; what was undone before is forgotten."""
        if not changes:
            return
        with self._change():
            self._db.execute("DELETE FROM edit WHERE undone = 1")
            for table, row, column, _, after in changes:
                self._write(table, row, column, after)
            self._db.execute(
                "INSERT INTO edit (time, text, changes) VALUES (?, ?, ?)",
                (time.time(), text, json.dumps(changes)),
            )

    def _replay(self, which: str, *, undone: int) -> str | None:
        with self._change():
            row = self._db.execute(
                f"SELECT id, text, changes FROM edit WHERE {which} LIMIT 1"  # noqa: S608
            ).fetchone()
            if row is None:
                return None
            changes = json.loads(row[2])
            for table, number, column, before, after in reversed(changes) if undone else changes:
                self._write(table, number, column, before if undone else after)
            self._db.execute("UPDATE edit SET undone = ? WHERE id = ?", (undone, row[0]))
        return str(row[1])

    def _write(self, table: str, row: int, column: str, value: Any) -> None:
        if column not in _COLUMNS[table]:
            raise ValueError(f"{table}.{column} is no editable column")
        self._db.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (value, row))  # noqa: S608


def _name_today(table: dict[int, tuple[str, int | None]], number: int, fallback: str) -> str:
    name, into = table.get(number, (fallback, None))
    seen = {number}
    while into is not None and into not in seen:
        seen.add(into)
        name, into = table.get(into, (name, None))
    return name


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name:
        raise StudioError("A class needs a name.", "Type at least one letter or digit.")
    return name


def _counted(ids: Sequence[int]) -> str:
    return "1 sample" if len(ids) == 1 else f"{len(ids):,} samples"


def _natural(text: str) -> tuple[list[Any], str]:
    """Sort key under which ``class 2`` comes before ``class 10``."""
    parts: list[Any] = []
    number = ""
    for char in text.casefold():
        if char.isascii() and char.isdigit():
            number += char
            continue
        if number:
            parts.append((0, int(number), ""))
            number = ""
        parts.append((1, 0, char))
    if number:
        parts.append((0, int(number), ""))
    return parts, text
