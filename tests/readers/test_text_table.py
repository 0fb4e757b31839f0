"""A table of texts and labels: columns guessed, labels named by a second table, splits, several labels."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.text_table import TextTable
from tests import tiny

READER = TextTable()
TEXTS = [
    f"The {word} report number {n} says a few things, at some length."
    for n in range(4)
    for word in ("first", "second", "third")
]


def write(path, header, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows] if header else rows)
    return path


def read(path, **choices):
    return list(READER.read(path, DataChoices(**choices)))


def notes(path, **choices):
    return " ".join(READER.describe(path, DataChoices(**choices)).notes)


def guesses(path, **choices):
    return READER.describe(path, DataChoices(**choices)).table.guesses


def labelled(folder, labels=("1", "2", "3"), name="data.csv"):
    rows = [(labels[n % len(labels)], text) for n, text in enumerate(TEXTS)]
    return write(folder / name, ("grade", "what was said"), rows)


def named(folder, name="labels.csv", pairs=(("1", "good"), ("2", "fair"), ("3", "poor"))):
    return write(folder / name, ("grade", "grade_name"), pairs)


def test_columns_are_found_by_their_values(tmp_path):
    table = labelled(tmp_path)
    assert READER.recognises(table) == 0.9
    row = read(table)[1]
    assert (row.path, row.label, row.split, row.group) == ("", "2", None, None)
    assert row.fields == {"text": TEXTS[1], "file": "data.csv", "row": 3}
    title = READER.describe(table, DataChoices()).title
    assert title == "The table data.csv: texts in column 'what was said', labels in column 'grade'"


def test_names_of_columns_help_where_values_do_not(tmp_path):
    rows = [(f"subject {n}", f"short {n}", f"class {n}") for n in range(4)]
    table = write(tmp_path / "t.tsv", ("title", "text", "label"), rows, "\t")
    assert guesses(table)["text_column"] == "text"
    assert guesses(table)["label_column"] == "label"


def test_names_of_classes_are_preferred_to_their_numbers(tmp_path):
    rows = [(text, n % 2, ("bad", "good")[n % 2]) for n, text in enumerate(TEXTS)]
    table = write(tmp_path / "t.csv", ("text", "label", "label_text"), rows)
    assert {row.label for row in read(table)} == {"bad", "good"}


def test_further_columns_are_kept_and_do_not_collide(tmp_path):
    rows = [(text, n % 2, n, "x") for n, text in enumerate(TEXTS)]
    table = write(tmp_path / "t.csv", ("abstract", "label", "row", "year"), rows)
    assert read(table)[5].fields == {
        "text": TEXTS[5],
        "row'": "5",
        "year": "x",
        "file": "t.csv",
        "row": 7,
    }


def test_columns_can_be_corrected_and_wrong_ones_are_refused_with_an_offer(tmp_path):
    rows = [(text, f"a{n % 2}", f"b{n % 3}", f"p{n}") for n, text in enumerate(TEXTS)]
    table = write(tmp_path / "t.csv", ("text", "label", "other", "patient"), rows)
    assert guesses(table)["group_column"] == "patient"
    found = read(table, label_column="other", group_column="-")
    assert {row.label for row in found} == {"b0", "b1", "b2"}
    assert {row.group for row in found} == {None}
    with pytest.raises(StudioError, match="no column 'nope'") as caught:
        read(table, text_column="nope")
    assert "text, label, other, patient" in caught.value.hint
    with pytest.raises(StudioError, match="no column 'lable'") as caught:
        read(table, label_column="lable")
    assert "Did you mean 'label'?" in caught.value.hint


def test_a_table_without_names_of_columns_loses_no_row(tmp_path):
    rows = [(text, ("pos", "neg")[n % 2]) for n, text in enumerate(TEXTS)]
    table = write(tmp_path / "t.csv", None, rows)
    found = read(table)
    assert [row.label for row in found] == ["pos", "neg"] * 6
    assert found[0].fields["text"] == TEXTS[0]
    assert "names no columns" in notes(table)


def test_texts_without_spaces_between_words_are_texts(tmp_path):
    rows = [
        (f"id-{n}-abcdefghijklmnop", f"これは{n}番目の文章です。", "ab"[n % 2]) for n in range(12)
    ]
    table = write(tmp_path / "t.csv", ("key", "satz", "label"), rows)
    assert guesses(table)["text_column"] == "satz"


# --- what labels are called -----------------------------------------------------------------------


def test_a_second_table_beside_names_the_labels(tmp_path):
    table = labelled(tmp_path)
    named(tmp_path)
    for place in (table, tmp_path):
        assert Counter(row.label for row in read(place)) == {"good": 4, "fair": 4, "poor": 4}
        said = notes(place)
        assert "labels.csv" in said
        assert "1 = good" in said
        assert guesses(place)["labels_path"] == "labels.csv"
    assert {row.label for row in read(table, labels_path="-")} == {"1", "2", "3"}


def test_a_second_table_can_be_chosen(tmp_path):
    table = labelled(tmp_path / "a")
    elsewhere = named(tmp_path / "b", "names.csv", (("1", "good"), ("2", "fair")))
    found = read(table, labels_path=str(elsewhere))
    assert {row.label for row in found} == {"good", "fair", "3"}
    assert "named as they are: 3" in notes(table, labels_path=str(elsewhere))
    other = named(tmp_path / "c", "names.csv", (("x", "good"), ("y", "fair")))
    with pytest.raises(StudioError, match="names none of the labels"):
        read(table, labels_path=str(other))
    with pytest.raises(StudioError, match=r"gone\.csv"):
        read(table, labels_path="gone.csv")


def test_a_table_that_names_only_some_labels_is_not_taken_by_itself(tmp_path):
    table = labelled(tmp_path)
    named(tmp_path, pairs=(("1", "good"), ("2", "fair")))
    assert {row.label for row in read(table)} == {"1", "2", "3"}


def test_names_without_a_header(tmp_path):
    table = labelled(tmp_path)
    write(tmp_path / "codes.csv", None, (("1", "good"), ("2", "fair"), ("3", "poor")))
    assert {row.label for row in read(table)} == {"good", "fair", "poor"}


# --- several tables -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("train.csv", "dev.csv", "test.csv"),
        ("Training.csv", "VAL.csv", "testing.csv"),
        ("talks.train.csv", "talks.valid.csv", "talks.test.csv"),
        ("set_train.csv", "set_dev.csv", "set_test.csv"),
        ("train-0000.csv", "validation-0000.csv", "test-0000.csv"),
    ],
)
def test_tables_in_one_folder_are_splits_by_name(tmp_path, names):
    for name in names:
        labelled(tmp_path, name=name)
    (tmp_path / "README.md").write_text("About these data.", encoding="utf-8")
    found = read(tmp_path)
    by_file = {row.fields["file"]: row.split for row in found}
    assert by_file == dict(zip(names, ("train", "validation", "test"), strict=True))
    if names[0].count(".") == 2:
        assert "talks.train.csv is read as train" in notes(tmp_path)


def test_lists_of_objects_are_tables_too(tmp_path):
    records = [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(TEXTS)]
    for name in ("train.json", "test.json", "dataset_info.json"):
        (tmp_path / name).write_text(json.dumps(records), encoding="utf-8")
    assert Counter(row.split for row in read(tmp_path)) == {"train": 12, "test": 12}
    assert len(read(tmp_path / "dataset_info.json")) == 12


def test_other_tables_beside_splits_are_left_out_and_said(tmp_path):
    for name in ("train.csv", "test.csv", "notes.csv"):
        labelled(tmp_path, name=name)
    assert {row.fields["file"] for row in read(tmp_path)} == {"train.csv", "test.csv"}
    assert "notes.csv" in notes(tmp_path)


def test_where_nothing_is_for_training_that_is_mended_and_said(tmp_path):
    labelled(tmp_path, name="x.dev.csv")
    labelled(tmp_path, name="x.test.csv")
    by_file = {row.fields["file"]: row.split for row in read(tmp_path)}
    assert by_file == {"x.dev.csv": None, "x.test.csv": "test"}
    assert "No table is called train, so the samples of x.dev.csv" in notes(tmp_path)
    only = labelled(tmp_path / "alone", name="test.csv")
    assert {row.split for row in read(only)} == {None}
    assert "divided into train, validation and test" in notes(only)
    assert {row.split for row in read(labelled(tmp_path / "t", name="train.csv"))} == {"train"}


def test_a_column_of_splits(tmp_path):
    found = read(tiny.text_classification(tmp_path))
    assert Counter(row.split for row in found) == {"train": 24, "validation": 6, "test": 6}
    rows = [(text, "ab"[n % 2], "train" if n else "later") for n, text in enumerate(TEXTS)]
    table = write(tmp_path / "t.csv", ("text", "label", "part"), rows)
    odd = read(table, split_column="part")[0]
    assert odd.problem == "t.csv, row 2: 'later' in column 'part' is no split"


def test_tables_of_the_same_columns_are_read_together_others_refused(tmp_path):
    labelled(tmp_path, name="may.csv")
    labelled(tmp_path, name="june.csv")
    assert len(read(tmp_path)) == 24
    assert "read one after another" in notes(tmp_path)
    write(
        tmp_path / "other.csv",
        ("text", "class"),
        [(text, "ab"[n % 2]) for n, text in enumerate(TEXTS)],
    )
    with pytest.raises(StudioError, match="several tables"):
        read(tmp_path)


# --- several labels -------------------------------------------------------------------------------


def of(tmp_path, cells, **choices):
    rows = [(f"A text of some words, number {n}.", cell) for n, cell in enumerate(cells)]
    table = write(tmp_path / "t.csv", ("text", "label"), rows)
    found = read(table, **choices)
    return [row.fields.get("labels", row.label) for row in found]


def test_lists_of_labels(tmp_path):
    cells = ['["a", "b"]', '["b"]', "[]", '["a", "a", " c "]']
    assert of(tmp_path, cells) == [["a", "b"], ["b"], [], ["a", "c"]]
    assert of(tmp_path, ["['a', 'b']", "['b']"]) == [["a", "b"], ["b"]]
    assert "cells of labels are lists" in notes(tmp_path / "t.csv")
    lines = [json.dumps({"text": t, "labels": [n % 2, 5]}) for n, t in enumerate(TEXTS)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert read(tmp_path / "t.jsonl")[1].fields["labels"] == ["1", "5"]
    assert read(tmp_path / "t.jsonl")[1].label is None


@pytest.mark.parametrize("separator", [";", "|", " ; "])
def test_separators_count_where_their_parts_recur(tmp_path, separator):
    cells = ["a", "b", separator.join("ab"), separator.join("ac"), "c", separator.join("abc")]
    assert of(tmp_path, cells) == [["a"], ["b"], ["a", "b"], ["a", "c"], ["c"], ["a", "b", "c"]]
    assert "stands between them" in notes(tmp_path / "t.csv")


def test_an_ordinary_label_is_never_taken_apart(tmp_path):
    cells = ["Nose, throat", "Eye", "Nose, throat", "Eye", "Nose", "throat"]
    assert of(tmp_path, cells) == cells
    cells = ["Nose; throat", "Eye | ear", "Nose; throat", "Eye | ear"]
    assert of(tmp_path, cells) == cells
    cells = ["a;b", "a", "b", "c;d", "c"]
    assert of(tmp_path, cells, label_separator="-") == cells


def test_a_text_may_have_none_of_several_labels_and_an_empty_cell_says_how(tmp_path):
    cells = ["a|b", "a", "[]", "", "b|a", "b", " [] "]
    table = write(tmp_path / "t.csv", ("text", "label"), list(zip(TEXTS, cells, strict=False)))
    found = read(table)
    assert [row.fields.get("labels") for row in found if not row.problem] == [
        *(["a", "b"], ["a"], [], ["b", "a"], ["b"], []),
    ]
    (problem,) = (row.problem for row in found if row.problem)
    assert problem.endswith("so there is no label; write [] where a text has none of the labels")


def test_a_separator_can_be_chosen(tmp_path):
    assert of(tmp_path, ["a, b", "c"], label_separator=",") == [["a", "b"], ["c"]]


def test_several_labels_are_named_by_the_second_table(tmp_path):
    labelled(tmp_path, ("1", "2", "1;2", "1;3", "3"))
    named(tmp_path)
    assert read(tmp_path)[3].fields["labels"] == ["good", "poor"]


def test_labels_that_differ_in_case_or_blanks_are_told_not_merged(tmp_path):
    assert set(of(tmp_path, ["Cat", "cat ", "dog"] * 4)) == {"Cat", "cat ", "dog"}
    assert "'Cat' and 'cat '" in notes(tmp_path / "t.csv")


# --- damage ---------------------------------------------------------------------------------------


def test_what_cannot_be_used_is_named_by_file_row_and_column(tmp_path):
    table = tmp_path / "t.csv"
    rows = "".join(f"A sound text of words {n},a{n % 2}\n" for n in range(8))
    damaged = 'text,label\n"  ",a1\nsome words,\nfew\none,two,three\n'
    table.write_bytes(damaged.encode() + b"with\x00zero,a1\n" + rows.encode())
    found = read(table)
    assert [row.problem for row in found if row.problem] == [
        "t.csv, row 2: the cell in column 'text' is empty, so there is no text",
        "t.csv, row 3: the cell in column 'label' is empty, so there is no label",
        "t.csv, row 4: it has 1 of 2 cells; nothing stands in column 'label'",
        "t.csv, row 5: it has 3 cells for 2 columns; 'three' stands after the last column 'label'",
        "t.csv, row 6, column 'text': there is a zero byte at letter 5, which no text has",
    ]
    assert len(found) == 13
    assert found[2].fields == {"file": "t.csv", "row": 4}


def test_an_encoding_can_be_corrected(tmp_path):
    rows = [("Żółta łódź płynie po jeziorze", "tak"), ("Ślimak śpi długo w ogrodzie", "nie")] * 4
    table = tmp_path / "t.csv"
    text = "text,label\n" + "".join(",".join(row) + "\n" for row in rows)
    table.write_bytes(text.encode("cp1250"))
    assert read(table)[0].fields["text"] != rows[0][0]
    assert "Windows code page 1252" in notes(table)
    assert read(table, encoding="cp1250")[0].fields["text"] == rows[0][0]
    with pytest.raises(StudioError, match="no encoding 'klingon'"):
        read(table, encoding="klingon")


def test_what_is_no_table_of_texts_is_not_recognised(tmp_path):
    numbers = write(
        tmp_path / "n.csv", ("date", "rain"), [(f"2020-01-{n:02}", n) for n in range(1, 20)]
    )
    assert READER.recognises(numbers) < 0.5
    with pytest.raises(StudioError, match="looks like texts"):
        read(numbers)
    assert READER.columns(numbers).columns == ("date", "rain")


@pytest.mark.shared
def test_real_abstracts(shared):
    folder = shared / "data/txt-medical-abstracts"
    for place in (folder, folder / "medical_tc_test.csv"):
        found = read(place)
        assert len(found) == 2888
        assert Counter(row.label for row in found)["general pathological conditions"] == 961
        assert {row.split for row in found} == {None}
        assert "medical_tc_labels.csv" in notes(place)


def test_a_table_that_merely_lies_beside_names_nothing(tmp_path):
    table = labelled(tmp_path)
    write(tmp_path / "wards.csv", ("ward", "doctor"), (("1", "Anna"), ("2", "Ben"), ("3", "Cleo")))
    labelled(tmp_path, name="names_again.csv")
    assert {row.label for row in read(table)} == {"1", "2", "3"}


def test_a_table_of_other_samples_beside_names_no_labels(tmp_path):
    table = labelled(tmp_path)
    others = [(n, f"another patient, the {n}th who came") for n in range(60)]
    write(tmp_path / "unlabelled.csv", ("id", "text_of_case"), others)
    assert {row.label for row in read(table)} == {"1", "2", "3"}
    write(tmp_path / "labels.csv", ("id", "name"), [(n, f"name {n}") for n in range(40)])
    assert {row.label for row in read(table)} == {"name 1", "name 2", "name 3"}


def test_a_table_of_names_of_columns_alone_is_said_to_be_empty(tmp_path):
    with pytest.raises(StudioError, match="has no rows below"):
        read(write(tmp_path / "t.csv", ("text", "label"), []))


def test_labels_that_never_recur_fit_badly(tmp_path):
    rows = [(text, f"about {n}") for n, text in enumerate(TEXTS)]
    assert READER.recognises(write(tmp_path / "t.csv", ("dialogue", "topic"), rows)) == 0.6


def test_a_column_of_zeros_and_ones_for_each_label(tmp_path):
    rows = [(n, text, n % 2, int(n % 3 == 0), 0) for n, text in enumerate(TEXTS)]
    table = write(tmp_path / "t.csv", ("id", "comment_text", "rude", "type_x", "rare"), rows)
    found = read(table)
    assert [row.fields["labels"] for row in found[:4]] == [
        ["type_x"],
        ["rude"],
        [],
        ["rude", "type_x"],
    ]
    assert {row.label for row in found} == {None}
    assert "rude" not in found[0].fields
    assert guesses(table)["label_column"] == "rude, type_x, rare"
    assert "a column for each of 3 labels" in READER.describe(table, DataChoices()).title
    assert "1 in the columns rude, type_x and rare" in notes(table)
    assert read(table, **{k: v for k, v in guesses(table).items() if v}) == found
    assert {row.label for row in read(table, label_column="rude")} == {"0", "1"}
    rows = [(text, n % 2, "01"[n % 2]) for n, text in enumerate(TEXTS)]
    plain = write(tmp_path / "p" / "t.csv", ("text", "label", "checked"), rows)
    assert {row.label for row in read(plain)} == {"0", "1"}


def test_a_table_of_texts_beside_the_data_names_no_labels(tmp_path):
    """Numbered texts in a file called misnamed.csv became the names of the classes 1 to 5."""
    said = [
        f"Text {n}: " + "it tells something about a matter and is not a name. " * 3
        for n in range(40)
    ]
    write(tmp_path / "misnamed.csv", ("finding", "grade"), [(t, n) for n, t in enumerate(said)])
    table = write(
        tmp_path / "data.csv", ("grade", "text"), [(n % 5 + 1, t) for n, t in enumerate(said)]
    )
    assert {row.label for row in read(table)} == set("12345")


def test_a_table_of_one_column_is_not_told_to_choose_another(tmp_path):
    """It asked to choose the column with the labels where there is none."""
    table = write(tmp_path / "t.csv", ("text",), [(text,) for text in TEXTS])
    with pytest.raises(
        StudioError, match="has one column only, 'text', and none for labels"
    ) as told:
        read(table)
    assert "Choose the column" not in told.value.hint
