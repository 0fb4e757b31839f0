"""The grid itself: pictures to look through, select and zoom, with the mouse and the keys."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QWheelEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.sample_grid.painting import Look, paint_tile
from finetune_studio.gui.widgets.sample_grid.places import Places, fitted
from finetune_studio.gui.widgets.sample_grid.tiles import Tiles
from finetune_studio.gui.widgets.sample_items import SampleItemModel
from finetune_studio.gui.widgets.sample_view import SampleView

SMALLEST, USUAL, LARGEST = 72, 128, 288


class SampleGrid(SampleView):
    """Pictures with their labels; several can be selected.

    Args:
        thumbnails: Reads pictures in the background.

    Signals:
        zoomed: The wished width of a picture is another (Ctrl and the wheel).
    """

    zoomed = Signal(int)
    _places: Places

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        self._tiles = Tiles(thumbnails)
        self._wish = USUAL
        super().__init__(SampleItemModel(), parent)
        self.setAccessibleName(self.tr("Pictures"))
        thumbnails.ready.connect(self._on_picture_ready)

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

    @override
    def places_in(self, width: int) -> Places:
        caption = self.fontMetrics().height() + 14
        return fitted(len(self._items.samples), width, theme.px(self._wish), caption)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(2 * SMALLEST + 40, 160)

    @override
    def sizeHint(self) -> QSize:
        return QSize(480, 400)

    @override
    def begin_paint(self) -> None:
        self._tiles.begin()
        height = self.viewport().height()
        self._wish_ahead(self.verticalOffset() + height, height)

    @override
    def paint_item(self, painter: QPainter, row: int, box: QRect, *, chosen: bool) -> None:
        sample = self._items.samples[row]
        held = self.hasFocus() and row == self.currentIndex().row()
        look = Look(chosen, held, row == self._hovered)
        paint_tile(painter, box, sample, self._items.caption(sample), look, self._tiles)

    @override
    def end_paint(self) -> None:
        if self._tiles.wanting:
            self.viewport().update()

    def _wish_ahead(self, top: int, height: int) -> None:
        """Have the next screen read, so that it is there when it is scrolled to."""
        ratio = self.devicePixelRatioF()
        for row in reversed(self._places.within(top, top + height)):
            self._tiles.wish(self._items.samples[row].path, self._places.side, ratio)

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self._wish + (16 if event.angleDelta().y() > 0 else -16))
            self.zoomed.emit(self._wish)
            return
        super().wheelEvent(event)

    @Slot()
    def _on_picture_ready(self) -> None:
        self.viewport().update()
