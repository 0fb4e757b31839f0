"""Tables of any dialect (CSV, TSV, JSONL, Parquet) as rows of texts; damage is named strictly."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune_studio.core.errors import StudioError

SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet"})
Cells = dict[str, str | None]

_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_LINE = 16 * 2**20  # letters; a longer line is no table but something else
_HEAD = 64 * 2**10
_NOT_IN_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
_NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8 with a mark at its start", "utf-16": "UTF-16"}


@dataclass(frozen=True)
class Table:
    """A table that was looked at but not read yet.

    Attributes:
        path: The file.
        kind: ``text`` (CSV and its kin), ``jsonl`` or ``parquet``.
        columns: The names of its columns, made up where the table has none.
        encoding: Python's name of how the letters are written.
        delimiter: What stands between two cells.
        header: Whether the first row names the columns.
    """

    path: Path
    kind: str
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True

    @property
    def encoding_title(self) -> str:
        """Return the encoding for people."""
        return _NAMES.get(self.encoding, self.encoding.replace("cp", "Windows code page "))


def open_table(path: Path) -> Table:
    """Look at a table: how its letters are written, what stands between cells, its columns.

    Raises:
        StudioError: If the file cannot be read or is no table.
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
        return Table(path, "parquet", _parquet_columns(path))
    encoding = encoding_of(path)
    table = Table(path, "jsonl" if suffix in (".jsonl", ".ndjson") else "text", (), encoding)
    if table.kind == "jsonl":
        return replace(table, columns=_jsonl_columns(table))
    table = replace(table, delimiter=_delimiter(table))
    first = next(_records(table), None)
    if first is None:
        raise StudioError(f"{path} has no rows.", "Choose a table with a row a sample.")
    return replace(table, columns=_named(first[1]))


def without_header(table: Table) -> Table:
    """Return the same table, its first row taken as a sample rather than as names."""
    columns = tuple(f"column {number + 1}" for number in range(len(table.columns)))
    return replace(table, columns=columns, header=False)


def rows(table: Table) -> Iterator[tuple[int, Cells]]:
    """Yield each row's number, counted as a spreadsheet does, and its cells by column.

    Raises:
        StudioError: If a row is damaged, naming file, row and column.
    """
    if table.kind == "parquet":
        yield from _parquet_rows(table)
    elif table.kind == "jsonl":
        yield from _jsonl_rows(table)
    else:
        yield from _text_rows(table)


def encoding_of(path: Path) -> str:
    """Return how a text file's letters are written.

    A mark at its start decides; then zeros at every other place (UTF-16); then whether all of it is
    UTF-8; else it is taken for Windows' western code page, or Latin-1 where that lacks a letter.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > 0.3 * len(head) / 2 and min(even, odd) < 0.05 * len(head) / 2:
        return "utf-16-le" if odd > even else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    strange: set[int] = set()
    is_utf8 = True
    with path.open("rb") as file:
        while part := file.read(2**20):
            strange |= _NOT_IN_CP1252 & set(part)
            try:
                decoder.decode(part)
            except UnicodeDecodeError:
                is_utf8 = False
                break
    if is_utf8:
        return "utf-8"
    return "latin-1" if strange else "cp1252"


# --- CSV and its kin ------------------------------------------------------------------------------


def _lines(table: Table) -> Iterator[str]:
    """Yield lines with their ends; refuse what no table has before it fills the memory."""
    with table.path.open(encoding=table.encoding, newline="") as file:
        number = 0
        try:
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE:
                    raise StudioError(
                        f"{table.path}, line {number}: the line is longer than"
                        f" {_LONGEST_LINE // 2**20} million letters.",
                        "This is no table with a row a sample; check how it was written.",
                    )
                if "\0" in line:
                    raise StudioError(
                        f"{table.path}, line {number}, place {line.index(chr(0)) + 1}: there is a"
                        " zero byte, which no text has.",
                        "The file is damaged or no table; save it again as CSV in UTF-8.",
                    )
                yield line
        except UnicodeError as error:
            raise StudioError(
                f"{table.path}, after line {number}: the letters are not {table.encoding_title}"
                f" ({error.reason if isinstance(error, UnicodeDecodeError) else error}).",
                "Save the table again as CSV in UTF-8.",
            ) from error


def _records(table: Table) -> Iterator[tuple[int, list[str]]]:
    """Yield each row's number and its cells; rows without any cell are left out."""
    csv.field_size_limit(_LONGEST_LINE)
    number = 0
    try:
        reader = csv.reader(_lines(table), delimiter=table.delimiter, strict=True)
        for cells in reader:
            number += 1
            if cells:
                yield number, cells
    except csv.Error as error:
        raise StudioError(
            f"{table.path}, row {number + 1}: {_csv_words(str(error), table.delimiter)}.",
            "Correct this row; a quotation mark inside a quoted cell must be doubled.",
        ) from error


