"""The Data page with texts by clicking: look, search, sort, filter, edit each kind of text, undo, lengths."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.gui.pages.data import DataPage
from finetune_studio.gui.pages.data.lengths import LENGTHS
from finetune_studio.gui.studio import Studio
from tests import tiny_models

LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier
LONG_MS = 60_000
LETTERS = "the {n} patients were treated for the disease of the {kind} and it was of use"


def opened(qtbot, studio: Studio, folder: Path, task: str, rows: Iterable[Row]) -> DataPage:
    assert studio.new_project(folder / "project", task, "Texts")
    assert studio.project is not None
    studio.project.dataset.fill(rows, root=folder)
    studio.project.dataset.divide(validation=0.25, test=0.0, seed=0)
    page = DataPage(studio)
    qtbot.addWidget(page)
    page.measuring._timer.setInterval(0)
    page.resize(1200, 800)
    page.show()
    qtbot.waitExposed(page)
    qtbot.waitUntil(lambda: page._loaded and not page.lane.busy)
    return page


def of(page: DataPage, number: int):
    return page.studio.project.dataset.sample(number)


def click(page: DataPage, qtbot, row: int):
    view = page.browser.texts
    index = view.model().index(row, 0)
    view.scrollTo(index)
    QTest.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())
    sample = view.samples[row]
    qtbot.waitUntil(lambda: page.browser.text_detail._reading.number == sample.id)
    return sample


def choose(page: DataPage, qtbot, order: str) -> None:
    box = page.browser.order
    box.setCurrentIndex(box.findData(order))
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: page.browser.view.order == order and not page.lane.busy)


def classified() -> list[Row]:
    rows = []
    for n in range(12):
        kind = ("heart", "lung", "skin")[n % 3]
        text = LETTERS.format(n=n, kind=kind) + " more" * n
        rows.append(Row("", kind, fields={"text": text, "file": "notes.csv", "row": n + 2}))
    rows.append(Row("", "skin", fields={"text": " ", "file": "notes.csv", "row": 14}))
    return rows


@pytest.fixture
def page(qtbot, studio, tmp_path) -> DataPage:
    return opened(qtbot, studio, tmp_path, "text_classification", classified())


# --- looking --------------------------------------------------------------------------------------


def test_texts_are_listed_in_place_of_pictures(page):
    browser = page.browser
    assert browser.texts.isVisible()
    assert not browser.grid.isVisible()
    assert not browser.tools.zoom.isVisible()
    assert page.subtitle.text() == "13 texts in 3 classes · your files are never changed"
    assert page.rail_note() == "13 texts"
    assert browser.classes.bars.model().rowCount() == 3
    assert browser.search.placeholderText() == "Search the texts"
    assert browser.split.lock.text() == "Keep the test texts"
    assert page.blocked() == ""


def test_the_chosen_text_is_read_whole(page, qtbot):
    sample = click(page, qtbot, 3)
    detail = page.browser.text_detail
    assert detail.heading.text() == sample.label
    assert detail.editors["text"].view.toPlainText() == sample.fields["text"]
    assert detail.place.text() == sample.place
    assert f"{len(sample.fields['text'].split())} words" in detail.facts.text()


def test_search_finds_words_and_marks_them(page, qtbot):
    qtbot.keyClicks(page.browser.search, "LUNG")
    qtbot.waitUntil(lambda: len(page.browser.texts.samples) == 4)
    assert page.browser._told.text() == "4 texts · “LUNG”"
    view = page.browser.text_detail.editors["text"].view
    qtbot.waitUntil(lambda: [s.cursor.selectedText() for s in view.extraSelections()] == ["lung"])
    line = page.browser._line(page.browser.texts.samples[0])
    assert [line.title[a:b] for a, b in line.matches] == ["lung"]
    qtbot.mouseClick(page.browser.all_button, LEFT)
    qtbot.waitUntil(lambda: len(page.browser.texts.samples) == 13)


def test_a_choice_that_is_too_long_for_its_box_ends_in_dots(page, qtbot):
    """In a narrow window the order was cut in the middle of a letter."""
    choose(page, qtbot, "edited")
    tools = page.browser.tools
    assert tools.order.shown(40).endswith("…")
    assert tools.order.shown(400) == "Newest edit first"
    assert tools.filter_box.shown(20).endswith("…")


def test_a_low_window_shows_the_last_edit_only(page, qtbot):
    """The text itself was left two lines where the window is low and there were several edits."""
    number = click(page, qtbot, 1).id
    for name in ("heart!", "lung!", "skin!"):
        page.browser.text_detail.labelled.emit(name)
        qtbot.waitUntil(lambda name=name: of(page, number).label == name and not page.lane.busy)
    history = page.browser.text_detail.history
    qtbot.waitUntil(lambda: history._edits.count() == 3)
    page.resize(1024, 560)
    qtbot.waitUntil(lambda: history._edits.count() == 1)
    assert history.findChildren(QPushButton, "undo")
    page.resize(1200, 800)
    qtbot.waitUntil(lambda: history._edits.count() == 3)


def test_texts_are_sorted_by_length_place_and_newest_edit(page, qtbot):
    choose(page, qtbot, "longest")
    assert page.browser.texts.samples[0].fields["row"] == 13
    choose(page, qtbot, "place")
    assert [s.fields["row"] for s in page.browser.texts.samples] == list(range(2, 15))
    sample = click(page, qtbot, 5)
    page.browser.text_detail.labelled.emit("heart!")
    choose(page, qtbot, "edited")
    assert page.browser.texts.samples[0].id == sample.id


def test_filters_stand_in_a_box_beside_the_classes(page, qtbot):
    box = page.browser.tools.filter_box
    assert [box.itemText(n) for n in range(box.count())] == ["All 13", "Empty 1"]
    box.setCurrentIndex(1)
    box.activated.emit(1)
    qtbot.waitUntil(lambda: len(page.browser.texts.samples) == 1)
    assert page.browser._told.text() == "1 text · Empty"
    place = page.browser.classes.bars.row_of("heart").center()
    qtbot.mouseClick(page.browser.classes.bars.viewport(), LEFT, pos=place)
    qtbot.waitUntil(lambda: len(page.browser.texts.samples) == 0)
    assert page.browser._nothing.text().startswith("No text fits.")


# --- deciding -------------------------------------------------------------------------------------


def test_a_label_is_changed_by_key_and_taken_back(page, qtbot):
    sample = click(page, qtbot, 0)
    QTest.keyClick(page.browser.texts, Qt.Key.Key_L)
    field = page.browser.text_detail.field
    assert field.isVisible()
    field.setText("kidney")
    with qtbot.waitSignal(page.studio.data_changed):
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert of(page, sample.id).label == "kidney"
    qtbot.waitUntil(lambda: bool(page.browser.text_detail.findChildren(QPushButton, "undo")))
    undo = page.browser.text_detail.findChildren(QPushButton, "undo")[-1]
    with qtbot.waitSignal(page.studio.data_changed):
        qtbot.mouseClick(undo, LEFT)
    assert of(page, sample.id).label == sample.label


def test_several_texts_are_excluded_by_key(page, qtbot):
    click(page, qtbot, 0)
    page.browser.texts.setFocus()
    QTest.keyClick(page.browser.texts, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: page.browser.text_detail.heading.text() == "2 selected")
    with qtbot.waitSignal(page.studio.data_changed):
        QTest.keyClick(page.browser.texts, Qt.Key.Key_X)
    assert page.shown.survey.excluded == 2


def test_the_menu_of_texts(page, qtbot):
    click(page, qtbot, 0)
    told = [a.text().partition("\t")[0] for a in page.menu().actions() if a.text()]
    assert told == ["Change label…", "Exclude", "Move to", "Copy place", "Select all"]


def test_a_class_of_texts_with_several_is_switched(qtbot, studio, tmp_path):
    rows = [
        Row(fields={"text": f"text {n}", "labels": ["a"] if n % 2 else ["a", "b"]})
        for n in range(8)
    ]
    page = opened(qtbot, studio, tmp_path, "text_classification", rows)
    assert page.shown.survey.classes == {"a": 8, "b": 4}
    choose(page, qtbot, "place")
    sample = click(page, qtbot, 1)
    chips = page.browser.text_detail.editors["text"].chips
    with qtbot.waitSignal(page.studio.data_changed):
        qtbot.mouseClick(chips.chips["b"], LEFT)
    assert of(page, sample.id).fields["labels"] == ["a", "b"]
    assert page.shown.survey.classes["b"] == 5
    assert not page.browser.text_detail.deciding.label_button.isVisible()
    QTest.keyClick(page.browser.texts, Qt.Key.Key_L)
    assert chips.field.isVisible()


# --- names, answers, summaries, chats -------------------------------------------------------------


def test_a_name_is_marked_taken_away_and_undone(qtbot, studio, tmp_path):
    text = "BRCA1 causes breast cancer"
    rows = [Row(fields={"text": text, "spans": [[0, 5, "Gene"]]}) for _ in range(4)]
    page = opened(qtbot, studio, tmp_path, "token_classification", rows)
    assert page.browser._shelf.title.text() == "Types of names"
    assert page.shown.survey.classes == {"Gene": 4}
    sample = click(page, qtbot, 1)
    view = page.browser.text_detail.editors["spans"].view
    view.setFocus()
    view.select(14, 24)
    with qtbot.waitSignal(page.studio.data_changed):
        QTest.keyClick(view, Qt.Key.Key_1)
    assert of(page, sample.id).fields["spans"] == [[0, 5, "Gene"], [13, 26, "Gene"]]
    assert page.shown.survey.classes == {"Gene": 5}
    qtbot.waitUntil(lambda: not page.lane.busy)
    view.pick(0)
    with qtbot.waitSignal(page.studio.data_changed):
        QTest.keyClick(view, Qt.Key.Key_Delete)
    assert of(page, sample.id).fields["spans"] == [[13, 26, "Gene"]]
    assert not of(page, sample.id).excluded  # the page's own Delete stayed out of it
    page.studio.undo()
    page.studio.undo()
    qtbot.waitUntil(lambda: of(page, sample.id).fields["spans"] == [[0, 5, "Gene"]])
    qtbot.waitUntil(lambda: page.shown.survey.classes == {"Gene": 4} and not page.lane.busy)
    qtbot.waitUntil(lambda: len(view.extraSelections()) == 1)


def test_a_name_is_marked_without_the_mouse(qtbot, studio, tmp_path):
    rows = [
        Row(fields={"text": f"BRCA{n} causes cancer", "spans": [[0, 5, "Gene"]]}) for n in range(4)
    ]
    page = opened(qtbot, studio, tmp_path, "token_classification", rows)
    page.browser.texts.setFocus()
    QTest.keyClick(page.browser.texts, Qt.Key.Key_End)
    sample = page.browser.texts.samples[-1]
    detail = page.browser.text_detail
    qtbot.waitUntil(lambda: detail._reading.number == sample.id)
    QTest.keyClick(page.browser.texts, Qt.Key.Key_Return)
    view = detail.editors["spans"].view
    assert view.hasFocus()
    QTest.keyClick(view, Qt.Key.Key_End)
    QTest.keyClick(view, Qt.Key.Key_Left, CTRL | Qt.KeyboardModifier.ShiftModifier)
    with qtbot.waitSignal(page.studio.data_changed):
        QTest.keyClick(view, Qt.Key.Key_1)
    assert of(page, sample.id).fields["spans"][1] == [13, 19, "Gene"]


def test_a_type_is_renamed_in_all_texts(qtbot, studio, tmp_path):
    rows = [Row(fields={"text": "BRCA1", "spans": [[0, 5, "Gene"]]}) for _ in range(4)]
    page = opened(qtbot, studio, tmp_path, "token_classification", rows)
    page.browser.classes.ask_name("Gene")
    page.browser.classes.field.setText("Protein")
    with qtbot.waitSignal(page.studio.data_changed):
        qtbot.keyClick(page.browser.classes.field, Qt.Key.Key_Return)
    assert page.shown.survey.classes == {"Protein": 4}
    page.studio.undo()
    qtbot.waitUntil(lambda: page.shown.survey.classes == {"Gene": 4})


def test_a_question_loses_its_answer_and_is_found_by_its_filter(qtbot, studio, tmp_path):
    answer = {"text": "Paris", "start": 0}
    rows = [
        Row(
            group=str(n),
            fields={"question": f"Q{n}?", "context": f"Paris {n}", "answers": [answer]},
        )
        for n in range(8)
    ]
    page = opened(qtbot, studio, tmp_path, "question_answering", rows)
    assert page.subtitle.text().startswith("8 questions · ")
    assert not page.browser.classes.isVisible()
    assert page.blocked() == ""
    sample = click(page, qtbot, 2)
    editor = page.browser.text_detail.editors["question"]
    with qtbot.waitSignal(page.studio.data_changed):
        qtbot.mouseClick(editor.none_button, LEFT)
    assert of(page, sample.id).fields["answers"] == []
    shelf = page.browser.filters_list
    names = [shelf.model().index(n, 0).data() for n in range(shelf.model().rowCount())]
    box = shelf.visualRect(shelf.model().index(names.index("No answer"), 0))
    qtbot.mouseClick(shelf.viewport(), LEFT, pos=box.center())
    qtbot.waitUntil(lambda: [s.id for s in page.browser.texts.samples] == [sample.id])
    assert page.browser._told.text() == "1 question · No answer"
    page.studio.undo()
    qtbot.waitUntil(lambda: not page.browser.texts.samples)


def test_a_summary_is_rewritten_and_another_text_chosen(qtbot, studio, tmp_path):
    rows = [Row(fields={"text": f"Long {n}.", "summaries": [f"S{n}"]}) for n in range(6)]
    page = opened(qtbot, studio, tmp_path, "summarization", rows)
    sample = click(page, qtbot, 0)
    field = page.browser.text_detail.editors["summary"].boxes[0]
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "Better")
    with qtbot.waitSignal(page.studio.data_changed):
        other = click(page, qtbot, 3)  # leaving the field keeps what was written
    assert of(page, sample.id).fields["summaries"] == ["Better"]
    assert of(page, other.id).fields["summaries"] == other.fields["summaries"]
    qtbot.waitUntil(lambda: field.toPlainText() == other.fields["summaries"][0])


def test_a_turn_of_a_chat_is_rewritten(qtbot, studio, tmp_path):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    page = opened(
        qtbot, studio, tmp_path, "causal_lm", [Row(fields={"messages": turns}) for _ in range(4)]
    )
    sample = click(page, qtbot, 1)
    bubble = page.browser.text_detail.editors["chat"].chat.bubbles[1]
    QTest.mouseDClick(bubble.box, LEFT)
    bubble.field.selectAll()
    QTest.keyClicks(bubble.field, "Good day")
    with qtbot.waitSignal(page.studio.data_changed):
        QTest.keyClick(bubble.field, Qt.Key.Key_Return, CTRL)
    assert of(page, sample.id).fields["messages"][1]["content"] == "Good day"
    page.studio.undo()
    qtbot.waitUntil(lambda: bubble.said.text() == "Hello")


def test_an_edit_that_cannot_be_written_is_not_shown_any_longer(
    qtbot, studio, tmp_path, monkeypatch
):
    answer = {"text": "Paris", "start": 0}
    rows = [
        Row(fields={"question": "Q?", "context": "Paris", "answers": [answer]}) for _ in range(4)
    ]
    page = opened(qtbot, studio, tmp_path, "question_answering", rows)
    click(page, qtbot, 1)
    editor = page.browser.text_detail.editors["question"]

    def refuse(*_: object) -> None:
        raise StudioError("The disk is full.", "Free some space.")

    monkeypatch.setattr(studio.project.dataset, "rewrite", refuse)
    with qtbot.waitSignal(studio.troubled):
        qtbot.mouseClick(editor.none_button, LEFT)
    qtbot.waitUntil(lambda: editor.answer.text() == "Answer: Paris")


# --- lengths --------------------------------------------------------------------------------------


def test_words_are_shown_at_once_and_tokens_with_the_line_where_the_model_cuts(
    page, qtbot, tmp_path
):
    card = page.browser.lengths
    assert card.isVisible()
    assert card.told.text().startswith("Half have up to ")
    model = tiny_models.folder(tmp_path / "model", "bert")
    with qtbot.waitSignal(
        page.studio.job_finished, timeout=LONG_MS, check_params_cb=lambda name: name == LENGTHS
    ):
        page.studio.set_recipe({"model.source": str(model), "options.max_length": 24})
    qtbot.waitUntil(lambda: page.shown.seen.lengths.limit == 24, timeout=LONG_MS)
    tokens = page.shown.seen.lengths.tokens
    over = sum(length > 24 for length in tokens.values())
    assert 0 < over < 13
    assert card.told.text().startswith(f"{over} of 13 texts (")
    assert "longer than 24 tokens; what lies beyond is cut off." in card.told.text()
    qtbot.mouseClick(card.show_button, LEFT)
    qtbot.waitUntil(lambda: len(page.browser.texts.samples) == over)
    qtbot.waitUntil(lambda: not page.studio.jobs)


def test_a_model_that_is_not_there_is_said_where_the_lengths_stand(page, qtbot, tmp_path):
    with qtbot.waitSignal(
        page.studio.job_finished, timeout=LONG_MS, check_params_cb=lambda name: name == LENGTHS
    ):
        page.studio.set_recipe({"model.source": str(tmp_path / "gone/")})
    qtbot.waitUntil(lambda: "There is no model at" in page.browser.lengths.told.text())
    assert page.browser.texts.isVisible()
    qtbot.waitUntil(lambda: not page.studio.jobs)


def test_pictures_come_back_when_another_project_is_opened(page, qtbot, studio, tmp_path):
    qtbot.waitUntil(lambda: not studio.jobs, timeout=LONG_MS)
    assert studio.new_project(tmp_path / "photos", "image_classification", "Photos")
    studio.project.dataset.fill([Row("a.png", "a"), Row("b.png", "b")], root=tmp_path)
    page.lane.load(studio.project.dataset)
    qtbot.waitUntil(lambda: page._loaded and page.shown.survey.total == 2)
    qtbot.waitUntil(lambda: not page.lane.busy)
    assert page.browser.items is page.browser.grid
    assert not page.browser.texts.isVisible()
    assert page.browser.panel is page.browser.detail
    assert page.browser.view.order == "mixed"
    assert page.browser.search.placeholderText() == "Search file or label"
