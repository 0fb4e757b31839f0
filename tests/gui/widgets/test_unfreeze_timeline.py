"""The timeline of gradual unfreezing: dragging in whole epochs, keys, and what it says of itself."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from finetune_studio.gui.widgets.unfreeze_timeline import Bar, UnfreezeTimeline

LEFT = Qt.MouseButton.LeftButton
BARS = [
    Bar("Head", 1, movable=False),
    Bar("Stage 2", 3),
    Bar("Stage 1", 5, tip="layer1"),
    Bar("Stem", 0, movable=False),
]


@pytest.fixture
def line(qtbot) -> UnfreezeTimeline:
    made = UnfreezeTimeline()
    qtbot.addWidget(made)
    made.show_bars(BARS, 10)
    made.resize(600, made.sizeHint().height())
    made.show()
    return made


def begins(line: UnfreezeTimeline) -> list[int]:
    return [bar.begins for bar in line.bars]


def drag(line: UnfreezeTimeline, row: int, epochs: float, *, release: bool = True) -> None:
    start = line.start_of(row) + QPoint(8, 0)
    end = start + QPoint(round(epochs * line._epoch_px()), 0)
    QTest.mousePress(line, LEFT, pos=start)
    QTest.mouseMove(line, (start + end) / 2)
    QTest.mouseMove(line, end)
    if release:
        QTest.mouseRelease(line, LEFT, pos=end)


def test_a_dragged_bar_snaps_to_whole_epochs(line, qtbot):
    with qtbot.waitSignal(line.moved) as heard:
        drag(line, 1, 2.4)
    assert heard.args == [1, 5]
    with qtbot.waitSignal(line.moved) as heard:
        drag(line, 2, -1.6)
    assert heard.args == [2, 3]
    assert begins(line) == [1, 5, 3, 0]
    assert line.chosen == 2


def test_a_bar_stays_within_the_run(line, qtbot):
    with qtbot.waitSignal(line.moved) as heard:
        drag(line, 1, 30)
    assert heard.args == [1, 10]
    with qtbot.waitSignal(line.moved) as heard:
        drag(line, 1, -30)
    assert heard.args == [1, 1]


def test_what_always_or_never_learns_cannot_be_dragged(line, qtbot):
    with qtbot.assertNotEmitted(line.moved):
        for row in (0, 3):
            drag(line, row, 3)
        drag(line, 1, 0.3)  # less than half an epoch is no move
    assert begins(line) == [1, 3, 5, 0]


def test_escape_gives_a_drag_up(line, qtbot):
    line.setFocus()
    with qtbot.assertNotEmitted(line.moved):
        drag(line, 1, 4, release=False)
        assert begins(line)[1] == 7
        qtbot.keyClick(line, Qt.Key.Key_Escape)
        assert begins(line)[1] == 3
        QTest.mouseRelease(line, LEFT, pos=QPoint(300, 30))


def test_keys_choose_a_bar_and_move_its_start(line, qtbot):
    line.setFocus()
    assert line.chosen == 1  # the first one that can be moved
    with qtbot.waitSignal(line.moved) as heard:
        qtbot.keyClick(line, Qt.Key.Key_Right)
    assert heard.args == [1, 4]
    qtbot.keyClick(line, Qt.Key.Key_Up)
    assert line.chosen == 1  # the head always learns
    qtbot.keyClick(line, Qt.Key.Key_Down)
    qtbot.keyClick(line, Qt.Key.Key_Down)
    assert line.chosen == 2  # what is frozen throughout is passed over
    for key, epoch in ((Qt.Key.Key_Home, 1), (Qt.Key.Key_End, 10), (Qt.Key.Key_Left, 9)):
        with qtbot.waitSignal(line.moved) as heard:
            qtbot.keyClick(line, key)
        assert heard.args == [2, epoch]
    qtbot.keyClick(line, Qt.Key.Key_End)
    with qtbot.assertNotEmitted(line.moved):
        qtbot.keyClick(line, Qt.Key.Key_Right)  # there is no later epoch
    with qtbot.waitSignal(line.undo_wanted):
        qtbot.keyClick(line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)


def test_it_says_in_words_what_it_shows(line, qtbot):
    assert "Stage 2 learns from epoch 3 of 10 on." in line.accessibleName()
    assert line.accessibleDescription().startswith(
        "Head learns from the start. Stage 2 learns from epoch 3 of 10 on."
    )
    assert "Stem stays frozen throughout." in line.accessibleDescription()
    line.setFocus()
    qtbot.keyClick(line, Qt.Key.Key_Home)
    assert "Stage 2 learns from the start." in line.accessibleName()


def test_a_bar_after_the_end_is_kept_and_can_be_brought_back(line, qtbot):
    line.show_bars(BARS, 4)
    assert "would begin to learn in epoch 5, after the end" in line.said_of(line.bars[2])
    assert begins(line)[2] == 5  # a shorter run loses no value
    assert line.start_of(2).x() > line.start_of(1).x()
    line.setFocus()
    qtbot.keyClick(line, Qt.Key.Key_Down)
    with qtbot.waitSignal(line.moved) as heard:
        qtbot.keyClick(line, Qt.Key.Key_Left)
    assert heard.args == [2, 4]


def test_the_focused_bar_can_be_seen(line, qtbot):
    line.setFocus()
    qtbot.waitUntil(line.hasFocus, timeout=2000)
    with_focus = line.grab().toImage()
    line.clearFocus()
    assert line.grab().toImage() != with_focus


def test_it_paints_long_titles_and_many_epochs_in_little_room(line):
    line.show_bars([Bar("A very long title of a part of the network, indeed", 300)] * 9, 1000)
    line.resize(200, line.sizeHint().height())
    assert not line.grab().isNull()
    assert line.start_of(0).x() < 200
