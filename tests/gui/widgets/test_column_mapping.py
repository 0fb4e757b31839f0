"""The table's first rows: roles of columns, chosen above them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from finetune_studio.gui.widgets.column_mapping import ColumnMapping, TableItemModel

COLUMNS = ("id", "file", "kind")
TITLES = {
    "path_column": "File",
    "label_column": "Label",
    "split_column": "Split",
    "group_column": "Group",
}
NOTHING = dict.fromkeys(TITLES, "")
CELLS = (("1", "a.jpg", "cat"), ("2", "b.jpg"), ("3", "c.jpg", "<b>dog</b>"))


@pytest.fixture
def table(qtbot) -> ColumnMapping:
    made = ColumnMapping()
    qtbot.addWidget(made)
    made.resize(500, 300)
    roles = NOTHING | {"path_column": "file", "label_column": "kind"}
    made.show_table(COLUMNS, CELLS, roles, TITLES)
    made.show()
    return made


def test_the_item_model_keeps_qts_rules(qtmodeltester, qapp):
    items = TableItemModel()
    items.set_cells(COLUMNS, CELLS)
    qtmodeltester.check(items, force_py=True)
    assert items.data(items.index(1, 2)) == ""  # a line that ends early
    assert items.data(items.index(2, 2)) == "<b>dog</b>"


def test_guesses_are_shown(table):
    assert table.roles() == {
        "path_column": "file",
        "label_column": "kind",
        "split_column": "",
        "group_column": "",
    }


def test_a_role_belongs_to_one_column(table, qtbot):
    choice = table.choice("id")
    choice.setCurrentIndex(choice.findData("label_column"))
    with qtbot.waitSignal(table.mapped) as heard:
        choice.activated.emit(choice.currentIndex())
    assert heard.args[0]["label_column"] == "id"
    assert table.choice("kind").currentData() == ""


def test_each_drop_down_stands_above_its_column(table):
    for section, column in enumerate(COLUMNS):
        left = table.horizontalHeader().sectionViewportPosition(section)
        choice = table.choice(column)
        assert left <= choice.x() <= choice.geometry().right() <= left + table.columnWidth(section)
    assert table.horizontalHeader().height() > table.choice("id").geometry().bottom()


def test_another_table_brings_its_own_columns(table):
    table.show_table(("x",), (("1",),), NOTHING, TITLES)
    assert table.roles()["path_column"] == ""
    assert table.model().columnCount() == 1


def test_a_guess_can_be_taken_away(table, qtbot):
    table.show_table(COLUMNS, CELLS, NOTHING | {"split_column": "kind"}, TITLES)
    choice = table.choice("kind")
    choice.setCurrentIndex(choice.findData(""))
    with qtbot.waitSignal(table.mapped) as heard:
        choice.activated.emit(choice.currentIndex())
    assert heard.args[0]["split_column"] == "-"  # empty would be guessed again


def test_only_roles_of_the_task_are_offered(table):
    roles = {"text_column": "file", "target_column": "", "split_column": ""}
    table.show_table(
        COLUMNS, CELLS, roles, {**TITLES, "text_column": "Text", "target_column": "Summary"}
    )
    choice = table.choice("file")
    assert [choice.itemText(i) for i in range(choice.count())] == [
        "not used",
        "Text",
        "Summary",
        "Split",
    ]
    assert choice.currentText() == "Text"


def test_texts_get_lines_and_room_and_are_cut(qtbot):
    made = ColumnMapping()
    qtbot.addWidget(made)
    made.resize(800, 300)
    text = "Some words of a long text <b>that is plain</b>. " * 40
    made.show_table(("label", "text"), (("a", text), ("b", text)), NOTHING, TITLES)
    made.show()
    assert made.columnWidth(1) > 3 * made.columnWidth(0)
    assert made.rowHeight(0) > 2.5 * made.fontMetrics().lineSpacing()
    items = made.model()
    assert len(items.data(items.index(0, 1))) < 700
    tip = items.data(items.index(0, 1), Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;that is plain" in tip
    assert made.horizontalScrollBar().maximum() == 0


def test_a_role_that_several_columns_share_is_marked_in_each(table):
    table.show_table(COLUMNS, CELLS, NOTHING | {"label_column": "id, kind"}, TITLES)
    assert [table.choice(c).currentText() for c in COLUMNS] == ["Label", "not used", "Label"]


def test_tab_goes_on_from_column_to_column_and_out(table, qtbot):
    table.activateWindow()
    qtbot.waitActive(table)
    met = []
    table.choice("id").setFocus()
    for _ in range(len(COLUMNS)):
        met.append(table.window().focusWidget())
        qtbot.keyClick(met[-1], Qt.Key.Key_Tab)
    assert met == [table.choice(name) for name in COLUMNS]
