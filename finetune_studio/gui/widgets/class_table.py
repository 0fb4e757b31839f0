"""A table with a row a class: how often it is found, and how often its name is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QCoreApplication,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from typing_extensions import override

from finetune_studio.gui.widgets.row_items import Heading, RowItemModel

_Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = int(Qt.ItemDataRole.UserRole) + 1


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How well one class is told apart; shares are None where there is nothing to divide by.

    Attributes:
        count: How many samples truly belong to the class.
        said: How many the model gave its name; ``hits`` of them rightly.
        taken_for: The class it is most often mistaken for, ``times`` how often.
    """

    name: str
    count: int
    said: int
    hits: int
    taken_for: str = ""
    times: int = 0

    @property
    def recall(self) -> float | None:
        """Return the share of the class that was found."""
        return self.hits / self.count if self.count else None

    @property
    def precision(self) -> float | None:
        """Return the share of the answers of this name that were right."""
        return self.hits / self.said if self.said else None

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of precision and recall."""
        both = self.count + self.said
        return 2 * self.hits / both if both else None


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    tip: str
    text: Callable[[ClassRow], str]
    sort: Callable[[ClassRow], Any]
    right: bool = True


def share(value: float | None) -> str:
    """Return a share from 0 to 1 with two digits; a dash where there is none."""
    return "–" if value is None else f"{value:.2f}"


def _tr(text: str) -> str:
    return QCoreApplication.translate("ClassTable", text)


def _columns(*, types: bool = False) -> list[_Column]:
    name = (_tr("Type"), _tr("The type of the names, as the data mark them."))
    count = (_tr("In the data"), _tr("How many names of this type the validation data mark."))
    found = _tr("Recall: of the names of this type in the data, the share that was found.")
    if not types:
        name = (_tr("Class"), _tr("The class as you labelled it."))
        count = (_tr("Samples"), _tr("How many validation samples truly belong to this class."))
        found = _tr(
            "Recall: of the samples that truly are of this class, the share that was found."
        )
    return [
        _Column(*name, _name, _name, right=False),
        _Column(*count, lambda row: f"{row.count:,}", lambda row: row.count),
        _Column(
            _tr("Recall"),
            found,
            lambda row: share(row.recall),
            lambda row: row.recall,
        ),
        _Column(
            _tr("Precision"),
            _tr("Precision: when the model says this class, the share in which it is right."),
            lambda row: share(row.precision),
            lambda row: row.precision,
        ),
        _Column(
            _tr("F1"),
            _tr("F1: one figure for both, high only if recall and precision are high."),
            lambda row: share(row.f1),
            lambda row: row.f1,
        ),
        _Column(
            _tr("Most often taken for"),
            _tr("The class that the model says most often when it is wrong about this one."),
            lambda row: f"{row.taken_for} ({row.times})" if row.times else "–",
            lambda row: row.times,
            right=False,
        ),
    ]


def _name(row: ClassRow) -> str:
    return row.name


class ClassItemModel(RowItemModel[ClassRow]):
    """Shows rows of classes to a table, or of types of names in texts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.call_rows(types=False)

    def call_rows(self, *, types: bool) -> None:
        """Give the columns the headings of classes, or of types."""
        self._columns = _columns(types=types)
        self.headings = [Heading(c.title, c.tip, c.right) for c in self._columns]

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row, found = self.rows[place], self._columns[column]
        value = found.sort(row)
        return {
            int(Qt.ItemDataRole.DisplayRole): found.text(row),
            SORT_ROLE: -1.0 if value is None else value,
        }


class ClassTable(QTableView):
    """A sortable table of classes.

    Signals:
        picked: The class whose row was chosen; empty if none is.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picked = ""
        self._rows = ClassItemModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._rows)
        self._sorted.setSortRole(SORT_ROLE)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(4, Qt.SortOrder.AscendingOrder)  # the weakest class first
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        self.setAccessibleName(self.tr("Classes and how well each is told apart"))
        self.selectionModel().currentRowChanged.connect(self._on_row_changed)

    def show_rows(self, rows: Sequence[ClassRow], *, types: bool = False) -> None:
        """Show other rows, of classes or of types; the order that the user chose stays."""
        self._rows.call_rows(types=types)
        self._rows.set_rows(rows)
        self.setColumnHidden(5, bool(rows) and not any(row.times for row in rows))

    def set_picked(self, name: str) -> None:
        """Choose a row without saying so; an unknown name chooses none."""
        model = self.selectionModel()
        before = model.blockSignals(True)
        self.clearSelection()
        self.setCurrentIndex(QModelIndex())  # else a click on the same row would say nothing
        self._picked = ""
        for row in range(self._sorted.rowCount()):
            if self._sorted.index(row, 0).data() == name:
                self.selectRow(row)
                self._picked = name
        model.blockSignals(before)
        self.viewport().update()

    def picked_name(self) -> str:
        """Return the class whose row is chosen; empty if none is."""
        return self._picked

    @Slot(QModelIndex)
    def _on_row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self._picked = str(self._sorted.index(current.row(), 0).data())
            self.picked.emit(self._picked)
