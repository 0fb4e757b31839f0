"""A table of what differs: a row for each choice or result, a column for each of the things compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.row_items import Heading, RowItemModel

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_MOST_ROWS = 14
_LEFT = (
    Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
)  # words and numbers stand together


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One row.

    Attributes:
        part: What kind of thing it is; the first row of each part says so.
        title: What differs.
        unit: What its numbers count.
        tip: What it means.
        values: What it is in each column.
        best: The columns in which it is best.
    """

    part: str
    title: str
    unit: str
    tip: str
    values: tuple[str, ...]
    best: tuple[int, ...] = ()


class DifferenceItemModel(RowItemModel[DifferenceRow]):
    """Shows differences to a view."""

    def show_rows(self, titles: Sequence[str], rows: Sequence[DifferenceRow]) -> None:
        """Show other rows under other columns."""
        self.set_rows(rows, [Heading(t) for t in ("", self.tr("What differs"), *titles)])

    @override
    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole
    ) -> Any:
        compared = orientation == Qt.Orientation.Horizontal and 1 < section < len(self.headings)
        if compared and role == _Role.DecorationRole:
            return _chip(theme.series()[(section - 2) % len(theme.series())])
        return super().headerData(section, orientation, role)

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row, now = self.rows[place], theme.tokens()
        text, best = self._text(place, column), column - 2 in row.best
        bold = QFont()
        bold.setBold(True)
        return {
            int(_Role.DisplayRole): text,
            int(_Role.AccessibleTextRole): text or row.part,
            int(_Role.ToolTipRole): row.tip if column < 2 else row.values[column - 2],
            int(_Role.FontRole): bold if best else None,
            int(_Role.ForegroundRole): now.ok if best else None if column else now.muted,
        }

    def _text(self, place: int, column: int) -> str:
        row = self.rows[place]
        if column == 0:
            above = self.rows[place - 1].part if place else ""
            return row.part if row.part != above else ""
        if column == 1:
            return f"{row.title} ({row.unit})" if row.unit else row.title
        value = row.values[column - 2]
        return self.tr("{value}  best").format(value=value) if column - 2 in row.best else value


def _chip(colour: QColor) -> QPixmap:
    """Return a small square: the colour of a column's curve."""
    found = QPixmap(theme.px(10), theme.px(10))
    found.fill(colour)
    return found


class DifferenceTable(QTableView):
    """As high as its rows, up to a limit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items = DifferenceItemModel(self)
        self.setModel(self.items)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(30))
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(theme.px(84))
        font = QFont(self.font())
        font.setBold(False)
        header.setFont(font)
        self.setAccessibleName(self.tr("What differs between the runs"))

    def show_rows(self, titles: Sequence[str], rows: Sequence[DifferenceRow]) -> None:
        """Show other rows under other columns."""
        self.items.show_rows(titles, rows)
        header, mode = self.horizontalHeader(), QHeaderView.ResizeMode
        header.setSectionResizeMode(mode.Stretch)
        for column in (0, 1):
            header.setSectionResizeMode(column, mode.ResizeToContents)
        self.updateGeometry()

    @override
    def sizeHint(self) -> QSize:
        rows = min(_MOST_ROWS, max(1, self.items.rowCount()))
        high = self.horizontalHeader().sizeHint().height() + rows * theme.px(30) + 6
        return QSize(480, high)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())
