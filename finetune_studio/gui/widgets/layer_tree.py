"""The layers of a network as a tree whose boxes say what learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from PySide6.QtCore import QModelIndex, Signal, Slot
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.layer_items import (
    NODE_ROLE,
    RANK,
    RATE,
    LayerItemModel,
    called,
    short,
    states,
)
from finetune_studio.gui.widgets.layer_rates import Rates
from finetune_studio.models.node import LayerNode

__all__ = ["NODE_ROLE", "LayerItemModel", "LayerTree", "called", "opened", "short", "states"]

_MOST_OPENED = 40
_NARROW, _NARROWER, _NARROWEST = 440, 310, 170  # where kind, then output, then size are left out
_NARROWER_BESIDE_RANKS = 400
_MORE = 120  # what a column for experts takes
_NAME = 200  # pixels that a layer's name should have before its type has room


class LayerTree(QTreeView):
    """Opens what is of interest; the space bar ticks a box, arrow keys open and close.

    Signals:
        names_changed: The user ticked or cleared a box; the names of what learns now (a tuple).
        rank_changed: The user gave a module's adapters a rank; its name, and the rank.
        rate_changed: The user gave a module a rate; its name, and what the learning rate is multiplied
            by, or None: as what it lies in.
    """

    names_changed = Signal(object)
    rank_changed = Signal(str, int)
    rate_changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layers = LayerItemModel(self)
        self.layers.names_changed.connect(self.names_changed)
        self.layers.rank_changed.connect(self.rank_changed)
        self.layers.rate_changed.connect(self.rate_changed)
        self.setModel(self.layers)
        self.setUniformRowHeights(True)
        self.setIndentation(theme.px(16))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setAllColumnsShowFocus(True)
        self.setExpandsOnDoubleClick(True)
        self.setAccessibleName(self.tr("Layers of the model; the boxes say which of them learn"))
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        font = QFont(self.font())
        font.setBold(False)
        header.setFont(font)
        header.setMinimumSectionSize(theme.px(56))
        for column, mode in enumerate(
            (
                QHeaderView.ResizeMode.Stretch,
                QHeaderView.ResizeMode.Interactive,
                *[QHeaderView.ResizeMode.ResizeToContents] * 4,
            )
        ):
            header.setSectionResizeMode(column, mode)
        header.resizeSection(1, theme.px(170))
        self.setColumnHidden(RANK, True)
        self.setColumnHidden(RATE, True)
        self.expanded.connect(self._on_opened)

    def show_network(self, root: LayerNode | None, title: str, head: str) -> None:
        """Show another network, opened where it is of interest."""
        self.layers.set_network(root, title, head)
        if root is not None:
            for node in opened(root):
                self.expand(self.layers.place_of(node))
            self.setCurrentIndex(self.layers.place_of(root))

    def set_names(self, names: Sequence[str]) -> None:
        """Show what learns."""
        self.layers.set_names(names)

    def show_ranks(self, ranks: Mapping[str, int]) -> None:
        """Show the ranks of adapters by layer, each to be changed; without any the column is not there."""
        self.layers.set_ranks(ranks)
        self.setColumnHidden(RANK, not ranks)
        self._fit_columns()

    def show_rates(self, rates: Rates, *, shown: bool) -> None:
        """Take over how fast and since when the layers learn; show the column that changes it, or not."""
        self.layers.set_rates(rates)
        self.setColumnHidden(RATE, not shown)
        self._fit_columns()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what a layer is called before its name gets too short."""
        super().resizeEvent(event)
        self._fit_columns()

    def _fit_columns(self) -> None:
        more = sum(_MORE for column in (RANK, RATE) if not self.isColumnHidden(column))
        room = self.viewport().width() - theme.px(more)
        self.setColumnHidden(1, room < theme.px(_NARROW))
        # Names are what tells layers apart: beside ranks, shapes make way for them.
        least = _NARROWER if self.isColumnHidden(RANK) else _NARROWER_BESIDE_RANKS
        self.setColumnHidden(2, room < theme.px(least))
        self.setColumnHidden(3, room < theme.px(_NARROWEST))
        after = [c for c in range(2, self.layers.columnCount()) if not self.isColumnHidden(c)]
        left = self.viewport().width() - sum(self.columnWidth(c) for c in after) - theme.px(_NAME)
        least_kind = self.fontMetrics().horizontalAdvance(self.tr("Convolution")) + theme.px(28)
        self.header().resizeSection(1, max(least_kind, min(theme.px(170), left)))

    @Slot(QModelIndex)
    def _on_opened(self, index: QModelIndex) -> None:
        """Open a module's only child too: there is nothing to choose between."""
        if self.layers.rowCount(index) == 1:
            self.expand(self.layers.index(0, 0, index))


def opened(root: LayerNode) -> Iterator[LayerNode]:
    """Yield the modules to open at first: from the top on, until the parts can be told apart."""
    shown, level = 0, [root]
    while level:
        shown += sum(len(node.children) for node in level)
        if shown > _MOST_OPENED and level != [root]:
            return
        yield from level
        inside = [child for node in level for child in node.children if child.children]
        # A network's parts are its blocks: stop where several levels of equal parts begin.
        level = inside if len(inside) <= 3 else []
