"""The runs that wait, in their order; moved by dragging, by keys or by the page's buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.row_items import RowItemModel

_Index = QModelIndex | QPersistentModelIndex
ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_MIME = "application/x-finetune-studio-waiting-run"
_HEIGHT = 46
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """One run that waits: what it will do, and what sets it apart."""

    id: int
    text: str
    about: str


class WaitingItemModel(RowItemModel[WaitingRow]):
    """Shows waiting runs to a view, and says where one was dropped.

    Signals:
        dropped: The id of a run, and its new place counted from 0.
    """

    dropped = Signal(int, int)

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row = self.rows[place]
        return {
            int(Qt.ItemDataRole.DisplayRole): row.text,
            int(Qt.ItemDataRole.ToolTipRole): f"{row.text}\n{row.about}",
            int(Qt.ItemDataRole.AccessibleTextRole): f"{place + 1}, {row.text}, {row.about}",
            ROW_ROLE: row,
        }

    # Dragging: the queue decides where a run goes; the view never moves a row by itself.

    @override
    def flags(self, index: _Index) -> Qt.ItemFlag:
        if index.isValid():
            return super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled
        return super().flags(index) | Qt.ItemFlag.ItemIsDropEnabled

    @override
    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    @override
    def mimeTypes(self) -> list[str]:
        return [_MIME]

    @override
    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        carried = QMimeData()
        if indexes:
            carried.setData(_MIME, str(self.rows[indexes[0].row()].id).encode())
        return carried

    @override
    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: _Index
    ) -> bool:
        if action != Qt.DropAction.MoveAction or not data.hasFormat(_MIME):
            return False
        number = int(bytes(data.data(_MIME).data()))
        before = next((place for place, one in enumerate(self.rows) if one.id == number), None)
        if before is not None:
            place = len(self.rows) if row < 0 else row
            self.dropped.emit(number, place - 1 if place > before else place)
        return False


class _WaitingDelegate(QStyledItemDelegate):
    """Paints a place in the queue and two lines."""

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(200, theme.px(_HEIGHT))

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        now, row = theme.tokens(), index.data(ROW_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = option.rect.adjusted(1, 1, -1, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        hover = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.setPen(QPen(now.accent) if focused else Qt.PenStyle.NoPen)
        painter.setBrush(
            now.accent_soft if chosen else now.raised if hover else Qt.BrushStyle.NoBrush
        )
        painter.drawRoundedRect(box, 6, 6)
        inside = box.adjusted(10, 4, -10, -4)
        number = QRect(inside.left(), inside.top(), theme.px(24), inside.height())
        painter.setPen(now.muted)
        painter.drawText(number, Qt.AlignmentFlag.AlignVCenter, str(index.row() + 1))
        upper = inside.adjusted(number.width(), 0, 0, -inside.height() // 2)
        painter.setPen(now.text)
        _line(painter, upper, row.text)
        small = painter.font()
        small.setPixelSize(theme.px(12))
        painter.setFont(small)
        painter.setPen(now.muted)
        _line(painter, upper.translated(0, inside.height() // 2), row.about)
        painter.restore()


def _line(painter: QPainter, box: QRect, text: str) -> None:
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)


class WaitingList(QListView):
    """One run is chosen at a time; Alt+Up and Alt+Down move it, Delete takes it out.

    Signals:
        row_chosen: The WaitingRow that is chosen, or None.
        moved: The id of a run, and its new place counted from 0.
        removed: The id of the run to take out.
        opened: The WaitingRow that was double-clicked or entered.
    """

    row_chosen = Signal(object)
    moved = Signal(int, int)
    removed = Signal(int)
    opened = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = WaitingItemModel(self)
        # Queued, so that no row goes while the view still handles the drop.
        self._rows.dropped.connect(self.moved, Qt.ConnectionType.QueuedConnection)
        self.setModel(self._rows)
        self.setItemDelegate(_WaitingDelegate(self))
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setAccessibleName(self.tr("Runs that wait, in their order"))
        self.selectionModel().currentChanged.connect(self._on_current_changed)
        self.activated.connect(self._on_activated)

    def set_rows(self, rows: Sequence[WaitingRow]) -> None:
        """Show other runs; the one that was chosen stays chosen, else its place is."""
        before = self.chosen()
        place = self.currentIndex().row()
        self._rows.set_rows(rows)
        numbers = [row.id for row in rows]
        if before is not None and before.id in numbers:
            place = numbers.index(before.id)
        if rows:
            self.setCurrentIndex(self._rows.index(min(max(place, 0), len(rows) - 1), 0))
        self.updateGeometry()
        self.row_chosen.emit(self.chosen())

    def chosen(self) -> WaitingRow | None:
        """Return the run that is chosen."""
        found = self.currentIndex().data(ROW_ROLE)
        return found if isinstance(found, WaitingRow) else None

    def move_chosen(self, by: int) -> None:
        """Ask for the chosen run to be moved that many places down (up, if negative)."""
        row, place = self.chosen(), self.currentIndex().row() + by
        if row is not None and 0 <= place < len(self._rows.rows):
            self.moved.emit(row.id, place)

    def remove_chosen(self) -> None:
        """Ask for the chosen run to be taken out."""
        if (row := self.chosen()) is not None:
            self.removed.emit(row.id)

    @override
    def sizeHint(self) -> QSize:
        rows = min(_MOST_SHOWN, max(1, len(self._rows.rows)))
        return QSize(300, rows * theme.px(_HEIGHT) + 4)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.move_chosen(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_chosen()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _on_current_changed(self) -> None:
        self.row_chosen.emit(self.chosen())

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        if index.isValid():
            self.opened.emit(index.data(ROW_ROLE))
