"""An input is a text, or a file that holds one; a folder, or a file that is gone, is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.modality import text, text_inputs


def test_a_folder_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="is a folder"):
        text_inputs.text_of(str(tmp_path))
    with pytest.raises(StudioError, match="cannot be read: it is a folder"):
        text.sample_of(str(tmp_path))
    assert text_inputs.reason(IsADirectoryError("it is a folder")) == "it is a folder"


@pytest.mark.parametrize(
    "name",
    [
        "gone.txt",
        "my gone notes.txt",
        "Answers of June.JSON",
        "some folder/of mine/and below/a long name of a file that is gone.md",
        "C:\\Users\\My Name\\a text.csv",
        "data/gone.txt ",
        "/home/me/gone.png",
        "letter.docx",
    ],
)
def test_the_name_of_a_file_that_is_not_there_is_no_text(name: str) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        text_inputs.text_of(name)
    with pytest.raises(StudioError, match="no such file"):
        text.sample_of(name)


@pytest.mark.parametrize(
    "words",
    [
        "Please read the file notes.txt and answer.",
        "I would like you to open the file notes.txt",
        "The patients and/or their doctors were asked.",
        "See https://example.org/a.html\nand say what it is about: notes/a.txt",
        "word",
        "and/or",
        "a" * 5000,
        "x/" * 5000,
        "Please read what is written in data/notes.txt",
    ],
)
def test_a_sentence_stays_a_text(words: str) -> None:
    assert text_inputs.text_of(words) == words
    assert text.sample_of(words).fields["text"] == words


def test_a_file_is_read_and_nothing_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_text("words", "utf-8")
    assert text.sample_of(str(tmp_path / "a b.txt")).fields["text"] == "words"
    with pytest.raises(ValueError, match="no text"):
        text_inputs.text_of("")


def test_zero_bytes_are_no_text_typed_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "nothing.txt").write_bytes(b"\0" * 100)
    for given in ("\0" * 5000, "a\0b", str(tmp_path / "nothing.txt")):
        with pytest.raises(ValueError, match="zero bytes"):
            text_inputs.text_of(given)


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04", "an office document"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"{\\rtf1 ", "RTF"),
    ],
)
def test_a_foreign_file_without_a_zero_byte_is_no_text_either(
    tmp_path: Path, begin: bytes, kind: str
) -> None:
    """Its bytes would be read as Windows' western letters, and get an answer."""
    (tmp_path / "foreign.txt").write_bytes(begin + b"words " * 50)
    with pytest.raises(ValueError, match=kind):
        text_inputs.text_of(str(tmp_path / "foreign.txt"))
    with pytest.raises(StudioError, match="no plain text"):
        text.sample_of(str(tmp_path / "foreign.txt"))
