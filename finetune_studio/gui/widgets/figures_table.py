"""A sortable table of figures: headings, and rows of texts that sort by the numbers behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.row_items import Heading, RowItemModel, side

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


class FiguresItemModel(RowItemModel[Sequence[Cell]]):
    """Shows rows of cells to a view."""

    def set_content(self, titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Show other columns and rows; a heading stands where the cells of the first row do."""
        first = [cell.right for cell in rows[0]] if rows else [None] * len(titles)
        headings = [Heading(title, "", right) for title, right in zip(titles, first, strict=True)]
        self.set_rows(rows, headings)

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        cell = self.rows[place][column]
        now = theme.tokens()
        colours = {"warning": now.warning, "bad": now.bad, "ok": now.ok}
        return {
            int(Qt.ItemDataRole.DisplayRole): cell.text,
            int(Qt.ItemDataRole.ToolTipRole): cell.hint or None,
            int(Qt.ItemDataRole.TextAlignmentRole): side(right=cell.right),
            int(Qt.ItemDataRole.ForegroundRole): colours.get(cell.level),
            SORT_ROLE: cell.key if cell.key != "" else cell.text,
        }


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
