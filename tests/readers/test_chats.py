"""Conversations and prompts: the shapes people have, and what cannot be learnt from."""

from __future__ import annotations

import csv
import json

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.chat_lines import ChatLines
from finetune_studio.readers.chat_table import ChatTable
from tests import tiny

LINES, TABLE = ChatLines(), ChatTable()


def write(folder, *records, name="chats.jsonl"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (r if isinstance(r, str) else json.dumps(r) for r in records)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def table(folder, *lines, name="chats.csv"):
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def rows(path, reader=LINES, **choices):
    return list(reader.read(path, DataChoices(**choices)))


def told(path, reader=LINES):
    described = reader.describe(path, DataChoices())
    return " ".join([described.title, *described.notes])


def chat(*turns, who="role", what="content"):
    return [{who: role, what: text} for role, text in turns]


USER, REPLY = ("user", "How are you?"), ("assistant", "Fine.")
MESSAGES = chat(USER, REPLY)


@pytest.mark.parametrize(
    ("record", "shape"),
    [
        ({"messages": chat(USER, REPLY)}, "OpenAI"),
        (chat(USER, REPLY), "OpenAI"),
        (
            {
                "conversations": chat(
                    ("human", "How are you?"), ("gpt", "Fine."), who="from", what="value"
                ),
                "id": "x1",
            },
            "ShareGPT",
        ),
        ({"instruction": "How are you?", "input": "", "output": "Fine."}, "Alpaca"),
        ({"instruction": "How are you?", "response": "Fine."}, "Alpaca"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "How are you?"}]},
                    {"role": "assistant", "content": "Fine."},
                ]
            },
            "OpenAI",
        ),
    ],
)
def test_shapes(tmp_path, record, shape):
    path = write(tmp_path, record)
    (row,) = rows(path)
    assert row.fields["messages"] == MESSAGES
    assert not row.problem
    assert (row.label, row.path) == (None, "")
    assert LINES.recognises(path) == 0.95
    assert f"in the shape of {shape}" in told(path)
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps([record, record], indent=1), encoding="utf-8")
    assert [r.fields["messages"] for r in rows(listed)] == [MESSAGES] * 2
    assert [r.fields["row"] for r in rows(listed)] == [1, 2]


def test_systems_inputs_and_histories(tmp_path):
    records = [
        {"messages": chat(("system", "Be kind."), USER, REPLY)},
        {"system": "Be kind.", "conversations": chat(USER, REPLY)},
        {"messages": chat(("system", ""), USER, REPLY)},
        {"instruction": "Translate.", "input": "Haus", "output": "house", "system": "Be kind."},
        {"instruction": "And?", "output": "Yes.", "history": [["How are you?", "Fine."]]},
    ]
    first, second, third, fourth, fifth = (
        r.fields["messages"] for r in rows(write(tmp_path, *records))
    )
    assert first == second == chat(("system", "Be kind."), USER, REPLY)
    assert third == MESSAGES
    assert fourth[1] == {"role": "user", "content": "Translate.\n\nHaus"}
    assert fifth == MESSAGES + chat(("user", "And?"), ("assistant", "Yes."))


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"messages": chat(USER)}, "no message is of the assistant"),
        ({"messages": chat(USER, ("tool", "x"), REPLY)}, "message 2 has the unknown role 'tool'"),
        ({"messages": chat(("user", " "), REPLY)}, "message 1 (user) is empty"),
        ({"messages": chat(USER, ("assistant", ""))}, "message 2 (assistant) is empty"),
        ({"messages": chat(USER, ("assistant", None))}, "message 2 (assistant) is empty"),
        ({"messages": chat(USER, ("assistant", 7))}, "holds something other than text"),
        ({"messages": [*chat(USER), "Fine."]}, "message 2 is no object"),
        ({"messages": chat(USER, ("system", "x"), REPLY)}, "does not come first"),
        ({"instruction": "Do.", "output": ""}, "message 2 (assistant) is empty"),
        (
            {"messages": [*chat(USER), {"role": "assistant", "content": None, "tool_calls": [{}]}]},
            "message 2 (assistant) calls a tool",
        ),
        ({"messages": []}, "neither messages nor an instruction"),
        ({"text": "x"}, "neither messages nor an instruction"),
        ("[1, 2]", "message 1 is no object"),
        ('{"messages": ', "place 14: no JSON"),
    ],
)
def test_what_teaches_nothing_is_set_aside_with_its_line(tmp_path, record, why):
    good = {"messages": MESSAGES}
    path = write(tmp_path, good, record, good)
    found = rows(path)
    assert [bool(r.problem) for r in found] == [False, True, False]
    assert found[1].problem.startswith("chats.jsonl, line 2")
    assert why in found[1].problem


