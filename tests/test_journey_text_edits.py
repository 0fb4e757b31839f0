"""Editing texts by clicking in the whole window, undone and done again; the disk holds what is shown."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton

from finetune_studio.gui.widgets.span_editor import SpanEditor
from tests import tiny
from tests.test_journey import LONG, Traveller, traveller

__all__ = ["traveller"]  # the fixture
LEFT = Qt.MouseButton.LeftButton


def begin(on: Traveller, task: str, data: Path, monkeypatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([str(data)], ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(data), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(data))
    on.click(f"new_{task}")
    on.click("create_project")
    on.click("choose_folder" if data.is_dir() else "choose_file")
    on.click("import")
    on.until(lambda: len(on.studio.project.dataset) > 0 and not on.studio.busy, LONG)
    on.until(lambda: len(on.page.browser.texts.samples) > 0 and not on.page.lane.busy)


def click_row(on: Traveller, row: int):
    view = on.page.browser.texts
    index = view.model().index(row, 0)
    view.scrollTo(index)
    on.qtbot.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())
    sample = view.samples[row]
    on.until(lambda: on.page.browser.text_detail._reading.number == sample.id)
    return sample


def press_notice(on: Traveller, said: str) -> None:
    on.until(on.window.notices._button.isVisible)
    assert on.window.notices._button.text() == said
    on.qtbot.mouseClick(on.window.notices._button, LEFT)


def open_anew(on: Traveller) -> dict:
    folder = on.studio.project.folder
    on.studio.close_project()
    assert on.studio.open_project(folder)
    on.until(lambda: len(on.page.browser.texts.samples) > 0 and not on.page.lane.busy, LONG)
    return {sample.id: sample for sample in on.page.browser.texts.samples}


def test_a_label_is_changed_undone_and_done_again(traveller, tmp_path, monkeypatch):
    on = traveller
    begin(on, "text_classification", tiny.text_classification(tmp_path / "data"), monkeypatch)
    sample = click_row(on, 3)
    label = lambda: on.studio.project.dataset.sample(sample.id).label  # noqa: E731
    on.click("change_label")
    field = on.page.browser.text_detail.deciding.field
    on.qtbot.keyClicks(field, "quite new")
    on.qtbot.keyClick(field, Qt.Key.Key_Return)
    on.until(lambda: on.page.browser.text_detail.heading.text() == "quite new")
    assert label() == "quite new"
    on.click("undo")
    on.until(lambda: on.page.browser.text_detail.heading.text() == sample.label)
    assert "Undone: Label of 1 text → quite new" in on.window.notices.text
    press_notice(on, "Redo")
    on.until(lambda: on.page.browser.text_detail.heading.text() == "quite new")
    press_notice(on, "Undo")
    on.until(lambda: label() == sample.label)
    on.qtbot.keyClick(on.window, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    on.until(lambda: label() == "quite new")
    assert open_anew(on)[sample.id].label == "quite new"


def test_words_are_marked_with_the_mouse_and_a_mark_is_taken_away(traveller, tmp_path, monkeypatch):
    on = traveller
    data = tiny.token_classification(tmp_path / "data")
    begin(on, "token_classification", data, monkeypatch)
    sample = next(
        s
        for row in range(5)
        if (s := click_row(on, row)).fields["spans"] and len(s.fields["text"]) > 20
    )
    editor: SpanEditor = on.page.browser.text_detail.editors["spans"]
    text, before = sample.fields["text"], sample.fields["spans"]
    spans = lambda: on.studio.project.dataset.sample(sample.id).fields["spans"]  # noqa: E731
    word = next(
        w
        for w in text.split()
        if len(w) > 2 and not any(a <= text.index(w) < b for a, b, _ in before)
    )
    start = text.index(word)
    drag(on, editor, start, start + len(word))
    assert word in editor.told.text()
    on.qtbot.mouseClick(editor.findChildren(QPushButton, "type")[0], LEFT)
    on.until(lambda: len(spans()) == len(before) + 1)
    added = next(span for span in spans() if span not in before)
    assert text[added[0] : added[1]].startswith(word)
    on.click("undo")
    on.until(lambda: spans() == before and len(editor.view._marks) == len(before))
    press_notice(on, "Redo")
    on.until(lambda: added in spans())
    QTest.mouseClick(editor.view.viewport(), LEFT, pos=place(editor, added[0] + 1))
    on.until(lambda: "Delete removes it" in editor.told.text())
    on.qtbot.keyClick(editor.view, Qt.Key.Key_Delete)
    on.until(lambda: spans() == before)
    on.qtbot.keyClick(editor.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    on.until(lambda: added in spans())
    kept = spans()
    assert open_anew(on)[sample.id].fields["spans"] == kept


def place(editor: SpanEditor, at: int) -> QPoint:
    cursor = QTextCursor(editor.view.document())
    cursor.setPosition(at)
    return editor.view.cursorRect(cursor).center()


def drag(on: Traveller, editor: SpanEditor, start: int, end: int) -> None:
    view = editor.view.viewport()
    QTest.mousePress(view, LEFT, pos=place(editor, start))
    QTest.mouseMove(view, place(editor, (start + end) // 2))
    QTest.mouseMove(view, place(editor, end))
    QTest.mouseRelease(view, LEFT, pos=place(editor, end))
    on.until(lambda: editor.view.selection()[0] < editor.view.selection()[1])


def test_labels_written_otherwise_are_merged_by_the_button_and_apart_again(
    traveller, tmp_path, monkeypatch
):
    on = traveller
    names = ["Heart"] * 14 + ["lung"] * 14 + ["heart", " Heart ", "HEART"]
    table = tmp_path / "t.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        said = (
            (f"Note number {n} tells something of its own {n * 7}", c) for n, c in enumerate(names)
        )
        csv.writer(file).writerows([("text", "label"), *said])
    begin(on, "text_classification", table, monkeypatch)
    dataset = on.studio.project.dataset
    labels = lambda: Counter(sample.label for sample in dataset.samples())  # noqa: E731
    before = labels()
    assert len(before) == 5
    health = on.page.browser.health
    offered = lambda: [  # noqa: E731
        b for b in health.findChildren(QPushButton, "remedy") if b.text().startswith("Merge")
    ]
    on.until(lambda: bool(offered()), LONG)
    assert not [f for f in health.findings if f.check == "small_classes" and f.severity == "bad"]
    offered()[0].click()  # the panel may stand below what is seen of the page
    on.until(lambda: labels() == {"Heart": 17, "lung": 14})
    press_notice(on, "Undo")
    on.until(lambda: labels() == before)
    on.qtbot.keyClick(on.window, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    on.until(lambda: len(labels()) == 2)
    assert {s.label for s in open_anew(on).values()} == {"Heart", "lung"}


def test_a_search_narrows_the_list_and_is_cleared(traveller, tmp_path, monkeypatch):
    on = traveller
    begin(on, "text_classification", tiny.text_classification(tmp_path / "data"), monkeypatch)
    browser = on.page.browser
    everything = len(browser.texts.samples)
    word = browser.texts.samples[0].fields["text"].split()[-1].strip(".")
    on.qtbot.keyClicks(browser.search, word.upper())
    on.until(lambda: browser.view.search == word.upper() and not on.page.lane.busy)
    on.until(lambda: 0 < len(browser.texts.samples) <= everything)
    assert all(
        word.lower() in (s.fields["text"] + str(s.label)).lower() for s in browser.texts.samples
    )
    on.qtbot.keyClick(browser.search, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    on.qtbot.keyClick(browser.search, Qt.Key.Key_Delete)
    on.until(lambda: len(browser.texts.samples) == everything)
