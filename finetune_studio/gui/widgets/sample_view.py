"""What every view of samples shares: selecting, scrolling and moving by mouse and keys, nothing laid out."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Protocol

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QAbstractItemView, QFrame, QToolTip, QWidget
from typing_extensions import override

from finetune_studio.core.dataset import Sample
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.sample_items import Index, SampleItemModel

_MOST_KEPT = 5000  # selected samples that stay selected when others are shown
_Move = QAbstractItemView.CursorAction
_Flag = QItemSelectionModel.SelectionFlag
_STEPS = {
    getattr(Qt.Key, f"Key_{name}"): getattr(_Move, f"Move{name}")
    for name in ("Left", "Right", "Up", "Down", "Home", "End", "PageUp", "PageDown")
}


class PlacesOfItems(Protocol):
    """Where every item lies: arithmetic only, so a hundred thousand cost no more than ten."""

    @property
    def columns(self) -> int:
        """Return how many items stand in a line."""

    @property
    def line(self) -> int:
        """Return the height of a line of items."""

    @property
    def height(self) -> int:
        """Return the height of everything."""

    def box(self, row: int) -> QRect:
        """Return where an item lies."""

    def first_at(self, y: int) -> int:
        """Return the first item of the line at a height."""

    def within(self, top: int, bottom: int) -> range:
        """Return the items of all lines that touch these heights."""

    def at(self, x: int, y: int) -> int:
        """Return the item at a point; -1 between and beside them."""


class SampleView(QAbstractItemView):
    """Samples to look through, of which several can be selected; a view says where and how it paints.

    Signals:
        chosen: The number of the sample to look at; -1 if there is none.
        selected: Other samples are selected.
    """

    chosen = Signal(int)
    selected = Signal()

    def __init__(self, items: SampleItemModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items = items
        items.setParent(self)
        self._places = self.places_in(100)
        self._anchor = 0
        self._hovered = -1
        self._band = QRect()
        self.setModel(self._items)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)

    # --- what a view says -------------------------------------------------------------------------

    def places_in(self, width: int) -> PlacesOfItems:
        """Return where the items lie in a width."""
        raise NotImplementedError

    def paint_item(self, painter: QPainter, row: int, box: QRect, *, chosen: bool) -> None:
        """Paint one item."""
        raise NotImplementedError

    def begin_paint(self) -> None:
        """Make ready for a paint."""

    def end_paint(self) -> None:
        """Do what is left after a paint."""

    def tip(self, sample: Sample) -> str:
        """Return what is said when the mouse rests on an item; plain text."""
        return sample.path

    # --- what is shown ----------------------------------------------------------------------------

    def show_samples(
        self, samples: Sequence[Sample], rows: Mapping[int, int] | None = None
    ) -> None:
        """Show other samples; those selected stay so if they are among them.

        Args:
            samples: In the order to show.
            rows: Where each number stands, if that was worked out already.
        """
        if self._items.are_at(samples, rows):
            self._items.replace(samples)
            self.viewport().update()
            return
        current, chosen = self.current_id(), self.selected_ids()[:_MOST_KEPT]
        self._items.set_samples(samples, rows)
        self._hovered = -1
        self.updateGeometries()
        self._select_again(current, chosen)
        self.chosen.emit(self.current_id())
        self.selected.emit()

    def _select_again(self, current: int, chosen: list[int]) -> None:
        row = self._items.row_of(current)
        if row >= 0:
            self._anchor = row
            self.selectionModel().setCurrentIndex(self._items.index(row), _Flag.NoUpdate)
            self.scrollTo(self._items.index(row))
        else:
            self._anchor = 0
            self.verticalScrollBar().setValue(0)
        rows = [found for number in chosen if (found := self._items.row_of(number)) >= 0]
        self.selectionModel().select(self._selection(rows), _Flag.ClearAndSelect)

    def _selection(self, rows: Sequence[int]) -> QItemSelection:
        made = QItemSelection()
        for row in rows:
            made.select(self._items.index(row), self._items.index(row))
        return made

    @property
    def samples(self) -> Sequence[Sample]:
        """Return what is shown, in order."""
        return self._items.samples

    def current_id(self) -> int:
        """Return the number of the sample to look at; -1 if there is none."""
        index = self.currentIndex()
        return self._items.samples[index.row()].id if index.isValid() else -1

    def selected_ids(self) -> list[int]:
        """Return the numbers of all selected samples in the order shown."""
        rows: list[int] = []
        ranges = self.selectionModel().selection()
        for part in (ranges.at(number) for number in range(ranges.count())):
            rows += range(part.top(), part.bottom() + 1)
        return [self._items.samples[row].id for row in sorted(rows)]

    def choose(self, number: int) -> None:
        """Select one sample by its number; one that is not shown changes nothing."""
        row = self._items.row_of(number)
        if row >= 0:
            self._anchor = row
            self.setCurrentIndex(self._items.index(row))

    # --- where things lie -------------------------------------------------------------------------

    @override
    def updateGeometries(self) -> None:
        # Decided for the whole width, so that the bar cannot come and go by turns.
        fits = self.places_in(self.width()).height <= self.height()
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOff if fits else policy.ScrollBarAlwaysOn
        )
        room = self.viewport().size()
        self._places = self.places_in(room.width())
        bar = self.verticalScrollBar()
        bar.setSingleStep(max(16, self._places.line // 3))
        bar.setPageStep(room.height())
        bar.setRange(0, max(0, self._places.height - room.height()))
        super().updateGeometries()

    def _box(self, row: int) -> QRect:
        return self._places.box(row).translated(0, -self.verticalOffset())

    @override
    def visualRect(self, index: Index) -> QRect:
        return self._box(index.row()) if index.isValid() else QRect()

    @override
    def indexAt(self, point: QPoint) -> QModelIndex:
        row = self._places.at(point.x(), point.y() + self.verticalOffset())
        return self._items.index(row) if row >= 0 else QModelIndex()

    @override
    def scrollTo(
        self,
        index: Index,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        if not index.isValid():
            return
        place, bar = self._places.box(index.row()), self.verticalScrollBar()
        if hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            bar.setValue(place.center().y() - self.viewport().height() // 2)
        elif place.top() - 2 < bar.value():
            bar.setValue(place.top() - 2)
        elif place.bottom() + 2 > bar.value() + self.viewport().height():
            bar.setValue(place.bottom() + 2 - self.viewport().height())

    @override
    def horizontalOffset(self) -> int:
        return 0

    @override
    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    @override
    def isIndexHidden(self, index: Index) -> bool:
        return False

    @override
    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    # --- painting ---------------------------------------------------------------------------------

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.begin_paint()
        top, height = self.verticalOffset(), self.viewport().height()
        selection = self.selectionModel()
        # From below: the newest wish is read first, so pictures come in from the top.
        for row in reversed(self._places.within(top, top + height)):
            chosen = selection.isSelected(self._items.index(row))
            self.paint_item(painter, row, self._box(row), chosen=chosen)
        if not self._band.isEmpty():
            painter.setPen(theme.tokens().accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._band)
        painter.end()
        self.end_paint()

    # --- keys and mouse ---------------------------------------------------------------------------

    @override
    def moveCursor(self, action: _Move, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        count, row = len(self._items.samples), self.currentIndex().row()
        if not count or row < 0:
            return self._items.index(0) if count else QModelIndex()
        columns = self._places.columns
        page = max(1, self.viewport().height() // self._places.line) * columns
        step = {
            _Move.MoveLeft: -1,
            _Move.MovePrevious: -1,
            _Move.MoveRight: 1,
            _Move.MoveNext: 1,
            _Move.MoveUp: -columns if row >= columns else 0,
            _Move.MoveDown: columns,
            _Move.MovePageUp: -page,
            _Move.MovePageDown: page,
            _Move.MoveHome: -count,
            _Move.MoveEnd: count,
        }.get(action, 0)
        return self._items.index(max(0, min(count - 1, row + step)))

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        action = _STEPS.get(Qt.Key(event.key()))
        if action is not None and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._extend_to(self.moveCursor(action, event.modifiers()))
            return
        super().keyPressEvent(event)
        if action is not None:
            self._anchor = max(0, self.currentIndex().row())

    @override
    def keyboardSearch(self, search: str) -> None:
        """Do nothing: letters are shortcuts here."""

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if shift and index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self._extend_to(index)
            return
        super().mousePressEvent(event)
        if index.isValid():
            self._anchor = index.row()

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.indexAt(event.position().toPoint()).row())

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self._band = QRect()
        self.viewport().update()

    @override
    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            self._hovered = row
            self.viewport().update()

    def _extend_to(self, index: QModelIndex) -> None:
        """Select everything between the sample that was clicked last and this one."""
        if not index.isValid():
            return
        first, last = sorted((min(self._anchor, len(self._items.samples) - 1), index.row()))
        between = QItemSelection(self._items.index(first), self._items.index(last))
        self.selectionModel().setCurrentIndex(index, _Flag.NoUpdate)
        self.selectionModel().select(between, _Flag.ClearAndSelect)
        self.scrollTo(index)

    @override
    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        box, top = rect.normalized(), self.verticalOffset()
        dragging = self.state() == QAbstractItemView.State.DragSelectingState
        self._band = box if dragging else QRect()
        near = self._places.within(box.top() + top, box.bottom() + top)
        touched = [row for row in near if self._box(row).intersects(box)]
        self.selectionModel().select(self._selection(touched), command)

    @override
    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        return QRegion(self.viewport().rect())

    @override
    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        self.chosen.emit(self.current_id())

    @override
    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        self.selected.emit()

    @override
    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            text = self.tip(self._items.samples[index.row()]) if index.isValid() else ""
            # Text from data is never rich text: a path with markup in it shows as it is.
            shown = f"<span>{html.escape(text)}</span>" if text else ""
            QToolTip.showText(event.globalPos(), shown, self.viewport())
            return True
        return super().viewportEvent(event)
