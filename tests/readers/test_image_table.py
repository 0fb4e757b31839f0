"""A table that names pictures: its columns guessed, corrected, and its damage named."""

from __future__ import annotations

import json

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.image_table import ImageTable

READER = ImageTable()


@pytest.fixture
def folder(tmp_path):
    """Return a folder with pictures in images/, without any table."""
    (tmp_path / "images").mkdir()
    for i in range(6):
        (tmp_path / "images" / f"{i}.jpg").write_bytes(b"x")
    return tmp_path


def write(folder, text, name="labels.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def read(path, **choices):
    return list(READER.read(path, DataChoices(**choices)))


def guesses(path, **choices):
    return READER.describe(path, DataChoices(**choices)).table.guesses


BASIC = "".join(f"images/{i}.jpg,{'cat' if i % 2 else 'dog'}\n" for i in range(6))


def test_paths_relative_to_the_table(folder):
    table = write(folder, "image,species\n" + BASIC)
    found = read(table)
    assert [(r.path, r.label) for r in found[:2]] == [
        ("images/0.jpg", "dog"),
        ("images/1.jpg", "cat"),
    ]
    assert not any(r.problem for r in found)
    assert READER.root(table) == folder
    assert READER.recognises(table) == 0.9
    assert READER.recognises(folder) == 0.9


def test_columns_are_guessed_from_values(folder):
    rows = "".join(
        f"{i},p{i // 2},2021,{'test' if i > 3 else 'train'},images/{i}.jpg,k{i % 2}\n"
        for i in range(6)
    )
    table = write(folder, "id,patient,year,subset,what,kind of leaf\n" + rows)
    assert guesses(table) == {
        "path_column": "what",
        "label_column": "kind of leaf",
        "split_column": "subset",
        "group_column": "patient",
    }
    last = read(table)[5]
    assert (last.split, last.group, last.fields) == ("test", "p2", {"id": "5", "year": "2021"})


def test_guesses_can_be_corrected(folder):
    rows = "".join(f"images/{i}.jpg,a{i % 2},b{i % 3},train,g{i}\n" for i in range(6))
    table = write(folder, "path,label,other,split,group\n" + rows)
    assert guesses(table)["label_column"] == "label"
    found = read(table, label_column="other", split_column="-", group_column="-")
    assert found[2].label == "b2"
    assert found[2].split is None
    assert found[2].group is None
    assert found[2].fields == {"label": "a0", "split": "train", "group": "g2"}


def test_a_chosen_column_that_is_missing_is_named_with_those_there(folder):
    table = write(folder, "image,species\n" + BASIC)
    for field in ("path_column", "label_column", "split_column", "group_column"):
        with pytest.raises(StudioError, match="no column 'nope'") as caught:
            read(table, **{field: "nope"})
        assert "image, species" in caught.value.hint


def test_rows_that_cannot_be_used_say_why(folder):
    text = "image,species,set\n" + "".join(f"images/{i}.jpg,cat,train\n" for i in range(4))
    text += "images/99.jpg,cat,train\n,cat,train\nimages/4.jpg,,train\n"
    text += "images/5.jpg,cat,holdout\nhttps://x.org/1.jpg,dog,test\n"
    found = read(write(folder, text), split_column="set")
    assert [bool(r.problem) for r in found] == [False] * 4 + [True] * 5
    problems = [r.problem for r in found[4:]]
    assert problems[0] == "labels.csv, row 6: there is no file images/99.jpg"
    assert "row 7" in problems[1]
    assert "'image' is empty" in problems[1]
    assert "row 8" in problems[2]
    assert "'species' is empty" in problems[2]
    assert "'holdout' in column 'set' is no split" in problems[3]
    assert "download" in problems[4]
    assert found[4].path == "images/99.jpg"
    assert found[6].label is None


def test_paths_as_other_programs_write_them(folder):
    (folder / "images" / "sub").mkdir()
    (folder / "images" / "sub" / "a b.jpg").write_bytes(b"x")
    absolute = folder / "images" / "3.jpg"
    text = f"file,label\n./images/0.jpg,a\nimages\\1.jpg,b\n{absolute},a\nimages\\sub\\a b.jpg,b\n"
    found = read(write(folder, text))
    assert [r.path for r in found] == [
        "images/0.jpg",
        "images/1.jpg",
        str(absolute),
        "images/sub/a b.jpg",
    ]
    assert not any(r.problem for r in found)


def test_names_without_folder_and_suffix_are_found(folder):
    text = "image_id,dx\n" + "".join(f"{i},{'mel' if i % 2 else 'nv'}\n" for i in range(6))
    found = read(write(folder, text, "HAM.csv"))
    assert [r.path for r in found] == [f"images/{i}.jpg" for i in range(6)]
    assert {r.label for r in found} == {"mel", "nv"}


def test_a_table_without_header(folder):
    table = write(folder, BASIC)
    found = read(table)
    assert len(found) == 6
    assert guesses(table)["path_column"] == "column 1"


def test_tables_named_after_splits(folder):
    write(folder, "image;species\nimages/0.jpg;cat\nimages/1.jpg;dog\n", "Train.csv")
    write(folder, "image\tspecies\nimages/2.jpg\tcat\n", "devel.tsv")
    write(folder, json.dumps({"image": "images/3.jpg", "species": "dog"}) + "\n", "test.jsonl")
    write(folder, "image,species\nimages/4.jpg,dog\n", "all.csv")
    found = {(r.path, r.label, r.split) for r in read(folder)}
    assert found == {
        ("images/0.jpg", "cat", "train"),
        ("images/1.jpg", "dog", "train"),
        ("images/2.jpg", "cat", "validation"),
        ("images/3.jpg", "dog", "test"),
    }


def test_a_test_table_without_labels_is_left_out_and_said(folder):
    write(folder, "image,species\nimages/0.jpg,cat\nimages/1.jpg,dog\n", "train.csv")
    write(folder, "image\nimages/2.jpg\nimages/3.jpg\n", "test.csv")
    assert {r.split for r in read(folder)} == {"train"}
    assert "test.csv looks like labels" in " ".join(READER.describe(folder, DataChoices()).notes)
    write(folder, "image,other\nimages/2.jpg,a\nimages/3.jpg,b\n", "test.csv")
    assert {r.split for r in read(folder)} == {"train"}
    notes = READER.describe(folder, DataChoices()).notes
    assert "test.csv has no column 'species'" in " ".join(notes)


def test_other_tables_beside_are_ignored(folder):
    write(folder, "image,species\n" + BASIC)
    write(folder, "year,rain\n2020,3\n2021,4\n", "weather.csv")
    assert len(read(folder)) == 6


def test_two_tables_of_pictures_are_ambiguous(folder):
    write(folder, "image,species\n" + BASIC, "a.csv")
    write(folder, "image,species\n" + BASIC, "b.csv")
    with pytest.raises(StudioError, match=r"several tables.*a\.csv, b\.csv"):
        read(folder)


def test_a_table_of_numbers_is_not_recognised(tmp_path):
    table = write(tmp_path, "date,rain\n2020-01-01,3\n2020-01-02,4\n")
    assert READER.recognises(table) < 0.5
    with pytest.raises(StudioError, match="names files that are there") as caught:
        read(table)
    assert "date, rain" in caught.value.hint
    assert READER.columns(table).columns == ("date", "rain")


def test_a_table_whose_files_are_all_missing_is_still_read_row_by_row(tmp_path):
    table = write(tmp_path, "image,species\na/1.jpg,cat\na/2.jpg,dog\na/3.jpg,dog\n")
    found = read(table)
    assert len(found) == 3
    assert all("there is no file" in r.problem for r in found)
    assert 0.5 < READER.recognises(table) < 0.9


def test_the_encoding_is_said(folder):
    table = folder / "labels.csv"
    table.write_bytes(("image,species\n" + BASIC.replace("cat", "Kätzchen")).encode("cp1252"))
    assert {r.label for r in read(table)} == {"dog", "Kätzchen"}
    assert (
        "labels.csv is read as Windows code page 1252."
        in READER.describe(table, DataChoices()).notes
    )


def test_the_same_file_twice_gives_two_rows(folder):
    found = read(
        write(folder, "image,species\nimages/0.jpg,cat\nimages/0.jpg,dog\nimages/1.jpg,cat\n")
    )
    assert [r.label for r in found] == ["cat", "dog", "cat"]


def test_strange_paths_do_no_harm(folder):
    text = "image,species\nimages/0.jpg,cat\nimages/1.jpg,dog\n" + "x" * 5000 + ".jpg,cat\n"
    text += '"images/\n2.jpg",dog\n'
    found = read(write(folder, text))
    assert [bool(r.problem) for r in found] == [False, False, True, True]


def test_parquet(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"file": [f"images/{i}.jpg" for i in range(6)], "grade": [i % 2 for i in range(6)]}
    pq.write_table(pa.table(columns), folder / "labels.parquet")
    found = read(folder / "labels.parquet")
    assert [(r.path, r.label) for r in found[:2]] == [("images/0.jpg", "0"), ("images/1.jpg", "1")]


@pytest.mark.shared
def test_a_real_catalogue(shared):
    found = read(shared / "data/odd-images-pillow", label_column="load", path_column="path")
    assert len(found) == 654
    assert not any("there is no file" in r.problem for r in found)
