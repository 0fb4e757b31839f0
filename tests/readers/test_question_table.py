"""Tables of questions: columns found or chosen, answers searched, rows refused one by one."""

from __future__ import annotations

import csv
import json

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.question_table import QuestionTable

READER = QuestionTable()
CONTEXT = "Anna lives in Rome. Her friend Boris lives in Oslo; he likes Rome."
HEAD = ("question", "context", "answer")
EMPTY = (
    "qa.csv, row 5: the cell in column 'answer' is empty; write [] where a question has no answer,"
    " or exclude the row"
)
ASKED = ("Where does Boris live?", CONTEXT, "Oslo")


def write(folder, *lines, name="qa.csv"):
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t" if name.endswith("tsv") else ",").writerows(lines)
    return path


def rows(path, **choices):
    return list(READER.read(path, DataChoices(**choices)))


def told(path, **choices):
    described = READER.describe(path, DataChoices(**choices))
    return " ".join([described.title, *described.notes])


@pytest.mark.parametrize("name", ["qa.csv", "qa.tsv"])
def test_answers_are_searched(tmp_path, name):
    path = write(tmp_path, HEAD, ASKED, ("Where is Anna?", CONTEXT, "rome"), name=name)
    first, second = rows(path)
    assert first.fields["answers"] == [{"text": "Oslo", "start": 46}]
    assert second.fields["answers"] == [{"text": "Rome", "start": 14}]
    assert first.group == second.group
    assert first.fields["row"] == 2
    assert READER.recognises(path) == 0.95
    assert "1 answer stands at several places" in told(path)


def test_a_column_says_where_answers_begin(tmp_path):
    head = ("id", "Question", "Passage", "Answer", "answer_start", "source")
    lines = [("7", "Q?", CONTEXT, "Rome", "61", "web"), ("8", "Q?", CONTEXT, "Oslo", "3", "web")]
    path = write(tmp_path, head, *lines)
    first, second = rows(path)
    assert first.fields["answers"] == [{"text": "Rome", "start": 61}]
    assert second.fields["answers"] == [{"text": "Oslo", "start": 46}]
    assert (first.fields["id"], first.fields["source"]) == ("7", "web")
    assert "1 answer does not stand where column 'answer_start' says" in told(path)


@pytest.mark.parametrize(
    "cell",
    [
        {"text": ["Oslo", "Rome"], "answer_start": [46, 14]},
        [{"text": "Oslo", "answer_start": 46}, {"text": "Rome", "answer_start": 14}],
        [{"text": "Oslo", "start": 46}, {"text": "Rome", "start": 14}],
        ["Oslo", "Rome"],
        "{'text': array(['Oslo', 'Rome'], dtype=object), 'answer_start': array([46, 14])}",
        "{'text': ['Oslo', 'Rome'], 'answer_start': [46, 14]}",
    ],
)
def test_several_answers_in_a_cell(tmp_path, cell):
    text = cell if isinstance(cell, str) else json.dumps(cell)
    (row,) = rows(write(tmp_path, ("question", "context", "answers"), ("Q?", CONTEXT, text)))
    assert row.fields["answers"] == [{"text": "Oslo", "start": 46}, {"text": "Rome", "start": 14}]


def test_json_lines_and_parquet_as_hubs_keep_them(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    answered = {"text": ["Oslo"], "answer_start": [46]}
    records = [
        {"id": "a", "title": "T", "context": CONTEXT, "question": "Where?", "answers": answered},
        {"id": "b", "title": "T", "context": CONTEXT, "question": "Why?"}
        | {"answers": {"text": [], "answer_start": []}},
    ]
    lines = tmp_path / "qa.jsonl"
    lines.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "qa.parquet")
    for path in (lines, tmp_path / "qa.parquet"):
        first, second = rows(path)
        assert first.fields["answers"] == [{"text": "Oslo", "start": 46}]
        assert second.fields["answers"] == []
        assert first.group == "T"


