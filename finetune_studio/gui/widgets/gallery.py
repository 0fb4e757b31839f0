"""A gallery: pictures in a grid or a strip, each with what the model said and what the user did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QPainter, QPainterPath, QPixmap, QResizeEvent
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
from finetune_studio.gui.thumbnails import Thumbnails

_Index = QModelIndex | QPersistentModelIndex
ITEM_ROLE = Qt.ItemDataRole.UserRole + 1
_WISHED = 132  # pixels of a picture's side in the 13 px design; columns share what is left over


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """One picture, two lines below it; ``strong`` stands before ``first``, tinted by ``level``."""

    id: int
    path: str
    strong: str = ""
    first: str = ""
    second: str = ""
    level: str = ""


class GalleryItemModel(QAbstractListModel):
    """Shows gallery items to a view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items: list[GalleryItem] = []

    def set_items(self, items: Sequence[GalleryItem]) -> None:
        """Show other items."""
        self.beginResetModel()
        self.items = list(items)
        self.endResetModel()

    def row_of(self, number: int) -> int:
        """Return the row of an item by its id; -1 if it is not shown."""
        return next((row for row, item in enumerate(self.items) if item.id == number), -1)

    @override
    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.items)

    @override
    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.items):
            return None
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{item.strong} {item.first}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(t for t in (f"{item.strong} {item.first}".strip(), item.second) if t)
        if role == ITEM_ROLE:
            return item
        return None


