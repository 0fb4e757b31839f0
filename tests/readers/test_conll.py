"""CoNLL files in the ways in which people keep them, and what is wrong with them by line."""

from __future__ import annotations

from collections import Counter

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.conll import Conll
from tests import tiny

READER = Conll()


def write(folder, text, name="words.conll", encoding="utf-8"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def rows(path):
    return list(READER.read(path, DataChoices()))


def told(path):
    described = READER.describe(path, DataChoices())
    return " ".join([described.title, *described.notes])


def marked(row):
    text = row.fields["text"]
    return [(text[a:b], kind) for a, b, kind in row.fields["spans"]]


PLAIN = "In O\nNew B-Place\nYork I-Place\n. O\n\nAnna B-Person\nsleeps O\n"


def test_two_columns_with_blanks(tmp_path):
    path = write(tmp_path, PLAIN)
    first, second = rows(path)
    assert first.fields == {
        "text": "In New York .",
        "spans": [[3, 11, "Place"]],
        "split_words": True,
        "file": "words.conll",
        "row": 1,
    }
    assert first.path == ""
    assert (second.fields["row"], marked(second)) == (6, [("Anna", "Person")])
    assert READER.recognises(path) == 0.95
    assert "written as BIO" in told(path)
    assert "2 types: Place, Person" in told(path)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("between", ["\t", " ", "   "])
def test_any_line_end_and_blanks(tmp_path, end, between):
    text = PLAIN.replace(" ", between).replace("\n", end)
    assert [r.fields["text"] for r in rows(write(tmp_path, text))] == [
        "In New York .",
        "Anna sleeps",
    ]


def test_conll_2003_with_four_columns_and_documents(tmp_path):
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n"
    text += "-DOCSTART- -X- -X- O\n\nPeter NNP B-NP B-PER\nBlackburn NNP I-NP I-PER\n"
    first, second = rows(write(tmp_path, text))
    assert marked(first) == [("EU", "ORG")]
    assert marked(second) == [("Peter Blackburn", "PER")]
    assert first.group != second.group
    assert first.fields["row"] == 3


def test_iob1_is_no_mistake(tmp_path):
    text = "EU I-ORG\nin O\nParis I-LOC\nLondon B-LOC\n\n" * 3
    path = write(tmp_path, text)
    assert marked(rows(path)[0]) == [("EU", "ORG"), ("Paris", "LOC"), ("London", "LOC")]
    assert "IOB1" in told(path)
    assert "repaired" not in told(path)


def test_numbered_lines_comments_and_nested_tags(tmp_path):
    text = "# source: x\n1\tAnna\tB-PER\tO\n2\tin\tO\tO\n3\tRom\tB-LOC\tO\n\n"
    text += "# text = a b\n# newdoc\n1\t#\tO\tO\n2\tRom\tB-LOC\tO\n\n"
    first, second = rows(write(tmp_path, text, "x.tsv"))
    assert first.fields["text"] == "Anna in Rom"
    assert second.fields["text"] == "# Rom"


def test_a_hash_may_be_a_word(tmp_path):
    text = "# O\n1 O\nin O\nRom B-LOC\n\n" + PLAIN
    assert rows(write(tmp_path, text))[0].fields["text"] == "# 1 in Rom"


def test_a_header_says_which_column_is_which(tmp_path):
    text = "id\ttag\tpos\ttoken\n1\tB-LOC\tN\tRom\n2\tO\tV\tburns\n\n1\tO\tN\tHe\n2\tO\tV\tran\n"
    first, second = rows(write(tmp_path, text, "a.tsv"))
    assert first.fields["text"] == "Rom burns"
    assert marked(first) == [("Rom", "LOC")]
    assert second.fields["row"] == 5


def test_tags_may_come_first(tmp_path):
    text = "B-ACTOR\ttom\nI-ACTOR\thanks\nO\tfilms\n\n" * 5
    assert marked(rows(write(tmp_path, text))[0]) == [("tom hanks", "ACTOR")]


def test_plain_types_and_bare_letters(tmp_path):
    plain = "Rom LOC\nand O\nNew LOC\nYork LOC\nburn O\n\n" * 4
    assert marked(rows(write(tmp_path, plain))[0]) == [("Rom", "LOC"), ("New York", "LOC")]
    bare = "gene B\np53 I\nis O\nhere O\n\n" * 4
    assert marked(rows(write(tmp_path, bare, "b.conll"))[0]) == [("gene p53", "Entity")]


def test_repairs_are_counted_and_told(tmp_path):
    text = (PLAIN + "\n") * 5 + "In O\nNew I-Place\nYork I-Place\n\nOslo I-Place\nis O\n"
    path = write(tmp_path, text)
    assert marked(rows(path)[-2]) == [("New York", "Place")]
    assert "2 tags that break the BIO scheme are repaired" in told(path)
    assert "2 in words.conll, lines 42, 45" in told(path)


def test_repaired_tags_of_bilou_are_named_by_their_lines(tmp_path):
    text = "Ann B-PER\nvan I-PER\nDam L-PER\nsaw O\nRom U-LOC\n\n" * 6
    text += "Ann B-PER\nDam I-PER\n\nAnn L-PER\nsaw O\n\n" * 2
    path = write(tmp_path, text)
    assert [marked(row) for row in rows(path)[-2:]] == [[("Ann Dam", "PER")], [("Ann", "PER")]]
    assert "4 tags that break the BILOU scheme" in told(path)
    assert "(4 in words.conll, lines 38, 40, 44 and others)" in told(path)


def test_damaged_lines_set_their_sentence_aside(tmp_path):
    text = (PLAIN + "\n") * 5 + "He O\nlives\nin O\n\nRom B-LOC\nis 0\n\n\tO\nx\tO\n\nok O\n"
    text = text.replace(" ", "\t")
    found = rows(write(tmp_path, text, "x.conll"))
    problems = [r.problem for r in found if r.problem]
    assert len(found) == 14
    assert problems == [
        "x.conll, line 42: the tag is missing in 'lives'",
        "x.conll, line 46: the tag '0' is unknown (BIO with Place, Person, LOC)",
        "x.conll, line 48: the word is missing in 'O'",
    ]
    aside = next(r for r in found if r.problem)
    assert aside.fields["row"] == 41
    assert aside.fields["text"] == "He lives in"
    assert found[-1].fields["text"] == "ok"


def test_zero_bytes_and_endless_lines_are_named(tmp_path, monkeypatch):
    from finetune_studio.core import lines

    monkeypatch.setattr(lines, "LONGEST", 1000)
    text = (PLAIN + "\n") * 9 + "a\0b O\n\n" + "x" * 5000 + " O\n\nlast O\n"
    found = rows(write(tmp_path, text))
    problems = [r.problem for r in found if r.problem]
    assert len(problems) == 2
    assert "line 73: at place 2 there is a zero byte" in problems[0]
    assert "line 75: it is longer than 1,000 letters" in problems[1]
    assert found[-1].fields["text"] == "last"


def test_letters_of_other_encodings(tmp_path):
    text = "Köln B-LOC\nist O\nschön O\n\n" * 3
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        path = write(tmp_path, text, f"{encoding}.conll", encoding)
        assert rows(path)[0].fields["text"] == "Köln ist schön"
        assert ("read as" in told(path)) == (encoding != "utf-8")


def test_words_with_a_blank_are_cut(tmp_path):
    text = "New York\tB-LOC\nis\tO\n\n" * 3
    path = write(tmp_path, text)
    row = rows(path)[0]
    assert row.fields["text"].split(" ") == ["New", "York", "is"]
    assert marked(row) == [("New York", "LOC")]
    assert "3 words have a blank inside and are read" in told(path)


def test_files_are_splits(tmp_path):
    folder = tiny.token_classification(tmp_path / "data")
    write(folder, PLAIN, "train_devel.tsv")
    write(folder, "These are notes.\nThey are no data.\n", "README.txt")
    found = rows(folder)
    assert Counter(r.split for r in found) == {"train": 24, "validation": 6, "test": 6}
    assert "Left out, as their names say no split while others do: train_devel.tsv" in told(folder)


def test_files_without_splits_are_read_together(tmp_path):
    for name in ("a.conll", "b.conll"):
        write(tmp_path, PLAIN, name)
    assert [r.fields["file"] for r in rows(tmp_path)] == ["a.conll"] * 2 + ["b.conll"] * 2
    assert {r.split for r in rows(tmp_path)} == {None}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "is empty"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n", "git-lfs"),
        ("A letter to a friend.\nWith two lines of text.\n", "no column of words"),
        ("one\ntwo\nthree\n", "no column of words"),
        ("%PDF-1.4\n", "a PDF"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path, text, word):
    path = write(tmp_path, text)
    assert READER.recognises(path) <= 0.1
    with pytest.raises(StudioError, match=word) as caught:
        rows(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.shared
def test_the_disease_corpus(shared):
    folder = shared / "data/txt-ner-ncbi-disease/NCBI-disease-IOB"
    found = rows(folder)
    assert Counter(r.split for r in found) == {"train": 5424, "validation": 923, "test": 940}
    assert not any(r.problem for r in found)
    spans = Counter(r.split for r in found for _ in r.fields["spans"])
    assert spans == {"train": 5134, "validation": 787, "test": 960}
    assert {s[2] for r in found for s in r.fields["spans"]} == {"Disease"}
    assert "written as BIO" in told(folder)
    assert "repaired" not in told(folder)


def test_an_encoding_can_be_chosen_and_bytes_that_are_no_letters_are_named(tmp_path):
    path = write(tmp_path, "Łódź B-LOC\njest O\n\n" * 3, encoding="cp1250")
    chosen = DataChoices(encoding="cp1250")
    assert next(READER.read(path, chosen)).fields["text"] == "Łódź jest"
    assert "Windows code page 1250" in " ".join(READER.describe(path, chosen).notes)
    with pytest.raises(StudioError, match="no encoding 'klingon'"):
        list(READER.read(path, DataChoices(encoding="klingon")))
    path.write_bytes("Köln B-LOC\nist O\n\n".encode() * 30 + b"K\xf6ln B-LOC\n\nda O\n")
    found = rows(path)
    assert [r.problem for r in found if r.problem] == [
        "words.conll, line 91: at place 2 there is a byte that is no letter in UTF-8"
    ]
    assert found[-1].fields["text"] == "da"


def test_of_several_columns_of_tags_the_last_that_marks_something_is_read(tmp_path):
    text = "1\tWolf\tB-PER\tO\n2\tPeter\tI-PER\tO\n3\tsagte\tO\tO\n\n" * 3
    path = write(tmp_path, text, "a.tsv")
    assert marked(rows(path)[0]) == [("Wolf Peter", "PER")]
    assert "Column 4 could hold tags too" in told(path)
    chunks = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\nit PRP O O\n\n" * 3
    path = write(tmp_path, chunks, "b.conll")
    assert marked(rows(path)[0]) == [("EU", "ORG")]
    found = list(READER.read(path, DataChoices(label_column="3")))
    assert marked(found[0]) == [("EU", "NP"), ("rejects", "VP")]
    titled = write(tmp_path, "word\tpos\tner\tchunk\n" + text.replace("1\t", ""), "c.tsv")
    assert list(READER.read(titled, DataChoices(label_column="NER")))
    with pytest.raises(StudioError, match="no column of words"):
        list(READER.read(path, DataChoices(label_column="9")))


def test_a_line_with_more_columns_is_told_with_its_number(tmp_path):
    text = "In\tO\nRome\tB-Place\n\n" * 5 + "He\tO\nsleeps\tO\tB-Place\n\nShe\tO\t\nruns\tO\n"
    *_, wrong, sound = rows(write(tmp_path, text, "words.tsv"))
    assert wrong.problem == (
        "words.tsv, line 17: there are 3 columns instead of 2 in 'sleeps\\tO\\tB-Place'"
    )
    assert not sound.problem  # an empty cell at the end says nothing
