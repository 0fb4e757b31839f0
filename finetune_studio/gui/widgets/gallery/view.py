"""A gallery: pictures or texts in a grid, a list or a strip, each with what the model said."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget
from typing_extensions import override

from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.gallery.item_model import GalleryItem, GalleryItemModel
from finetune_studio.gui.widgets.gallery.texts import TextTiles
from finetune_studio.gui.widgets.gallery.tiles import PictureTiles

_Index = QModelIndex | QPersistentModelIndex


class Gallery(QListView):
    """Pictures or texts to look through with the mouse or the arrow keys; several can be selected.

    Texts stand in a list, as wide as the gallery; in a strip they are cards.

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
        self._pictures = PictureTiles(thumbnails, self)
        self._texts = TextTiles(self)
        self._tile: PictureTiles | TextTiles = self._pictures
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
        else:
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setAccessibleName(self.tr("Samples"))
        thumbnails.ready.connect(self._on_picture_ready)
        self.activated.connect(self._on_activated)
        self._fit_tiles(())

    def show_items(self, items: Sequence[GalleryItem], chosen: int | None = None) -> None:
        """Show other pictures and choose one: by its id, else the one now in the same place."""
        place = max(0, self.currentIndex().row())
        self._choose_tile(items)
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

    def _choose_tile(self, items: Sequence[GalleryItem]) -> None:
        """Paint texts as texts; nothing to show keeps the tiles there were."""
        if items:
            self._tile = self._texts if any(item.marks for item in items) else self._pictures
        self.setItemDelegate(self._tile)
        self._fit_tiles(items)

    def _fit_tiles(self, items: Sequence[GalleryItem]) -> None:
        if self._tile is self._texts:
            self._texts.suit(items, self.viewport().width(), self.font())
        self._tile.fit(self.viewport().size(), self.fontMetrics(), strip=self._strip)
        self.setGridSize(self._tile.cell)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit_tiles(self._items.items)
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
        return QSize(300, 112) if self._strip else QSize(440, 240)

    @Slot()
    def _on_picture_ready(self) -> None:
        self.viewport().update()

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        self.opened.emit(self._items.items[index.row()].id)


def top_left(view: QListView) -> QPoint:
    """Return the place of the first tile, for tests that click."""
    return view.visualRect(view.model().index(0, 0)).center()
