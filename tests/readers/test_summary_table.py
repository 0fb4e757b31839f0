"""A table of texts and summaries: columns guessed, several references, splits in dotted names."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.summary_table import SummaryTable
from tests import tiny

READER = SummaryTable()
LONG = "This is a long text that says many things, one after another, and number {n} among them."


def lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(r) for r in records) + "\n", encoding="utf-8")
    return path


def read(path, **choices):
    return list(READER.read(path, DataChoices(**choices)))


def describe(path, **choices):
    return READER.describe(path, DataChoices(**choices))


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("dialogue", "summary"),
        ("article", "highlights"),
        ("document", "summary"),
        ("text", "target"),
        ("abstract", "title"),
        ("what was told", "in short"),
    ],
)
def test_columns_are_found(tmp_path, text, summary):
    records = [{"id": n, summary: f"Short {n} it is.", text: LONG.format(n=n)} for n in range(8)]
    table = lines(tmp_path / "t.jsonl", records)
    guesses = describe(table).table.guesses
    assert (guesses["text_column"], guesses["target_column"]) == (text, summary)
    row = read(table)[2]
    assert row.fields == {
        "text": LONG.format(n=2),
        "summaries": ["Short 2 it is."],
        "id": "2",
        "file": "t.jsonl",
        "row": 3,
    }
    assert (row.label, row.path) == (None, "")


def test_an_abstract_that_is_the_longest_text_is_no_summary(tmp_path):
    records = [{"abstract": LONG.format(n=n), "headline": f"Number {n} again"} for n in range(5)]
    guesses = describe(lines(tmp_path / "t.jsonl", records)).table.guesses
    assert guesses["target_column"] == "headline"


def test_several_summaries(tmp_path):
    records = [
        {"text": LONG.format(n=n), "summary2": "b b", "summary1": "a a", "summary10": "c c"}
        for n in range(4)
    ]
    table = lines(tmp_path / "t.jsonl", records)
    assert read(table)[0].fields["summaries"] == ["a a", "b b", "c c"]
    assert "columns summary1, summary2 and summary10" in " ".join(describe(table).notes)
    assert read(table, target_column="summary")[0].fields["summaries"][0] == "a a"
    listed = [{"text": LONG.format(n=n), "summary": ["a a", "b b"]} for n in range(4)]
    assert read(lines(tmp_path / "l.jsonl", listed))[0].fields["summaries"] == ["a a", "b b"]


def test_what_is_missing_is_named(tmp_path):
    records = [{"text": LONG.format(n=n), "summary": f"Short {n} it is."} for n in range(4)]
    records += [{"text": "", "summary": "Short."}, {"text": LONG, "summary": None}]
    found = read(lines(tmp_path / "t.jsonl", records))
    assert [row.problem for row in found[4:]] == [
        "t.jsonl, row 5: the cell in column 'text' is empty, so there is no text",
        "t.jsonl, row 6: the cell in column 'summary' is empty, so there is no summary",
    ]


def test_columns_can_be_corrected(tmp_path):
    records = [{"a": LONG.format(n=n), "b": f"One {n} two.", "c": "z z"} for n in range(4)]
    table = lines(tmp_path / "t.jsonl", records)
    assert read(table, text_column="b", target_column="c")[0].fields["summaries"] == ["z z"]
    with pytest.raises(StudioError, match="no column 'x'") as caught:
        read(table, target_column="x")
    assert "a, b, c" in caught.value.hint


def test_a_table_of_one_text_is_refused_with_an_offer(tmp_path):
    table = lines(tmp_path / "t.jsonl", [{"id": n, "text": LONG.format(n=n)} for n in range(4)])
    with pytest.raises(StudioError, match="looks like summaries"):
        read(table)
    assert READER.recognises(table) < 0.5


def test_the_tiny_dataset(tmp_path):
    found = read(tiny.summarization(tmp_path))
    assert Counter(row.split for row in found) == {"train": 24, "validation": 6, "test": 6}


@pytest.mark.shared
def test_real_dialogues(shared):
    folder = shared / "data/txt-dialogsum"
    found = read(folder)
    assert Counter((r.fields["file"], r.split) for r in found) == {
        ("dialogsum.dev.jsonl", None): 500,
        ("dialogsum.test.jsonl", "test"): 500,
    }
    assert {len(r.fields["summaries"]) for r in found if r.split == "test"} == {3}
    said = " ".join(describe(folder).notes)
    assert "dialogsum.test.jsonl is read as test" in said
    assert "dialogsum.hiddentest.dialogue.jsonl" in said
    assert "divided into train and validation" in said
