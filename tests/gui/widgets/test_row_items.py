"""Rows are shown as their model says, below their headings, whether a list or a table asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QListView

from finetune_studio.gui.widgets.row_items import Heading, RowItemModel, side

RIGHT, LEFT = side(right=True), side(right=False)


class Pairs(RowItemModel[tuple[str, int]]):
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        return {int(Qt.ItemDataRole.DisplayRole): self.rows[place][column]}


def test_a_table_has_headings_and_cells_that_stand_below_them(qtmodeltester):
    model = Pairs(headings=[Heading("Name", "who"), Heading("Count", right=True)])
    model.set_rows([("a", 1), ("b", 2)])
    qtmodeltester.check(model)
    assert (model.rowCount(), model.columnCount()) == (2, 2)
    assert model.rowCount(model.index(0, 0)) == 0
    assert model.index(1, 1).data() == 2
    assert model.index(1, 1).data(Qt.ItemDataRole.TextAlignmentRole) == RIGHT
    assert model.index(1, 0).data(Qt.ItemDataRole.TextAlignmentRole) == LEFT
    across = Qt.Orientation.Horizontal
    assert [model.headerData(n, across) for n in range(3)] == ["Name", "Count", None]
    assert model.headerData(0, across, Qt.ItemDataRole.ToolTipRole) == "who"
    assert model.headerData(1, across, Qt.ItemDataRole.TextAlignmentRole) == RIGHT
    assert model.headerData(0, Qt.Orientation.Vertical) is None
    assert model.data(QModelIndex()) is None


def test_a_list_needs_no_headings_and_hears_of_other_rows(qtbot):
    view = QListView()
    qtbot.addWidget(view)
    model = Pairs(view)
    view.setModel(model)
    with qtbot.waitSignal(model.modelReset):
        model.set_rows([("a", 1)])
    assert model.columnCount() == 1
    assert view.model().index(0, 0).data() == "a"
    assert model.index(0, 0).data(Qt.ItemDataRole.TextAlignmentRole) is None
    model.set_rows([("a", 1)], [Heading("Name")])
    assert model.headerData(0, Qt.Orientation.Horizontal) == "Name"
