"""Parquet: columns and rows, a thousand at a time, as texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.tables.bounded import STRANGE_HINT, strange
from finetune_studio.core.tables.objects import as_text
from finetune_studio.core.tables.words import Line, Table


def columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns.

    Raises:
        StudioError: If this is no Parquet.
    """
    try:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            return tuple(file.schema_arrow.names)
    except (OSError, ValueError) as error:  # what pyarrow raises derives from these
        raise _not_parquet(path, error) from error


def rows(table: Table) -> Iterator[Line]:
    """Yield each row, counted from 1.

    Raises:
        StudioError: If the file is damaged.
    """
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(table.path) as file:
            for batch in file.iter_batches(batch_size=1000):
                for record in batch.to_pylist():
                    number += 1
                    cells = {name: as_text(value) for name, value in record.items()}
                    odd = next((n for n, c in cells.items() if c and "\0" in c), None)
                    said = strange(cells[odd] or "", table) if odd is not None else ""
                    problem = f"row {number}, column {odd!r}: {said}" if said else ""
                    yield Line(number, cells, problem, STRANGE_HINT if said else "")
    except (OSError, ValueError) as error:
        raise _not_parquet(table.path, error) from error


def _not_parquet(path: Path, error: Exception) -> StudioError:
    return StudioError(
        f"{path} cannot be read as Parquet: {(str(error).splitlines() or [''])[0].rstrip('.')}.",
        "The file is damaged or of another format; write it again.",
    )
