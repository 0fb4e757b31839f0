"""The grid itself: pictures to look through, select and zoom, with the mouse and the keys."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QToolTip, QWidget
from typing_extensions import override

from finetune_studio.core.dataset import Sample
from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.sample_grid.item_model import Index, SampleItemModel
from finetune_studio.gui.widgets.sample_grid.painting import Look, paint_tile
from finetune_studio.gui.widgets.sample_grid.places import Places, fitted
from finetune_studio.gui.widgets.sample_grid.tiles import Tiles

SMALLEST, USUAL, LARGEST = 72, 128, 288
_MOST_KEPT = 5000  # selected samples that stay selected when others are shown
_Move = QAbstractItemView.CursorAction
_Flag = QItemSelectionModel.SelectionFlag
_STEPS = {
    getattr(Qt.Key, f"Key_{name}"): getattr(_Move, f"Move{name}")
    for name in ("Left", "Right", "Up", "Down", "Home", "End", "PageUp", "PageDown")
}


class SampleGrid(QAbstractItemView):
    """Pictures with their labels; several can be selected.

    Args:
        thumbnails: Reads pictures in the background.

    Signals:
        chosen: The number of the sample to look at; -1 if there is none.
        selected: Other samples are selected.
        zoomed: The wished width of a picture is another (Ctrl and the wheel).
    """

    chosen = Signal(int)
    selected = Signal()
    zoomed = Signal(int)

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items = SampleItemModel(self)
        self._tiles = Tiles(thumbnails)
        self._thumbnails = thumbnails
        self._places = Places()
        self._wish = USUAL
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
        self.setAccessibleName(self.tr("Pictures"))
        thumbnails.ready.connect(self._on_picture_ready)

    # --- what is shown ----------------------------------------------------------------------------

    def show_samples(
        self, samples: Sequence[Sample], rows: Mapping[int, int] | None = None
    ) -> None:
        """Show other samples; those selected stay so if they are among them.

        Args:
            samples: In the order to show.
            rows: Where each number stands, if that was worked out already.
        """
        if _same_order(samples, self._items.samples):
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

    def set_zoom(self, wish: int) -> None:
        """Show pictures about this many pixels wide (13 px design); what is on top stays there."""
        top = self._places.first_at(self.verticalOffset())
        self._wish = max(SMALLEST, min(LARGEST, wish))
        self.updateGeometries()
        self.verticalScrollBar().setValue(self._places.box(top).top() if top else 0)
        self.viewport().update()

    def forget_pictures(self) -> None:
        """Drop all tiles, for other data."""
        self._tiles.forget_all()

    # --- where things lie -------------------------------------------------------------------------

    @override
    def updateGeometries(self) -> None:
        caption = self.fontMetrics().height() + 14
        count, wish = len(self._items.samples), theme.px(self._wish)
        # Decided for the whole width, so that the bar cannot come and go by turns.
        fits = fitted(count, self.width(), wish, caption).height <= self.height()
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOff if fits else policy.ScrollBarAlwaysOn
        )
        room = self.viewport().size()
        self._places = fitted(count, room.width(), wish, caption)
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

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(2 * SMALLEST + 40, 160)

    @override
    def sizeHint(self) -> QSize:
        return QSize(480, 400)

    # --- painting ---------------------------------------------------------------------------------

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._tiles.begin()
        top, height = self.verticalOffset(), self.viewport().height()
        self._wish_ahead(top + height, height)
        selection, current = self.selectionModel(), self.currentIndex().row()
        held = self.hasFocus()
        # From below: the newest wish is read first, so pictures come in from the top.
        for row in reversed(self._places.within(top, top + height)):
            sample = self._items.samples[row]
            chosen = selection.isSelected(self._items.index(row))
            look = Look(chosen, held and row == current, row == self._hovered)
            caption = self._items.caption(sample)
            paint_tile(painter, self._box(row), sample, caption, look, self._tiles)
        if not self._band.isEmpty():
            painter.setPen(theme.tokens().accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._band)
        painter.end()
        if self._tiles.wanting:
            self.viewport().update()

    def _wish_ahead(self, top: int, height: int) -> None:
        """Have the next screen read, so that it is there when it is scrolled to."""
        ratio = self.devicePixelRatioF()
        for row in reversed(self._places.within(top, top + height)):
            self._tiles.wish(self._items.samples[row].path, self._places.side, ratio)

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
    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self._wish + (16 if event.angleDelta().y() > 0 else -16))
            self.zoomed.emit(self._wish)
            return
        super().wheelEvent(event)

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
            text = self._items.samples[index.row()].path if index.isValid() else ""
            # Text from data is never rich text: a path with markup in it shows as it is.
            shown = f"<span>{html.escape(text)}</span>" if text else ""
            QToolTip.showText(event.globalPos(), shown, self.viewport())
            return True
        return super().viewportEvent(event)

    @Slot()
    def _on_picture_ready(self) -> None:
        self.viewport().update()


def _same_order(new: Sequence[Sample], old: Sequence[Sample]) -> bool:
    """Whether these are the same samples in the same order, whatever is known about them."""
    return len(new) == len(old) and all(a.id == b.id for a, b in zip(new, old, strict=True))
