"""The list of waiting runs: its item model, dragging and keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from finetune_studio.gui.widgets.waiting_list import WaitingItemModel, WaitingList, WaitingRow

ROWS = [WaitingRow(n, f"Balanced · Model · {n} epochs", "As its preset") for n in (4, 7, 9)]


def test_the_item_model_keeps_qts_rules(qtbot: QtBot) -> None:
    model = WaitingItemModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    model.set_rows(ROWS)
    model.set_rows(ROWS[:1])
    model.set_rows([])
    assert tester.model() is model


@pytest.mark.parametrize(
    ("dragged", "before_row", "place"),
    [(4, 2, 1), (4, 3, 2), (4, -1, 2), (9, 0, 0), (7, 1, 1), (7, 2, 1)],
)
def test_a_dropped_run_is_asked_to_move(
    dragged: int, before_row: int, place: int, qtbot: QtBot
) -> None:
    model = WaitingItemModel()
    model.set_rows(ROWS)
    row = next(i for i, one in enumerate(ROWS) if one.id == dragged)
    carried = model.mimeData([model.index(row, 0)])
    move = Qt.DropAction.MoveAction
    with qtbot.waitSignal(model.dropped) as heard:
        assert not model.dropMimeData(carried, move, before_row, 0, QModelIndex())
    assert heard.args == [dragged, place]
    assert [one.id for one in model.rows] == [4, 7, 9]  # the queue decides, not the view
    with qtbot.assertNotEmitted(model.dropped):
        model.dropMimeData(carried, Qt.DropAction.CopyAction, 0, 0, QModelIndex())


def test_the_chosen_run_stays_chosen_and_keys_move_it(qtbot: QtBot) -> None:
    view = WaitingList()
    qtbot.addWidget(view)
    view.set_rows(ROWS)
    view.setCurrentIndex(view.model().index(1, 0))
    view.set_rows([ROWS[1], ROWS[0], ROWS[2]])
    chosen = view.chosen()
    assert chosen is not None
    assert chosen.id == 7
    alt = Qt.KeyboardModifier.AltModifier
    with qtbot.assertNotEmitted(view.moved):
        qtbot.keyClick(view, Qt.Key.Key_Up, alt)
    with qtbot.waitSignal(view.moved) as heard:
        qtbot.keyClick(view, Qt.Key.Key_Down, alt)
    assert heard.args == [7, 1]
    with qtbot.waitSignal(view.opened) as opened:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert opened.args == [ROWS[1]]
    view.set_rows([ROWS[0], ROWS[2]])  # the chosen one has gone: its place is chosen
    chosen = view.chosen()
    assert chosen is not None
    assert chosen.id == 4


def test_rows_are_painted_without_trouble(qtbot: QtBot) -> None:
    view = WaitingList()
    qtbot.addWidget(view)
    view.resize(300, 120)
    view.set_rows(ROWS)
    empty = WaitingList()
    qtbot.addWidget(empty)
    empty.resize(300, 120)
    shown: QPixmap = view.grab()
    assert shown.toImage() != empty.grab().toImage()
