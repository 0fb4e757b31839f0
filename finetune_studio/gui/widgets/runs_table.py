"""A table of training runs: what each was, how good it became, and what room it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from typing_extensions import override

from finetune_studio.core.words import figure
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.recent_list import ago
from finetune_studio.gui.widgets.row_items import Heading, RowItemModel

_Index = QModelIndex | QPersistentModelIndex
ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
SORT_ROLE = int(Qt.ItemDataRole.UserRole) + 2
_TITLES = ("Run", "Started", "Model", "Retrained", "Score", "State", "On disk")
_RIGHT = {0, 4, 6}
_FEW_ROWS_PX, _FEW_ROWS = 150, 6  # room for so many rows is asked for; more scroll


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the table shows it; ``score`` is of the best epoch, on the validation samples.

    ``monitors`` is what they said last, in sentences, ``monitors_level`` how bad the worst of it is.
    """

    folder: str
    number: int
    started: float
    model: str
    retrained: str
    metric: str
    score: float | None
    state: str
    size: int
    has_network: bool
    at_work: bool = False
    monitors: str = ""
    monitors_level: str = "ok"

    @property
    def can_resume(self) -> bool:
        """Whether the run did not come to its end."""
        return self.state in ("stopped", "interrupted") and not self.at_work


def size_words(size: float) -> str:
    """Return bytes in the unit that suits them."""
    for unit, step in (("GB", 2**30), ("MB", 2**20), ("kB", 2**10)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size:.0f} B"


class RunsItemModel(RowItemModel[RunRow]):
    """Shows runs to a view, each with a box to tick it for a comparison.

    Signals:
        ticks_changed: Other runs are ticked.
    """

    ticks_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        titles = enumerate(self.tr(title) for title in _TITLES)
        super().__init__(parent, [Heading(title, "", n in _RIGHT) for n, title in titles])
        self._ticked: set[str] = set()

    @override
    def set_rows(self, rows: Sequence[RunRow], headings: Sequence[Heading] | None = None) -> None:
        """Show other runs; those that are still there stay ticked."""
        self._ticked &= {row.folder for row in rows}
        super().set_rows(rows, headings)
        self.ticks_changed.emit()

    @property
    def ticked(self) -> list[RunRow]:
        """Return the runs that are ticked."""
        return [row for row in self.rows if row.folder in self._ticked]

    @override
    def flags(self, index: _Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if index.isValid() and index.column() == 0 and _can_compare(self.rows[index.row()]):
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    @override
    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        ticks = role == Qt.ItemDataRole.CheckStateRole
        if not ticks or not self.flags(index) & Qt.ItemFlag.ItemIsUserCheckable:
            return False
        folder = self.rows[index.row()].folder
        on = Qt.CheckState(value) == Qt.CheckState.Checked
        self._ticked = self._ticked | {folder} if on else self._ticked - {folder}
        self.dataChanged.emit(index, index)
        self.ticks_changed.emit()
        return True

    def _tick(self, row: RunRow, column: int) -> Qt.CheckState | None:
        if column or not _can_compare(row):
            return None
        on = row.folder in self._ticked
        return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row = self.rows[place]
        waits = column == 5 and row.can_resume
        return {
            int(Qt.ItemDataRole.DisplayRole): _texts(row)[column],
            int(Qt.ItemDataRole.ForegroundRole): theme.tokens().warning if waits else None,
            int(Qt.ItemDataRole.CheckStateRole): self._tick(row, column),
            int(Qt.ItemDataRole.ToolTipRole): None
            if column
            else self.tr("Tick runs to compare them."),
            SORT_ROLE: _keys(row)[column],
            ROW_ROLE: row,
        }


def _can_compare(row: RunRow) -> bool:
    return row.state != "damaged"


def _texts(row: RunRow) -> tuple[str, ...]:
    score = "–" if row.score is None else f"{row.metric} {figure(row.score)}"
    state = "at work" if row.at_work else row.state
    return (
        str(row.number),
        ago(row.started) or "–",
        row.model,
        row.retrained,
        score,
        state,
        size_words(row.size),
    )


def _keys(row: RunRow) -> tuple[Any, ...]:
    score = -1.0 if row.score is None else row.score
    return (row.number, row.started, row.model, row.retrained, score, row.state, float(row.size))


class RunsTable(QTableView):
    """Sortable; one row is chosen at a time.

    Signals:
        row_chosen: The RunRow that is chosen, or None.
        row_opened: The RunRow that was double-clicked or entered.
        ticks_changed: Other runs are ticked to be compared.
    """

    row_chosen = Signal(object)
    row_opened = Signal(object)
    ticks_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = RunsItemModel(self)
        self._rows.ticks_changed.connect(self.ticks_changed)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._rows)
        self._sorted.setSortRole(SORT_ROLE)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(36))
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setStretchLastSection(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        font = QFont(self.font())
        font.setBold(False)
        self.horizontalHeader().setFont(font)
        self.setAccessibleName(self.tr("Training runs"))
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.activated.connect(self._on_activated)

    def set_rows(self, rows: list[RunRow]) -> None:
        """Show other runs; the one that was chosen stays chosen, else the newest is."""
        before = self.chosen()
        self._rows.set_rows(rows)
        self.updateGeometry()
        wanted = before.folder if before else ""
        for place in range(self._sorted.rowCount()):
            if self._sorted.index(place, 0).data(ROW_ROLE).folder == wanted:
                self.selectRow(place)
                return
        if rows:
            self.selectRow(0)
        else:
            self.row_chosen.emit(None)

    def ticked(self) -> list[RunRow]:
        """Return the runs that are ticked, the oldest first."""
        return sorted(self._rows.ticked, key=lambda row: row.number)

    def chosen(self) -> RunRow | None:
        """Return the row that is chosen."""
        chosen = self.selectionModel().selectedRows()
        return chosen[0].data(ROW_ROLE) if chosen else None

    @override
    def sizeHint(self) -> QSize:
        """Ask for a few rows only; the page gives whatever room is left."""
        rows = min(_FEW_ROWS, self._sorted.rowCount()) * self.verticalHeader().defaultSectionSize()
        high = self.horizontalHeader().sizeHint().height() + rows + 2 * self.frameWidth()
        return QSize(600, max(theme.px(_FEW_ROWS_PX), high))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    @Slot()
    def _on_selection_changed(self) -> None:
        self.row_chosen.emit(self.chosen())

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        if index.isValid():
            self.row_opened.emit(index.data(ROW_ROLE))
