"""What the Data page says of texts: hints, rows, filters, orders and lengths; no Qt needed."""

from __future__ import annotations

from typing import Any

import pytest

from finetune_studio.core.dataset import Dataset, Row, Sample
from finetune_studio.gui.pages.data import filters, hints, shelf, texts, words, work
from finetune_studio.gui.pages.data.kinds import kind_of
from finetune_studio.gui.pages.data.shelf import Shown, Stock, View, arranged, stocked
from finetune_studio.gui.pages.data.texts import Lengths, Seen
from finetune_studio.gui.pages.data.words import Facts

TEXTS = kind_of("text_classification")
NAMES = kind_of("token_classification")
QUESTIONS = kind_of("question_answering")
ENGLISH = "The patients were treated with aspirin and it was of no use to them."
GERMAN = "Die Patienten wurden mit Aspirin behandelt, und das ist nicht von Nutzen."
ARABIC = "التهاب الرئة مرض يصيب الرئتين"


def sample(number: int, label: str | None = None, split: str = "train", **fields: Any) -> Sample:
    place = {"file": "a.csv", "row": number + 1}
    return Sample(number, "", label, None, split, fields=place | fields)


def of_texts(*samples: Sample, kind=TEXTS, **rest: Any) -> Stock:
    names = tuple(dict.fromkeys(s.label for s in samples if s.label))
    return stocked(samples, names, "", missing=False, kind=kind, **rest)


def ids(stock: Stock, **view: Any) -> list[int]:
    return [found.id for found in arranged(stock, View(**view))]


# --- at a glance ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "script", "language"),
    [
        (ENGLISH, "Latin", "English"),
        (GERMAN, "Latin", "German"),
        (
            "El paciente se fue a la casa por los dolores que no pasaban con nada.",
            "Latin",
            "Spanish",
        ),
        (ARABIC, "Arabic", ""),
        ("Больные получали аспирин", "Cyrillic", ""),
        ("患者接受了阿司匹林治疗", "Chinese", ""),
        ("患者はアスピリンで治療された", "Japanese", ""),
        ("환자는 아스피린으로 치료받았다", "Korean", ""),
        ("p53 BRCA1", "Latin", ""),
        ("12 + 3", "", ""),
        ("", "", ""),
    ],
)
def test_script_and_language(text, script, language):
    note = hints.noted(text)
    assert (note.script, note.language) == (script, language)


@pytest.mark.parametrize(
    "text",
    [
        "I do not want to go to the cinema, do you? No, I do not.",
        "Who is it? It is me, Al. Do come in and sit on the sofa, I will be with you in no time.",
    ],
)
def test_plain_english_is_not_taken_for_another_language(text):
    assert hints.noted(text).language in ("English", "")


def test_words_are_counted_and_signs_where_there_are_no_spaces():
    assert hints.noted("one two  three\nfour").words == 4
    assert hints.noted("患者接受了治疗。").words == 7
    assert hints.noted(" \n\t").empty
    assert hints.noted("word " * 1001).long


def test_what_most_texts_are_is_no_hint():
    stock = of_texts(*[sample(n, text=ENGLISH) for n in range(1, 4)], sample(4, text=ARABIC))
    assert stock.survey.hints == (("script:Arabic", "Arabic script", 1),)
    assert ids(stock, shown="script:Arabic") == [4]
    german = of_texts(*[sample(n, text=ENGLISH) for n in range(1, 4)], sample(4, text=GERMAN))
    assert [value for value, _, _ in german.survey.hints] == ["language:German"]
    only = of_texts(sample(1, text=ARABIC), sample(2, text=ARABIC))
    assert only.survey.hints == ()


# --- filters, search and orders -------------------------------------------------------------------


def test_classes_of_texts_with_several_and_types_of_names_are_counted():
    several = of_texts(
        sample(1, text="a", labels=["x", "y"]),
        sample(2, text="b", labels=["y"], split="test"),
        sample(3, text="c", labels=[]),
    )
    assert several.survey.classes == {"x": 1, "y": 2}
    assert several.survey.unlabelled == 1
    assert sorted(ids(several, label="y")) == [1, 2]
    names = of_texts(
        sample(1, text="ab cd", spans=[[0, 2, "Gene"], [3, 5, "Gene"]]),
        sample(2, text="ab", spans=[]),
        kind=NAMES,
    )
    assert names.survey.classes == {"Gene": 2}
    assert names.survey.unlabelled == 0
    assert ids(names, label="Gene") == [1]
    assert ids(names, shown="bare") == [2]


