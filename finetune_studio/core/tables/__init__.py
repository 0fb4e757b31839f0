"""Tables of any dialect (CSV, TSV, JSON, Parquet) as rows of texts; damage is named strictly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.tables import delimited, objects, parquet
from finetune_studio.core.tables.encodings import (
    ENCODINGS,
    chosen,
    encoding_in,
    encoding_of,
    looks_binary,
    other_kind,
    title,
)
from finetune_studio.core.tables.words import SUFFIXES, Cells, Line, Table

__all__ = [
    "ENCODINGS",
    "SUFFIXES",
    "Cells",
    "Line",
    "Table",
    "chosen",
    "encoding_in",
    "encoding_of",
    "lines",
    "looks_binary",
    "open_table",
    "other_kind",
    "preview",
    "rows",
    "title",
    "without_header",
]
_HEAD = 4096
_JSON = (".jsonl", ".ndjson", ".json")  # the last an object a line, or a list of objects


def open_table(path: Path, encoding: str = "") -> Table:
    """Look at a table: how its letters are written, what stands between cells, its columns.

    Args:
        path: The file.
        encoding: How its letters are written; empty finds that out.

    Raises:
        StudioError: If the file cannot be read or is no table, or there is no such encoding.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise StudioError(
            f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from error
    if head.startswith(b"version https://git-lfs"):
        raise StudioError(
            f"{path} is only a pointer left by git-lfs, not the table itself.",
            "Run 'git lfs pull' in the folder where it came from.",
        )
    if not head.strip():
        raise StudioError(f"{path} is empty.", "Choose a table with a row a sample.")
    suffix = path.suffix.lower()
    if suffix == ".parquet" or head.startswith(b"PAR1"):
        return Table(path, "parquet", parquet.columns(path))
    if other := other_kind(head):
        raise StudioError(f"{path} is no table of text but {other[0]}.", other[1])
    if looks_binary(head):
        raise StudioError(
            f"{path} is no text: it holds bytes that no table of text has.",
            "Choose a CSV, TSV, JSONL or Parquet file; save a spreadsheet as CSV in UTF-8 first.",
        )
    letters = chosen(encoding, path) if encoding else encoding_of(path)
    kind = "text"
    if suffix in _JSON:
        kind = "json" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") else "jsonl"
    table = Table(path, kind, (), letters)
    if kind != "text":
        return replace(table, columns=objects.columns(table))
    delimiter, quoted = delimited.delimiter_of(table)
    table = replace(table, delimiter=delimiter, quoted=quoted)
    first = delimited.first_row(table)
    if first is None:
        raise StudioError(f"{path} has no rows.", "Choose a table with a row a sample.")
    return replace(table, columns=delimited.named(first))


def without_header(table: Table) -> Table:
    """Return the same table, its first row taken as a sample rather than as names."""
    columns = tuple(f"column {number + 1}" for number in range(len(table.columns)))
    return replace(table, columns=columns, header=False)


def lines(table: Table) -> Iterator[Line]:
    """Yield every row; a damaged one carries its problem instead of ending the reading.

    Raises:
        StudioError: If the rest of the file cannot be read, naming file and place.
    """
    if table.kind == "parquet":
        return parquet.rows(table)
    return delimited.rows(table) if table.kind == "text" else objects.rows(table)


def rows(table: Table) -> Iterator[tuple[int, Cells]]:
    """Yield each row's number, counted as a spreadsheet does, and its cells by column.

    Raises:
        StudioError: If a row is damaged, naming file, row and column.
    """
    for line in lines(table):
        if line.problem:
            raise StudioError(f"{table.path}, {line.problem}.", line.hint)
        yield line.number, line.cells


def preview(table: Table, count: int) -> list[tuple[int, Cells]]:
    """Return the first rows.

    Raises:
        StudioError: As :func:`rows`.
    """
    return [row for row, _ in zip(rows(table), range(count), strict=False)]