def test_rows_that_cannot_be_used_say_why(tmp_path):
    path = write(
        tmp_path,
        (*HEAD, "split"),
        (*ASKED, "train"),
        ("", CONTEXT, "Oslo", "train"),
        ("Q?", " ", "Oslo", "test"),
        ("Q?", CONTEXT, "", "test"),
        ("Q?", CONTEXT, "Paris", "test"),
        ("Q?", CONTEXT, "[]", "dev"),
    )
    found = rows(path)
    assert [r.problem for r in found] == [
        "",
        "qa.csv, row 3: the cell in column 'question' is empty",
        "qa.csv, row 4: the cell in column 'context' is empty",
        EMPTY,
        "qa.csv, row 6: the answer 'Paris' does not stand in column 'context'",
        "",
    ]
    assert [r.split for r in found] == ["train", "train", "test", "test", "test", "validation"]


def test_a_column_marks_questions_without_answer(tmp_path):
    head = (*HEAD, "is_impossible")
    found = rows(write(tmp_path, head, (*ASKED, "False"), ("Q?", CONTEXT, "", "True")))
    assert [r.fields.get("answers") for r in found] == [[{"text": "Oslo", "start": 46}], []]


def test_columns_are_offered_and_can_be_chosen(tmp_path):
    path = write(tmp_path, ("frage", "stelle", "antwort"), ASKED)
    assert READER.recognises(path) == 0.3
    with pytest.raises(StudioError, match="looks like the questions") as caught:
        rows(path)
    assert "frage, stelle, antwort" in caught.value.hint
    assert READER.columns(path).columns == ("frage", "stelle", "antwort")
    chosen = {"question_column": "frage", "text_column": "stelle", "target_column": "antwort"}
    assert rows(path, **chosen)[0].fields["answers"] == [{"text": "Oslo", "start": 46}]
    look = READER.describe(path, DataChoices(**chosen)).table
    assert {role: column for role, column in look.guesses.items() if column} == chosen
    assert look.cells[0] == ASKED
    with pytest.raises(StudioError, match="no column 'nope'"):
        rows(path, **(chosen | {"text_column": "nope"}))


def test_tables_of_a_folder_are_splits(tmp_path):
    for name in ("train", "dev", "test"):
        write(tmp_path, HEAD, ASKED, name=f"{name}.csv")
    write(tmp_path, ("a", "b"), ("1", "2"), name="validation.tsv")
    assert [r.split for r in rows(tmp_path)] == ["train", "validation", "test"]
    assert "Left out: No column of" in told(tmp_path)
    assert "validation.tsv looks like the questions" in told(tmp_path)


@pytest.mark.shared
def test_odd_tables_are_refused_or_read(shared):
    for path in sorted((shared / "data/odd-csv-spectrum/csvs").glob("*.csv")):
        assert READER.recognises(path) == 0.3
        with pytest.raises(StudioError) as caught:
            rows(path)
        assert str(path) in caught.value.message
        columns = READER.columns(path).columns
        chosen = (*columns, *columns[-1:] * 2)[:3] if len(columns) < 3 else columns[:3]
        names = dict(zip(("question_column", "text_column", "target_column"), chosen, strict=True))
        found = rows(path, **names)
        assert found
        assert all(r.problem or r.fields["answers"] for r in found)


def test_damaged_rows_are_set_aside_and_encodings_can_be_chosen(tmp_path):
    path = write(tmp_path, HEAD, ASKED, ("Q?", CONTEXT), ("Who?", CONTEXT, "Boris"))
    found = rows(path)
    assert [r.problem for r in found] == [
        "",
        "qa.csv, row 3: it has 2 of 3 cells; nothing stands in column 'answer'",
        "",
    ]
    path.write_bytes("question,context,answer\nCo?,Łódź jest tu,Łódź\n".encode("cp1250"))
    assert rows(path, encoding="cp1250")[0].fields["answers"] == [{"text": "Łódź", "start": 0}]
