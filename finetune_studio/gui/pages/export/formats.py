"""The table of formats: what each is expected to take and keep, and after an export what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QTableView, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.row_items import Heading, RowItemModel

_Index = QModelIndex | QPersistentModelIndex
_MOST_ROWS = 10
_SCORE = 4  # column of the score before and after


@dataclass(frozen=True, slots=True)
class FormatRow:
    """One format for the chosen run.

    Attributes:
        name: The catalogue name; ``title`` and ``summary`` for people; ``needs`` the packages it runs with.
        size: What the files take, ``one`` and ``many`` the time for one sample and for 32, ``score``
            what it reaches and ``agreement`` how often it gives the trained model's answer: measured
            where the run was exported so, else what is to be expected.
        measured: Which of the two.
        missing: Why the format cannot be written here; empty where it can.
    """

    name: str
    title: str
    summary: str
    needs: tuple[str, ...] = ()
    size: str = ""
    one: str = ""
    many: str = ""
    score: str = ""
    agreement: str = ""
    measured: bool = False
    missing: str = ""


def _tr(text: str) -> str:
    return QCoreApplication.translate("FormatTable", text)


def _columns(metric: str) -> list[tuple[str, str, Callable[[FormatRow], str]]]:
    """Return title, explanation and text of each column."""
    return [
        (_tr("Format"), _tr("How the model is written."), lambda r: r.title),
        (_tr("Size"), _tr("What the files take on disk."), _size),
        (
            _tr("Time for one"),
            _tr("Half of the samples took less, one at a time, on this computer."),
            lambda r: r.one,
        ),
        (
            _tr("Time for 32"),
            _tr("Half of the batches of 32 samples took less, on this computer."),
            lambda r: r.many,
        ),
        (
            metric,
            _tr("On the validation samples: that of the trained model, and of the export."),
            lambda r: r.score,
        ),
        (
            _tr("Same answers"),
            _tr("On how many of the same samples the export gives the trained model's answer."),
            lambda r: r.agreement,
        ),
    ]


def _size(row: FormatRow) -> str:
    return _tr("not here") if row.missing else row.size


class FormatItemModel(RowItemModel[FormatRow]):
    """Shows formats to a table."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.call_score("")

    def call_score(self, metric: str) -> None:
        """Say what the score is called."""
        self._columns = _columns(metric or _tr("Score"))
        told = enumerate(self._columns)
        self.headings = [Heading(title, tip, n > 0) for n, (title, tip, _) in told]

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row = self.rows[place]
        return {
            int(Qt.ItemDataRole.DisplayRole): self._columns[column][2](row),
            int(Qt.ItemDataRole.ToolTipRole): row.missing or row.summary,
            **_look(row, column),
        }


def _look(row: FormatRow, column: int) -> dict[int, Any]:
    """Return colour and font: names stand out, and what was not measured stands back."""
    font = QFont()
    font.setBold(not row.missing)
    back = row.missing or (column > 0 and not row.measured)
    faint = QApplication.palette().color(QPalette.ColorRole.PlaceholderText)
    return {
        int(Qt.ItemDataRole.FontRole): None if column else font,
        int(Qt.ItemDataRole.ForegroundRole): faint if back else None,
    }


class FormatTable(QTableView):
    """Formats, one a row, to choose one of.

    Signals:
        chosen: The catalogue name of the format.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = FormatItemModel(self)
        self.setModel(self._rows)
        self.setObjectName("formats")
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self.setAccessibleName(self.tr("Formats to choose from"))
        self.selectionModel().currentRowChanged.connect(self._on_row_changed)

    @property
    def rows(self) -> list[FormatRow]:
        """Return what is shown."""
        return self._rows.rows

    def show_rows(self, rows: Sequence[FormatRow], metric: str) -> None:
        """Show formats; the chosen one stays chosen, else the first is."""
        before = self.chosen_row()
        names = [row.name for row in rows]
        if list(rows) != self._rows.rows:
            self._rows.call_score(metric)
            self._rows.set_rows(rows)
            if rows:
                kept = before is not None and before.name in names
                self.selectRow(names.index(before.name) if kept and before is not None else 0)
        self.updateGeometry()

    def choose(self, name: str) -> None:
        """Choose a format by its name."""
        names = [row.name for row in self._rows.rows]
        if name in names:
            self.selectRow(names.index(name))

    def chosen_row(self) -> FormatRow | None:
        """Return the format that is chosen."""
        row = self.currentIndex().row()
        return self._rows.rows[row] if 0 <= row < len(self._rows.rows) else None

    @override
    def sizeHintForColumn(self, column: int) -> int:
        """Keep the score, which is as wide as its column, apart from the time before it."""
        return super().sizeHintForColumn(column) + (theme.px(16) if column == _SCORE else 0)

    @override
    def sizeHint(self) -> QSize:
        rows = min(_MOST_ROWS, max(1, len(self._rows.rows)))
        high = self.verticalHeader().defaultSectionSize() * rows
        return QSize(600, high + self.horizontalHeader().sizeHint().height() + 14)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    @Slot(QModelIndex)
    def _on_row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self._rows.rows[current.row()].name)
