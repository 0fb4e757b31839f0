"""The Try page for text tasks, by clicking and typing: answers, why, tables, adding to the data, a chat."""

from __future__ import annotations

import csv
import io
import json

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction, Progress, ReplyWritten
from finetune_studio.core.preview import Preview, Span, Spans, Words
from finetune_studio.gui.pages.try_out import inputs, tried
from finetune_studio.gui.pages.try_out import page as try_page
from finetune_studio.gui.pages.try_out.page import TryOutPage
from finetune_studio.gui.studio import work
from finetune_studio.gui.widgets import heats
from tests.gui import texts

SOON = 60_000  # the first answer loads torch

SAID = {
    "text_classification": Prediction("heart", {"heart": 0.8, "nerves": 0.15, "stomach": 0.05}),
    "token_classification": Prediction(
        "Disease: Wilson disease",
        answer={"spans": [[*texts.spans(texts.WILSON, ("Wilson disease", "Disease"))[0], 0.93]]},
    ),
    "question_answering": Prediction(
        "Warsaw", answer={"text": "Warsaw", "start": 24, "end": 30, "certainty": 0.9}
    ),
    "summarization": Prediction("Chest pain.", answer={"summary": "Chest pain."}),
}


@pytest.fixture
def opened(studio, qtbot, tmp_path, monkeypatch):
    """Open the Try page on a run of a task, whose model always says the same."""
    from dataclasses import replace

    def open_page(task):
        def ask_model(source, given, control):
            asked, _ = inputs.expanded(given, task)
            for number, text in enumerate(asked, 1):
                yield replace(SAID[task], input=text, seconds=0.02)
                yield Progress("try", number, len(asked))

        monkeypatch.setattr(try_page, "ask_model", ask_model)
        assert studio.new_project(tmp_path / "project", task, "My texts")
        studio.choose_run(texts.fill(studio.project, texts.MADE[task](), tmp_path / "data"))
        page = TryOutPage(studio)
        page.resize(1100, 800)
        qtbot.addWidget(page, before_close_func=lambda _: studio.shutdown())
        page.show()
        page.entered()
        return page

    return open_page


