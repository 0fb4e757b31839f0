"""CSV and its kin: what stands between cells, and the rows, each checked for its width and letters."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator

from finetune_studio.core.errors import StudioError
from finetune_studio.core.tables.bounded import (
    LONG_HINT,
    LONGEST_LINE,
    STRANGE_HINT,
    Lines,
    strange,
    too_long,
)
from finetune_studio.core.tables.words import Line, Table

_DELIMITERS = (",", ";", "\t", "|")
_HEAD = 64 * 2**10
_WIDTH_HINT = "Correct this row; text that holds the delimiter must stand in quotation marks."


def delimiter_of(table: Table) -> tuple[str, bool]:
    """Return what cuts the first rows into most cells, equally many in nearly all, and if they are quoted.

    Quotation marks are letters like others where only then the rows of a table with tabs are alike.
    """
    head, whole = _head(table)
    if sum("\0" in line for line in head) > len(head) / 2:
        raise StudioError(
            f"{table.path}, line 1: there are zero bytes, which no text has.",
            "The file is no table, or is damaged; save it again as CSV in UTF-8.",
        )
    tabs = table.path.suffix.lower() in (".tsv", ".tab")
    best, quoted, key = ("\t" if tabs else ","), True, (False, False, 1)
    for delimiter, quotes in [*((d, True) for d in _DELIMITERS), ("\t", False)]:
        try:
            widths = [len(cells) for cells in _reader(head, delimiter, quotes=quotes) if cells]
        except csv.Error:
            continue
        widths = widths if whole or len(widths) < 3 else widths[:-1]  # the last may be cut off
        alike = sum(width == widths[0] for width in widths) / len(widths) if widths else 0.0
        found = (tabs and delimiter == "\t", alike >= 0.95, widths[0] if widths else 0)
        if alike >= 0.6 and widths[0] > 1 and found > key:
            best, quoted, key = delimiter, quotes, found
    return best, quoted


def first_row(table: Table) -> list[str] | None:
    """Return the cells of the first row; None where there is none.

    Raises:
        StudioError: If its line is too long.
    """
    for _, cells, _, long in _records(table):
        if long:
            raise StudioError(f"{table.path}, {too_long(long)}.", LONG_HINT)
        return cells
    return None


def rows(table: Table) -> Iterator[Line]:
    """Yield each row; one whose width or letters are wrong carries that as its problem.

    Raises:
        StudioError: If quotation marks do not match, so that no row behind them can be trusted.
    """
    records = _records(table)
    if table.header:
        next(records, None)
    columns = table.columns
    for number, cells, odd, long in records:
        problem, hint = "", ""
        if long:
            problem, hint = too_long(long), LONG_HINT
        elif len(cells) != len(columns):
            problem = f"row {number}: {_wrong_width(cells, columns)}"
            hint = _WIDTH_HINT
        elif odd:
            named = zip(columns, cells, strict=True)
            wrong = next(((name, said) for name, c in named if (said := strange(c, table))), None)
            problem = f"row {number}, column {wrong[0]!r}: {wrong[1]}" if wrong else ""
            hint = STRANGE_HINT
        yield Line(number, dict(zip(columns, cells, strict=False)), problem, hint)


def _reader(
    lines: Iterator[str] | list[str], delimiter: str, *, quotes: bool
) -> Iterator[list[str]]:
    if quotes:
        return csv.reader(lines, delimiter=delimiter, strict=True)
    return csv.reader(lines, delimiter=delimiter, strict=True, quoting=csv.QUOTE_NONE)


def _head(table: Table) -> tuple[list[str], bool]:
    """Return the first lines, and whether these are all."""
    lines = iter(Lines(table))
    head: list[str] = []
    letters = 0
    for line in lines:
        head.append(line)
        letters += len(line)
        if letters > _HEAD or len(head) >= 200:
            break
    return head, next(lines, None) is None


def _records(table: Table) -> Iterator[tuple[int, list[str], bool, int]]:
    """Yield each row's number, its cells, and if it holds strange letters or which line is too long.

    Empty rows are left out.
    """
    csv.field_size_limit(LONGEST_LINE)
    number = 0
    lines = Lines(table)
    try:
        for cells in _reader(iter(lines), table.delimiter, quotes=table.quoted):
            number += 1
            odd, lines.strange = lines.strange, False
            long, lines.long = lines.long, 0
            if cells or long:
                yield number, cells, odd, long
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


def _wrong_width(cells: list[str], columns: tuple[str, ...]) -> str:
    if len(cells) < len(columns):
        return (
            f"it has {len(cells)} of {len(columns)} cells; nothing stands in column"
            f" {columns[len(cells)]!r}"
        )
    return (
        f"it has {len(cells)} cells for {len(columns)} columns; {cells[len(columns)][:40]!r}"
        f" stands after the last column {columns[-1]!r}"
    )


def named(cells: list[str]) -> tuple[str, ...]:
    """Give every column a name of its own."""
    names: list[str] = []
    for place, cell in enumerate(cells):
        name = cell.strip() or f"column {place + 1}"
        names.append(
            next(
                n
                for n in itertools.accumulate(itertools.repeat("'"), initial=name)
                if n not in names
            )
        )
    return tuple(names)
