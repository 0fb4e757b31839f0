"""The Inspect page for text tasks, by clicking: what went wrong, the texts that it means, and why."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from finetune_studio.core.events import ReplyWritten
from finetune_studio.core.preview import Both, Preview, Span, Spans, Words
from finetune_studio.gui.pages.inspect.page import InspectPage
from finetune_studio.gui.studio import work
from finetune_studio.gui.widgets import heats
from tests.gui import texts

SOON = 60_000  # the first look loads torch


@pytest.fixture
def explained(monkeypatch):
    """Explain with a heat of our own, and remember what was asked."""
    asked = []

    def explanation(folder, sample, wanted, dataset):
        asked.append(wanted)
        text = str(sample.fields.get("text") or sample.fields.get("context"))
        lines = ("Which words speak for it", "Their weights add up to +1.00 of +1.00.")
        return Preview((Words(text, "", ((0, 3, 1.0), (4, 6, -0.5))),), lines=lines)

    monkeypatch.setattr(heats, "explanation", explanation)
    monkeypatch.setattr(heats, "check", lambda *_: "Checked: it depends on what was learnt.")
    return asked


@pytest.fixture
def opened(studio, qtbot, tmp_path, explained):
    """Open the Inspect page on a run of a task."""

    def open_page(task, pairs=None):
        assert studio.new_project(tmp_path / "project", task, "My texts")
        made = pairs or texts.MADE[task]()
        studio.choose_run(texts.fill(studio.project, made, tmp_path / "data"))
        page = InspectPage(studio)
        page.resize(1200, 800)
        qtbot.addWidget(page, before_close_func=lambda _: studio.shutdown())
        page.show()
        page.entered()
        qtbot.waitUntil(lambda: page.state() == "done", timeout=SOON)
        return page

    return open_page


def click(qtbot, widget):
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def click_heap(qtbot, page, title):
    bars = page.errors.heaps.bars
    model = bars.model()
    row = next(n for n in range(model.rowCount()) if model.index(n, 0).data() == title)
    place = bars.visualRect(model.index(row, 0)).center()
    qtbot.mouseClick(bars.viewport(), Qt.MouseButton.LeftButton, pos=place)


def captions(page):
    return [item.strong for item in page.errors.gallery.items]


def words_in(item):
    return next(mark.text for mark in item.marks if isinstance(mark, Words))


def choose(page, text):
    choice = page.why.looked_for
    choice.setCurrentIndex(choice.findText(text))
    choice.activated.emit(choice.currentIndex())


def test_a_class_of_texts_is_filtered_and_its_words_are_weighed(opened, qtbot, explained):
    page = opened("text_classification")
    assert page.subtitle.text() == "Run 1 · best epoch 3 · 4 validation texts"
    assert page.errors.shown.title.text() == "All validation texts: 4"
    assert captions(page)[0] == "said nerves"
    assert "arm after climbing" in words_in(page.errors.gallery.items[0])
    both = Both("nerves", "heart")
    qtbot.waitUntil(lambda: explained == [both])
    qtbot.waitUntil(lambda: page.why.view.explains == ["speaks for it", "speaks against it"])
    assert "add up to +1.00" in page.why.lines
    choose(page, "heart (label)")
    qtbot.waitUntil(lambda: explained == [both, "heart"])
    view = page.errors.confusion
    box = view.places().cell_box(0, 0)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
    assert page.errors.shown.title.text() == "heart, recognised: 1"
    assert page.why.relabel_button.isVisible()


def test_texts_of_several_classes_are_sorted_by_what_was_left_out(opened, qtbot):
    page = opened("text_classification", texts.several())
    assert not page.errors.confusion.isVisible()
    click_heap(qtbot, page, "Some left out")
    assert captions(page) == ["said heart"]
    assert page.errors.gallery.items[0].second == "labelled heart, stomach"
    click_heap(qtbot, page, "Some left out")  # a second click shows all again
    assert len(captions(page)) == 3
    assert not page.why.relabel_button.isVisible()


def test_names_are_found_missed_invented_or_of_the_wrong_type(opened, qtbot, explained):
    page = opened("token_classification")
    model = page.errors.heaps.bars.model()
    rows = {heap.name: heap.count for heap in page._results.sorting.heaps}
    assert rows == {"missed": 1, "invented": 1, "type": 1, "found": 2}
    assert model.rowCount() == 4
    assert captions(page) == ["1 missed, 1 invented, 1 of the wrong type", "all 1 found"]
    click_heap(qtbot, page, "Missed")
    assert captions(page) == ["1 missed, 1 invented, 1 of the wrong type"]
    assert "nothing there" in page.errors.heaps.meaning
    assert page.why.view.explains == ["said by the model", "in the data"]
    assert not explained  # names are explained on wish
    offered = [page.why.looked_for.itemText(n) for n in range(page.why.looked_for.count())]
    assert offered[0] == "What was said"
    assert "men: Person (missed)" in offered
    choose(page, "cancer: Disease")
    start = texts.WILSON.index("cancer")
    qtbot.waitUntil(lambda: explained == [Span(start, start + 6, "Disease")])
    qtbot.waitUntil(lambda: "speaks for it" in page.why.view.explains)
    choose(page, "What was said")
    assert page.why.view.explains == ["said by the model", "in the data"]


def test_types_have_a_table_that_filters(opened, qtbot):
    page = opened("token_classification")
    assert page.weakest.text.startswith("Weakest type")
    click(qtbot, page.errors.view_bar.button("classes"))
    table = page.errors.classes
    found = {
        table.model().index(row, 0).data(): [
            table.model().index(row, c).data() for c in (1, 2, 3, 4)
        ]
        for row in range(table.model().rowCount())
    }
    assert found["Disease"] == ["2", "1.00", "0.50", "0.67"]
    assert found["Gene"] == ["1", "0.00", "–", "0.00"]
    assert table.isColumnHidden(5)
    row = next(r for r in range(3) if table.model().index(r, 0).data() == "Person")
    place = table.visualRect(table.model().index(row, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert page.errors.shown.title.text() == "Person: 1 text"
    click(qtbot, page.errors.all_button)
    assert len(captions(page)) == 2


def test_questions_are_filtered_by_their_answers(opened, qtbot, explained):
    page = opened("question_answering")
    assert page.headline.title.text() == "F1"
    assert page.weakest.title.text() == "Commonest error"
    counts = {heap.title: heap.count for heap in page._results.sorting.heaps}
    assert counts == {
        "Wrong answer": 1,
        "No answer given": 1,
        "Answered, though there is none": 1,
        "Partly right": 1,
        "Right": 1,
        "Rightly no answer": 1,
    }
    assert captions(page)[0] == "wrong"  # the surest wrong answer comes first
    click_heap(qtbot, page, "No answer given")
    assert page.errors.shown.title.text() == "No answer given: 1 question"
    item = page.errors.gallery.items[0]
    assert words_in(item) == "Where did she move?\nsaid: no answer\ntrue: Paris"
    marks = page.why.view.preview.marks
    assert [mark.title for mark in marks if isinstance(mark, Words)] == ["Question", "Context"]
    truth = next(mark for mark in marks if isinstance(mark, Spans) and not mark.said)
    assert texts.PARIS[truth.spans[0].start : truth.spans[0].end] == "Paris"
    assert page.why.lines.splitlines()[0] == "Said by the model: no answer."
    choose(page, "Paris (right)")
    qtbot.waitUntil(lambda: len(explained) == 1)


def test_a_question_without_an_answer_says_so_beside_its_text(opened, qtbot):
    """Nothing beside the context said what stands in the data, since nothing can be marked in it."""
    page = opened("question_answering")
    click_heap(qtbot, page, "Answered, though there is none")
    assert page.why.lines.splitlines()[0] == "In the data: no answer."
    click_heap(qtbot, page, "Rightly no answer")
    told = ["In the data: no answer.", "Said by the model: no answer."]
    assert page.why.lines.splitlines()[:2] == told
    click_heap(qtbot, page, "Right")
    assert "no answer" not in page.why.lines


def test_summaries_stand_beside_their_text_with_their_own_score(opened, qtbot):
    page = opened("summarization")
    assert page.headline.title.text() == "ROUGE-L"
    strong = captions(page)
    assert strong[0].startswith("ROUGE-L 0.")
    assert strong[-1] == "not written"
    shown = page.errors.gallery.items[0]
    assert words_in(shown) == "The ulcer healed quickly and well."
    assert "ROUGE-L" in page.why.lines
    assert "6 words, reference 5" in page.why.lines
    titles = [m.title for m in page.why.view.preview.marks if isinstance(m, Words)]
    assert titles == ["Text", "Reference", "Summary"]
    assert not page.why.looked_for.isVisible()


def test_conversations_have_their_own_perplexity(opened, qtbot):
    page = opened("causal_lm")
    assert page.headline.title.text() == "Perplexity"
    assert captions(page) == ["Perplexity 148.41", "Perplexity 1.65"]  # exp(20 / 4), exp(2 / 4)
    click_heap(qtbot, page, "1 to 2")
    assert captions(page) == ["Perplexity 1.65"]
    assert [m.title for m in page.why.view.preview.marks][-1] == "Reply"


def test_the_model_replies_before_and_after_side_by_side(opened, qtbot, monkeypatch):
    heard = []

    def reply(folder, messages, before, control):
        heard.append(([m["role"] for m in messages], before))
        yield ReplyWritten("I thi")
        yield ReplyWritten("I think Rome." if before else "Paris.", done=True)

    monkeypatch.setattr(work, "reply", reply)
    page = opened("causal_lm")
    click(qtbot, page.why.replies_button)

    def shown():
        marks = page.why.view.preview.marks
        return {m.title: m.text for m in marks if isinstance(m, Words)}

    qtbot.waitUntil(lambda: shown().get("Before fine-tuning") == "I think Rome.")
    assert shown()["After fine-tuning"] == "Paris."
    assert "Reply" not in shown()
    assert heard == [(["user"], False), (["user"], True)]


@pytest.mark.parametrize("task", sorted(texts.MADE))
@pytest.mark.parametrize("size", [(834, 580), (1250, 840)])
def test_no_page_speaks_of_pictures_and_nothing_is_cut_off(opened, qtbot, task, size):
    from PySide6.QtWidgets import QAbstractButton, QLabel

    page = opened(task)
    page.resize(*size)
    said = [label.text() for label in page.findChildren(QLabel) if label.isVisible()]
    said += [b.text() for b in page.findChildren(QAbstractButton) if b.isVisible()]
    assert not [text for text in said if "picture" in text.lower() or "photo" in text.lower()]
    assert page.errors.sizeHint().width() <= size[0]
    for card in (page.errors.shown, page.why, page.errors.heaps):
        if card.isVisible():
            right = card.mapTo(page, card.rect().topRight()).x()
            assert right <= size[0]
