"""Tables: every dialect, every encoding, and damage named by file, row and column."""

from __future__ import annotations

import json
import random

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
        ("utf-16-le", "UTF-16 without a mark, small"),
        ("utf-16-be", "UTF-16 without a mark, large"),
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


RUSSIAN = "Это простое предложение о погоде и море\n" * 3


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (("a,b\n" + RUSSIAN).encode("cp1251"), "cp1251"),
        (("a,b\n" + RUSSIAN).encode("koi8-r"), "koi8-r"),
        ("a,b\nGrün ist die schöne Straße, so süß\n".encode("cp1252"), "cp1252"),
        (("a,b\n" + RUSSIAN * 3).encode() + b"one bad byte \xff\n", "utf-8"),
    ],
)
def test_pages_of_letters_are_told_apart(tmp_path, content, encoding):
    assert tables.encoding_of(written(tmp_path, content)) == encoding
    assert tables.encoding_in(content) == encoding


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Мы шли домой по старой дороге, когда начался дождь."),
        ("cp1253", "Γυρίζαμε σπίτι από τον παλιό δρόμο όταν άρχισε η βροχή."),
        ("cp1255", "הלכנו הביתה בדרך הישנה כאשר התחיל לרדת גשם."),
        ("cp1256", "كنا نمشي إلى البيت في الطريق القديم عندما بدأ المطر."),
        ("cp874", "เราเดินกลับบ้านตามถนนสายเก่าเมื่อฝนเริ่มตก"),
        ("cp932", "雨が降り始めたとき、私たちは古い道を歩いて家に帰るところでした。"),
        ("euc_jp", "雨が降り始めたとき、私たちは古い道を歩いて家に帰るところでした。"),
        ("cp949", "비가 내리기 시작했을 때 우리는 오래된 길을 따라 집으로 걸어가고 있었습니다."),
        ("gb18030", "我们沿着老路走回家的时候开始下雨了。这是一个简单的句子。"),
        ("big5", "我們沿著老路走回家的時候開始下雨了。這是一個簡單的句子。"),
        ("cp1252", "Cet été-là, les élèves étaient rentrés très tôt à l'école, où ça sentait bon."),
        ("cp1252", "Það er ekki þörf á að læra þetta í dag, sagði hún við bróður sinn."),
    ],
)
def test_texts_of_the_world_are_read_in_their_own_letters(tmp_path, encoding, text):
    content = ("text\tlabel\n" + f"{text}\tpos\n{text}\tneg\n" * 3).encode(encoding)
    table, cells = read(written(tmp_path, content, "t.tsv"))
    assert (table.encoding, cells[5]["text"]) == (encoding, text)
    assert tables.encoding_in(content[: len(content) * 2 // 3 + 1]) == encoding  # cut in a letter


def test_the_letters_of_a_large_file_are_told_by_its_beginning(tmp_path):
    content = ("text,label\n" + "雨が降り始めたとき、古い道を歩いて帰った。,pos\n" * 30_000).encode(
        "cp932"
    )
    assert len(content) > 2**20
    assert tables.encoding_of(written(tmp_path, content)) == "cp932"


@pytest.mark.shared
@pytest.mark.parametrize(("language", "encoding"), [("ar", "cp1256"), ("zh", "gb18030")])
def test_real_paragraphs_are_read_in_their_own_letters(shared, language, encoding):
    found = json.loads((shared / f"data/txt-xquad/xquad.{language}.json").read_text("utf-8"))
    texts = [p["context"] for article in found["data"] for p in article["paragraphs"]]
    assert {tables.encoding_in(text.encode(encoding, "replace")) for text in texts} == {encoding}


def test_an_encoding_that_was_chosen_is_used(tmp_path):
    path = written(tmp_path, "a,b\nŻółw,1\n".encode("cp1250"))
    table = tables.open_table(path, "CP1250")
    assert (table.encoding, next(tables.rows(table))[1]["a"]) == ("cp1250", "Żółw")
    marked = written(tmp_path, "a,b\nŻ,1\n", "m.csv", "utf-8-sig")
    assert tables.open_table(marked, "UTF8").columns == ("a", "b")
    for wrong in ("klingon", "rot13", "zip"):
        with pytest.raises(StudioError, match=f"no encoding '{wrong}'") as caught:
            tables.open_table(path, wrong)
        assert "cp1252" in caught.value.hint
    assert all(tables.chosen(name, path) == name for name in tables.ENCODINGS)


def test_damaged_rows_can_be_passed_on(tmp_path):
    content = b"a,b\n1,2\n3\n5,6,7\n" + b"\x008,9\n" + "gr\u00fcn ist,4\n".encode() * 20
    table = tables.open_table(written(tmp_path, content + b"\xfcber,1\n"))
    found = [(line.number, line.problem) for line in tables.lines(table) if line.problem]
    assert found == [
        (3, "row 3: it has 1 of 2 cells; nothing stands in column 'b'"),
        (4, "row 4: it has 3 cells for 2 columns; '7' stands after the last column 'b'"),
        (5, "row 5, column 'a': there is a zero byte at letter 1, which no text has"),
        (26, "row 26, column 'a': letter 1 is the byte FC, which is none in UTF-8"),
    ]
    lines = b'{"a": 1}\n{"a": \n[1]\n{"a": "x\\u0000"}\n{"a": 2}\n'
    table = tables.open_table(written(tmp_path, lines, "t.jsonl"))
    found = {line.number: line.problem for line in tables.lines(table) if line.problem}
    assert list(found) == [2, 3, 4]
    assert "line 4, column 'a': there is a zero byte at letter 2" in found[4]


HIGH = random.Random(1).choices(range(128, 256), k=5000)  # no letter is plain


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 40,
        b"%PDF-1.4\n\x01\x02\x03\x04" * 9,
        bytes(HIGH),
        b"\n".join(bytes(HIGH[n : n + 60]) for n in range(0, 5000, 60)),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content):
    with pytest.raises(StudioError, match="is no t"):
        tables.open_table(written(tmp_path, content))


def test_a_long_paragraph_without_blanks_is_a_text(tmp_path):
    content = ("我们沿着老路走回家的时候开始下雨了。这是一个简单的句子。" * 90).encode("gb18030")
    assert tables.open_table(written(tmp_path, content)).encoding == "gb18030"


def test_quotation_marks_in_a_table_with_tabs_may_be_letters(tmp_path):
    rows = '"Hello", she said\ta\nHe "did" so\tb\n"Open\tc\n'
    table, cells = read(written(tmp_path, "text\tlabel\n" + rows * 3, "t.tsv"))
    assert not table.quoted
    assert [c["text"] for c in cells[:3]] == ['"Hello", she said', 'He "did" so', '"Open']
    _, cells = read(written(tmp_path, 'text\tlabel\n"a\tb"\tc\n"d ""e"""\tf\n', "q.tsv"))
    assert [c["text"] for c in cells] == ["a\tb", 'd "e"']


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


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_too_long_is_set_aside_and_the_others_are_read(tmp_path, monkeypatch, end):
    monkeypatch.setattr(bounded, "LONGEST_LINE", 100_000)
    rows = end.join(["text,label", "one,a", "x" * 250_000 + ",b", "two,b", ""])
    found = list(tables.lines(tables.open_table(written(tmp_path, rows))))
    assert [line.cells["text"] for line in found if not line.problem] == ["one", "two"]
    assert [line.problem for line in found if line.problem] == [
        "line 3: the line is longer than 0 million letters"
    ]
    objects = ['{"text": "one"}', '{"text": "' + "x" * 300_000 + '"}', '{"text": "two"}']
    found = list(tables.lines(tables.open_table(written(tmp_path, end.join(objects), "t.jsonl"))))
    assert [line.cells.get("text") for line in found] == ["one", None, "two"]
    assert found[1].problem.startswith("line 2: the line is longer")


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


def test_a_list_of_objects_is_a_table(tmp_path):
    records = [{"text": "a b", "label": 1}, ["x"], {"text": "c\0"}, {"text": "d", "tags": ["x"]}]
    table = tables.open_table(written(tmp_path, json.dumps(records, indent=1), "t.json"))
    assert (table.kind, table.columns) == ("json", ("text", "label", "tags"))
    found = list(tables.lines(table))
    assert found[0].cells == {"text": "a b", "label": "1"}
    assert found[1].problem == "item 2: this is no object with named values"
    assert found[2].problem.startswith("item 3, column 'text': there is a zero byte")
    assert found[3].cells["tags"] == '["x"]'
    lines = written(tmp_path, '{"a": 1}\n{"a": 2}\n', "lines.json")
    assert [cells["a"] for cells in read(lines)[1]] == ["1", "2"]
    with pytest.raises(StudioError, match=r"cut\.json, line 1, place"):
        read(written(tmp_path, '[{"a": 1}, {"a"', "cut.json"))


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
