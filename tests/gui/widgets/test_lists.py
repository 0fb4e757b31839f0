"""Recent projects and training runs as item models and views."""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import Qt

from finetune_studio.gui.widgets.recent_list import (
    RecentItemModel,
    RecentList,
    RecentProject,
    ago,
)
from finetune_studio.gui.widgets.runs_table import RunRow, RunsItemModel, RunsTable, size_words

ROW = RunRow("/p/runs/1", 1, 0.0, "Starter", "head only", "accuracy", 0.91, "finished", 2048, True)
ROWS = [
    ROW,
    replace(ROW, folder="/p/runs/2", number=2, score=None, state="interrupted", size=5 * 2**20),
    replace(ROW, folder="/p/runs/10", number=10, score=0.5),
]


def test_moments_are_said_as_people_say_them():
    noon = time.mktime((2025, 3, 5, 12, 0, 0, 0, 0, -1))
    assert ago(noon - 3600, noon) == "today 11:00"
    assert ago(noon - 24 * 3600, noon) == "yesterday 12:00"
    assert ago(noon - 72 * 3600, noon) == "2025-03-02"
    assert ago(0, noon) == ""


def test_sizes_have_units():
    assert [size_words(n) for n in (12, 2048, 5 * 2**20, 3 * 2**30)] == [
        "12 B",
        "2.0 kB",
        "5.0 MB",
        "3.0 GB",
    ]


def test_the_models_keep_their_word(qtmodeltester):
    recent = RecentItemModel()
    recent.set_rows([RecentProject("/a", "a"), RecentProject("/b", "b", missing=True)])
    runs = RunsItemModel()
    runs.set_rows(ROWS)
    for model in (recent, runs):
        qtmodeltester.check(model)
    assert runs.headerData(4, Qt.Orientation.Horizontal) == "Score"
    assert runs.index(0, 4).data() == "accuracy 0.910"
    assert runs.index(1, 4).data() == "–"


def test_runs_are_sorted_by_number_not_by_text(qtbot):
    table = RunsTable()
    qtbot.addWidget(table)
    heard = []
    table.row_chosen.connect(heard.append)
    table.set_rows(ROWS)
    assert [table.model().index(row, 0).data() for row in range(3)] == ["10", "2", "1"]
    assert heard[-1].number == 10
    table.selectRow(2)
    assert heard[-1].number == 1
    table.set_rows([*ROWS, replace(ROW, folder="/p/runs/11", number=11)])
    assert table.chosen().number == 1
    table.set_rows([])
    assert table.chosen() is None


def test_a_handful_of_runs_is_seen_without_scrolling(qtbot):
    """Four runs were scrolled in a table of three rows, on a page that scrolls already."""
    table = RunsTable()
    qtbot.addWidget(table)
    row = table.verticalHeader().defaultSectionSize()
    heights = []
    for count in (0, 2, 4, 6, 60):
        table.set_rows([replace(ROW, number=n, folder=f"/{n}") for n in range(1, count + 1)])
        heights.append(table.minimumSizeHint().height())
        if 2 < count < 7:
            table.resize(700, heights[-1])
            table.show()
            qtbot.waitExposed(table)
            assert table.verticalScrollBar().maximum() == 0
    assert heights[-1] == heights[-2] < 8 * row  # many more scroll
    assert heights[0] == heights[1] < heights[2]


def test_only_runs_that_did_not_end_can_go_on():
    assert [row.can_resume for row in ROWS] == [False, True, False]
    assert not replace(ROWS[1], at_work=True).can_resume


def test_a_recent_project_is_opened_or_taken_off(qtbot):
    recent = RecentList()
    qtbot.addWidget(recent)
    recent.set_rows([RecentProject("/a", "a"), RecentProject("/b", "b", missing=True)])
    recent.setCurrentIndex(recent.model().index(1, 0))
    with qtbot.waitSignal(recent.opened) as heard:
        qtbot.keyClick(recent, Qt.Key.Key_Return)
    assert heard.args == ["/b"]
    with qtbot.waitSignal(recent.dropped) as heard:
        qtbot.keyClick(recent, Qt.Key.Key_Delete)
    assert heard.args == ["/b"]
