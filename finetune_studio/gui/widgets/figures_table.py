"""A sortable table of figures: headings, and rows of texts that sort by the numbers behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_MOST_ROWS = 9  # that are shown without scrolling


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell; ``key`` is what it sorts by, ``right`` whether it is a figure."""

    text: str
    key: Any = ""
    right: bool = False
    level: str = ""
    hint: str = ""


class FiguresItemModel(QAbstractTableModel):
    """Shows rows of cells to a view."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._titles: list[str] = []
        self._rows: list[list[Cell]] = []

    def set_content(self, titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Show other columns and rows."""
        self.beginResetModel()
        self._titles, self._rows = list(titles), [list(row) for row in rows]
        self.endResetModel()

    @override
    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    @override
    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._titles)

    @override
    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self._titles):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and self._rows:
            return _side(self._rows[0][section])
        return None

    @override
    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        cell = self._rows[index.row()][index.column()]
        now = theme.tokens()
        colours = {"warning": now.warning, "bad": now.bad, "ok": now.ok}
        return {
            int(Qt.ItemDataRole.DisplayRole): cell.text,
            int(Qt.ItemDataRole.ToolTipRole): cell.hint or None,
            int(Qt.ItemDataRole.TextAlignmentRole): _side(cell),
            int(Qt.ItemDataRole.ForegroundRole): colours.get(cell.level),
            SORT_ROLE: cell.key if cell.key != "" else cell.text,
        }.get(int(role))


def _side(cell: Cell) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if cell.right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class FiguresTable(QTableView):
    """As high as its rows, up to nine of them; a click on a heading sorts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = FiguresItemModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(SORT_ROLE)
        self.setModel(self._sorted)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(30))
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setStretchLastSection(False)
        font = QFont(self.font())
        font.setBold(False)
        head.setFont(font)

    def show_figures(
        self,
        titles: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        *,
        wide: int,
        sorted_by: tuple[int, Qt.SortOrder] | None = None,
    ) -> None:
        """Show other columns and rows; column ``wide`` takes what room is left.

        Without ``sorted_by`` the rows stay in their order and cannot be sorted.
        """
        self.setSortingEnabled(False)
        self._sorted.sort(-1)
        self._model.set_content(titles, rows)
        head = self.horizontalHeader()
        for column in range(len(titles)):
            stretch = QHeaderView.ResizeMode.Stretch
            fit = QHeaderView.ResizeMode.ResizeToContents
            head.setSectionResizeMode(column, stretch if column == wide else fit)
        if sorted_by is not None:
            self.setSortingEnabled(True)
            self.sortByColumn(*sorted_by)
        self.setFixedHeight(self.sizeHint().height())

    def texts(self) -> list[list[str]]:
        """Return what is shown, row by row, in the order on the screen."""
        columns = range(self._sorted.columnCount())
        return [
            [str(self._sorted.index(row, column).data()) for column in columns]
            for row in range(self._sorted.rowCount())
        ]

    @override
    def sizeHint(self) -> QSize:
        rows = min(_MOST_ROWS, max(1, self._model.rowCount()))
        height = self.horizontalHeader().sizeHint().height() + rows * theme.px(30) + 4
        return QSize(400, height)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())
