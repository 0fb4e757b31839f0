"""The first rows of a table, with a choice above each column of what it means."""

from __future__ import annotations

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
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableView, QWidget
from typing_extensions import override

_Index = QModelIndex | QPersistentModelIndex
ROLES = ("path_column", "label_column", "split_column", "group_column")
_NARROWEST, _WIDEST = 140, 280


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

    @override
    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._cells)

    @override
    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.columns)

    @override
    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or role != Qt.ItemDataRole.DisplayRole:
            return None
        row = self._cells[index.row()]
        # A line that ends early has fewer cells than the table has columns.
        return row[index.column()] if index.column() < len(row) else ""

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


class ColumnMapping(QTableView):
    """Asks which column names the file, which holds the label, the split and the group.

    Signals:
        mapped: The columns by role (``path_column`` and so on), empty where there is none.
    """

    mapped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = TableItemModel(self)
        self._head = _RoleHeader(self)
        self.setModel(self._rows)
        self.setHorizontalHeader(self._head)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setAccessibleName(self.tr("First rows of the table"))
        self.verticalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignRight)
        self.horizontalScrollBar().valueChanged.connect(self._head.place_choices)

    def show_table(
        self, columns: Sequence[str], cells: Sequence[Sequence[str]], roles: Mapping[str, str]
    ) -> None:
        """Show a table's first rows; ``roles`` says which column has which role."""
        if tuple(columns) != tuple(self._rows.columns):
            self._rows.set_cells(columns, cells)
            self._head.set_choices([self._choice(column) for column in columns])
            for section in range(len(columns)):
                width = self.sizeHintForColumn(section) + 24
                self.setColumnWidth(section, max(_NARROWEST, min(_WIDEST, width)))
        else:
            self._rows.set_cells(columns, cells)
        self.set_roles(roles)

    def _choice(self, column: str) -> QComboBox:
        choice = QComboBox(self._head.viewport())
        choice.setAccessibleName(self.tr("Meaning of {column}").format(column=column))
        for role, text in (
            ("", self.tr("not used")),
            ("path_column", self.tr("File")),
            ("label_column", self.tr("Label")),
            ("split_column", self.tr("Split")),
            ("group_column", self.tr("Group")),
        ):
            choice.addItem(text, role)
        choice.activated.connect(self._on_role_chosen)
        return choice

    def set_roles(self, roles: Mapping[str, str]) -> None:
        """Mark which column has which role, without saying so."""
        by_column = {column: role for role, column in roles.items() if column}
        for column, choice in zip(self._rows.columns, self._head.choices, strict=True):
            choice.setCurrentIndex(max(0, choice.findData(by_column.get(column, ""))))

    def roles(self) -> dict[str, str]:
        """Return the columns by role, empty where there is none."""
        found = dict.fromkeys(ROLES, "")
        for column, choice in zip(self._rows.columns, self._head.choices, strict=True):
            if choice.currentData():
                found[str(choice.currentData())] = column
        return found

    def choice(self, column: str) -> QComboBox:
        """Return the drop-down of a column."""
        return self._head.choices[list(self._rows.columns).index(column)]

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._head.place_choices()

    @Slot(int)
    def _on_role_chosen(self) -> None:
        chosen = self.sender()
        for choice in self._head.choices:  # a role belongs to one column
            if choice is not chosen and choice.currentData() == chosen.currentData():  # type: ignore[attr-defined]  # sender() is a QObject to the stubs
                choice.setCurrentIndex(0)
        self.mapped.emit(self.roles())