class _TileDelegate(QStyledItemDelegate):
    """Paints a square picture with two lines of caption."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self.thumbnails = thumbnails
        self.cell = QSize(_WISHED, _WISHED)
        self.lines = 2

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return self.cell

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        item: GalleryItem = index.data(ITEM_ROLE)
        now = theme.tokens()
        metrics = option.fontMetrics
        box = option.rect.adjusted(4, 4, -4, -4)
        side = min(box.width(), box.height() - self.lines * (metrics.height() + 2) - 4)
        picture = QRect(box.left(), box.top(), side, side)
        painter.save()
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(now.accent_soft)
            painter.drawRoundedRect(option.rect.adjusted(1, 1, -1, -1), 6, 6)
        self._paint_picture(painter, picture, item.path)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.setPen(now.accent if chosen or focused else now.line)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(picture, 4, 4)
        line = QRect(box.left(), picture.bottom() + 4, box.width(), metrics.height() + 2)
        self._paint_captions(painter, line, item, option)
        painter.restore()

    def _paint_picture(self, painter: QPainter, box: QRect, path: str) -> None:
        ratio = painter.device().devicePixelRatioF()
        found = self.thumbnails.get(path, round(box.width() * ratio * 1.5))
        if found is None or found.isNull():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.tokens().raised)
            painter.drawRoundedRect(box, 4, 4)
            if found is not None:
                painter.setPen(theme.tokens().muted)
                centre = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
                painter.drawText(box.adjusted(6, 6, -6, -6), centre, self.tr("not readable"))
            return
        corners = QPainterPath()
        corners.addRoundedRect(box, 4, 4)
        painter.save()
        painter.setClipPath(corners)
        painter.drawPixmap(box, found, _middle(found))
        painter.restore()

    def _paint_captions(
        self, painter: QPainter, line: QRect, item: GalleryItem, option: QStyleOptionViewItem
    ) -> None:
        now = theme.tokens()
        plain = option.font
        strong_font = option.font
        strong_font.setBold(True)
        painter.setFont(strong_font)
        room = line.width()
        strong = painter.fontMetrics().elidedText(item.strong, Qt.TextElideMode.ElideRight, room)
        painter.setPen(theme.level_colours(item.level)[0] if item.level else now.text)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, strong)
        used = painter.fontMetrics().horizontalAdvance(strong + " ")
        plain.setBold(False)
        painter.setFont(plain)
        painter.setPen(now.muted)
        centre = Qt.AlignmentFlag.AlignVCenter
        metrics = painter.fontMetrics()
        if metrics.horizontalAdvance(item.first) <= room - used:
            painter.drawText(line.adjusted(used, 0, 0, 0), centre, item.first)
        if self.lines > 1:
            below = line.translated(0, line.height())
            second = metrics.elidedText(item.second, Qt.TextElideMode.ElideRight, room)
            painter.drawText(below, centre, second)


def _middle(pixmap: QPixmap) -> QRect:
    """Return the largest square in the middle of a picture."""
    side = min(pixmap.width(), pixmap.height())
    return QRect((pixmap.width() - side) // 2, (pixmap.height() - side) // 2, side, side)


class Gallery(QListView):
    """Pictures to look through with the mouse or the arrow keys; several can be selected.

    Args:
        thumbnails: Reads pictures in the background.
        strip: One row that scrolls sideways instead of a grid.

    Signals:
        chosen: The id of the picture to look at; -1 if there is none.
        opened: The id of a picture that was double-clicked or entered.
    """

    chosen = Signal(int)
    opened = Signal(int)

    def __init__(
        self, thumbnails: Thumbnails, parent: QWidget | None = None, *, strip: bool = False
    ) -> None:
        super().__init__(parent)
        self._items = GalleryItemModel(self)
        self._tile = _TileDelegate(thumbnails, self)
        self._strip = strip
        self.setModel(self._items)
        self.setItemDelegate(self._tile)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setWrapping(not strip)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(2000)
        self.setUniformItemSizes(True)
        self.setSpacing(0)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        mode = QAbstractItemView.SelectionMode
        self.setSelectionMode(mode.SingleSelection if strip else mode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        if strip:
            self.setFlow(QListView.Flow.LeftToRight)
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self._tile.lines = 1
        else:
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setAccessibleName(self.tr("Pictures"))
        thumbnails.ready.connect(self._on_picture_ready)
        self.activated.connect(self._on_activated)
        self._fit_tiles()

    def show_items(self, items: Sequence[GalleryItem], chosen: int | None = None) -> None:
        """Show other pictures and choose one: by its id, else the one now in the same place."""
        place = max(0, self.currentIndex().row())
        self._items.set_items(items)
        row = self._items.row_of(chosen) if chosen is not None else 0
        if row < 0:
            row = place
        if items:
            self.setCurrentIndex(self._items.index(min(row, len(items) - 1)))
        else:
            self.chosen.emit(-1)

    @property
    def items(self) -> list[GalleryItem]:
        """Return what is shown, in order."""
        return self._items.items

    def chosen_id(self) -> int:
        """Return the id of the picture to look at; -1 if there is none."""
        index = self.currentIndex()
        return self._items.items[index.row()].id if index.isValid() else -1

    def choose(self, number: int) -> None:
        """Choose a picture by its id; an id that is not shown changes nothing."""
        row = self._items.row_of(number)
        if row >= 0:
            self.setCurrentIndex(self._items.index(row))
            self.scrollTo(self._items.index(row))

    def selected_ids(self) -> list[int]:
        """Return the ids of all selected pictures in order."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return [self._items.items[row].id for row in rows]

    def _fit_tiles(self) -> None:
        """Share the width among as many columns as fit; a strip takes its height."""
        caption = self._tile.lines * (self.fontMetrics().height() + 2) + 4
        if self._strip:
            side = max(48, self.viewport().height() - caption - 10)
            self._tile.cell = QSize(side + 8, side + caption + 8)
        else:
            room = max(80, self.viewport().width() - 1)
            columns = max(2 if room >= 180 else 1, round(room / (theme.px(_WISHED) + 8)))
            self._tile.cell = QSize(room // columns, room // columns + caption)
        self.setGridSize(self._tile.cell)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit_tiles()
        super().resizeEvent(event)

    @override
    def currentChanged(self, current: _Index, previous: _Index) -> None:
        super().currentChanged(current, previous)
        self.chosen.emit(self.chosen_id())

    @override
    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        self.viewport().update()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, 96 if self._strip else 160)

    @override
    def sizeHint(self) -> QSize:
        return QSize(300, 112) if self._strip else QSize(440, 420)

    @Slot()
    def _on_picture_ready(self) -> None:
        self.viewport().update()

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        self.opened.emit(self._items.items[index.row()].id)


def top_left(view: QListView) -> QPoint:
    """Return the place of the first tile, for tests that click."""
    return view.visualRect(view.model().index(0, 0)).center()
