"""The panel beside the grid: what it says, and what it asks for."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.sample_detail import Detail, SampleDetail

SHIRT = Detail(
    "/data/<i>a</i>.jpg",
    "<b>shirt</b>",
    "train · 224 × 298 pixels · 21 kB",
    "train/a.jpg",
    "Group: 7",
    "",
    "train",
    edits=(("Label of 1 sample → shirt · today 14:10", True), ("Imported today 14:02", False)),
)


@pytest.fixture
def detail(qtbot):
    thumbnails = Thumbnails()
    made = SampleDetail(thumbnails)
    qtbot.addWidget(made)
    made.show()
    yield made
    thumbnails.shutdown()


def test_nothing_selected_offers_nothing(detail):
    detail.show_detail(None)
    assert detail.deciding.isHidden()
    assert detail.heading.isHidden()
    assert detail.history_title.isHidden()


def test_text_from_data_is_plain(detail):
    detail.show_detail(SHIRT)
    assert detail.heading.text() == "<b>shirt</b>"
    assert detail.heading.textFormat() == Qt.TextFormat.PlainText
    assert detail.problem.isHidden()
    assert not detail.group.isHidden()


def test_the_whole_path_is_copied(detail, qtbot):
    detail.show_detail(SHIRT)
    qtbot.mouseClick(detail.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "/data/<i>a</i>.jpg"


def test_a_new_label_is_typed_and_an_old_one_completed(detail, qtbot):
    detail.set_names(["shirt", "t-shirt"])
    detail.show_detail(SHIRT)
    qtbot.mouseClick(detail.label_button, Qt.MouseButton.LeftButton)
    assert detail.label_button.isHidden()
    completer = detail.field.completer()
    completer.setCompletionPrefix("SHIRT")
    assert completer.completionCount() == 2
    qtbot.keyClicks(detail.field, " cape ")
    with qtbot.waitSignal(detail.labelled) as heard:
        qtbot.keyClick(detail.field, Qt.Key.Key_Return)
    assert heard.args == ["cape"]
    assert not detail.label_button.isHidden()


def test_escape_keeps_the_label(detail, qtbot):
    detail.show_detail(SHIRT)
    detail.ask_label()
    with qtbot.assertNotEmitted(detail.labelled):
        qtbot.keyClick(detail.field, Qt.Key.Key_Escape)
    assert not detail.label_button.isHidden()


def test_exclude_turns_into_take_back(detail, qtbot):
    detail.show_detail(SHIRT)
    with qtbot.waitSignal(detail.exclusion_wanted) as heard:
        qtbot.mouseClick(detail.exclude_button, Qt.MouseButton.LeftButton)
    assert heard.args == [True]
    detail.show_detail(Detail("/a.jpg", "shirt", excluded=True))
    assert detail.exclude_button.text() == "Take back in"
    with qtbot.waitSignal(detail.exclusion_wanted) as heard:
        qtbot.mouseClick(detail.exclude_button, Qt.MouseButton.LeftButton)
    assert heard.args == [False]


def test_the_split_is_chosen_and_the_same_one_ignored(detail, qtbot):
    detail.show_detail(SHIRT)
    with qtbot.assertNotEmitted(detail.split_wanted):
        detail.split.activated.emit(0)
    with qtbot.waitSignal(detail.split_wanted) as heard:
        detail.split.activated.emit(2)
    assert heard.args == ["test"]


def test_only_the_last_edit_can_be_undone(detail, qtbot):
    detail.show_detail(SHIRT)
    buttons = detail.findChildren(QPushButton, "undo")
    assert len(buttons) == 1
    with qtbot.waitSignal(detail.undo_wanted):
        qtbot.mouseClick(buttons[0], Qt.MouseButton.LeftButton)
