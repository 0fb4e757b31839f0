"""What every reader must keep to, asked of each row of the catalogue."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from finetune_studio import readers
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import Reader
from finetune_studio.core.recipe import DataChoices
from tests import tiny

NAMES = [row.name for row in readers.CATALOGUE]
PICTURES = [row.name for row in readers.CATALOGUE if row.facts["inputs"] == "images"]
# Readers of texts: data in their format, and how many samples these are.
TEXTS = {
    "text_table": (tiny.text_classification, 36),
    "summary_table": (tiny.summarization, 36),
    "conll": (tiny.token_classification, 36),
    "span_lines": (tiny.marked_lines, 12),
    "squad": (tiny.question_answering, 36),
    "question_table": (tiny.question_table, 36),
    "chat_lines": (tiny.causal_lm, 36),
    "chat_table": (tiny.chat_table, 36),
    "plain_text": (tiny.plain_text, 8),
}


def data_for(name, folder):
    """Return data in the format of that reader."""
    if name in TEXTS:
        return TEXTS[name][0](folder / "texts")
    pictures = tiny.image_classification(folder / "pictures", classes=2, per_class=3, size=16)
    if name == "image_folder":
        return pictures
    table = pictures / "labels.csv"
    rows = [
        f"{f.relative_to(pictures).as_posix()},{f.parent.name}" for f in pictures.rglob("*.png")
    ]
    table.write_text("file,label\n" + "\n".join(sorted(rows)) + "\n", encoding="utf-8")
    return table


def snapshot(folder):
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*")}


@pytest.mark.parametrize("name", list(TEXTS))
def test_it_reads_its_own_texts_and_changes_nothing(name, tmp_path):
    reader = readers.CATALOGUE.load(name)()
    assert isinstance(reader, Reader)
    assert reader.name == name
    data = data_for(name, tmp_path)
    before = snapshot(tmp_path)
    assert reader.recognises(data) > 0.4
    rows = list(reader.read(data, DataChoices()))
    assert len(rows) == TEXTS[name][1]
    assert not any(row.problem or row.path for row in rows)
    for row in rows:
        assert (reader.root(data) / row.fields["file"]).is_file()
        assert isinstance(row.fields["row"], int)
    json.dumps([row.fields for row in rows])
    assert rows == list(reader.read(data, DataChoices()))
    described = reader.describe(data, DataChoices())
    assert described.title
    assert all(note.endswith(".") for note in described.notes)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", PICTURES)
def test_it_reads_its_own_format_and_changes_nothing(name, tmp_path):
    reader = readers.CATALOGUE.load(name)()
    assert isinstance(reader, Reader)
    assert reader.name == name
    data = data_for(name, tmp_path)
    before = snapshot(tmp_path)
    assert reader.recognises(data) > 0.5
    rows = list(reader.read(data, DataChoices()))
    assert len(rows) == 6
    assert all(isinstance(row, Row) and not row.problem for row in rows)
    assert {row.label for row in rows} == {"class 1", "class 2"}
    assert all((reader.root(data) / row.path).is_file() for row in rows)
    assert rows == list(reader.read(data, DataChoices()))
    json.dumps([row.fields for row in rows])
    assert reader.describe(data, DataChoices()).title
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", PICTURES)
def test_it_reads_the_names_of_an_archive_alike(name, tmp_path):
    reader = readers.CATALOGUE.load(name)()
    data = data_for(name, tmp_path)
    folder = data if data.is_dir() else data.parent
    names = {f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()}
    tables = tmp_path / "tables"
    tables.mkdir()
    if data.is_file():
        shutil.copy(data, tables)
    from_names = list(reader.read(tables, DataChoices(), names))
    assert reader.recognises(tables, names) > 0.5
    assert from_names == list(reader.read(folder, DataChoices()))


@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_recognise_what_is_none_of_its_own(name, tmp_path):
    reader = readers.CATALOGUE.load(name)()
    empty = tmp_path / "empty"
    empty.mkdir()
    letter = tmp_path / "letter.docx"
    letter.write_bytes(b"PK\x03\x04 something else")
    assert reader.recognises(empty) <= 0.2
    assert reader.recognises(letter) <= 0.3
    with pytest.raises(StudioError) as caught:
        list(reader.read(empty, DataChoices()))
    assert str(empty) in caught.value.message
    assert caught.value.hint


def test_every_file_is_in_the_catalogue():
    folder = Path(readers.__file__).parent
    assert sorted(NAMES) == sorted(f.stem for f in folder.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", list(TEXTS))
def test_no_other_format_fits_as_well(name, tmp_path):
    data = data_for(name, tmp_path)
    fits = {n: readers.CATALOGUE.load(n)().recognises(data) for n in NAMES}
    assert max(fits, key=lambda n: fits[n]) == name
    assert sorted(fits.values())[-2] < fits[name]
