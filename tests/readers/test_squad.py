"""SQuAD files: both versions, several languages, and answers that stand elsewhere."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.squad import Squad
from tests import tiny

READER = Squad()
CONTEXT = "Anna lives in Rome. Her friend Boris lives in Oslo. Boris likes Rome."


def write(folder, *questions, name="qa.json", context=CONTEXT, **more):
    folder.mkdir(parents=True, exist_ok=True)
    article = {"title": "A", "paragraphs": [{"context": context, "qas": list(questions)}]}
    path = folder / name
    path.write_text(json.dumps({"version": "1.1", "data": [article]} | more), encoding="utf-8")
    return path


def asked(text="Oslo", start=46, **more):
    found = {"id": "q1", "question": "Where does Boris live?"}
    return found | {"answers": [{"text": text, "answer_start": start}]} | more


def rows(path):
    return list(READER.read(path, DataChoices()))


def told(path):
    described = READER.describe(path, DataChoices())
    return " ".join([described.title, *described.notes])


def test_a_question_and_its_answer(tmp_path):
    path = write(tmp_path, asked())
    (row,) = rows(path)
    assert row.fields == {
        "file": "qa.json",
        "row": 1,
        "id": "q1",
        "question": "Where does Boris live?",
        "context": CONTEXT,
        "answers": [{"text": "Oslo", "start": 46}],
        "title": "A",
    }
    assert row.label is None
    assert READER.recognises(path) == 0.95


def test_several_answers_are_kept_once_each(tmp_path):
    answers = [
        {"text": t, "answer_start": s} for t, s in (("Oslo", 46), ("Oslo", 46), ("in Oslo", 43))
    ]
    (row,) = rows(write(tmp_path, asked() | {"answers": answers}))
    assert row.fields["answers"] == [
        {"text": "Oslo", "start": 46},
        {"text": "in Oslo", "start": 43},
    ]


def test_unanswerable_questions_of_version_2(tmp_path):
    no = {"id": "q2", "question": "Why?", "answers": [], "is_impossible": True}
    no["plausible_answers"] = [{"text": "Oslo", "answer_start": 46}]
    path = write(tmp_path, asked(is_impossible=False), no)
    assert [r.fields["answers"] for r in rows(path)] == [[{"text": "Oslo", "start": 46}], []]
    assert "1 question without an answer" in told(path)


@pytest.mark.parametrize(
    ("text", "start", "place"),
    [
        ("Oslo", 0, 46),  # it stands once: there
        ("Oslo", 47, 46),
        ("Oslo", 4000, 46),
        ("Oslo", None, 46),
        (" Oslo ", 45, 46),
        ("Rome", 13, 14),  # twice, one of them near
        ("Rome", 66, 64),
    ],
)
def test_answers_with_a_wrong_place_are_found_again(tmp_path, text, start, place):
    path = write(tmp_path, asked(text, start))
    (row,) = rows(path)
    assert row.fields["answers"] == [{"text": text.strip(), "start": place}]
    assert ("1 answer does not stand where the file says" in told(path)) == (text == text.strip())


@pytest.mark.parametrize(
    ("text", "start", "why"),
    [
        ("Paris", 46, "the answer 'Paris' does not stand at 46, nor at one clear place"),
        ("Rome", 40, "the answer 'Rome' does not stand at 40, nor at one clear place"),
        ("", 0, "the answer '' does not stand at 0"),
    ],
)
def test_answers_that_are_nowhere_set_their_question_aside(tmp_path, text, start, why):
    path = write(tmp_path, asked(text, start), asked())
    bad, good = rows(path)
    assert bad.problem.startswith("qa.json, question 1 (id q1): ")
    assert why in bad.problem
    assert not good.problem
    assert "; 1 paragraph 1 answer is not in the paragraph of the question" in told(path)


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (asked() | {"question": " "}, "the question is empty"),
        (asked() | {"answers": []}, "there is no answer, and nothing says that there is none"),
        ({"id": "q1", "question": "Who?"}, "there is no answer"),
    ],
)
def test_questions_that_lack_something(tmp_path, question, why):
    assert why in rows(write(tmp_path, question))[0].problem
    assert "paragraph has no text" in rows(write(tmp_path, asked(), context=" "))[0].problem


def test_groups_are_titles_where_there_are_enough(tmp_path):
    folder = tiny.question_answering(tmp_path, contexts=60)
    assert rows(folder / "train.json")[0].group == "About Anna"
    (row,) = rows(write(tmp_path / "one", asked()))
    assert row.group == "q1"


def test_splits_by_name(tmp_path):
    folder = tiny.question_answering(tmp_path)
    assert Counter(r.split for r in rows(folder)) == {"train": 24, "validation": 6, "test": 6}
    for old, new in (("train", "train-v2.0"), ("dev", "dev-v2.0")):
        (folder / f"{old}.json").rename(folder / f"{new}.json")
    (folder / "test.json").unlink()
    (folder / "package.json").write_text('{"name": "x"}', encoding="utf-8")
    assert Counter(r.split for r in rows(folder)) == {"train": 24, "validation": 6}
    assert "package.json" in told(folder)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "is empty"),
        ('{"data": [{"paragraphs": [', r"line 1, place \d+: this is no JSON"),
        ('{"data": {"a": 1}}', "holds no list 'data'"),
        ('[{"question": "x"}]', "holds no list 'data'"),
        ('{"data": [{"paragraphs": []}, {"title": "x"}]}', "entry 2 of 'data' has no list"),
        ("version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path, text, word):
    path = tmp_path / "qa.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudioError, match=word) as caught:
        rows(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_text_of_another_encoding(tmp_path):
    path = write(tmp_path, asked("Köln", 8), context="Er wohnt Köln nah.")
    path.write_text(path.read_text(encoding="utf-8").replace("\\u00f6", "ö"), encoding="utf-16")
    assert rows(path)[0].fields["answers"] == [{"text": "Köln", "start": 9}]


@pytest.mark.shared
def test_xquad(shared):
    english = rows(shared / "data/txt-xquad/xquad.en.json")
    assert len(english) == 1190
    assert not any(r.problem for r in english)
    assert len({r.fields["context"] for r in english}) == 240
    assert len({r.group for r in english}) == 48
    for row in english:
        for answer in row.fields["answers"]:
            assert row.fields["context"].startswith(answer["text"], answer["start"])
    everything = rows(shared / "data/txt-xquad")
    assert Counter(r.fields["language"] for r in everything) == {"ar": 1190, "en": 1190, "zh": 1190}
    homes = {}
    for row in everything:
        assert homes.setdefault(row.fields["id"], row.group) == row.group
    assert "1,190 ar, 1,190 en, 1,190 zh" in told(shared / "data/txt-xquad")