def test_everything_a_sample_says_is_searched():
    stock = of_texts(
        sample(1, question="Who?", context="Nobody", answers=[{"text": "no one", "start": 0}]),
        sample(2, text="long text", summaries=["short"]),
        sample(3, messages=[{"role": "user", "content": "Hello THERE"}]),
        sample(4, "a label", text="x"),
        kind=QUESTIONS,
    )
    for search, found in (("who", 1), ("no ONE", 1), ("nobody", 1), ("SHORT", 2), ("there", 3)):
        assert ids(stock, search=search) == [found], search
    assert ids(stock, search="label") == [4]
    assert ids(stock, search="nothing of that") == []


def test_orders_of_texts():
    stock = of_texts(
        sample(1, "b", text="one two three"),
        sample(2, "a", text="one"),
        sample(3, "b", text="one two"),
        edits={3: 7, 1: 9},
    )
    assert ids(stock, order="longest") == [1, 3, 2]
    assert ids(stock, order="shortest") == [2, 3, 1]
    assert ids(stock, order="edited") == [1, 3, 2]
    assert ids(stock, order="class") == [1, 3, 2]  # classes in their own order: b came first
    assert sorted(ids(stock, shown="edited")) == [1, 3]
    rows = [sample(1, text="x", file="b.csv", row=2), sample(2, text="x", file="a10.csv", row=9)]
    rows += [sample(3, text="x", file="a2.csv", row=5), sample(4, text="x", file="a2.csv", row=4)]
    assert ids(of_texts(*rows), order="place") == [4, 3, 2, 1]


def test_tokens_take_over_from_words_once_they_are_known():
    stock = of_texts(sample(1, text="one two three"), sample(2, text="Donaudampfschiff"))
    counted = shelf.measured(stock, Lengths({1: 5, 2: 9}, limit=6))
    assert ids(counted, order="longest") == [2, 1]
    assert ids(counted, shown="cut") == [2]
    assert ("cut", "Over 6 tokens", 1) in counted.survey.hints
    kept = shelf.replaced(counted, [sample(1, text="one")], ())
    assert kept.seen.lengths.limit == 6
    assert kept.seen.notes[1].words == 1


def test_only_texts_that_changed_are_looked_at_again(monkeypatch):
    stock = of_texts(sample(1, text="one"), sample(2, text="two"))
    looked: list[int] = []
    real = texts.note_of
    monkeypatch.setattr(texts, "note_of", lambda s: looked.append(s.id) or real(s))
    fresh = [sample(1, "now labelled", text="one"), sample(2, text="two and three")]
    after = stocked(fresh, (), "", missing=False, before=stock, kind=TEXTS)
    assert looked == [2]
    assert after.seen.notes[2].words == 3


def test_filters_of_questions_are_always_there_and_those_of_classes_when_they_show_something():
    question = {"question": "Who?", "context": "Me", "answers": []}
    stock = of_texts(sample(1, **question), kind=QUESTIONS)
    offered = {o.title: o.count for o in filters.offers(stock.survey, QUESTIONS)}
    assert list(offered) == ["No answer", "Very long", "Empty", "Edited", "Excluded", "Set aside"]
    assert offered["No answer"] == 1
    plain = filters.offers(of_texts(sample(1, "a", text="x")).survey, TEXTS)
    assert [o.title for o in plain] == ["Excluded", "Set aside"]
    assert filters.title_of("bare", stock.survey, QUESTIONS) == "No answer"
    assert filters.title_of("all", stock.survey, QUESTIONS) == ""
    assert [value for value, _ in filters.orders(QUESTIONS)][-1] == "edited"


