"""The SQLite file of a project: its tables, its transactions, and single facts by key."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import explained

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS class (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT, merged_into INTEGER,
    removed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS sample (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, label INTEGER, split TEXT NOT NULL DEFAULT '',
    grp TEXT, excluded INTEGER NOT NULL DEFAULT 0, problem TEXT NOT NULL DEFAULT '',
    fields TEXT NOT NULL DEFAULT '{}', review INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS sample_label ON sample (label);
CREATE TABLE IF NOT EXISTS trace (
    sample INTEGER PRIMARY KEY, stamp TEXT NOT NULL, content BLOB NOT NULL, look BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS edit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, text TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS change (
    id INTEGER PRIMARY KEY, edit INTEGER NOT NULL, kind TEXT NOT NULL, row INTEGER NOT NULL,
    col TEXT NOT NULL, before, after);
CREATE INDEX IF NOT EXISTS change_edit ON change (edit);
CREATE INDEX IF NOT EXISTS change_row ON change (kind, row);
"""


class Store:
    """One SQLite file, safe to use from several threads.

    Who changes something does so alone. Questions wait for nobody, neither for a change (they see what was
    there before it) nor for the long question of another thread: each has a connection of its own.

    Args:
        file: The file; made if missing.

    Raises:
        StudioError: If the file is no project, is of a newer program, or may not be written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.RLock()
        self._own = threading.local()  # the connection in which a thread changes or reads together
        self._readers: list[sqlite3.Connection] = []  # those that nobody reads with at the moment
        self._closed = threading.Event()
        with explained(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise self._refused(error) from error
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            # What was seen to happen survives a power cut: every transaction reaches the disk.
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
            self._add_what_came_later()
            if int(self.get("schema") or VERSION) > VERSION:
                raise StudioError(
                    f"{file} was made by a newer version of Finetune Studio.",
                    "Update the program to open this project.",
                )
            if not self.get("schema"):
                self.put("schema", str(VERSION))
        except sqlite3.Error as error:
            self._db.close()
            raise self._refused(error) from error
        except BaseException:
            self._db.close()
            raise

    def _add_what_came_later(self) -> None:
        """Give an older file the columns that it lacks; older programs pass over them."""
        known = {row[1] for row in self._db.execute("PRAGMA table_info(sample)")}
        if "review" not in known:
            self._db.execute("ALTER TABLE sample ADD COLUMN review INTEGER NOT NULL DEFAULT 0")

    def close(self) -> None:
        """Close the file, once a change in hand is done; the store cannot be used afterwards."""
        with self._lock:
            self._closed.set()
            self._db.close()
            self._close_readers()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a question.

        Raises:
            sqlite3.ProgrammingError: If the store was closed.
        """
        with self._asked() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def _asked(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection in which this thread already reads or changes, else one that only reads."""
        within = getattr(self._own, "connection", None)
        if within is not None:
            yield within
            return
        if self._closed.is_set():
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        try:
            reader = self._readers.pop()
        except IndexError:
            reader = sqlite3.connect(self.file, check_same_thread=False, isolation_level=None)
            reader.execute("PRAGMA query_only=ON")
        try:
            yield reader
        finally:
            self._readers.append(reader)
            if self._closed.is_set():
                self._close_readers()

    def _close_readers(self) -> None:
        while self._readers:
            self._readers.pop().close()

    @contextmanager
    def _within(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Have this thread's questions answered by one connection."""
        before = getattr(self._own, "connection", None)
        self._own.connection = connection
        try:
            yield
        finally:
            self._own.connection = before

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Carry out one statement inside :meth:`change`; return the number of the row it added."""
        return int(self._db.execute(sql, values).lastrowid or 0)

    def run_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Carry out one statement for many values inside :meth:`change`."""
        self._db.executemany(sql, values)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have several questions see the same state, whatever other threads change between them."""
        with self._asked() as connection:
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            try:
                with self._within(connection):
                    yield
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction; an error leaves everything as it was. One inside another joins it."""
        with self._lock, self._within(self._db):
            if self._db.in_transaction:
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                with contextlib.suppress(
                    sqlite3.Error
                ):  # some errors end the transaction themselves
                    self._db.execute("ROLLBACK")
                if _of_the_disk(error):
                    raise StudioError(
                        f"The change could not be saved in {self.file}: {error}.",
                        "Check that the disk has room and the folder may be written."
                        " Nothing was lost.",
                    ) from error
                raise

    def get(self, key: str, default: str = "") -> str:
        """Return one remembered fact."""
        found = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(found[0][0]) if found else default

    def put(self, key: str, value: str) -> None:
        """Remember one fact."""
        with self.change():
            self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _refused(self, error: sqlite3.Error) -> StudioError:
        return StudioError(
            f"{self.file} cannot be opened as a project: {error}.",
            "Choose a folder you may write to, or another project.",
        )


def _of_the_disk(error: BaseException) -> bool:
    """Whether the disk is to blame; other kinds of sqlite3 errors are mistakes of the program."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError
