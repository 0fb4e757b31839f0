"""JSON: an object a line, or a list of objects; what is damaged is named and passed on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from finetune_studio.core.errors import StudioError
from finetune_studio.core.tables.bounded import LONG_HINT, STRANGE_HINT, Lines, strange, too_long
from finetune_studio.core.tables.words import Line, Table

_SEEN = 200
_LARGEST = 256 * 2**20  # bytes of a file that is one list, which is read as a whole


def columns(table: Table) -> tuple[str, ...]:
    """Return the names that the first lines use, in the order in which they appear.

    Raises:
        StudioError: If no line holds any, naming the first that is damaged.
    """
    found: dict[str, None] = {}
    first: Line | None = None
    for line, _ in zip(rows(table), range(_SEEN), strict=False):
        found.update(dict.fromkeys(line.cells))
        first = first or (line if line.problem else None)
    if first and not found:
        raise StudioError(f"{table.path}, {first.problem}.", first.hint)
    if not found:
        raise StudioError(f"{table.path} has no rows.", "Choose a table with a row a sample.")
    return tuple(found)


def rows(table: Table) -> Iterator[Line]:
    """Yield each line's values; a line that is no object carries that as its problem.

    Raises:
        StudioError: If the file is one list that is no JSON, naming line and place.
    """
    if table.kind == "json":
        for number, record in enumerate(_whole(table), start=1):
            if isinstance(record, dict):
                cells = {name: as_text(value) for name, value in record.items()}
                yield _checked(number, cells, table, "item")
            else:
                problem = f"item {number}: this is no object with named values"
                yield Line(
                    number, {}, problem, "Each item of the list must be an object in braces."
                )
        return
    lines = Lines(table)
    for text in lines:
        odd, lines.strange = lines.strange, False
        long, lines.long = lines.long, 0
        number = lines.number
        if long:
            yield Line(number, {}, too_long(long), LONG_HINT)
            continue
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            if odd and (said := strange(text, table)):
                yield Line(number, {}, f"line {number}: {said}", STRANGE_HINT)
                continue
            where = f", place {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            yield Line(
                number,
                {},
                f"line {number}{where}: this is not JSON ({error})",
                "Each line must hold one object in braces, such as"
                ' {"text": "some words", "label": "cat"}.',
            )
            continue
        if not isinstance(record, dict):
            yield Line(
                number,
                {},
                f"line {number}: this is no object with named values",
                'Each line must look like {"text": "some words", "label": "cat"}.',
            )
            continue
        cells = {name: as_text(value) for name, value in record.items()}
        yield _checked(number, cells, table, "line")


def _whole(table: Table) -> list[Any]:
    if table.path.stat().st_size > _LARGEST:
        raise StudioError(
            f"{table.path} is one list of more than {_LARGEST // 2**20} MB, which is read as a whole.",
            "Write it as JSONL, an object a line, which may have any size.",
        )
    try:
        text = table.path.read_text(encoding=table.encoding, errors="surrogateescape")
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise StudioError(
            f"{table.path}, line {error.lineno}, place {error.colno}: this is not JSON ({error.msg}).",
            "The file is damaged or was cut off; write it again.",
        ) from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise StudioError(
            f"{table.path} cannot be read as JSON: {error}.", "Write the file again."
        ) from error
    return found if isinstance(found, list) else [found]


def _checked(number: int, cells: dict[str, str | None], table: Table, unit: str) -> Line:
    """Look for letters that no text has; JSON can spell them with backslashes in a sound file too."""
    for name, cell in cells.items():
        if cell and (said := strange(cell, table)):
            return Line(number, cells, f"{unit} {number}, column {name!r}: {said}", STRANGE_HINT)
    return Line(number, cells)


def as_text(value: Any) -> str | None:
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
