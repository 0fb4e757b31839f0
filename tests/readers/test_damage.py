"""Damaged files: whatever happens to the bytes, readers answer with rows or with a refusal in words."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune_studio import readers
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from tests.readers.test_contract import TEXTS, data_for

_STRANGE = [
    b"\0",
    b"\xff",
    b'"',
    b"{",
    b"]",
    b"\t",
    b"\n",
    b",",
    b"\\u0000",
    b"null",
    b"-1",
    b"9" * 30,
    b"[]",
]


def damaged(content, seed):
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(content))
        kind = rng.randrange(4)
        if kind == 0:
            content = content[: max(1, place)]
        elif kind == 1:
            content = content[:place] + rng.choice(_STRANGE) + content[place:]
        elif kind == 2:
            content = content[:place] + content[place + rng.randint(1, 40) :]
        else:
            content = content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]
        content = content or b" "
    return content


def outcome(reader, data):
    """Return what is read; nothing where it is refused."""
    reader.recognises(data)
    try:
        rows = list(reader.read(data, DataChoices()))
        reader.describe(data, DataChoices())
    except StudioError:
        return []
    json.dumps([row.fields for row in rows])
    return rows


@pytest.mark.parametrize("name", list(TEXTS))
def test_damage_is_told_and_never_a_crash(name, tmp_path):
    reader = readers.CATALOGUE.load(name)()
    data = data_for(name, tmp_path)
    files = [data] if data.is_file() else sorted(f for f in data.rglob("*") if f.is_file())
    whole = {file: file.read_bytes() for file in files}
    for seed in range(60):
        file = files[seed % len(files)]
        file.write_bytes(damaged(whole[file], f"{name} {seed}"))
        for row in outcome(reader, data):
            text = row.fields.get("text", row.fields.get("context", ""))
            for start, end, _ in row.fields.get("spans", ()):
                assert 0 <= start < end <= len(text)
            for answer in row.fields.get("answers", ()):
                assert text.startswith(answer["text"], answer["start"])
        file.write_bytes(whole[file])


@pytest.mark.parametrize("name", ["span_lines", "chat_lines", "squad"])
def test_values_of_any_kind_are_no_crash(name, tmp_path):
    """Put a wrong kind of value in each place of a sound record."""
    reader = readers.CATALOGUE.load(name)()
    data = data_for(name, tmp_path)
    file = data if data.is_file() else sorted(data.rglob("*.json*"))[0]
    first = file.read_text(encoding="utf-8")
    record = json.loads(first if name == "squad" else first.splitlines()[0])

    def variants(value):
        yield from (None, 7, 1.5, True, "x", "", [], {}, [1], {"a": 1}, [[1, 2, 3]], [None])
        if isinstance(value, dict):
            for key in value:
                yield {k: v for k, v in value.items() if k != key}
                for inner in variants(value[key]):
                    yield value | {key: inner}
        elif isinstance(value, list):
            for inner in variants(value[0]) if value else ():
                yield [inner, *value[1:]]

    for value in variants(record):
        file.write_text(json.dumps(value) + "\n", encoding="utf-8")
        outcome(reader, file)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json"])
@pytest.mark.parametrize(
    "name", [e.name for e in readers.CATALOGUE if e.name.endswith(("_table", "_lines", "_text"))]
)
def test_a_file_that_is_no_text_is_told_as_such(name: str, suffix: str, tmp_path: Path) -> None:
    """Not as a table without rows, nor as many lines that are each damaged."""
    reader = readers.CATALOGUE.load(name)()
    rng = np.random.default_rng(0)
    Image.new("RGB", (40, 40)).save(tmp_path / "picture.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "picture.jpg")
    contents = {
        "a picture": (tmp_path / "picture.png").read_bytes(),
        "picture": (tmp_path / "picture.jpg").read_bytes(),
        "no text": rng.bytes(5000),
        "no t": bytes(4096),
        "a zip": b"PK\x03\x04" + rng.bytes(400),
    }
    for said, content in contents.items():
        path = tmp_path / f"odd{suffix}"
        path.write_bytes(content)
        with pytest.raises(StudioError, match=said) as caught:
            list(reader.read(path, DataChoices()))
        assert caught.value.hint