def test_texts_without_classes_can_be_trained_on():
    question = {"question": "Who?", "context": "Me", "answers": [{"text": "Me", "start": 0}]}
    stock = of_texts(
        sample(1, **question), sample(2, split="validation", **question), kind=QUESTIONS
    )
    assert shelf.blocked(stock.survey, QUESTIONS) == ""
    lone = of_texts(sample(1, **question), kind=QUESTIONS).survey
    assert "put some questions into validation" in shelf.blocked(lone, QUESTIONS)


# --- rows -----------------------------------------------------------------------------------------


def test_the_row_of_a_text_with_a_class():
    told = texts.line(sample(1, "neoplasms", text="Two\n words"), "text", Seen(), "")
    assert (told.title, told.chips, told.under) == ("Two words", ("neoplasms",), "")
    unlabelled = texts.line(sample(1, text=""), "text", Seen(), "")
    assert (unlabelled.title, unlabelled.under, unlabelled.muted) == ("(empty)", "no label", True)


def test_the_row_shows_what_was_searched_wherever_it_stands():
    text = "nothing here " * 40 + "the Tumor was found"
    told = texts.line(sample(1, text=text), "text", Seen(), "tumor")
    assert told.title.startswith("…")
    assert [told.title[a:b] for a, b in told.matches] == ["Tumor"]
    assert told.matches[0][0] < 60


@pytest.mark.parametrize(
    ("shown", "fields", "title", "under", "muted"),
    [
        (
            "spans",
            {"text": "BRCA1 and ataxia", "spans": [[0, 5, "Gene"], [10, 16, "Disease"]]},
            "BRCA1 and ataxia",
            "Gene: BRCA1, Disease: ataxia",
            False,
        ),
        ("spans", {"text": "x", "spans": []}, "x", "nothing marked", True),
        (
            "question",
            {"question": "Who?", "context": "c", "answers": [{"text": "A", "start": 0}] * 2},
            "Who?",
            "A",
            False,
        ),
        (
            "question",
            {"question": "Who?", "context": "c", "answers": []},
            "Who?",
            "no answer",
            True,
        ),
        ("summary", {"text": "Long.", "summaries": ["S", "T"]}, "Long.", "S", False),
        ("summary", {"text": "Long.", "summaries": [" "]}, "Long.", "no summary", True),
        (
            "chat",
            {
                "messages": [
                    {"role": "system", "content": "Be kind."},
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello!"},
                ]
            },
            "Hi",
            "3 turns · Hello!",
            False,
        ),
        ("chat", {"messages": [{"role": "user", "content": "Hi"}]}, "Hi", "no reply", True),
        ("chat", {"text": "plain text"}, "plain text", "", False),
    ],
)
def test_rows_of_the_other_kinds(shown, fields, title, under, muted):
    told = texts.line(sample(1, **fields), shown, Seen(), "")
    assert (told.title, told.under, told.muted) == (title, under, muted)


def test_why_a_row_cannot_be_used_stands_in_it():
    broken = Sample(1, "", None, None, "train", problem="Row 3 has no text.", fields={"text": ""})
    assert texts.line(broken, "text", Seen(), "").under == "Row 3 has no text."


# --- sentences ------------------------------------------------------------------------------------


def test_lengths_in_words_then_in_tokens():
    stock = of_texts(*[sample(n, text="word " * n) for n in range(1, 9)])
    counts, unit, limit, told = words.lengths(stock.seen, TEXTS)
    assert (counts, unit, limit) == (dict.fromkeys(range(1, 9), 1), "words", 0)
    assert told == "Half have up to 5 words, the longest 8."
    twice = of_texts(*[sample(n, text="word " * (1 + n % 2)) for n in range(1, 5)])
    assert words.lengths(twice.seen, TEXTS)[0] == {1: 2, 2: 2}
    assert words.lengths(twice.seen, TEXTS)[3] == "Half have up to 2 words, the longest 2."
    known = shelf.measured(stock, Lengths({n: 10 * n for n in range(1, 9)}, 60)).seen
    assert words.lengths(known, TEXTS)[0] == {10 * n: 1 for n in range(1, 9)}
    assert words.lengths(known, TEXTS)[1:] == (
        "tokens",
        60,
        "2 of 8 texts (25 %) are longer than 60 tokens; what lies beyond is cut off.",
    )
    windows = shelf.measured(stock, Lengths({n: 10 * n for n in range(1, 9)}, 79, windows=True))
    assert words.lengths(windows.seen, TEXTS)[3] == (
        "1 of 8 texts (12 %) is longer than 79 tokens; it is read in several windows."
    )
    fits = shelf.measured(stock, Lengths({n: 10 * n for n in range(1, 9)}, 80)).seen
    assert words.lengths(fits, TEXTS)[3] == "All 8 texts fit into the 80 tokens that are read."
    none = shelf.measured(stock, Lengths(note="No model was chosen.")).seen
    assert words.lengths(none, TEXTS)[3] == "No model was chosen."