def ask(qtbot, page, text):
    page.entry.box.setPlainText(text)
    qtbot.keyClick(page.entry.box, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    count = len(page.tried)
    qtbot.waitUntil(lambda: len(page.tried) == count + 1, timeout=SOON)


def test_a_text_is_answered_and_its_words_are_weighed_on_wish(opened, qtbot, monkeypatch):
    asked = []

    def explanation(folder, sample, wanted, dataset):
        asked.append((sample.fields["text"], wanted))
        words = Words(sample.fields["text"], "", ((0, 3, 1.0),))
        return Preview((words,), lines=("", "Their weights add up."))

    monkeypatch.setattr(heats, "explanation", explanation)
    monkeypatch.setattr(heats, "check", lambda *_: "Checked: it depends on what was learnt.")
    page = opened("text_classification")
    assert not page.drop.isVisible()
    assert not page.entry.ask_button.isEnabled()
    ask(qtbot, page, texts.HEART)
    answer = page.text_answer
    assert (answer.answer.text(), answer.share.text()) == ("heart", "80.0 %")
    assert answer.view.text == texts.HEART
    assert page.history.title.text() == "1 text tried"
    answer.why.setCurrentIndex(answer.why.findData("nerves"))
    answer.why.activated.emit(answer.why.currentIndex())
    qtbot.waitUntil(lambda: asked == [(texts.HEART, "nerves")])
    qtbot.waitUntil(lambda: answer.view.explains == ["speaks for it"])
    assert answer.lines == "Their weights add up."
    answer.why.setCurrentIndex(0)
    answer.why.activated.emit(0)
    assert answer.view.explains == []
    assert answer.lines == ""


@pytest.mark.qt_log_ignore("This plugin does not support")  # a menu on the offscreen platform
def test_a_text_is_added_to_the_data_with_the_right_label(opened, qtbot, studio):
    page = opened("text_classification")
    before = len(studio.project.dataset)
    ask(qtbot, page, texts.NERVES)
    qtbot.mouseClick(page.text_answer.add_button, Qt.MouseButton.LeftButton)
    offered = [action.text() for action in page.adding.menu.actions()]
    assert offered == ["heart (as the model said)", "nerves", "stomach"]
    page.adding.menu.actions()[1].trigger()
    page.adding.menu.hide()
    ask(qtbot, page, texts.STOMACH)
    page.adding.add(page.tried[-1], page.task, "stomach")
    added = studio.project.dataset.samples()[before:]
    assert [(s.label, s.split, s.fields["text"]) for s in added] == [
        ("nerves", "train", texts.NERVES),
        ("stomach", "train", texts.STOMACH),
    ]
    assert [s.place for s in added] == ["Tried texts, row 1", "Tried texts, row 2"]
    assert "as stomach" in page.message.text
    with qtbot.waitSignal(studio.data_changed):
        studio.undo()
    assert [s.excluded for s in studio.project.dataset.samples()[before:]] == [False, True]
    with qtbot.waitSignal(studio.data_changed):
        studio.redo()
    assert [s.usable for s in studio.project.dataset.samples()[before:]] == [True, True]


def test_a_table_gives_an_answer_a_row_and_a_table_of_answers(opened, qtbot, tmp_path):
    page = opened("text_classification")
    rows = [("id", "text"), (1, texts.HEART), (2, texts.NERVES), (3, "")]
    with (tmp_path / "new.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "new.csv"))])
    page.take(data)
    qtbot.waitUntil(lambda: len(page.tried) == 2, timeout=SOON)
    assert page.history.view_bar.value() == "table"
    assert page.history.table.items.headerData(0, Qt.Orientation.Horizontal) == "Text"
    qtbot.waitUntil(page.history.save_button.isEnabled)
    page.save(tmp_path / "answers.csv")
    written = list(csv.DictReader(io.StringIO((tmp_path / "answers.csv").read_text("utf-8"))))
    assert [row["text"] for row in written] == [texts.HEART, texts.NERVES]
    assert written[0]["answer"] == "heart"


def test_a_pasted_text_goes_into_the_box_as_plain_text(opened, qtbot):
    page = opened("text_classification")
    data = QMimeData()
    data.setHtml("<b>bold</b>")
    data.setText("<b>bold</b>")
    page.take(data)
    assert page.entry.box.toPlainText() == "<b>bold</b>"
    page.entry.box.clear()
    page.entry.box.insertFromMimeData(data)
    assert page.entry.box.toPlainText() == "<b>bold</b>"
    page.take(data)  # dropped beside the box: what is in it does not run into the next text
    assert page.entry.box.toPlainText() == "<b>bold</b>\n<b>bold</b>"


def test_names_are_shown_in_the_text(opened, qtbot, studio):
    page = opened("token_classification")
    ask(qtbot, page, texts.WILSON)
    assert page.text_answer.answer.text() == "1 found"
    marks = page.text_answer.view.preview.marks
    said = next(mark for mark in marks if isinstance(mark, Spans))
    assert said.spans[0].name == "Disease"
    assert isinstance(page.text_answer.why.itemData(1), Span)
    page.adding.add(page.tried[-1], page.task, "")
    added = studio.project.dataset.samples()[-1]
    assert added.fields["spans"] == texts.spans(texts.WILSON, ("Wilson disease", "Disease"))


def test_a_question_needs_its_text(opened, qtbot, studio):
    page = opened("question_answering")
    page.entry.question.setText("Where was she born?")
    assert not page.entry.ask_button.isEnabled()
    page.entry.box.setPlainText(texts.PARIS)
    qtbot.mouseClick(page.entry.ask_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(page.tried) == 1, timeout=SOON)
    assert page.text_answer.answer.text() == "Warsaw"
    assert json.loads(page.tried[0].path)["context"] == texts.PARIS
    assert page.tried[0].name.startswith("Where was she born?")
    assert page.text_answer.share.text() == "90.0 %"
    page.adding.add(page.tried[-1], page.task, "")
    added = studio.project.dataset.samples()[-1]
    assert added.fields["answers"] == [{"text": "Warsaw", "start": 24}]
    assert added.fields["question"] == "Where was she born?"


def test_a_summary_stands_beside_the_text_that_was_typed(opened, qtbot):
    page = opened("summarization")
    ask(qtbot, page, f"{texts.HEART} {texts.NERVES}")
    assert page.text_answer.view.text == "Summary\nChest pain."
    assert page.text_answer.answer.text() == "2 words"
    assert not page.text_answer.why.isVisible()


# --- a chat ----------------------------------------------------------------------------------------


@pytest.fixture
def chat(opened, monkeypatch):
    """Open the chat on a model that repeats what it hears, word by word."""
    heard = []

    def reply(folder, messages, before, control):
        heard.append((messages, before))
        words = messages[-1]["content"].split()
        if words == ["fail"]:
            raise StudioError("The model cannot reply.", "Try again.")
        if words == ["forever"]:
            while not control.stop.wait(0.01):
                yield ReplyWritten("on and on")
            yield ReplyWritten("on and on", done=True)
            return
        if words == ["silence"]:
            yield ReplyWritten("", done=True, tokens=9, seconds=0.5)
            return
        for count in range(1, len(words) + 1):
            yield ReplyWritten(" ".join(words[:count]))
        text = f"{' '.join(words)}{' (before)' if before else ''}"
        yield ReplyWritten(text, done=True, tokens=len(words), seconds=0.5)

    monkeypatch.setattr(work, "reply", reply)
    page = opened("causal_lm")
    page.chat.heard = heard
    return page.chat


def say(qtbot, chat, text):
    chat.box.setPlainText(text)
    qtbot.keyClick(chat.box, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not chat.talking)


def test_a_chat_goes_on_where_it_was(chat, qtbot):
    chat.system.setText("Repeat.")
    say(qtbot, chat, "hello there")
    say(qtbot, chat, "<b>again</b>")
    assert [b.text for b in chat.view.bubbles] == [
        "hello there",
        "hello there",
        "<b>again</b>",
        "<b>again</b>",
    ]
    assert chat.view.bubbles[1].below == "2 tokens in 0.5 s"
    messages, before = chat.heard[-1]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert not before
    qtbot.mouseClick(chat.new_button, Qt.MouseButton.LeftButton)
    assert chat.view.bubbles == []


def test_the_model_before_fine_tuning_replies_beside_it(chat, qtbot):
    say(qtbot, chat, "one")
    chat.beside.click()
    say(qtbot, chat, "two")
    assert [b.text for b in chat.view.bubbles[2:]] == ["two", "two", "two (before)"]
    after, before = chat.heard[1:]
    assert after[1] is False
    assert before[1] is True
    assert [m["content"] for m in before[0]] == ["one", "one", "two"]
    assert chat.view.bubbles[3].width() == chat.view.bubbles[4].width()


def test_a_reply_can_be_stopped_and_a_failure_is_said_in_place(chat, qtbot, studio):
    chat.box.setPlainText("forever")
    qtbot.mouseClick(chat.send_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: chat.view.bubbles[-1].text == "on and on")
    assert not chat.send_button.isVisible()
    qtbot.mouseClick(chat.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not chat.talking)
    assert chat.send_button.isVisible()
    say(qtbot, chat, "fail")
    assert chat.view.bubbles[-1].text == "(no reply)"
    assert "cannot reply" in chat.message.text
    say(qtbot, chat, "go on")
    assert [m["content"] for m in chat.heard[-1][0]] == ["forever", "on and on", "go on"]


def test_a_stopped_conversation_leaves_no_reply_waiting(chat, qtbot):
    """The bubble of the model before stayed at three dots, and that model heard two questions in a row."""
    chat.beside.click()
    chat.box.setPlainText("forever")
    qtbot.mouseClick(chat.send_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: chat.view.bubbles[1].text == "on and on")
    qtbot.mouseClick(chat.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not chat.talking)
    assert chat.view.bubbles[2].text == "(not asked, as the reply beside it was stopped)"
    say(qtbot, chat, "fail")
    assert chat.view.bubbles[-1].text == "(not asked, as the reply beside it failed)"
    say(qtbot, chat, "go on")
    assert [m["content"] for m in chat.heard[-2][0]] == ["forever", "on and on", "go on"]
    assert [m["content"] for m in chat.heard[-1][0]] == ["go on"]


def test_an_empty_reply_is_remembered_as_empty(chat, qtbot):
    """The model heard in its next turn that it had said “(nothing)”."""
    say(qtbot, chat, "silence")
    assert chat.view.bubbles[-1].text == "(nothing)"
    say(qtbot, chat, "go on")
    assert [m["content"] for m in chat.heard[-1][0]] == ["silence", "", "go on"]


# --- without a window ------------------------------------------------------------------------------


def test_a_table_of_questions_needs_both_columns(tmp_path):
    lines = [{"question": "Who?", "context": "Marie."}, {"question": "", "context": "Marie."}]
    file = tmp_path / "asked.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    found, _ = inputs.expanded([file], "question_answering")
    assert [json.loads(text) for text in found] == [lines[0]]
    (tmp_path / "words.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(StudioError, match="questions and texts"):
        inputs.expanded([tmp_path / "words.csv"], "question_answering")


def test_a_folder_gives_its_texts_and_a_typed_text_stays_as_it_is(tmp_path):
    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    (tmp_path / "b.png").write_bytes(b"")
    found, _ = inputs.expanded([tmp_path, "typed\ntext"], "text_classification")
    assert found == [str(tmp_path / "a.txt"), "typed\ntext"]
    with pytest.raises(StudioError, match="no texts"):
        inputs.expanded([], "text_classification")


def test_what_was_tried_has_a_short_name(tmp_path):
    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    assert tried.Tried(1, Prediction(input=str(tmp_path / "a.txt"))).name == "a.txt"
    assert tried.Tried(1, Prediction(input="two\nlines")).name == "two lines"
    assert inputs.sample_of(str(tmp_path / "a.txt"), "summarization").fields == {"text": "one"}
    assert tried.summary([tried.Tried(1, Prediction("x"))] * 2, "question_answering") == (
        "2 questions tried"
    )


def test_a_trained_model_replies_and_so_does_the_one_before(tmp_path, private_home):
    """The real engine: a run of a tiny language model replies, and its beginning beside it."""
    from finetune_studio.core.job import Control
    from finetune_studio.core.project import Project
    from tests import tiny, tiny_models
    from tests.engine.conftest import run_all

    model = tiny_models.folder(tmp_path / "model", "llama", chat=True)
    data = tiny.causal_lm(tmp_path / "data", samples=12)
    with Project(tmp_path / "project", "causal_lm") as project:
        from finetune_studio.engine import curate

        recipe = project.recipe().with_settings(
            {
                "data.path": str(data),
                "model.source": str(model),
                "optimiser.epochs": 1,
                "options.longest_reply": 8,
            }
        )
        for _ in curate.import_data(project, recipe.data, recipe.seed, Control()):
            pass
        run_all(project, recipe)
        (folder,) = project.runs()
    said = []
    for before in (False, True):
        events = list(work.reply(folder, [{"role": "user", "content": "hello"}], before, Control()))
        said.append(events[-1])
    assert all(isinstance(event, ReplyWritten) and event.done for event in said)
    assert all(0 < event.tokens <= 8 for event in said)
