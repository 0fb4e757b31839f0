"""What a table is before it is read, and what a row of it is, damaged ones too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from finetune_studio.core.tables.encodings import title

SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet"})
Cells = dict[str, str | None]


@dataclass(frozen=True)
class Table:
    """A table that was looked at but not read yet.

    Attributes:
        path: The file.
        kind: ``text`` (CSV and its kin), ``jsonl``, ``json`` (one list of objects) or ``parquet``.
        columns: The names of its columns, made up where the table has none.
        encoding: Python's name of how the letters are written.
        delimiter: What stands between two cells.
        header: Whether the first row names the columns.
        quoted: Whether quotation marks may stand around cells; else they are letters like others.
    """

    path: Path
    kind: str
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True
    quoted: bool = True

    @property
    def encoding_title(self) -> str:
        """Return the encoding for people."""
        return title(self.encoding)


class Line(NamedTuple):
    """One row of a table: its number as a spreadsheet counts, its cells, and what is wrong with it.

    ``problem`` begins with the place in the file and is empty where nothing is wrong; ``hint`` says
    what to do.
    """

    number: int
    cells: Cells
    problem: str = ""
    hint: str = ""
