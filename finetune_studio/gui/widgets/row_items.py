"""Rows of plain values as Qt's lists and tables take them; a model of rows adds what its cells say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from typing_extensions import override

Index = QModelIndex | QPersistentModelIndex
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a column; figures stand at its ``right``, None leaves that to the view."""

    title: str
    tip: str = ""
    right: bool | None = False


def side(*, right: bool) -> Qt.AlignmentFlag:
    """Return where a text stands in its cell."""
    across = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    return across | Qt.AlignmentFlag.AlignVCenter


class RowItemModel(QAbstractTableModel, Generic[Row]):
    """Shows rows to a view: to a list where it has no headings, else to a table.

    Attributes:
        rows: What is shown, in its order.
        headings: One for each column.
    """

    def __init__(self, parent: QObject | None = None, headings: Sequence[Heading] = ()) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self.headings = list(headings)

    def set_rows(self, rows: Sequence[Row], headings: Sequence[Heading] | None = None) -> None:
        """Show other rows, below other headings where these are given."""
        self.beginResetModel()
        self.rows = list(rows)
        if headings is not None:
            self.headings = list(headings)
        self.endResetModel()

    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        """Return what a cell says, by role; without a word on that it stands where its heading does."""
        raise NotImplementedError

    @override
    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.rows)

    @override
    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else max(1, len(self.headings))

    @override
    def index(
        self,
        row: int,
        column: int = 0,
        parent: Index = QModelIndex(),  # noqa: B008  Qt's own signature
    ) -> QModelIndex:
        return super().index(row, column, parent)

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        found = self.cell(index.row(), index.column()).get(int(role))
        if found is None and role == Qt.ItemDataRole.TextAlignmentRole:
            return self._side(index.column())
        return found

    @override
    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.headings):
            return None
        heading = self.headings[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return heading.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return heading.tip or None
        return self._side(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def _side(self, column: int) -> Qt.AlignmentFlag | None:
        right = self.headings[column].right if column < len(self.headings) else None
        return None if right is None else side(right=right)
