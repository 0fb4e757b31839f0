"""A table of exports: how well each agrees with the trained model, how fast and how large it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QCoreApplication,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from typing_extensions import override

from finetune_studio.core.words import figure
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.row_items import Heading, RowItemModel

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One export that was written and proven.

    Attributes:
        title: The format, for people; ``run`` the number of the run it came from.
        agreement: Share of samples with the same answer, from 0 to 1.
        difference: The largest difference between two probabilities.
        metric: The score's name, ``before`` the trained model's, ``after`` the export's.
        milliseconds: Time a sample takes; ``megabytes`` what the folder holds.
        folder: Where it lies.
        format: Its catalogue name; ``slow`` the milliseconds that 19 of 20 samples stay below, ``many``
            those that 32 at once take; 0 where they are not known.
    """

    title: str
    run: int
    agreement: float
    difference: float
    metric: str
    before: float
    after: float
    milliseconds: float
    megabytes: float
    samples: int
    folder: str
    made: str = ""
    format: str = ""
    slow: float = 0.0
    many: float = 0.0


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    tip: str
    text: Callable[[ExportRow], str]
    right: bool = True


_WIDE = (4, 5, 6)  # columns whose figures are as wide as the column


def _tr(text: str) -> str:
    return QCoreApplication.translate("ExportTable", text)


def agreement(share: float) -> str:
    """Return an agreement as percent; only full agreement reads 100 %."""
    if share < 1 and round(share * 100, 1) >= 100:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if share < 1 else "100 %"


def milliseconds(value: float) -> str:
    """Return a time with as many digits as it is worth."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def _place(row: ExportRow) -> str:
    """Return a folder so that its name is read first, also where there is little room."""
    folder = Path(row.folder)
    return _tr("{name} in {folder}").format(name=folder.name, folder=folder.parent)


def _columns() -> list[_Column]:
    return [
        _Column(_tr("Format"), _tr("What was written."), lambda r: r.title, right=False),
        _Column(
            _tr("Run"), _tr("The run whose best epoch was exported."), lambda r: str(r.run or "–")
        ),
        _Column(
            _tr("Agreement"),
            _tr("On how many of the same samples the export gives the trained model's answer."),
            lambda r: agreement(r.agreement),
        ),
        _Column(
            _tr("Difference"),
            _tr(
                "The largest difference between numbers in answers to the same sample: probabilities, losses."
            ),
            lambda r: f"{r.difference:.2f}" if r.difference >= 0.01 else f"{r.difference:.1e}",
        ),
        _Column(
            _tr("Score"),
            _tr("The validation score of the trained model, and of the export."),
            lambda r: f"{figure(r.before)} → {figure(r.after)}",
        ),
        _Column(
            _tr("Time"),
            _tr("Half of the samples took less than this, one at a time, on this computer."),
            lambda r: milliseconds(r.milliseconds),
        ),
        _Column(
            _tr("Size"),
            _tr("What all files of the export take on disk."),
            lambda r: f"{r.megabytes:.1f} MB",
        ),
        _Column(_tr("Folder"), _tr("Where it lies."), _place, right=False),
    ]


class ExportItemModel(RowItemModel[ExportRow]):
    """Shows exports to a table."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._columns = _columns()
        super().__init__(parent, [Heading(c.title, c.tip, c.right) for c in self._columns])

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row = self.rows[place]
        return {
            int(Qt.ItemDataRole.DisplayRole): self._columns[column].text(row),
            int(Qt.ItemDataRole.ToolTipRole): row.folder,
        }


class ExportTable(QTableView):
    """Exports, one a row, the newest first.

    Signals:
        chosen: The folder of the export that was chosen.
        opened: The folder of an export that was double-clicked or entered.
    """

    chosen = Signal(str)
    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = ExportItemModel(self)
        self.setModel(self._rows)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(7, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(56)
        header.setHighlightSections(False)
        self.setAccessibleName(self.tr("Exports and how they compare with the trained model"))
        self.selectionModel().currentRowChanged.connect(self._on_row_changed)
        self.activated.connect(self._on_activated)

    def show_rows(self, rows: Sequence[ExportRow], chosen: str = "") -> None:
        """Show exports and choose one by its folder, else the first."""
        self._rows.set_rows(rows)
        folders = [row.folder for row in rows]
        if rows:
            self.selectRow(folders.index(chosen) if chosen in folders else 0)
        self.updateGeometry()

    @property
    def rows(self) -> list[ExportRow]:
        """Return what is shown."""
        return self._rows.rows

    def chosen_folder(self) -> str:
        """Return the folder of the chosen export; empty if none is."""
        row = self.currentIndex().row()
        return self._rows.rows[row].folder if 0 <= row < len(self._rows.rows) else ""

    @override
    def sizeHintForColumn(self, column: int) -> int:
        """Keep figures apart from those before them."""
        return super().sizeHintForColumn(column) + (theme.px(8) if column in _WIDE else 0)

    @override
    def sizeHint(self) -> QSize:
        rows = min(6, max(1, len(self._rows.rows)))
        high = self.verticalHeader().defaultSectionSize() * rows
        return QSize(600, high + self.horizontalHeader().sizeHint().height() + 14)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    @Slot(QModelIndex)
    def _on_row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self._rows.rows[current.row()].folder)

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        self.opened.emit(self._rows.rows[index.row()].folder)
