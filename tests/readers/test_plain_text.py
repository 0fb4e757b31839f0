"""Plain texts are cut between paragraphs; no letter is lost and no word is cut."""

from __future__ import annotations

import random

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.engine import curate
from finetune_studio.readers.plain_text import PlainText
from tests import tiny

READER = PlainText()


def write(folder, text, name="story.txt", encoding="utf-8"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def rows(path):
    return list(READER.read(path, DataChoices()))


def texts(path):
    return [row.fields["text"] for row in rows(path)]


def words(text):
    return text.split()


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_and_no_word_is_cut(tmp_path, seed):
    rng = random.Random(seed)
    paragraphs = []
    for _ in range(rng.randint(1, 40)):
        count = rng.choice((1, 3, 20, 100, 600))
        some = ["".join(rng.choices("abcdefgh", k=rng.randint(1, 12))) for _ in range(count)]
        ends = ["." if rng.random() < 0.1 else "" for _ in some]
        paragraphs.append(" ".join(w + e for w, e in zip(some, ends, strict=True)))
    whole = "\n\n".join(paragraphs)
    found = texts(write(tmp_path, whole))
    assert [w for text in found for w in words(text)] == words(whole)
    assert all(len(text) <= 2450 for text in found)
    assert len(found) == 1 or min(map(len, found)) >= 200


def test_short_paragraphs_are_gathered(tmp_path):
    found = rows(write(tmp_path, "\n\n\n".join(f"Line {i}." for i in range(10))))
    assert len(found) == 1
    assert found[0].fields == {
        "file": "story.txt",
        "row": 1,
        "text": "\n\n".join(f"Line {i}." for i in range(10)),
    }


def test_long_paragraphs_are_cut_between_sentences(tmp_path):
    found = texts(write(tmp_path, "This sentence says something. " * 300))
    assert len(found) > 3
    assert all(text.endswith("something.") for text in found)


def test_a_word_longer_than_a_piece_stays_whole(tmp_path):
    found = texts(write(tmp_path, "a " + "x" * 9000 + " b"))
    assert [w for text in found for w in words(text)] == ["a", "x" * 9000, "b"]


def test_text_without_blanks_is_cut_after_its_sentences(tmp_path):
    found = texts(write(tmp_path, "这是一个句子。" * 1000))
    assert len(found) > 3
    assert "".join(found) == "这是一个句子。" * 1000
    assert all(text.endswith("。") for text in found)


def test_folders_files_and_splits(tmp_path):
    for index in range(12):
        write(tmp_path / "books", f"Text {index}.", f"{index:02d}.md")
    write(tmp_path / "books", "About.", "README.md")
    found = rows(tmp_path / "books")
    assert len(found) == 12
    assert {r.group for r in found} == {r.fields["file"] for r in found}
    assert READER.recognises(tmp_path / "books") == 0.5
    for name in ("train/a.txt", "train/b.txt", "test/a.txt"):
        write(tmp_path / "split", "Text.", name)
    assert [r.split for r in rows(tmp_path / "split")] == ["train", "train", "test"]
    assert {r.group for r in rows(tmp_path / "split")} == {None}


def test_the_number_of_pieces_is_told(tmp_path):
    path = tiny.plain_text(tmp_path)
    told = READER.describe(path, DataChoices()).title
    assert "8 pieces of about 2,000 letters at most" in told


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings(tmp_path, encoding):
    assert texts(write(tmp_path, "Schöne Grüße.\n", encoding=encoding)) == ["Schöne Grüße."]


def test_bad_files_are_named(tmp_path):
    with pytest.raises(StudioError, match="is empty"):
        rows(write(tmp_path, ""))
    write(tmp_path / "many", "Fine.", "a.txt")
    write(tmp_path / "many", "%PDF-1.7", "b.txt")
    write(tmp_path / "many", "version https://git-lfs.github.com/spec/v1\n", "c.txt")
    assert texts(tmp_path / "many") == ["Fine."]
    notes = " ".join(READER.describe(tmp_path / "many", DataChoices()).notes)
    assert "b.txt is no plain text but a PDF" in notes
    assert "git-lfs" in notes
    found = rows(write(tmp_path, "One.\n\nA\0B\n\nTwo.\n"))
    assert [r.problem for r in found if r.problem] == [
        "story.txt, line 3: at place 2 there is a zero byte, which no text has"
    ]


@pytest.mark.parametrize("content", ["", "  \n\n"])
def test_an_empty_text_file_is_spoken_of_as_a_text_file(tmp_path, content):
    path = write(tmp_path, content)
    look = curate.look(path, DataChoices(), "causal_lm")
    assert look.reader == "plain_text"
    assert look.blocked.endswith("is empty. Choose a text file that is not empty.")
