"""Texts coming in: looked at and imported for a task, counted, set aside, found again, and new rows."""

from __future__ import annotations

import csv
import json
import shutil
import time
import zipfile
from collections import Counter

import pytest

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import DataImported, Noted, SampleSetAside
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import DataChoices
from finetune_studio.engine import curate
from finetune_studio.engine.curate import importing
from finetune_studio.engine.curate.choosing import reader_for
from finetune_studio.engine.curate.counting import reasons
from tests import tiny

TASK = "text_classification"


@pytest.fixture
def table(tmp_path):
    """Return 24 texts of two classes, without a split."""
    return written(tmp_path / "data" / "t.csv", range(24))


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "project", TASK) as opened:
        yield opened


def written(path, numbers, label=lambda n: "ab"[n % 2]):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(f"Text number {n} says a few words.", label(n)) for n in numbers]
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def load(project, path, **choices):
    job = curate.import_data(project, DataChoices(path=str(path), **choices), 0, Control())
    return list(job)


# --- looking --------------------------------------------------------------------------------------


def test_a_look_asks_only_the_readers_of_the_task(table, tmp_path):
    found = curate.look(table, DataChoices(), TASK)
    assert found.reader == "text_table"
    assert found.title.endswith("labels in column 'label': 24 texts in 2 classes.")
    assert found.classes == {"a": 12, "b": 12}
    assert found.blocked == ""
    assert curate.look(table, DataChoices(), "image_classification").reader == "image_table"
    pictures = tiny.image_classification(tmp_path / "pictures", classes=2, per_class=2)
    refused = curate.look(pictures, DataChoices(), TASK)
    assert not refused.importable
    assert refused.reader in ("text_folder", "text_table")
    with pytest.raises(StudioError, match="no format for text classification"):
        reader_for(pictures, DataChoices(reader="image_folder"), None, TASK)


def test_what_is_needed_depends_on_the_task(tmp_path):
    reports = tiny.summarization(tmp_path)
    found = curate.look(reports, DataChoices(), "summarization")
    assert (found.samples, found.classes, found.blocked) == (36, {}, "")
    assert found.title.endswith("splits in 'split': 36 texts.")
    one = written(tmp_path / "one.csv", range(10), lambda n: "a")
    assert "Two classes are needed" in curate.look(one, DataChoices(), TASK).blocked


def test_several_labels_are_counted_one_by_one(tmp_path):
    path = written(tmp_path / "t.csv", range(12), lambda n: ("x", "y", "x;y")[n % 3])
    found = curate.look(path, DataChoices(), TASK)
    assert found.classes == {"x": 8, "y": 8}
    assert found.samples == 12


def test_a_look_says_how_many_rows_are_set_aside_and_why(table):
    with table.open("a", encoding="utf-8") as file:
        file.write(",a\n ,b\nlonely\nsome text,\n")
    found = curate.look(table, DataChoices(), TASK)
    assert found.samples == 28
    said = " ".join(found.problems)
    assert "4 texts will be set aside: 2 like t.csv, row 26: the cell in column 'text'" in said
    assert "t.csv, row 28: it has 1 of 2 cells" in said


def test_a_misnamed_column_is_refused_with_the_columns_that_are_there(table):
    found = curate.look(table, DataChoices(text_column="body"), TASK)
    assert "no column 'body'" in found.blocked
    assert found.columns == ("text", "label")
    assert found.cells[0] == ("Text number 0 says a few words.", "a")
    assert set(found.guesses) >= {"text_column", "label_column", "split_column", "group_column"}


def test_an_encoding_is_shown_and_can_be_corrected(tmp_path):
    path = tmp_path / "t.csv"
    text = "text,label\n" + "Cześć, świecie\tźle,a\nŻółw łazi,b\n".replace(", ", " ") * 6
    path.write_bytes(text.encode("cp1250"))
    found = curate.look(path, DataChoices(), TASK)
    assert found.encoding == "Windows code page 1252"
    right = curate.look(path, DataChoices(encoding="cp1250"), TASK)
    assert right.encoding == "Windows code page 1250"
    assert right.rows[1].fields["text"] == "Żółw łazi"
    wrong = curate.look(path, DataChoices(encoding="utf-8"), TASK)
    assert "which is none in UTF-8" in wrong.blocked + " ".join(wrong.problems)
    assert wrong.columns == ("text", "label")


def test_a_look_at_a_zip_of_texts(table, tmp_path):
    written(table.parent / "labels.csv", ()).write_text("label,name\na,alpha\nb,beta\n")
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as file:
        for each in sorted(table.parent.iterdir()):
            file.write(each, f"top/{each.name}")
    found = curate.look(path, DataChoices(), TASK)
    assert found.classes == {"alpha": 12, "beta": 12}
    assert "labels.csv" in " ".join(found.problems)
    folder = tmp_path / "texts.zip"
    with zipfile.ZipFile(folder, "w") as file:
        for n in range(8):
            file.writestr(f"top/train/{'ab'[n % 2]}/{n}.txt", f"Words of {n}")
    found = curate.look(folder, DataChoices(), TASK)
    assert (found.reader, found.samples) == ("text_folder", 8)
    assert found.rows[0].fields["text"].startswith("Words of")


def test_reasons_are_gathered():
    assert reasons(["a.csv, row 2: empty"]) == "a.csv, row 2: empty"
    said = reasons(
        [f"a.csv, row {n}: it has {n} cells" for n in range(5)] + ["b: odd", "c: strange"]
    )
    assert said == "5 like a.csv, row 0: it has 0 cells; b: odd; c: strange"
    many = reasons([f"a: {word}" for word in ("one", "two", "three", "four", "four")])
    assert many == "2 like a: four; a: one; a: two; 1 for other reasons"


# --- importing ------------------------------------------------------------------------------------


def test_texts_are_imported_with_their_place(project, table):
    with table.open("a", encoding="utf-8") as file:
        file.write(",a\n")
    events = load(project, table)
    assert any(
        isinstance(e, Noted) and "25 samples were read; 1 of them is" in e.text for e in events
    )
    aside = [e for e in events if isinstance(e, SampleSetAside)]
    assert [e.reason for e in aside] == [
        "t.csv, row 26: the cell in column 'text' is empty, so there is no text"
    ]
    last = events[-1]
    assert isinstance(last, DataImported)
    assert (last.samples, last.classes, last.set_aside, last.reader) == (25, 2, 1, "text_table")
    sample = project.dataset.samples()[3]
    assert (sample.label, sample.place) == ("b", "t.csv, row 5")
    assert project.dataset.split_counts() == {"train": 16, "validation": 4, "test": 4}


def test_names_within_texts_are_counted_as_classes(tmp_path):
    lines = [{"text": "a b c", "labels": list(f)} for f in (("x", "y"), ("y",), ())] * 3
    marked = [{"text": "Ann b c", "spans": [[0, 3, kind]]} for kind in ("Person", "Place")] * 4
    for task, rows, count in (
        ("text_classification", lines, 2),
        ("token_classification", marked, 2),
    ):
        with Project(tmp_path / task, task) as opened:
            opened.dataset.fill([Row(fields=row) for row in rows], root=tmp_path)
            (last,) = importing._told(opened, time.monotonic())
        assert (last.samples, last.classes) == (len(rows), count)


def test_the_second_table_and_its_names_are_kept(project, table):
    (table.parent / "labels.csv").write_text("label,name\na,alpha\nb,beta\n")
    load(project, table.parent)
    assert project.dataset.labels().names == ("alpha", "beta")
    kept = json.loads(project.dataset.get("data_choices"))
    assert (kept["labels_path"], kept["text_column"], kept["encoding"]) == (
        "labels.csv",
        "text",
        "",
    )
    assert curate.news(project) == []
    assert [type(e) for e in load(project, table.parent)] == [DataImported]


