"""What was tried so far: a strip of pictures or texts, or a table, to look at again or to save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QTableView,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Words
from finetune_studio.gui.pages.try_out.inputs import is_text_task
from finetune_studio.gui.pages.try_out.tried import (
    Tried,
    called,
    percent,
    summary,
    trouble_beside_name,
)
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.gallery import Gallery, GalleryItem

_Index = QModelIndex | QPersistentModelIndex
_MOST_IN_STRIP = 200
_CELLS = ("file", "answer", "probability", "time", "problem")  # of the chosen run
_TIP_LETTERS = 600
_WIDTHS = (220, 140, 96, 80)
_PROBLEM_WIDTH = 300


class TriedItemModel(QAbstractTableModel):
    """Shows what was tried to a table."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Tried] = []
        self._beside: dict[int, Prediction] = {}
        self._titles = [
            self.tr("File"),
            self.tr("Answer"),
            self.tr("Probability"),
            self.tr("Time"),
            self.tr("Problem"),
        ]

    def add(self, rows: Sequence[Tried]) -> None:
        """Add what was tried last below the rest."""
        start = len(self.rows)
        self.beginInsertRows(QModelIndex(), start, start + len(rows) - 1)
        self.rows += rows
        self.endInsertRows()

    def clear(self) -> None:
        """Forget all."""
        self.beginResetModel()
        self.rows = []
        self.endResetModel()

    def set_beside(self, title: str, answers: Mapping[int, Prediction]) -> None:
        """Show what another run said in a last column; none where it has no title."""
        if title not in self._titles[len(_CELLS) :] or not title:
            self.beginResetModel()
            self._titles = [*self._titles[: len(_CELLS)], *([title] if title else [])]
            self._beside = dict(answers)
            self.endResetModel()
            return
        self._beside = dict(answers)
        if self.rows:
            last = len(self._titles) - 1
            self.dataChanged.emit(self.index(0, last), self.index(len(self.rows) - 1, last))

    def call_inputs(self, one: str) -> None:
        """Give the first column another heading."""
        self._titles[0] = one
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, 0)

    @override
    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.rows)

    @override
    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._titles)

    @override
    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        tried = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            beside = index.column() >= len(_CELLS)
            return self._said_beside(tried) if beside else _cells(tried)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tried.trouble or tried.path[:_TIP_LETTERS]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        return None

    def _said_beside(self, tried: Tried) -> str:
        if tried.trouble:  # another run is not asked what cannot be read
            return "–"
        other = self._beside.get(tried.id)
        return Tried(tried.id, other).said if other is not None else "…"

    @override
    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self._titles):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        return _alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None


def _cells(tried: Tried) -> tuple[str, str, str, str, str]:
    if tried.trouble:
        return tried.name, "–", "–", "–", trouble_beside_name(tried)
    milliseconds = f"{tried.prediction.seconds * 1000:.0f} ms"
    share = percent(tried.certainty) if tried.certainty else "–"
    return tried.name, tried.said, share, milliseconds, ""


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in (2, 3) else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class TriedTable(QTableView):
    """A line a file or text.

    Signals:
        chosen: The id of the row to look at.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items = TriedItemModel(self)
        self.setModel(self.items)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for column, width in enumerate(_WIDTHS):
            header.resizeSection(column, width)
        self.items.modelReset.connect(self._on_columns_changed)
        self.setAccessibleName(self.tr("Tried files and their answers"))
        self.selectionModel().currentRowChanged.connect(self._on_row_changed)

    @Slot()
    def _on_columns_changed(self) -> None:
        """Leave room for what is wrong with a file also where another run's answers stand behind it."""
        if self.items.columnCount() > len(_CELLS):
            self.horizontalHeader().resizeSection(len(_CELLS) - 1, _PROBLEM_WIDTH)

    @Slot(QModelIndex)
    def _on_row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self.items.rows[current.row()].id)


class HistoryCard(Card):
    """The pictures or texts tried so far, the newest first, or a table of them in their order.

    Signals:
        chosen: The id of what the user wants to see again.
        save_wanted: The user wants the answers as a file.
        clear_wanted: The user wants to begin anew.
        stop_wanted: The user wants the asking to end.
    """

    chosen = Signal(int)
    save_wanted = Signal()
    clear_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.view_bar = ChoiceBar([("strip", self.tr("Pictures")), ("table", self.tr("Table"))])
        self.save_button = self._button(self.tr("Save as CSV…"), "save_csv")
        self.clear_button = self._button(self.tr("Clear"), "clear")
        self.stop_button = self._button(self.tr("Stop"), "stop_try")
        for part in (self.view_bar, self.stop_button, self.save_button, self.clear_button):
            self.head.addWidget(part)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        kept = self._bar.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # nothing jumps when it comes and goes
        self._bar.setSizePolicy(kept)
        self.strip = Gallery(thumbnails, strip=True)
        self.strip.setMinimumHeight(120)
        self.table = TriedTable()
        self._pile = QStackedWidget()
        self._pile.addWidget(self.strip)
        self._pile.addWidget(self.table)
        self.body.addWidget(self._bar)
        self.body.addWidget(self._pile)
        self._task = ""
        self.strip.chosen.connect(self.chosen)
        self.table.chosen.connect(self.chosen)
        self.view_bar.chosen.connect(self.set_view)
        self.save_button.clicked.connect(self.save_wanted)
        self.clear_button.clicked.connect(self.clear_wanted)
        self.stop_button.clicked.connect(self.stop_wanted)
        self.set_working(working=False)

    def _button(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        return button

    def suit(self, task: str) -> None:
        """Speak of pictures or texts, as the task does."""
        self._task = task
        texts = is_text_task(task)
        self.strip.setMinimumHeight(84 if texts else 120)
        many = called(task)[1]
        self.view_bar.set_text("strip", f"{many[:1].upper()}{many[1:]}")
        self.table.items.call_inputs(self.tr("Text") if texts else self.tr("File"))

    @Slot(str)
    def set_view(self, view: str) -> None:
        """Show the ``strip`` or the ``table``."""
        self.view_bar.set_value(view)
        self._pile.setCurrentIndex(1 if view == "table" else 0)

    def set_working(self, *, working: bool) -> None:
        """Show whether the model is being asked."""
        self._bar.setVisible(working)
        self.stop_button.setVisible(working)
        self.save_button.setEnabled(not working)
        self.clear_button.setEnabled(not working)

    def show_progress(self, done: int, total: int) -> None:
        """Show how far the asking is; a total of 0 means that nobody knows."""
        self._bar.setRange(0, total)
        self._bar.setValue(done)

    def add(self, new: Sequence[Tried]) -> None:
        """Add what was tried last, and choose the last of it."""
        self.table.items.add(new)
        everything = self.table.items.rows
        self.set_title(summary(everything, self._task))
        newest = reversed(everything[-_MOST_IN_STRIP:])
        self.strip.show_items([_item(tried, self._task) for tried in newest], new[-1].id)
        self.table.selectRow(len(everything) - 1)

    def clear(self) -> None:
        """Forget all."""
        self.table.items.clear()
        self.strip.show_items([])
        self.set_title(" ")


def _item(tried: Tried, task: str) -> GalleryItem:
    texts = is_text_task(task)
    marks = (Words(tried.name),) if texts else ()
    if tried.trouble:
        return GalleryItem(tried.id, tried.path, "not readable", "", tried.name, "bad", marks)
    share = percent(tried.certainty) if tried.certainty else ""
    mood = "bad" if tried.unlike else ""
    return GalleryItem(
        tried.id, tried.path, tried.said, share, "" if texts else tried.name, mood, marks
    )
