"""The class list: a click filters, F2 renames, the menu merges."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from finetune_studio.gui.widgets.class_list import ClassList


@pytest.fixture
def classes(qtbot) -> ClassList:
    made = ClassList()
    qtbot.addWidget(made)
    made.resize(240, 300)
    made.set_counts({"leaf": 3, "stem": 9, "<b>root</b>": 1})
    made.show()
    qtbot.waitExposed(made)
    return made


def row(classes: ClassList, name: str):
    return classes.bars.row_of(name).center()


def test_the_largest_class_comes_first_and_names_are_plain(classes):
    model = classes.bars.model()
    assert [model.index(n, 0).data() for n in range(3)] == ["stem", "leaf", "<b>root</b>"]


def test_a_click_picks_and_a_second_one_lets_go(classes, qtbot):
    heard: list[str] = []
    classes.picked.connect(heard.append)
    for _ in range(2):
        place = row(classes, "leaf")
        QTest.mouseClick(classes.bars.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert heard == ["leaf", ""]


def test_f2_renames_in_place(classes, qtbot):
    classes.bars.setFocus()
    classes.bars.setCurrentIndex(classes.bars.model().index(1, 0))
    qtbot.keyClick(classes.bars, Qt.Key.Key_F2)
    assert classes.field.text() == "leaf"
    qtbot.keyClicks(classes.field, "blade ")
    with qtbot.waitSignal(classes.renamed) as heard:
        qtbot.keyClick(classes.field, Qt.Key.Key_Return)
    assert heard.args == ["leaf", "blade"]
    assert classes.field.isHidden()


def test_escape_and_the_same_name_change_nothing(classes, qtbot):
    with qtbot.assertNotEmitted(classes.renamed):
        classes.ask_name("leaf")
        qtbot.keyClick(classes.field, Qt.Key.Key_Escape)
        classes.ask_name("leaf")
        qtbot.keyClick(classes.field, Qt.Key.Key_Return)


def test_the_menu_merges_into_a_class_that_is_offered(classes, qtbot):
    actions = {action.text(): action for action in classes.menu_for("leaf").actions()}
    actions["Merge into…"].trigger()
    completer = classes.field.completer()
    assert completer.model().stringList() == ["stem", "<b>root</b>"]
    classes.field.setText("stem")
    with qtbot.waitSignal(classes.merged) as heard:
        qtbot.keyClick(classes.field, Qt.Key.Key_Return)
    assert heard.args == ["leaf", "stem"]


def test_many_classes_can_be_searched(classes, qtbot):
    assert classes.finder.isHidden()
    classes.set_counts({f"class {n}": n for n in range(200)})
    assert not classes.finder.isHidden()
    qtbot.keyClicks(classes.finder, "19")
    model = classes.bars.model()
    found = [model.index(n, 0).data() for n in range(model.rowCount())]
    assert found[0] == "class 199"
    assert len(found) == 12
