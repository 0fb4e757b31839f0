"""The split bar: arithmetic of shares, dragging, keys, and the lock on test."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from finetune_studio.gui.widgets.split_bar import LEAST, Shares, SplitBar


@pytest.fixture
def bar(qtbot) -> SplitBar:
    made = SplitBar()
    qtbot.addWidget(made)
    made.resize(1000, 28)
    made.set_counts({"train": 700, "validation": 200, "test": 100})
    made.show()
    return made


def test_moving_a_boundary_keeps_the_sum_and_the_other_part():
    shares = Shares(0.2, 0.1)
    moved = shares.moved(0, 0.5)
    assert (round(moved.train, 6), round(moved.validation, 6), moved.test) == (0.5, 0.4, 0.1)
    moved = shares.moved(1, 0.8)
    assert (round(moved.train, 6), round(moved.validation, 6)) == (0.7, 0.1)
    assert round(moved.test, 6) == 0.2
    assert shares.moved(0, 0.95).validation == LEAST  # something must judge the model
    assert shares.moved(1, 0.3).validation >= LEAST - 1e-9


def test_parts_are_as_wide_as_their_shares(bar):
    assert [(split, box.width(), n) for split, box, n in bar.parts()] == [
        ("train", 700, 700),
        ("validation", 200, 200),
        ("test", 100, 100),
    ]
    assert bar.accessibleDescription() == "train 700, validation 200, test 100"


def test_dragging_previews_and_divides_on_release(bar, qtbot):
    QTest.mousePress(bar, Qt.MouseButton.LeftButton, pos=QPoint(700, 14))
    with qtbot.waitSignal(bar.previewed):
        QTest.mouseMove(bar, QPoint(600, 14))
    assert [n for _, _, n in bar.parts()] == [600, 300, 100]
    with qtbot.waitSignal(bar.divided) as heard:
        QTest.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=QPoint(600, 14))
    assert round(heard.args[0].validation, 2) == 0.3
    assert heard.args[0].test == pytest.approx(0.1)


def test_the_locked_test_part_cannot_be_moved(bar, qtbot):
    with qtbot.assertNotEmitted(bar.divided):
        QTest.mousePress(bar, Qt.MouseButton.LeftButton, pos=QPoint(900, 14))
        QTest.mouseMove(bar, QPoint(800, 14))
        QTest.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=QPoint(800, 14))
        bar.setFocus()
        qtbot.keyClick(bar, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
        qtbot.keyClick(bar, Qt.Key.Key_Return)
    bar.set_locked(locked=False)
    qtbot.keyClick(bar, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    with qtbot.waitSignal(bar.divided) as heard:
        qtbot.keyClick(bar, Qt.Key.Key_Return)
    assert heard.args[0].test == pytest.approx(0.11)


def test_keys_move_and_escape_takes_back(bar, qtbot):
    bar.setFocus()
    for _ in range(5):
        qtbot.keyClick(bar, Qt.Key.Key_Left)
    assert bar.shares.validation == pytest.approx(0.25)
    qtbot.keyClick(bar, Qt.Key.Key_Escape)
    assert bar.shares.validation == pytest.approx(0.2)


def test_a_click_names_the_part(bar, qtbot):
    with qtbot.waitSignal(bar.picked) as heard:
        QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(800, 14))
    assert heard.args == ["validation"]


def test_it_paints_without_samples(bar):
    bar.set_counts({})
    assert not bar.grab().isNull()
    assert bar._movable() == ()
