"""Files of lines and of JSON: which belong together, and how damage in them is told."""

from __future__ import annotations

import json

import pytest

from finetune_studio.core import lines
from finetune_studio.core.errors import StudioError
from finetune_studio.core.lines import Part

SUFFIXES = {".txt", ".jsonl"}


def write(folder, name, content="x\n"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Part(path, name)


def named(folder):
    return [(part.name, part.split) for part in lines.parts(folder, SUFFIXES).files]


def test_names_of_files_and_folders_are_splits(tmp_path):
    for name in ("b/train.txt", "a/dev-v1.1.txt", "my_test_set.txt", "x.csv", ".hidden.txt"):
        write(tmp_path, name)
    assert named(tmp_path) == [
        ("b/train.txt", "train"),
        ("a/dev-v1.1.txt", "validation"),
        ("my_test_set.txt", "test"),
    ]


def test_what_says_two_splits_or_tells_about_data_is_left_out(tmp_path):
    for name in ("train.txt", "train_dev.txt", "extra.txt", "README.txt", "LICENSE.txt"):
        write(tmp_path, name)
    assert named(tmp_path) == [("train.txt", "train")]
    assert "extra.txt, train_dev.txt" in lines.parts(tmp_path, SUFFIXES).notes[0]


def test_folders_are_splits_unless_a_name_says_otherwise(tmp_path):
    for name in ("train/1.txt", "train/test.txt", "valid/2.txt"):
        write(tmp_path, name)
    assert named(tmp_path) == [
        ("train/1.txt", "train"),
        ("valid/2.txt", "validation"),
        ("train/test.txt", "test"),
    ]


def test_a_chosen_file_has_no_split(tmp_path):
    part = write(tmp_path, "test.log")
    (found,) = lines.parts(part.path, SUFFIXES).files
    assert (found.name, found.split) == ("test.log", None)
    assert lines.parts(tmp_path, SUFFIXES).files == ()


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("a.jsonl", '{"a": 1}\n\n{"a": 2}\n', [1, 2]),
        ("a.json", '{"a": 1}\n{"a": 2}\n', [1, 2]),
        ("a.json", '{"a": 1}', [1]),
        ("a.json", '{\n "a": 1\n}\n', [1]),
        ("a.jsonl", '[\n{"a": 1},\n{"a": 2}\n]', [1, 2]),
        ("a.json", '  [{"a": 1}, {"a": 2}]', [1, 2]),
        ("a.json", '\ufeff[{"a": 1}, {"a": 2}]', [1, 2]),
        ("a.json", '[{"a": 1}, {"a": 2}]'.encode("utf-16"), [1, 2]),
    ],
)
def test_json_as_lines_or_as_a_whole(tmp_path, name, text, values):
    part = write(tmp_path, name, text)
    assert [record.value["a"] for record in lines.records(part)] == values
    assert [value["a"] for value in lines.first_records(part)] == values


def test_places_of_records(tmp_path):
    found = list(lines.records(write(tmp_path, "a.jsonl", '{"a": 1}\n\nnope\n')))
    assert [(r.number, r.place) for r in found] == [(1, "a.jsonl, line 1"), (3, "a.jsonl, line 3")]
    assert found[1].problem == "a.jsonl, line 3, place 1: no JSON (Expecting value)"
    found = list(lines.records(write(tmp_path, "b.json", '[{"a": 1}, 2]')))
    assert [r.place for r in found] == ["b.json, entry 1", "b.json, entry 2"]


def test_a_whole_file_in_one_very_long_line(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 1000)
    part = write(tmp_path, "a.json", json.dumps([{"a": "x" * 100}] * 100))
    assert len(list(lines.records(part))) == 100
    monkeypatch.setattr(lines, "_LARGEST", 1000)
    with pytest.raises(StudioError, match="read as a whole") as caught:
        list(lines.records(part))
    assert "JSONL" in caught.value.hint


def test_lines_that_cannot_be_read_come_with_their_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 50)
    text = b"one\r\n" + b"x" * 49 + b"\n" + b"x" * 50 + b"\n" + b"x" * 173 + b"\na\0b\nlast"
    found = list(lines.lines(write(tmp_path, "a.txt", text)))
    assert [line.number for line in found] == [1, 2, 3, 4, 5, 6]
    assert [bool(line.problem) for line in found] == [False, False, True, True, True, False]
    assert found[0].text == "one"
    assert found[3].problem == "a.txt, line 4: it is longer than 50 letters"
    assert found[4].problem == "a.txt, line 5: at place 2 there is a zero byte, which no text has"
    assert found[5].text == "last"


def test_a_few_bytes_that_are_no_letters_spoil_their_line_only(tmp_path):
    text = ("schöne Grüße\n" * 40).encode() + b"caf\xe9\nend\n"
    found = list(lines.lines(write(tmp_path, "a.txt", text)))
    assert [line.number for line in found if line.problem] == [41]
    assert found[40].text == "caf\ufffd"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (b" \n \n", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
        (b"PK\x03\x04...", "zip or an office document"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"{\\rtf1 }", "RTF"),
        (b'{"a": ', "line 1, place 7: this is no JSON"),
        (b"[" * 100_000, "cannot be read as JSON|this is no JSON"),
    ],
)
def test_other_files_are_refused(tmp_path, content, word):
    part = write(tmp_path, "a.json", content)
    with pytest.raises(StudioError, match=word) as caught:
        list(lines.records(part))
    assert str(part.path) in caught.value.message
    assert caught.value.hint
    assert lines.first_records(part) == []


def test_missing_files_and_unknown_encodings(tmp_path):
    with pytest.raises(StudioError, match="cannot be read: No such file"):
        list(lines.lines(Part(tmp_path / "gone.txt", "gone.txt")))
    part = write(tmp_path, "a.txt", "Grüße\n")
    with pytest.raises(StudioError, match="no encoding 'klingon'"):
        list(lines.lines(Part(part.path, part.name, None, "klingon")))
    wrong = lines.lines(Part(part.path, part.name, None, "cp1252"))
    assert next(wrong).text == "GrÃ¼ÃŸe"