def test_the_panel_of_a_text_in_words():
    stock = of_texts(*[sample(n, text=ENGLISH) for n in range(1, 4)], sample(4, text=ARABIC))
    counted = shelf.measured(stock, Lengths({4: 12}, 256))
    shown = shelf.browse(counted, View())
    told = words.text_detail([shown.samples[0]], 1, sample(4, text=ARABIC), Facts(), shown)
    assert told.facts == "train · 5 words · 12 tokens · Arabic script"
    assert (told.heading, told.place) == ("no label", "a.csv, row 5")
    names = Shown(kind=NAMES)
    one = sample(1, text="ab", spans=[[0, 2, "Gene"]])
    assert words.text_detail([one], 1, one, Facts(), names).heading == "1 name marked"
    many = words.text_detail([one, sample(2, text="c")], 2, one, Facts(), names)
    assert (many.heading, many.facts) == ("2 selected", "Gene 1, no label 1")


def test_subtitles_speak_of_what_the_samples_are():
    stock = of_texts(sample(1, text="ab", spans=[[0, 2, "Gene"]]), kind=NAMES)
    told = words.subtitle(stock.survey, "token_classification")
    assert told == "1 text · 1 type of name · your files are never changed"
    told = words.subtitle(stock.survey, "question_answering")
    assert told == "1 question · your files are never changed"
    view = View("bare", search="x")
    assert words.narrowed(view, 2, "question_answering", "No answer") == (
        "2 questions · No answer · “x”"
    )


# --- names that are written into texts ------------------------------------------------------------


def test_a_type_is_renamed_and_merged_in_every_text_as_one_step(tmp_path):
    dataset = Dataset(tmp_path / "project.sqlite")
    rows = [
        Row(fields={"text": "ab cd", "spans": [[0, 2, "Gene"], [3, 5, "Drug"]]}),
        Row(fields={"text": "ef", "spans": [[0, 2, "Gene"]]}),
        Row(fields={"text": "gh", "labels": ["Gene", "Protein"]}),
    ]
    dataset.fill(rows, root=tmp_path)
    work.rename(dataset, "Gene", "Protein")
    assert [s.fields.get("spans") for s in dataset.samples()] == [
        [[0, 2, "Protein"], [3, 5, "Drug"]],
        [[0, 2, "Protein"]],
        None,
    ]
    assert dataset.samples()[2].fields["labels"] == ["Protein"]
    assert dataset.undo() == "Gene → Protein in 3 samples"
    assert dataset.samples()[1].fields["spans"] == [[0, 2, "Gene"]]
    work.merge(dataset, "Drug", "Gene")
    assert dataset.samples()[0].fields["spans"] == [[0, 2, "Gene"], [3, 5, "Gene"]]
    dataset.close()


def test_the_newest_edit_of_each_sample_is_known(tmp_path):
    dataset = Dataset(tmp_path / "project.sqlite")
    dataset.fill([Row(fields={"text": str(n)}) for n in range(3)], root=tmp_path)
    one, two, _ = (s.id for s in dataset.samples())
    dataset.relabel([one, two], "a")
    dataset.rewrite(two, {"text": "other"}, "Text changed")
    found = dataset.newest_edits()
    assert set(found) == {one, two}
    assert found[two] > found[one]
    dataset.undo()
    assert dataset.newest_edits()[two] == found[one]
    dataset.close()
