"""What a cell of labels says: one label, or several in a list or between separators."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass

_SEPARATORS = (";", "|")
EMPTY = "[]"  # what the user writes where a text has none of several labels
NEVER = "-"  # what the user writes where a cell is one label whatever stands in it


@dataclass(frozen=True)
class LabelCells:
    """How the cells of one column are understood.

    Attributes:
        lists: Whether cells hold lists, such as ``["a", "b"]``.
        separator: What stands between several labels; empty where a cell is one label.
    """

    lists: bool = False
    separator: str = ""

    @property
    def several(self) -> bool:
        """Whether a text may have several labels."""
        return self.lists or bool(self.separator)

    @property
    def rule(self) -> str:
        """Return in words why a text has several labels; empty where it has one."""
        if self.lists:
            return "Several labels a text: cells of labels are lists."
        if self.separator:
            return f"Several labels a text: {self.separator!r} stands between them."
        return ""

    def labels(self, cell: str) -> list[str]:
        """Return the labels of a cell in their order, each once."""
        if self.several and cell.strip() == EMPTY:
            return []
        listed = _listed(cell) if self.lists else None
        if listed is None:
            listed = cell.split(self.separator) if self.separator else [cell]
        return list(dict.fromkeys(part.strip() for part in listed if part.strip()))


def understood(cells: Sequence[str], chosen: str = "") -> LabelCells:
    """Find out how cells of labels are meant.

    Cells are lists where at least half of them look like one. ``;`` or ``|`` separates labels only
    where the parts between them recur, so that there are fewer different parts than different cells:
    a class that merely has such a letter in its name stays one class. A comma never separates, unless
    the user says so.

    Args:
        cells: The first cells of the column.
        chosen: What the user says stands between labels; ``-`` for nothing, empty to find out.
    """
    if chosen == NEVER:
        return LabelCells()
    filled = [cell for cell in cells if cell.strip()]
    lists = sum(_listed(cell) is not None for cell in filled)
    if lists and lists * 2 >= len(filled):
        return LabelCells(lists=True)
    if chosen:
        return LabelCells(separator="\t" if chosen == "\\t" else chosen)
    different = {cell for cell in filled if cell.strip() != EMPTY}
    for separator in _SEPARATORS:
        if not any(separator in cell for cell in different):
            continue
        parts = {part.strip() for cell in different for part in cell.split(separator)}
        if len(parts - {""}) < len(different):
            return LabelCells(separator=separator)
    return LabelCells()


def _listed(cell: str) -> list[str] | None:
    """Return the parts of a cell that is a list of texts or numbers; None if it is none."""
    cell = cell.strip()
    if not (cell.startswith("[") and cell.endswith("]")):
        return None
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(cell)  # how Python writes a list of texts
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    if not isinstance(value, list) or not all(isinstance(v, str | int | float) for v in value):
        return None
    return [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in value]
