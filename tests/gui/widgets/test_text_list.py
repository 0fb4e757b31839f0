"""The list of texts: where rows lie, what is selected, and that a hundred thousand cost no more than ten."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from finetune_studio.core.dataset import Sample
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.text_list import TextLine, TextList
from finetune_studio.gui.widgets.text_list.line import RowPlaces

LEFT = Qt.MouseButton.LeftButton


def samples(count: int) -> list[Sample]:
    return [Sample(n, "", "a", 1, "train", fields={"text": f"text {n}"}) for n in range(count)]


@pytest.fixture
def asked() -> list[int]:
    return []


@pytest.fixture
def view(qtbot, asked) -> TextList:
    def describe(sample: Sample) -> TextLine:
        asked.append(sample.id)
        text = str(sample.fields["text"])
        return TextLine(text, ((0, 4),), ("a class",), "under", ("empty",), "3 words · train")

    made = TextList(describe)
    qtbot.addWidget(made)
    made.resize(320, 400)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_rows_lie_below_each_other():
    places = RowPlaces(10, 50, 200)
    assert places.height == 500
    assert [places.at(5, y) for y in (0, 49, 50, 499, 500)] == [0, 0, 1, 9, -1]
    assert places.at(200, 5) == places.at(-1, 5) == -1
    assert list(places.within(60, 160)) == [1, 2, 3]
    assert list(places.within(480, 9999)) == [9]
    assert list(RowPlaces(0, 50, 200).within(0, 100)) == []


def test_only_rows_that_are_seen_are_described(view, asked):
    view.show_samples(samples(100_000))
    asked.clear()
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    view.viewport().repaint()
    assert 5 < len(set(asked)) < 20
    assert all(49_000 < number < 51_000 for number in asked)


def test_a_click_chooses_and_shift_extends(view, qtbot):
    view.show_samples(samples(50))
    with qtbot.waitSignal(view.chosen) as heard:
        QTest.mouseClick(
            view.viewport(), LEFT, pos=view.visualRect(view.model().index(2, 0)).center()
        )
    assert heard.args == [2]
    QTest.mouseClick(
        view.viewport(),
        LEFT,
        Qt.KeyboardModifier.ShiftModifier,
        view.visualRect(view.model().index(5, 0)).center(),
    )
    assert view.selected_ids() == [2, 3, 4, 5]


def test_keys_go_through_the_list(view):
    view.show_samples(samples(50))
    view.setFocus()
    view.choose(0)
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.current_id() == 2
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.current_id() == 49
    assert view.visualRect(view.currentIndex()).bottom() <= view.viewport().height()
    QTest.keyClick(view, Qt.Key.Key_Home)
    QTest.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert view.selected_ids() == [0, 1]
    QTest.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(view.selected_ids()) == 50


def test_what_is_selected_stays_when_other_texts_are_shown(view):
    view.show_samples(samples(50))
    view.choose(7)
    view.show_samples(list(reversed(samples(20))))
    assert view.selected_ids() == [7]
    assert view.current_id() == 7
    view.show_samples(samples(3))
    assert view.current_id() == -1


def test_the_item_model_keeps_qts_rules_and_tells_whole_rows(view, qtmodeltester):
    view.show_samples(samples(7))
    qtmodeltester.check(view.model(), force_py=True)
    index = view.model().index(4, 0)
    assert index.data() == "text 4"
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "text 4, a class, under, empty"


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_a_row_is_painted_in_both_appearances_and_its_match_is_marked(view, qapp, tone):
    before = theme.choice() or "light"
    theme.apply(qapp, tone)
    view.show_samples(samples(3))
    image = view.viewport().grab().toImage()
    row = view.visualRect(view.model().index(0, 0))
    colours = {
        image.pixelColor(x, y).name()
        for x in range(row.width())
        for y in range(2, row.height() // 2)
    }
    assert theme.tokens().warning_back.name() in colours
    assert len(colours) > 5  # letters are there
    theme.apply(qapp, before)


def test_where_a_text_stands_is_its_tip(view):
    sample = Sample(1, "", None, None, "", fields={"file": "a.csv", "row": 5, "text": "x"})
    assert view.tip(sample) == "a.csv, row 5"
    assert view.indexAt(QPoint(5, 5)).row() == -1
