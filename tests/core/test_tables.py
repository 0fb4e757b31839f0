"""Tables: every dialect, every encoding, and damage named by file, row and column."""

from __future__ import annotations

import json

import pytest

from finetune_studio.core import tables
from finetune_studio.core.errors import StudioError
from finetune_studio.core.tables import bounded


def read(path):
    table = tables.open_table(path)
    return table, [cells for _, cells in tables.rows(table)]


def written(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_recognised(tmp_path, delimiter):
    rows = [["path", "label"], ["a.png", "1,5"], ["b.png", "x y"]]
    quoted = [[f'"{c}"' if delimiter in c else c for c in row] for row in rows]
    path = written(tmp_path, "\r\n".join(delimiter.join(row) for row in quoted))
    table, cells = read(path)
    assert table.delimiter == delimiter
    assert cells == [{"path": "a.png", "label": "1,5"}, {"path": "b.png", "label": "x y"}]


def test_decimal_commas_do_not_confuse_semicolons(tmp_path):
    table, cells = read(written(tmp_path, "a;b;c\n1,5;2,5;x\n3,5;4,5;y\n"))
    assert table.columns == ("a", "b", "c")
    assert cells[1] == {"a": "3,5", "b": "4,5", "c": "y"}


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "Windows code page 1252"),
        ("latin-1", "Windows code page 1252"),
    ],
)
def test_encodings_are_recognised_and_said(tmp_path, encoding, title):
    text = "path,label\n" + "".join(f"{i}.png,grün\n" for i in range(20))
    table, cells = read(written(tmp_path, text, encoding=encoding))
    assert table.columns == ("path", "label")
    assert cells[19] == {"path": "19.png", "label": "grün"}
    assert table.encoding_title.startswith(title)


def test_letters_that_no_windows_page_has_are_latin(tmp_path):
    table, cells = read(written(tmp_path, b"a,b\nx\x81,\xe9\n"))
    assert table.encoding == "latin-1"
    assert cells[0]["b"] == "é"


def test_quoted_newlines_quotes_and_empty_rows(tmp_path):
    text = 'a,b\n"1\n2","say ""hi"""\n\n3,4\n'
    table = tables.open_table(written(tmp_path, text))
    assert list(tables.rows(table)) == [
        (2, {"a": "1\n2", "b": 'say "hi"'}),
        (4, {"a": "3", "b": "4"}),
    ]


def test_columns_without_names_and_with_the_same_name(tmp_path):
    table, cells = read(written(tmp_path, "a,,a\n1,2,3\n"))
    assert table.columns == ("a", "column 2", "a'")
    assert cells == [{"a": "1", "column 2": "2", "a'": "3"}]


def test_a_table_of_one_column(tmp_path):
    table, cells = read(written(tmp_path, "name\nx\ny\n"))
    assert table.columns == ("name",)
    assert len(cells) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3\n5,6\n7,8\n", ["row 3", "'b'", "1 of 2"]),
        ("a,b\n1,2\n3,4,oops\n5,6\n7,8\n", ["row 3", "'oops'", "'b'"]),
        ('a,b\n1,"2"x\n5,6\n', ["row 2", "quotation mark"]),
        ('a,b\n1,2\n1,"2\n5,6\n', ["row 3", "never closed"]),
        (b"a,b\n1,2\n3,\x004\n", ["row 3", "'b'", "zero byte"]),
        ("", ["empty"]),
        ("  \n ", ["empty"]),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", ["git-lfs"]),
    ],
)
def test_damage_is_named(tmp_path, text, words):
    path = written(tmp_path, text, "labels.csv")
    with pytest.raises(StudioError) as caught:
        read(path)
    for word in ["labels.csv", *words]:
        assert word in caught.value.message
    assert caught.value.hint


def test_a_line_without_end_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded, "LONGEST_LINE", 100_000)
    with pytest.raises(StudioError, match="line 2: the line is longer"):
        read(written(tmp_path, "a,b\n" + "x" * 300_000))
    with pytest.raises(StudioError, match="line 1: the line is longer"):
        read(written(tmp_path, '{"a": "' + "x" * 300_000, "t.jsonl"))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(StudioError, match=r"gone\.csv"):
        tables.open_table(tmp_path / "gone.csv")


def test_jsonl_keeps_texts_and_writes_numbers_plainly(tmp_path):
    lines = [{"p": "a", "n": 1, "x": 2.0, "y": 2.5}, {"p": "b", "ok": True, "none": None, "l": [1]}]
    path = written(tmp_path, "\n".join(json.dumps(line) for line in lines) + "\n\n", "t.jsonl")
    table, cells = read(path)
    assert table.columns == ("p", "n", "x", "y", "ok", "none", "l")
    assert cells[0] == {"p": "a", "n": "1", "x": "2", "y": "2.5"}
    assert cells[1] == {"p": "b", "ok": "true", "none": None, "l": "[1]"}


@pytest.mark.parametrize("line", ["{", "[1, 2]", "nonsense", '"text"', "[" * 50_000])
def test_damaged_jsonl_is_named(tmp_path, line):
    path = written(tmp_path, '{"a": 1}\n' + line + "\n", "t.jsonl")
    with pytest.raises(StudioError, match=r"t\.jsonl, line 2"):
        read(path)


def test_parquet(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    columns = {
        "path": ["a", "b"],
        "y": [1, 2],
        "f": [1.0, None],
        "i": [{"bytes": b"x", "path": "p"}] * 2,
    }
    pq.write_table(pa.table(columns), path)
    table, cells = read(path)
    assert table.kind == "parquet"
    assert cells[0] == {"path": "a", "y": "1", "f": "1", "i": "p"}
    assert cells[1]["f"] is None
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StudioError, match="Parquet"):
        read(path)


@pytest.mark.shared
def test_the_csv_acid_tests(shared):
    folder = shared / "data/odd-csv-spectrum"
    names = sorted(f.stem for f in (folder / "csvs").iterdir())
    assert len(names) == 12
    for name in names:
        expected = json.loads((folder / "json" / f"{name}.json").read_text(encoding="utf-8"))
        expected = expected if isinstance(expected, list) else [expected]
        found = read(folder / "csvs" / f"{name}.csv")[1]
        if name == "location_coordinates":  # its answer is of another row, so only columns count
            found, expected = ([list(row) for row in rows] for rows in (found, expected))
        assert found == expected, name
