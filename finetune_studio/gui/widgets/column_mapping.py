"""The first rows of a table, with a choice above each column of what it means."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableView, QWidget
from typing_extensions import override

_Index = QModelIndex | QPersistentModelIndex
NONE = "-"  # what stands for a column that the user does not want, although one was guessed
_OPTIONAL = ("split_column", "group_column")
_NARROWEST, _WIDEST, _NARROWEST_TEXT = 134, 280, 230
_LONG = 60  # letters; cells that are longer on average are texts, which get the room that is left
_SHOWN_LETTERS = 600
_LINES = 3


class TableItemModel(QAbstractTableModel):
    """Shows cells to a view; everything in it is plain text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns: Sequence[str] = ()
        self._cells: Sequence[Sequence[str]] = ()

    def set_cells(self, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        """Show another table."""
        self.beginResetModel()
        self.columns, self._cells = columns, cells
        self.endResetModel()

    def long_columns(self) -> list[int]:
        """Return the columns whose cells are texts rather than words."""
        found = []
        for section in range(len(self.columns)):
            cells = [row[section] for row in self._cells if section < len(row) and row[section]]
            if cells and sum(map(len, cells)) > _LONG * len(cells):
                found.append(section)
        return found

    @override
    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._cells)

    @override
    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.columns)

    @override
    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._cells[index.row()]
        # A line that ends early has fewer cells than the table has columns.
        cell = row[index.column()] if index.column() < len(row) else ""
        if role == Qt.ItemDataRole.DisplayRole:
            return cell if len(cell) <= _SHOWN_LETTERS else f"{cell[:_SHOWN_LETTERS]}…"
        if role == Qt.ItemDataRole.ToolTipRole and len(cell) > _LONG:
            return f"<p>{html.escape(cell[: 4 * _SHOWN_LETTERS])}</p>"  # a tooltip may take it for rich text
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        return None

    @override
    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Horizontal:
            return self.columns[section] if section < len(self.columns) else None
        return section + 1