def test_zero_bytes_and_endless_lines_are_set_aside(tmp_path, monkeypatch):
    from finetune_studio.core import lines

    monkeypatch.setattr(lines, "LONGEST", 200)
    good = json.dumps({"messages": MESSAGES})
    path = write(tmp_path, good, good.replace("Fine", "F\0ne"), '{"a": "' + "x" * 900 + '"}', good)
    found = rows(path)
    assert [bool(r.problem) for r in found] == [False, True, True, False]
    assert "zero byte" in found[1].problem
    assert "longer than 200 letters" in found[2].problem
    assert found[3].fields["row"] == 4


def test_a_line_of_a_hundred_megabytes_is_set_aside(tmp_path):
    path = write(tmp_path, {"messages": MESSAGES})
    with path.open("ab") as file:
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b"\n" + json.dumps({"messages": MESSAGES}).encode() + b"\n")
    found = rows(path)
    assert [bool(r.problem) for r in found] == [False, True, False]
    assert "chats.jsonl, line 2: it is longer than" in found[1].problem


def test_splits(tmp_path):
    folder = tiny.causal_lm(tmp_path)
    write(folder, {"messages": MESSAGES}, name="more.jsonl")
    found = rows(folder)
    assert [r.split for r in found] == ["train"] * 24 + ["validation"] * 6 + ["test"] * 6
    assert "more.jsonl" in told(folder)
    path = write(tmp_path / "x", {"messages": MESSAGES, "split": "dev"}, {"messages": MESSAGES})
    assert [r.split for r in rows(path)] == ["validation", None]


def test_prompts_and_responses(tmp_path):
    path = table(
        tmp_path,
        ("system_prompt", "Prompt", "Completion", "set", "topic"),
        ("Be kind.", "How are you?", "Fine.", "train", "chat"),
        ("", "How are you?", "Fine.", "test", "chat"),
        ("", "", "Fine.", "test", "chat"),
        ("", "How are you?", " ", "test", "chat"),
    )
    found = rows(path, TABLE)
    assert found[0].fields["messages"] == chat(("system", "Be kind."), USER, REPLY)
    assert found[1].fields["messages"] == MESSAGES
    assert found[0].fields["topic"] == "chat"
    assert [r.split for r in found] == ["train", "test", "test", "test"]
    assert [r.problem for r in found[2:]] == [
        "chats.csv, row 4: the cell in column 'Prompt' is empty",
        "chats.csv, row 5: the cell in column 'Completion' is empty",
    ]
    assert TABLE.recognises(path) > 0.5
    assert LINES.recognises(path) <= 0.1


def test_columns_can_be_chosen(tmp_path):
    path = table(tmp_path, ("frage", "antwort"), ("How are you?", "Fine."))
    assert TABLE.recognises(path) == 0.3
    with pytest.raises(StudioError, match="looks like the prompts") as caught:
        rows(path, TABLE)
    assert "frage, antwort" in caught.value.hint
    chosen = {"text_column": "frage", "target_column": "antwort"}
    assert rows(path, TABLE, **chosen)[0].fields["messages"] == MESSAGES
    assert TABLE.columns(path).columns == ("frage", "antwort")


def test_instructions_are_completed_by_their_input(tmp_path):
    path = table(
        tmp_path,
        ("instruction", "input", "output"),
        ("Translate.", "Haus", "house"),
        ("Hi.", "", "Hi!"),
    )
    first, second = rows(path, TABLE)
    assert first.fields["messages"][0]["content"] == "Translate.\n\nHaus"
    assert second.fields["messages"][0]["content"] == "Hi."
    assert "column 'input' holds is put below each prompt" in told(path, TABLE)


@pytest.mark.shared
def test_odd_tables_are_refused_or_read(shared):
    for path in sorted((shared / "data/odd-csv-spectrum/csvs").glob("*.csv")):
        assert TABLE.recognises(path) == 0.3
        with pytest.raises(StudioError) as caught:
            rows(path, TABLE)
        assert str(path) in caught.value.message
        first, second = TABLE.columns(path).columns[:2]
        found = rows(path, TABLE, text_column=first, target_column=second)
        assert found
        assert all(r.problem or r.fields["messages"] for r in found)


def test_parquet_as_hubs_keep_it(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = [{"prompt": "x", "messages": MESSAGES}, {"prompt": "y", "messages": chat(USER)}]
    path = tmp_path / "train-00000-of-00001.parquet"
    pq.write_table(pa.Table.from_pylist(records), path)
    assert LINES.recognises(path) == 0.95
    first, second = rows(path)
    assert first.fields["messages"] == MESSAGES
    assert first.fields["prompt"] == "x"
    assert second.problem.startswith("train-00000-of-00001.parquet, row 2: no message is of")
    assert "read as" not in told(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StudioError, match="cannot be read as Parquet"):
        rows(path)


def test_lines_of_prompts_and_completions_are_a_table(tmp_path):
    path = write(tmp_path, {"prompt": "How are you?", "completion": "Fine."})
    assert LINES.recognises(path) <= 0.1
    assert TABLE.recognises(path) == 0.92
    assert rows(path, TABLE)[0].fields["messages"] == MESSAGES