def _csv_words(text: str, delimiter: str) -> str:
    if "expected after" in text:
        return f"after a closing quotation mark another letter follows instead of {delimiter!r}"
    if "unexpected end" in text:
        return "a quotation mark is opened and never closed"
    if "field limit" in text:
        return "a cell is too long, perhaps a quotation mark is never closed"
    return text


def _text_rows(table: Table) -> Iterator[tuple[int, Cells]]:
    records = _records(table)
    if table.header:
        next(records, None)
    columns = table.columns
    for number, cells in records:
        if len(cells) != len(columns):
            raise StudioError(
                f"{table.path}, row {number}: {_wrong_width(cells, columns)}",
                "Correct this row; text that holds the delimiter must stand in quotation marks.",
            )
        yield number, dict(zip(columns, cells, strict=True))


def _wrong_width(cells: list[str], columns: tuple[str, ...]) -> str:
    if len(cells) < len(columns):
        return (
            f"it has {len(cells)} of {len(columns)} cells; nothing stands in column"
            f" {columns[len(cells)]!r}."
        )
    return (
        f"it has {len(cells)} cells for {len(columns)} columns; {cells[len(columns)][:40]!r}"
        f" stands after the last column {columns[-1]!r}."
    )


def _delimiter(table: Table) -> str:
    """Return the delimiter that cuts the first rows into most cells, equally many in nearly all."""
    lines = _lines(table)
    head: list[str] = []
    letters = 0
    for line in lines:
        head.append(line)
        letters += len(line)
        if letters > _HEAD or len(head) >= 200:
            break
    whole = next(lines, None) is None
    best, cells = ("\t" if table.path.suffix.lower() in (".tsv", ".tab") else ","), 1
    for delimiter in _DELIMITERS:
        reader = csv.reader(head, delimiter=delimiter)
        try:
            widths = [len(cells) for cells in reader if cells]
        except csv.Error:
            continue
        widths = widths if whole or len(widths) < 3 else widths[:-1]  # the last may be cut off
        alike = sum(width == widths[0] for width in widths) / len(widths) if widths else 0.0
        if alike >= 0.6 and widths[0] > cells:
            best, cells = delimiter, widths[0]
    return best


def _named(cells: list[str]) -> tuple[str, ...]:
    """Give every column a name of its own."""
    names: list[str] = []
    for number, cell in enumerate(cells):
        name = cell.strip() or f"column {number + 1}"
        while name in names:
            name += "'"
        names.append(name)
    return tuple(names)


# --- JSONL ----------------------------------------------------------------------------------------


def _jsonl_columns(table: Table) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for (_, cells), _ in zip(_jsonl_rows(table), range(200), strict=False):
        found.update(dict.fromkeys(cells))
    if not found:
        raise StudioError(f"{table.path} has no rows.", "Choose a table with a row a sample.")
    return tuple(found)


def _jsonl_rows(table: Table) -> Iterator[tuple[int, Cells]]:
    for number, line in enumerate(_lines(table), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            where = f", place {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise StudioError(
                f"{table.path}, line {number}{where}: this is not JSON ({error}).",
                "Each line must hold one object in braces, such as"
                ' {"path": "a.jpg", "label": "cat"}.',
            ) from error
        if not isinstance(record, dict):
            raise StudioError(
                f"{table.path}, line {number}: this is no object with named values.",
                'Each line must look like {"path": "a.jpg", "label": "cat"}.',
            )
        yield number, {name: _text(value) for name, value in record.items()}


# --- Parquet --------------------------------------------------------------------------------------


def _parquet_columns(path: Path) -> tuple[str, ...]:
    try:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            return tuple(file.schema_arrow.names)
    except (OSError, ValueError) as error:  # what pyarrow raises derives from these
        raise _not_parquet(path, error) from error


def _parquet_rows(table: Table) -> Iterator[tuple[int, Cells]]:
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(table.path) as file:
            for batch in file.iter_batches(batch_size=1000):
                for record in batch.to_pylist():
                    number += 1
                    yield number, {name: _text(value) for name, value in record.items()}
    except (OSError, ValueError) as error:
        raise _not_parquet(table.path, error) from error


def _not_parquet(path: Path, error: Exception) -> StudioError:
    return StudioError(
        f"{path} cannot be read as Parquet: {str(error).splitlines()[0] if str(error) else error}.",
        "The file is damaged or of another format; write it again.",
    )


def _text(value: Any) -> str | None:
    """Return a value as text: whole numbers without a point, lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        return str(value["path"])  # the way some libraries store a picture and where it came from
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if isinstance(value, bytes) else str(value)


def preview(table: Table, count: int) -> list[tuple[int, Cells]]:
    """Return the first rows."""
    found: list[tuple[int, Cells]] = []
    for row in rows(table):
        found.append(row)
        if len(found) == count:
            break
    return found
