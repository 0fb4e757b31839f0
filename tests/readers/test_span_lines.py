"""Texts with spans, in the shapes of labelling programs; wrong spans set their record aside."""

from __future__ import annotations

import json

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.span_lines import SpanLines

READER = SpanLines()
TEXT = "Anna lives in New York."


def write(folder, *records, name="marked.jsonl"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(path):
    return list(READER.read(path, DataChoices()))


def told(path):
    described = READER.describe(path, DataChoices())
    return " ".join([described.title, *described.notes])


@pytest.mark.parametrize(
    "record",
    [
        {"text": TEXT, "label": [[14, 22, "Place"], [0, 4, "Person"]]},
        {"text": TEXT, "labels": [[0, 4, "Person"], [14, 22, "Place"]]},
        {"data": TEXT, "label": [[0, 4, "Person"], [14, 22, "Place"]]},
        {
            "text": TEXT,
            "spans": [
                {"start": 0, "end": 4, "label": "Person", "token_start": 0},
                {"start": 14, "end": 22, "label": "Place"},
            ],
        },
        {
            "id": 7,
            "text": TEXT,
            "entities": [
                {"id": 1, "label": "Person", "start_offset": 0, "end_offset": 4},
                {"id": 2, "label": "Place", "start_offset": 14, "end_offset": 22},
            ],
            "relations": [],
        },
        [TEXT, {"entities": [[0, 4, "Person"], [14, 22, "Place"]]}],
        {
            "data": {"text": TEXT},
            "annotations": [
                {
                    "result": [
                        {"value": {"start": 0, "end": 4, "text": "Anna", "labels": ["Person"]}},
                        {"value": {"start": 14, "end": 22, "labels": ["Place"]}},
                    ]
                }
            ],
        },
    ],
)
def test_shapes_of_labelling_programs(tmp_path, record):
    path = write(tmp_path, record)
    (row,) = rows(path)
    assert not row.problem
    assert row.fields["text"] == TEXT
    assert row.fields["spans"] == [[0, 4, "Person"], [14, 22, "Place"]]
    assert "split_words" not in row.fields
    assert READER.recognises(path) == 0.95
    assert "2 types: Person, Place" in told(path)
    both = tmp_path / "all.json"
    both.write_text(json.dumps([record, record], indent=2), encoding="utf-8")
    assert [r.fields["spans"] for r in rows(both)] == [row.fields["spans"]] * 2


def test_words_with_tags_are_spans_too(tmp_path):
    record = {"tokens": ["Anna", "in", "New", "York"], "ner_tags": ["B-P", "O", "B-L", "I-L"]}
    broken = {"tokens": ["New", "York"], "ner_tags": ["I-L", "I-L"]}
    numbers = {"tokens": ["New", "York"], "ner_tags": [3, 4]}
    path = write(tmp_path, record, broken, numbers)
    first, second, third = rows(path)
    assert first.fields["spans"] == [[0, 4, "P"], [8, 16, "L"]]
    assert first.fields["split_words"] is True
    assert second.fields["spans"] == [[0, 8, "L"]]
    assert "the tags are numbers" in third.problem
    assert "1 tag is repaired that broke the scheme" in told(path)


@pytest.mark.parametrize(
    ("spans", "why"),
    [
        ([[0, 99, "P"]], r"span 1 \(P\) goes from 0 to 99 in a text of 23 letters"),
        ([[0, 4, "P"], [-1, 3, "P"]], r"span 2 \(P\) goes from -1 to 3"),
        ([[5, 5, "P"]], "goes from 5 to 5"),
        ([[4, 5, "P"]], "holds nothing but blanks"),
        ([[0, 10, "P"], [5, 13, "L"]], r"the spans 0 to 10 \(P\) and 5 to 13 \(L\) overlap"),
        ([[0, 4]], "span 1 needs a beginning, an end and a type"),
        ([[0, 4, ""]], "needs a beginning, an end and a type"),
        ([["0", 4, "P"]], "needs a beginning, an end and a type"),
        (None, "there is no list of spans"),
    ],
)
def test_wrong_spans_set_the_record_aside(tmp_path, spans, why):
    good = {"text": TEXT, "spans": [[0, 4, "Person"]]}
    path = write(tmp_path, good, {"text": TEXT, "spans": spans}, good)
    found = rows(path)
    assert [bool(r.problem) for r in found] == [False, True, False]
    assert found[1].problem.startswith("marked.jsonl, line 2: ")
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(found[1].problem)


def test_blanks_at_the_ends_are_trimmed_and_repeated_spans_kept_once(tmp_path):
    path = write(tmp_path, {"text": TEXT, "spans": [[13, 22, "L"], [14, 22, "L"], [0, 5, "P"]]})
    assert rows(path)[0].fields["spans"] == [[0, 4, "P"], [14, 22, "L"]]
    assert "2 spans are trimmed" in told(path)


def test_damaged_lines_are_set_aside_with_their_place(tmp_path):
    good = {"text": TEXT, "spans": [], "id": "a1", "meta": {"x": 1}}
    path = write(tmp_path, good, '{"text": "x", ', "17", {"text": "", "spans": []}, "", good)
    found = rows(path)
    assert [r.problem for r in found] == [
        "",
        "marked.jsonl, line 2, place 15: no JSON (Expecting property name enclosed in double quotes)",
        "marked.jsonl, line 3: there is no text with spans in it",
        "marked.jsonl, line 4: there is no text",
        "",
    ]
    assert found[-1].fields == {
        "file": "marked.jsonl",
        "row": 6,
        "id": "a1",
        "text": TEXT,
        "spans": [],
    }


def test_files_and_fields_are_splits(tmp_path):
    one = {"text": TEXT, "spans": [[0, 4, "Person"]]}
    for name in ("train", "dev", "test"):
        write(tmp_path / "files", one, name=f"{name}.jsonl")
    assert [r.split for r in rows(tmp_path / "files")] == ["train", "validation", "test"]
    path = write(tmp_path, one | {"split": "test"}, one | {"split": "train"})
    assert [r.split for r in rows(path)] == ["test", "train"]


@pytest.mark.parametrize(
    "record", [{"text": TEXT, "label": "a"}, {"text": TEXT, "label": ["a", "b"]}, {"messages": []}]
)
def test_other_lines_are_not_recognised(tmp_path, record):
    path = write(tmp_path, record)
    assert READER.recognises(path) <= 0.1
    assert all(r.problem for r in rows(path))
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / "many", record, name=name)
    with pytest.raises(StudioError, match="holds texts with spans"):
        rows(tmp_path / "many")
