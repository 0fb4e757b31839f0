"""The pretrained models on offer, as a table that can be sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.layer_tree import short
from finetune_studio.gui.widgets.row_items import Heading, RowItemModel

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
ROW_ROLE = int(_Role.UserRole) + 1
SORT_ROLE = int(_Role.UserRole) + 2
_TITLES = ("Model", "Parameters", "Sees", "Size", "Memory", "Licence", "Where")
_RIGHT = {1, 2, 3, 4}
_MEMORY = 4
_SPARED = (1, 2, 5, 4)  # columns that are left out where there is little room, the first first
_NAME_LEAST = 170  # pixels that a model's name is left
_MEMORY_TIP = "Memory that retraining all of it takes at least; with adapters (LoRA) {less}"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model as the table and the card beside it show it.

    Attributes:
        source: What the recipe calls it: a catalogue name, a file or a folder.
        title: What people call it.
        summary: A sentence on what it is good for.
        place: Its place in the order in which models are offered.
        size_mb: Of its weights.
        parameters: Numbers in the network; 0 where that is not known yet.
        image_size: Side of the square that it sees, in pixels; 0 where that is not known yet.
        licence: Of its weights.
        pretrained_on: What it learnt from.
        local: Whether it is on this computer.
        inside: Whether it came with the program.
        own: Whether it is the user's own file or folder.
        tokens: How many tokens of a text it reads at once; 0 for one that sees pictures.
        languages: Which languages it was pretrained to read.
        gated: Whether its owner asks everybody to agree to a licence before it is given out.
        full_mb: Memory that retraining all of it takes at least; 0 where that is not known.
        adapters_mb: Memory that training adapters (LoRA) takes at least.
    """

    source: str
    title: str
    summary: str
    place: int
    size_mb: float
    parameters: int
    image_size: int
    licence: str
    pretrained_on: str
    local: bool
    inside: bool = False
    own: bool = False
    tokens: int = 0
    languages: str = ""
    gated: bool = False
    full_mb: int = 0
    adapters_mb: int = 0

    @property
    def where(self) -> str:
        """Return where it is, in words."""
        if self.own:
            return "your own"
        if self.inside:
            return "in the program"
        return "on this computer" if self.local else "to download"


class ModelsItemModel(RowItemModel[ModelRow]):
    """Shows models to a view."""

    @override
    def set_rows(self, rows: Sequence[ModelRow], headings: Sequence[Heading] | None = None) -> None:
        """Show other models; what they take is called reading where it is texts."""
        titles = list(_TITLES)
        if any(row.tokens for row in rows):
            titles[_TITLES.index("Sees")] = "Reads"
        made = [Heading(self.tr(title), "", n in _RIGHT) for n, title in enumerate(titles)]
        super().set_rows(rows, headings or made)

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row = self.rows[place]
        faint = column == len(_TITLES) - 1 and not row.local
        return {
            int(_Role.DisplayRole): _texts(row)[column],
            int(_Role.ForegroundRole): theme.tokens().muted if faint else None,
            int(_Role.ToolTipRole): self._tip(row, column),
            SORT_ROLE: _keys(row)[column],
            ROW_ROLE: row,
        }

    def _tip(self, row: ModelRow, column: int) -> str | None:
        if column == _MEMORY and row.full_mb:
            return self.tr(_MEMORY_TIP).format(less=megabytes(row.adapters_mb))
        return {0: row.summary, _TITLES.index("Licence"): row.licence}.get(column)


def _texts(row: ModelRow) -> tuple[str, ...]:
    return (
        row.title,
        short(row.parameters) if row.parameters else "–",
        _sees(row),
        megabytes(row.size_mb) if row.size_mb else "–",
        megabytes(row.full_mb) if row.full_mb else "–",
        " ".join(row.licence.split()[:2]) or "–",
        row.where,
    )


def _sees(row: ModelRow) -> str:
    if row.tokens:
        return f"{row.tokens:,} tokens"
    return f"{row.image_size} px" if row.image_size else "–"


def megabytes(size_mb: float) -> str:
    """Return a size in words: in MB, or in GB from a thousand of them on."""
    if size_mb >= 1000:
        return f"{size_mb / 1024:.1f} GB"
    return f"{size_mb:.1f} MB" if size_mb < 100 else f"{size_mb:.0f} MB"


def _keys(row: ModelRow) -> tuple[Any, ...]:
    where = (not row.inside) + (not row.local)
    sees = row.image_size or row.tokens
    needs = row.full_mb, row.licence.lower()
    return (row.title.lower(), row.parameters, sees, row.size_mb, *needs, where)


class _Offered(QSortFilterProxyModel):
    """Keeps the order in which models are offered until a column is chosen."""

    @override
    def lessThan(self, left: _Index, right: _Index) -> bool:
        a, b = left.data(SORT_ROLE), right.data(SORT_ROLE)
        if a == b:
            return bool(left.data(ROW_ROLE).place < right.data(ROW_ROLE).place)
        return bool(a < b)


class ModelTable(QTableView):
    """Sortable; one model is chosen at a time.

    Signals:
        model_chosen: The ModelRow that the user chose.
    """

    model_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = ModelsItemModel(self)
        self._sorted = _Offered(self)
        self._sorted.setSourceModel(self._rows)
        self.setModel(self._sorted)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(38))
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        font = QFont(self.font())
        font.setBold(False)
        header.setFont(font)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.setAccessibleName(self.tr("Pretrained models"))
        self._quiet = False
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)

    def set_rows(self, rows: list[ModelRow], chosen: str) -> None:
        """Show other models with the one of that source chosen, without saying so."""
        self._quiet = True
        self._rows.set_rows(rows)
        self.choose(chosen)
        self._quiet = False
        self._fit()

    def choose(self, source: str) -> None:
        """Choose the model of that source, without saying so."""
        self._quiet = True
        self.clearSelection()
        for place in range(self._sorted.rowCount()):
            if self._sorted.index(place, 0).data(ROW_ROLE).source == source:
                self.selectRow(place)
                self.scrollTo(self._sorted.index(place, 0))
        self._quiet = False

    def chosen(self) -> ModelRow | None:
        """Return the model that is chosen."""
        found = self.selectionModel().selectedRows()
        row: ModelRow | None = found[0].data(ROW_ROLE) if found else None
        return row

    def titles(self) -> list[str]:
        """Return the models as they stand there."""
        rows = range(self._sorted.rowCount())
        return [self._sorted.index(row, 0).data() for row in rows]

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out the least telling columns before the models' names get too short."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Show as many columns as leave the models' names their room."""
        header = self.horizontalHeader()
        for column in _SPARED:  # the heading of a column that is left out counts as nothing
            self.setColumnHidden(column, False)
        wide = {
            n: max(self.sizeHintForColumn(n), header.sectionSizeHint(n))
            for n in range(1, len(_TITLES))
        }
        if not any(row.full_mb for row in self._rows.rows):
            self.setColumnHidden(_MEMORY, True)
            del wide[_MEMORY]
        room = self.viewport().width() - theme.px(_NAME_LEAST)
        for column in _SPARED:
            if column in wide:
                self.setColumnHidden(column, sum(wide.values()) > room)
                if sum(wide.values()) > room:
                    del wide[column]

    @Slot()
    def _on_selection_changed(self) -> None:
        row = self.chosen()
        if row is not None and not self._quiet:
            self.model_chosen.emit(row)
