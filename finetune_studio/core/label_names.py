"""A second table that gives each label a name: ``1,neoplasms``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core import tables
from finetune_studio.core.errors import StudioError
from finetune_studio.core.tables import Cells, Table

_MOST = 5000  # names; a longer table holds samples
_FEW = 50  # names that need not be those of labels in the data; a longer table must be mostly those
_LONGEST = 200  # letters of a name
_USUAL = 60  # letters that at least half of the names stay below; else they are texts
_FILE_WORDS = ("label", "class", "categor", "code", "name", "map", "legend", "key", "target")
_MOST_BYTES = 2 * 2**20  # a larger table is not even looked at, unless it was chosen
_NAME_WORDS = (
    "name",
    "title",
    "label_name",
    "class_name",
    "meaning",
    "description",
    "label",
    "class",
)


@dataclass(frozen=True)
class LabelNames:
    """What the labels' codes mean.

    Attributes:
        path: The table.
        code: Its column with what stands in the data.
        name: Its column with the names.
        names: The names by code.
    """

    path: Path
    code: str
    name: str
    names: dict[str, str]

    def of(self, label: str) -> str:
        """Return a label's name; a label without one keeps its code."""
        return self.names.get(label.strip(), label)

    def said(self, labels: Collection[str]) -> str:
        """Return in words where the names come from, and which labels have none."""
        first = next((code for code in self.names if code in labels), next(iter(self.names), ""))
        text = (
            f"The names of the labels come from {self.path.name}: column {self.code!r} holds what stands"
            f" in the data, {self.name!r} the names, such as {first} = {self.names.get(first, '')}."
        )
        lacking = sorted({label.strip() for label in labels} - set(self.names))
        if lacking:
            listed = ", ".join(lacking[:5]) + (" and others" if len(lacking) > 5 else "")
            text += f" Without a name there, and so named as they are: {listed}."
        return text


def beside(
    files: Sequence[Path], labels: Collection[str], data: Table, column: str, encoding: str = ""
) -> LabelNames | None:
    """Return the names from the first of these tables that names all of the labels.

    It must look like such a table: its file's name says so, or its column of codes is called as the
    labels' is; its columns are others than those of the data; and it does not name far more than there
    is, as a table of samples that are numbered from 0 would.

    Args:
        files: Tables that lie beside the data.
        labels: What stands in the data.
        data: The table of the data.
        column: Its column of labels.
        encoding: How letters are written, if the user says so.
    """
    for file in files:
        try:
            small = file.stat().st_size <= _MOST_BYTES
            found = _names_in(file, labels, encoding) if small else None
        except (StudioError, OSError):
            continue
        if not found or not all(label.strip() in found.names for label in labels):
            continue
        if len(found.names) > max(_FEW, 3 * len(labels)):
            continue
        if sorted(len(name) for name in found.names.values())[len(found.names) // 2] > _USUAL:
            continue
        called = any(word in file.stem.lower() for word in _FILE_WORDS)
        if (called or found.code == column) and not {found.code, found.name} <= set(data.columns):
            return found
    return None


def chosen(path: Path, labels: Collection[str], encoding: str = "") -> LabelNames:
    """Return the names from the table that the user chose.

    Raises:
        StudioError: If it cannot be read, or names none of the labels.
    """
    found = _names_in(path, labels, encoding)
    if found is None:
        few = ", ".join(sorted(labels)[:5])
        raise StudioError(
            f"{path} names none of the labels in the data, which are: {few}.",
            "Choose a table with a column of these labels and a column of names, each label once.",
        )
    return found


def _names_in(path: Path, labels: Collection[str], encoding: str) -> LabelNames | None:
    table = tables.open_table(path, encoding)
    if len(table.columns) < 2:
        return None
    wanted = {label.strip() for label in labels}
    best: LabelNames | None = None
    for variant in (table, tables.without_header(table)) if table.kind == "text" else (table,):
        rows = [
            line.cells for line, _ in zip(tables.lines(variant), range(_MOST + 1), strict=False)
        ]
        found = _fitting(path, variant.columns, rows, wanted) if len(rows) <= _MOST else None
        if found and (best is None or _known(found, wanted) > _known(best, wanted)):
            best = found
    return best


def _known(found: LabelNames, wanted: set[str]) -> int:
    return len(wanted & set(found.names))


def _fitting(
    path: Path, columns: Sequence[str], rows: Sequence[Cells], wanted: set[str]
) -> LabelNames | None:
    """Return the column that holds the labels, each once, and the one that names them."""
    cells = {c: [(row.get(c) or "").strip() for row in rows] for c in columns}
    codes = [c for c in columns if wanted & set(cells[c]) and len(set(cells[c])) == len(rows)]
    if not codes:
        return None
    code = max(codes, key=lambda c: len(wanted & set(cells[c])))
    others = [
        c
        for c in columns
        if c != code
        and all(0 < len(v) <= _LONGEST for v in cells[c])
        and len(set(cells[c])) == len(rows)
    ]
    others = [c for c in others if not all(v.isdigit() for v in cells[c])]
    if not others:
        return None
    name = min(others, key=_likeness)
    return LabelNames(path, code, name, dict(zip(cells[code], cells[name], strict=True)))


def _likeness(column: str) -> int:
    """Return how late a column's name comes among those that usually hold names."""
    word = column.strip().lower()
    near = [i for i, known in enumerate(_NAME_WORDS) if known == word or word.endswith(f"_{known}")]
    return min(near, default=len(_NAME_WORDS))