class _RoleHeader(QHeaderView):
    """Column names, each with a drop-down below it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.choices: list[QComboBox] = []
        self.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setSectionsClickable(False)
        self.sectionResized.connect(self.place_choices)

    def set_choices(self, choices: list[QComboBox]) -> None:
        """Put these drop-downs below the names."""
        for old in self.choices:
            old.hide()
            old.deleteLater()
        self.choices = choices
        self.updateGeometry()
        self.place_choices()

    @override
    def sizeHint(self) -> QSize:
        plain = super().sizeHint()
        below = self.choices[0].sizeHint().height() + 8 if self.choices else 0
        return QSize(plain.width(), self.fontMetrics().height() + 16 + below)

    @override
    def updateGeometries(self) -> None:
        super().updateGeometries()
        self.place_choices()

    @Slot()
    def place_choices(self) -> None:
        """Lay the drop-downs where their columns are."""
        for section, choice in enumerate(self.choices):
            height = choice.sizeHint().height()
            left = self.sectionViewportPosition(section) + 4
            width = max(20, self.sectionSize(section) - 10)
            choice.setGeometry(left, self.height() - height - 6, width, height)
            choice.show()


class RowsView(QTableView):
    """The first rows of data; texts get several lines and the room that other columns leave."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = TableItemModel(self)
        self.setModel(self.rows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)  # else the table keeps the focus of the choices above it
        self.setAccessibleName(self.tr("First rows"))
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.verticalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
        )
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def show_cells(self, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        """Show other rows."""
        self.rows.set_cells(columns, cells)
        texts = bool(self.rows.long_columns())
        self.setWordWrap(texts)
        worded = any(cell.count(" ") >= 3 for row in cells for cell in row)
        middle, right = Qt.TextElideMode.ElideMiddle, Qt.TextElideMode.ElideRight
        self.setTextElideMode(right if worded else middle)  # of a path both ends matter
        line = self.fontMetrics().lineSpacing()
        self.verticalHeader().setDefaultSectionSize((_LINES if texts else 1) * line + 14)
        self.share_width()

    def share_width(self) -> None:
        """Give each column what it needs, and texts the rest."""
        texts = self.rows.long_columns()
        used = 0
        for section in range(len(self.rows.columns)):
            if section not in texts:
                width = max(_NARROWEST, min(_WIDEST, self.sizeHintForColumn(section) + 24))
                self.setColumnWidth(section, width)
                used += width
        left = self.viewport().width() - used
        for section in texts:
            self.setColumnWidth(section, max(_NARROWEST_TEXT, left // len(texts)))
        if not texts and used and left > 0:
            self.setColumnWidth(0, self.columnWidth(0) + left)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.share_width()


class ColumnMapping(RowsView):
    """Asks what each column holds: the file or text, the label, the split and so on.

    Signals:
        mapped: The columns by role (``path_column`` and so on): empty where it is to be guessed, ``-``
            where there is none.
    """

    mapped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles: dict[str, str] = {}
        self._head = _RoleHeader(self)
        self.setHorizontalHeader(self._head)
        self.setAccessibleName(self.tr("First rows of the table"))
        self.horizontalScrollBar().valueChanged.connect(self._head.place_choices)

    def show_table(
        self,
        columns: Sequence[str],
        cells: Sequence[Sequence[str]],
        roles: Mapping[str, str],
        titles: Mapping[str, str],
    ) -> None:
        """Show a table's first rows.

        Args:
            columns: The names of its columns.
            cells: Its first rows.
            roles: Which column has which role; its keys are the roles that are offered.
            titles: What roles are called.
        """
        offered = {role: titles[role] for role in roles if role in titles}
        fresh = tuple(columns) != tuple(self.rows.columns) or offered != self._titles
        self.show_cells(columns, cells)
        if fresh:
            self._titles = offered
            self._head.set_choices([self._choice(column) for column in columns])
        self.set_roles(roles)
        self._head.place_choices()

    def _choice(self, column: str) -> QComboBox:
        choice = QComboBox(self._head.viewport())
        choice.setAccessibleName(self.tr("Meaning of {column}").format(column=column))
        choice.addItem(self.tr("not used"), "")
        for role, text in self._titles.items():
            choice.addItem(text, role)
        choice.activated.connect(self._on_role_chosen)
        return choice

    def set_roles(self, roles: Mapping[str, str]) -> None:
        """Mark which column has which role, without saying so."""
        by_column = {column: role for role, column in roles.items() if column}
        for role, listed in roles.items():  # classes may have a column each
            if listed and listed not in self.rows.columns:
                by_column |= {column.strip(): role for column in listed.split(",")}
        for column, choice in zip(self.rows.columns, self._head.choices, strict=True):
            choice.setCurrentIndex(max(0, choice.findData(by_column.get(column, ""))))

    def roles(self) -> dict[str, str]:
        """Return the columns by role, empty where there is none."""
        found = dict.fromkeys(self._titles, "")
        for column, choice in zip(self.rows.columns, self._head.choices, strict=True):
            if choice.currentData():
                found[str(choice.currentData())] = column
        return found

    def choice(self, column: str) -> QComboBox:
        """Return the drop-down of a column."""
        return self._head.choices[list(self.rows.columns).index(column)]

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._head.place_choices()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._head.place_choices()

    @Slot(int)
    def _on_role_chosen(self) -> None:
        chosen = self.sender()
        for choice in self._head.choices:  # a role belongs to one column
            if choice is not chosen and choice.currentData() == chosen.currentData():  # type: ignore[attr-defined]  # sender() is a QObject to the stubs
                choice.setCurrentIndex(0)
        found = self.roles()
        gone = {role: NONE for role in _OPTIONAL if found.get(role) == ""}
        self.mapped.emit(found | gone)