def test_other_ways_of_reading_are_other_data(project, table):
    load(project, table)
    with pytest.raises(StudioError, match="with text_column 'text', not 'label'"):
        load(project, table, text_column="label")


def test_new_rows_are_found_wherever_they_stand(project, table):
    load(project, table)
    assert curate.news(project) == []
    lines = table.read_text(encoding="utf-8").splitlines()
    lines.insert(1, "A quite new text at the top.,a")
    lines.append("And one more at the end.,b")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fresh = curate.news(project)
    assert [row.fields["row"] for row in fresh] == [2, 27]
    assert curate.add_news(project) == 2
    assert curate.news(project) == []
    assert len(project.dataset) == 26
    assert project.dataset.samples()[-1].split == "train"


def test_a_row_that_was_changed_in_its_place_is_not_new(project, table):
    load(project, table)
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("Text number 3 says", "Text number three says"), encoding="utf-8")
    assert curate.news(project) == []


def test_edits_in_the_app_make_no_news(project, table):
    load(project, table)
    project.dataset.relabel([1, 2], "c")
    project.dataset.rewrite(3, {"text": "Another text."}, "Text changed")
    assert curate.news(project) == []


def test_the_same_text_twice_is_news_once_it_comes_again(project, table):
    load(project, table)
    first = table.read_text(encoding="utf-8").splitlines()[1]
    with table.open("a", encoding="utf-8") as file:
        file.write(first + "\n")
    assert len(curate.news(project)) == 1


def test_news_of_a_folder_of_texts(project, tmp_path):
    for n in range(6):
        place = tmp_path / "texts" / "ab"[n % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{n}.txt").write_text(f"Words of {n}")
    load(project, tmp_path / "texts")
    (tmp_path / "texts" / "a" / "new.txt").write_text("Fresh words")
    assert [row.path for row in curate.news(project)] == ["a/new.txt"]
    assert curate.add_news(project) == 1
    assert project.dataset.samples()[-1].fields["text"] == "Fresh words"


def test_a_table_that_moved_is_found_again(project, table, tmp_path):
    load(project, table)
    other = tmp_path / "elsewhere"
    shutil.move(table.parent, other)
    with pytest.raises(StudioError, match="None of the files") as caught:
        curate.relink(project, tmp_path / "project")
    assert caught.value.hint == "Choose the folder in which t.csv lies."
    assert curate.relink(project, other) == 24
    assert project.dataset.get("source") == str(other / "t.csv")
    assert curate.news(project) == []


def test_the_same_data_from_a_new_place_are_noticed(project, table, tmp_path):
    load(project, table)
    other = tmp_path / "elsewhere"
    shutil.move(table.parent, other)
    events = load(project, other / "t.csv")
    assert any(isinstance(e, Noted) and "in their new place" in e.text for e in events)
    stranger = written(tmp_path / "third" / "x.csv", range(3))
    with pytest.raises(StudioError, match="holds the data of"):
        load(project, stranger)


@pytest.mark.shared
def test_real_abstracts_divide_by_class(project, shared):
    load(project, shared / "data/txt-medical-abstracts")
    counts = Counter((s.label, s.split) for s in project.dataset.samples())
    assert counts["neoplasms", "train"] == 443
    assert project.dataset.split_counts() == {"train": 2021, "validation": 434, "test": 433}


def test_files_that_nobody_touched_are_not_read_again(project, table, monkeypatch):
    load(project, table.parent)

    def refuse(*_):
        raise AssertionError("the table was read again")

    reading = "finetune_studio.engine.curate.importing._read_again"
    with monkeypatch.context() as patch:
        patch.setattr(reading, refuse)
        assert curate.news(project) == []
    written(table.parent / "u.csv", range(24, 30))  # another table of the same columns
    assert len(curate.news(project)) == 6
    assert curate.add_news(project) == 6
    assert curate.news(project) == []
