"""Reading and editing one text by mouse and keys: names, answers, summaries, turns, classes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from finetune_studio.gui.widgets.answer_editor import AnswerEditor
from finetune_studio.gui.widgets.chat_editor import ChatEditor
from finetune_studio.gui.widgets.label_chips import LabelChips
from finetune_studio.gui.widgets.marked_text import MOST_LETTERS, Marked, MarkedText
from finetune_studio.gui.widgets.span_editor import SpanEditor
from finetune_studio.gui.widgets.summary_editor import SummaryEditor

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
TEXT = "😀 Mutations in BRCA1 cause breast cancer, often early."


def shown(qtbot, widget):
    qtbot.addWidget(widget)
    widget.resize(520, 420)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def drag(view: MarkedText, start: int, end: int) -> None:
    """Select letters with the mouse, as a hand does."""
    places = []
    for place in (start, end):
        cursor = QTextCursor(view.document())
        cursor.setPosition(view._there(place))
        places.append(view.cursorRect(cursor).center())
    QTest.mousePress(view.viewport(), LEFT, pos=places[0])
    QTest.mouseMove(view.viewport(), places[1])
    QTest.mouseRelease(view.viewport(), LEFT, pos=places[1])


def click(view: MarkedText, place: int) -> None:
    cursor = QTextCursor(view.document())
    cursor.setPosition(view._there(place))
    QTest.mouseClick(view.viewport(), LEFT, pos=view.cursorRect(cursor).center())


# --- reading --------------------------------------------------------------------------------------


def test_a_text_is_plain_and_cannot_be_typed_into(qtbot):
    view = shown(qtbot, MarkedText())
    view.show_text("<b>bold</b>\r\nnext")
    assert view.toPlainText() == "<b>bold</b> \nnext"
    QTest.keyClicks(view, "abc")
    assert view.toPlainText() == "<b>bold</b> \nnext"


def test_places_are_letters_also_behind_wide_ones(qtbot):
    view = shown(qtbot, MarkedText())
    view.show_text(TEXT)
    start = TEXT.index("BRCA1")
    view.set_marks([Marked(start, start + 5, 0, "Gene")])
    assert view.extraSelections()[0].cursor.selectedText() == "BRCA1"
    drag(view, start, start + 5)
    assert view.selection() == (start, start + 5)


def test_a_very_long_text_is_cut_and_says_so(qtbot):
    view = shown(qtbot, MarkedText())
    view.show_text("word " * 40_000)
    assert f"{200_000 - MOST_LETTERS:,} more letters are not shown" in view.toPlainText()
    view.selectAll()
    assert view.selection() == (0, MOST_LETTERS)


def test_the_caret_picks_the_mark_it_stands_in(qtbot):
    view = shown(qtbot, MarkedText())
    view.show_text("one two three")
    view.set_marks([Marked(0, 3), Marked(8, 13)])
    with qtbot.waitSignal(view.picked) as heard:
        click(view, 9)
    assert heard.args == [1]
    view.pick_next()
    assert view.picked_mark == 0
    view.pick_next(-1)
    assert view.picked_mark == 1
    click(view, 5)
    assert view.picked_mark == -1


# --- names ----------------------------------------------------------------------------------------


@pytest.fixture
def spans(qtbot) -> SpanEditor:
    editor = SpanEditor()
    editor.set_counts({"Gene": 9, "Disease": 4})
    start = TEXT.index("BRCA1")
    editor.show_fields({"text": TEXT, "spans": [[start, start + 5, "Gene"]]})
    return shown(qtbot, editor)


def test_words_are_marked_by_selecting_and_a_number(spans, qtbot):
    start = TEXT.index("breast")
    drag(spans.view, start + 2, TEXT.index("cancer") + 3)
    assert "“breast cancer”" in spans.told.text()
    with qtbot.waitSignal(spans.rewritten) as heard:
        QTest.keyClick(spans.view, Qt.Key.Key_2)
    fields, told = heard.args
    assert fields["spans"][1] == [start, start + len("breast cancer"), "Disease"]
    assert told == "Marked “breast cancer” as Disease"
    assert spans.view.extraSelections()[1].cursor.selectedText() == "breast cancer"


def test_words_are_marked_by_keys_alone(spans, qtbot):
    spans.view.setFocus()
    QTest.keyClick(spans.view, Qt.Key.Key_End)
    QTest.keyClick(spans.view, Qt.Key.Key_Left, CTRL | SHIFT)
    QTest.keyClick(spans.view, Qt.Key.Key_Left, CTRL | SHIFT)
    with qtbot.waitSignal(spans.rewritten) as heard:
        QTest.keyClick(spans.view, Qt.Key.Key_2)
    start, end, name = heard.args[0]["spans"][1]
    assert (TEXT[start:end].rstrip("."), name) == ("early", "Disease")


def test_a_type_button_marks_too(spans, qtbot):
    drag(spans.view, 2, 11)
    button = next(b for b in spans.findChildren(QPushButton, "type") if b.text() == "Gene")
    with qtbot.waitSignal(spans.rewritten) as heard:
        qtbot.mouseClick(button, LEFT)
    assert heard.args[0]["spans"][0] == [2, 11, "Gene"]
    assert TEXT[2:11] == "Mutations"


def test_a_new_type_is_typed(spans, qtbot):
    drag(spans.view, 2, 11)
    QTest.keyClick(spans.view, Qt.Key.Key_N)
    assert spans.field.isVisible()
    qtbot.keyClicks(spans.field, "Change")
    with qtbot.waitSignal(spans.rewritten) as heard:
        qtbot.keyClick(spans.field, Qt.Key.Key_Return)
    assert heard.args[0]["spans"][0] == [2, 11, "Change"]
    assert list(spans.types) == ["Gene", "Disease", "Change"]


def test_a_name_is_clicked_and_deleted(spans, qtbot):
    click(spans.view, TEXT.index("BRCA1") + 2)
    assert spans.told.text().startswith("Gene: “BRCA1”")
    with qtbot.waitSignal(spans.rewritten) as heard:
        QTest.keyClick(spans.view, Qt.Key.Key_Delete)
    assert heard.args == [{"spans": []}, "“BRCA1” is no Gene any more"]
    with qtbot.assertNotEmitted(spans.rewritten):
        QTest.keyClick(spans.view, Qt.Key.Key_Delete)


def test_a_number_changes_the_type_of_a_name(spans, qtbot):
    spans.view.setFocus()
    QTest.keyClick(spans.view, Qt.Key.Key_Return)  # goes to the first name
    with qtbot.waitSignal(spans.rewritten) as heard:
        QTest.keyClick(spans.view, Qt.Key.Key_2)
    assert heard.args[0]["spans"][0][2] == "Disease"
    assert heard.args[1] == "Gene “BRCA1” → Disease"


def test_marks_over_others_take_their_place(spans, qtbot):
    start = TEXT.index("in BRCA1")
    drag(spans.view, start, start + 5)
    with qtbot.waitSignal(spans.rewritten) as heard:
        QTest.keyClick(spans.view, Qt.Key.Key_2)
    assert heard.args[0]["spans"] == [[start, start + len("in BRCA1"), "Disease"]]


def test_words_of_tables_of_words_are_whole_between_spaces(qtbot):
    editor = SpanEditor()
    editor.set_counts({"Gene": 1})
    editor.show_fields({"text": "ATM -/- mice", "spans": [], "split_words": True})
    shown(qtbot, editor)
    drag(editor.view, 5, 6)
    with qtbot.waitSignal(editor.rewritten) as heard:
        QTest.keyClick(editor.view, Qt.Key.Key_1)
    assert heard.args[0]["spans"] == [[4, 7, "Gene"]]


def test_nothing_selected_marks_nothing(spans, qtbot):
    click(spans.view, 4)
    with qtbot.assertNotEmitted(spans.rewritten):
        QTest.keyClick(spans.view, Qt.Key.Key_1)


# --- answers --------------------------------------------------------------------------------------

CONTEXT = "The Panthers defense gave up just 308 points."
ASKED = {
    "question": "How many points?",
    "context": CONTEXT,
    "answers": [{"text": "308", "start": 34}],
}


@pytest.fixture
def answers(qtbot) -> AnswerEditor:
    editor = AnswerEditor()
    editor.show_fields(ASKED)
    return shown(qtbot, editor)


def test_a_question_shows_its_answer_in_its_context(answers):
    assert answers.question.text() == "How many points?"
    assert answers.answer.text() == "Answer: 308"
    assert answers.view.extraSelections()[0].cursor.selectedText() == "308"
    assert not answers.set_button.isEnabled()


def test_an_answer_is_set_by_selecting_it(answers, qtbot):
    drag(answers.view, 5, 18)
    with qtbot.waitSignal(answers.rewritten) as heard:
        QTest.keyClick(answers.view, Qt.Key.Key_A)
    made = {"text": "Panthers defense", "start": 4}
    assert heard.args == [{"answers": [made]}, "Answer → “Panthers defense”"]
    assert answers.answer.text() == "Answer: Panthers defense"
    drag(answers.view, 34, 44)
    with qtbot.waitSignal(answers.rewritten) as heard:
        QTest.keyClick(answers.view, Qt.Key.Key_A, SHIFT)
    assert heard.args[0]["answers"] == [made, {"text": "308 points", "start": 34}]


def test_a_question_can_have_no_answer(answers, qtbot):
    with qtbot.waitSignal(answers.rewritten) as heard:
        qtbot.mouseClick(answers.none_button, LEFT)
    assert heard.args == [{"answers": []}, "Answer → no answer"]
    assert answers.answer.text() == "No answer: the text does not tell."
    assert not answers.none_button.isEnabled()


def test_one_of_several_answers_is_taken_away(answers, qtbot):
    both = [*ASKED["answers"], {"text": "Panthers", "start": 4}]
    answers.show_fields({**ASKED, "answers": both})
    click(answers.view, 6)
    with qtbot.waitSignal(answers.rewritten) as heard:
        QTest.keyClick(answers.view, Qt.Key.Key_Delete)
    assert heard.args[0]["answers"] == ASKED["answers"]


def test_an_answer_that_stands_elsewhere_is_said(answers):
    answers.show_fields({**ASKED, "answers": [{"text": "309", "start": 34}]})
    assert "does not stand where the data say" in answers.told.text()
    assert answers.view.extraSelections() == []


# --- summaries ------------------------------------------------------------------------------------


@pytest.fixture
def summaries(qtbot) -> SummaryEditor:
    editor = SummaryEditor()
    editor.show_fields({"text": "A long text.", "summaries": ["Short.", "Brief."]})
    return shown(qtbot, editor)


def test_a_summary_is_rewritten_and_kept_by_leaving_it(summaries, qtbot):
    assert [box.toPlainText() for box in summaries.boxes] == ["Short.", "Brief."]
    box = summaries.boxes[1]
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "Concise.")
    with qtbot.waitSignal(summaries.rewritten) as heard:
        QTest.keyClick(box, Qt.Key.Key_Return, CTRL)
    assert heard.args == [{"summaries": ["Short.", "Concise."]}, "Summary → “Concise.”"]


def test_escape_keeps_the_summary_and_an_emptied_one_is_taken_away(summaries, qtbot):
    box = summaries.boxes[1]
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "Nonsense")
    with qtbot.assertNotEmitted(summaries.rewritten):
        QTest.keyClick(box, Qt.Key.Key_Escape)
        summaries.view.setFocus()
    assert box.toPlainText() == "Brief."
    box.setFocus()
    box.selectAll()
    QTest.keyClick(box, Qt.Key.Key_Backspace)
    with qtbot.waitSignal(summaries.rewritten) as heard:
        QTest.keyClick(box, Qt.Key.Key_Return, CTRL)
    assert heard.args[0] == {"summaries": ["Short."]}


def test_a_summary_is_added(summaries, qtbot):
    qtbot.mouseClick(summaries.add_button, LEFT)
    box = summaries.boxes[2]
    assert box.isVisible()
    QTest.keyClicks(box, "Third.")
    with qtbot.waitSignal(summaries.rewritten) as heard:
        QTest.keyClick(box, Qt.Key.Key_Return, CTRL)
    assert heard.args[0] == {"summaries": ["Short.", "Brief.", "Third."]}


def test_little_room_shows_one_summary_at_a_time(summaries, qtbot):
    summaries.resize(300, 400)
    qtbot.waitUntil(summaries.which.isVisible)
    assert [box.isVisible() for box in summaries.boxes] == [True, False]
    qtbot.mouseClick(summaries.which.button("1"), LEFT)
    assert [box.isVisible() for box in summaries.boxes] == [False, True]


def test_what_is_being_written_is_not_written_over(summaries):
    box = summaries.boxes[0]
    box.setFocus()
    QTest.keyClicks(box, "More ")
    summaries.show_fields({"text": "A long text.", "summaries": ["Short.", "Brief."]})
    assert box.toPlainText() == "More Short."


# --- chats ----------------------------------------------------------------------------------------

TURNS = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "<b>Hello</b>", "name": "bot"},
]


@pytest.fixture
def chat(qtbot) -> ChatEditor:
    editor = ChatEditor()
    editor.show_fields({"messages": TURNS})
    return shown(qtbot, editor)


def test_turns_are_bubbles_of_plain_text(chat):
    assert [b.who.text() for b in chat.bubbles] == ["Instruction", "User", "Assistant"]
    assert chat.bubbles[2].said.text() == "<b>Hello</b>"
    assert chat.bubbles[2].said.textFormat() == Qt.TextFormat.PlainText
    user, assistant = chat.bubbles[1].box, chat.bubbles[2].box
    assert user.mapTo(chat, QPoint(0, 0)).x() > assistant.mapTo(chat, QPoint(0, 0)).x()


def test_a_turn_is_rewritten_by_key(chat, qtbot):
    chat.bubbles[2].box.setFocus()
    QTest.keyClick(chat.bubbles[2].box, Qt.Key.Key_Return)
    field = chat.bubbles[2].field
    assert field.isVisible()
    field.selectAll()
    QTest.keyClicks(field, "Good day")
    with qtbot.waitSignal(chat.rewritten) as heard:
        QTest.keyClick(field, Qt.Key.Key_Return, CTRL)
    fields, told = heard.args
    assert fields["messages"][2] == {"role": "assistant", "content": "Good day", "name": "bot"}
    assert fields["messages"][:2] == TURNS[:2]
    assert told == "Turn 3 (assistant) → “Good day”"
    assert not field.isVisible()
    assert chat.bubbles[2].said.text() == "Good day"


def test_a_double_click_opens_a_turn_and_escape_leaves_it(chat, qtbot):
    QTest.mouseDClick(chat.bubbles[1].box, LEFT)
    field = chat.bubbles[1].field
    assert field.isVisible()
    QTest.keyClicks(field, "x")
    with qtbot.assertNotEmitted(chat.rewritten):
        QTest.keyClick(field, Qt.Key.Key_Escape)
    assert not field.isVisible()
    assert chat.bubbles[1].said.text() == "Hi"


def test_another_chat_has_its_own_number_of_turns(chat):
    chat.show_fields({"messages": TURNS[:1]})
    assert [b.isVisible() for b in chat.bubbles] == [True, False, False]
    chat.show_fields({"messages": TURNS * 40})
    assert sum(b.isVisible() for b in chat.bubbles) == 80
    assert chat._more.text() == "40 more turns are not shown here."


# --- classes --------------------------------------------------------------------------------------


def test_classes_of_a_text_are_switched_and_added(qtbot):
    chips = LabelChips()
    chips.set_names(["sport", "politics"])
    chips.show_fields({"labels": ["sport"]})
    shown(qtbot, chips)
    assert [name for name, chip in chips.chips.items() if chip.isChecked()] == ["sport"]
    with qtbot.waitSignal(chips.rewritten) as heard:
        qtbot.mouseClick(chips.chips["politics"], LEFT)
    assert heard.args == [{"labels": ["sport", "politics"]}, "Classes → sport, politics"]
    with qtbot.waitSignal(chips.rewritten) as heard:
        qtbot.mouseClick(chips.chips["sport"], LEFT)
    assert heard.args[0] == {"labels": ["politics"]}
    qtbot.mouseClick(chips.new_button, LEFT)
    qtbot.keyClicks(chips.field, "weather")
    with qtbot.waitSignal(chips.rewritten) as heard:
        qtbot.keyClick(chips.field, Qt.Key.Key_Return)
    assert heard.args[0] == {"labels": ["politics", "weather"]}
