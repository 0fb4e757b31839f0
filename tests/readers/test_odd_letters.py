"""Letters that no text has, which JSON spells in a file of sound bytes: told, and the rest is read."""

from __future__ import annotations

import json

import pytest

from finetune_studio import readers
from finetune_studio.core import letters
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import DataChoices
from finetune_studio.engine import curate

ODD = [("\ud83d", "only half"), ("\0", "zero byte"), ("\udcff", "only half")]
TEXT = "Anna lives in Rome"


def record(name, odd):
    """Return a sample of a reader's kind with odd letters in its text."""
    if name == "chat_lines":
        said = {"role": "assistant", "content": f"Fine {odd}"}
        return {"messages": [{"role": "user", "content": "How are you?"}, said]}
    if name == "span_lines":
        return {"text": f"{TEXT} {odd}", "spans": [[0, 4, "Person"]]}
    return {"text": f"{TEXT} {odd}", "label": "a", "summary": "Anna", "id": 1}


def squad(folder, *odd, title=""):
    questions = [
        {"id": f"q{n}", "question": f"Who {one}?", "answers": [{"text": "Anna", "answer_start": 0}]}
        for n, one in enumerate(odd)
    ]
    articles = [{"title": f"{n}{title}", "paragraphs": []} for n in range(12)]
    articles[0]["paragraphs"] = [{"context": TEXT, "qas": questions}]
    path = folder / "qa.json"
    path.write_text(json.dumps({"data": articles}), encoding="utf-8")
    return path


def read(name, path):
    reader = readers.CATALOGUE.load(name)()
    assert reader.describe(path, DataChoices()).title
    return list(reader.read(path, DataChoices()))


@pytest.mark.parametrize(("odd", "said"), ODD)
@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("name", ["chat_lines", "span_lines"])
def test_odd_letters_set_their_record_aside(tmp_path, name, suffix, odd, said):
    path = tmp_path / f"odd{suffix}"
    both = [record(name, "fine"), record(name, odd)]
    lines = json.dumps(both) if suffix == ".json" else "\n".join(map(json.dumps, both))
    path.write_text(lines + "\n", encoding="utf-8")
    sound, wrong = read(name, path)
    assert not sound.problem
    assert said in wrong.problem
    assert wrong.problem.startswith(f"odd{suffix}, {'entry' if suffix == '.json' else 'line'} 2: ")
    json.dumps(wrong.fields, ensure_ascii=False).encode()


@pytest.mark.parametrize(("odd", "said"), ODD)
def test_odd_letters_set_a_question_aside(tmp_path, odd, said):
    sound, wrong = read("squad", squad(tmp_path, "is it", odd))
    assert not sound.problem
    assert wrong.problem.startswith("qa.json, question 2: ")
    assert said in wrong.problem


@pytest.mark.parametrize("odd", ["\ud83d", "\0"])
def test_titles_with_odd_letters_can_be_kept_in_a_project(tmp_path, odd):
    path = squad(tmp_path, "is it", title=odd)
    with Project(tmp_path / "project", "question_answering") as project:
        list(curate.import_data(project, DataChoices(path=str(path)), 0, Control()))
        (sample,) = project.dataset.samples()
    assert sample.fields["title"] == "0\ufffd"


def test_a_table_of_json_says_half_a_letter_and_not_a_byte(tmp_path):
    path = tmp_path / "t.jsonl"
    some = [record("text_table", "fine"), record("text_table", "\ud83d")] * 3
    path.write_text("\n".join(map(json.dumps, some)), encoding="utf-8")
    problem = read("text_table", path)[1].problem
    assert "column 'text': letter 20 is only half of one (\\ud83d)" in problem


def test_whole_letters_are_no_trouble():
    assert letters.strange_in({"a": ["😀 naïve\n\t", 1, None, {"b": "è"}]}) == ""
    assert letters.mended("😀 naïve") == "😀 naïve"
    assert (
        letters.strange("caf\udce9", "UTF-8") == "letter 4 is the byte E9, which is none in UTF-8"
    )
