"""The list itself: texts to look through and select, two lines each, painted only where they are seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.core.dataset import Sample
from finetune_studio.gui.widgets.sample_items import Index, SampleItemModel
from finetune_studio.gui.widgets.sample_view import SampleView
from finetune_studio.gui.widgets.text_list.line import RowPlaces, TextLine
from finetune_studio.gui.widgets.text_list.painting import paint_row, row_height

Describe = Callable[[Sample], TextLine]


class TextList(SampleView):
    """Texts, two lines each; several can be selected.

    Args:
        describe: Says what stands in a sample's row; asked only for rows that are seen.
    """

    def __init__(self, describe: Describe, parent: QWidget | None = None) -> None:
        items = _TextItemModel(describe)
        super().__init__(items, parent)
        self._describe = describe
        self.setAccessibleName(self.tr("Texts"))

    @override
    def places_in(self, width: int) -> RowPlaces:
        high = row_height(self.fontMetrics())
        return RowPlaces(len(self._items.samples), high, max(80, width))

    @override
    def paint_item(self, painter: QPainter, row: int, box: QRect, *, chosen: bool) -> None:
        sample = self._items.samples[row]
        paint_row(
            painter,
            box,
            self._describe(sample),
            chosen=chosen,
            focused=self.hasFocus() and row == self.currentIndex().row(),
            hovered=row == self._hovered,
            out=sample.excluded,
            bad=bool(sample.problem),
        )

    @override
    def tip(self, sample: Sample) -> str:
        return sample.problem or sample.place

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, 3 * row_height(self.fontMetrics()))

    @override
    def sizeHint(self) -> QSize:
        return QSize(360, 400)


class _TextItemModel(SampleItemModel):
    """Says a row's words to those who cannot see it."""

    def __init__(self, describe: Describe) -> None:
        super().__init__()
        self._describe = describe

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        told = int(role) in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
        if told and index.isValid() and 0 <= index.row() < len(self.samples):
            line = self._describe(self.samples[index.row()])
            if role == Qt.ItemDataRole.DisplayRole:
                return line.title
            return ", ".join(t for t in (line.title, *line.chips, line.under, *line.hints) if t)
        return super().data(index, role)
