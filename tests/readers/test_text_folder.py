"""Text files in a folder a class: read, decoded one by one, and set aside with the reason."""

from __future__ import annotations

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.text_folder import TextFolder

READER = TextFolder()


def tree(folder, **files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read(folder, **choices):
    return list(READER.read(folder, DataChoices(**choices)))


def test_each_file_is_a_text(tmp_path):
    tree(tmp_path, **{"good/a.txt": "One.\r\nTwo.", "good/b.md": "# Three", "bad/c": "Four"})
    tree(tmp_path, **{"README.md": "About", "bad/.DS_Store": b"\0"})
    found = read(tmp_path)
    assert [(r.path, r.label, r.fields["text"]) for r in found] == [
        ("bad/c", "bad", "Four"),
        ("good/a.txt", "good", "One.\nTwo."),
        ("good/b.md", "good", "# Three"),
    ]
    assert READER.recognises(tmp_path) == 0.85
    assert "1 text files lie beside the class folders" in " ".join(
        READER.describe(tmp_path, DataChoices()).notes
    )


def test_folders_above_are_splits(tmp_path):
    for split in ("train", "dev", "test"):
        tree(tmp_path, **{f"{split}/good/a.txt": "One", f"{split}/bad/a.txt": "Two"})
    assert {r.path.split("/")[0]: r.split for r in read(tmp_path)} == {
        "train": "train",
        "dev": "validation",
        "test": "test",
    }
    assert "with train, validation and test above" in READER.describe(tmp_path, DataChoices()).title


def test_what_is_no_text_is_set_aside_with_the_reason(tmp_path):
    files = {
        "a/1.txt": "x y",
        "a/2.txt": " \n\u200b",
        "a/3.txt": b"\x00\x01\x02 x",
        "a/4.pdf": b"%PDF",
    }
    tree(tmp_path, **files, **{"b/1.txt": "x", "b/2.txt": b"version https://git-lfs.github.com"})
    problems = {r.path: r.problem for r in read(tmp_path) if r.problem}
    assert problems == {
        "a/2.txt": "a/2.txt: it is empty",
        "a/3.txt": "a/3.txt: it holds zero bytes, the first is byte 1: no text",
        "a/4.pdf": "a/4.pdf: a .pdf file is no plain text; save it as .txt",
        "b/2.txt": "b/2.txt: it is only a pointer left by git-lfs; run 'git lfs pull' where it"
        " came from",
    }


def test_each_file_has_its_own_encoding(tmp_path):
    word = "größer als früher, und süßer"
    encodings = ("utf-8", "utf-8-sig", "utf-16", "cp1252")
    tree(tmp_path, **{f"a/{name}.txt": word.encode(name) for name in encodings})
    assert {r.fields["text"] for r in read(tmp_path)} == {word}
    said = " ".join(READER.describe(tmp_path, DataChoices()).notes)
    assert "Read as Windows code page 1252: 1 of the first 4 files." in said
    wrong = [r for r in read(tmp_path, encoding="utf-8") if r.problem]
    assert {r.path for r in wrong} == {"a/cp1252.txt", "a/utf-16.txt"}
    assert "choose another encoding" in wrong[0].problem


@pytest.mark.parametrize(
    ("files", "word"),
    [({}, "is empty"), ({"1.txt": "x"}, "no class folder"), ({"x.bin": b"x"}, "no text files")],
)
def test_folders_without_texts_are_explained(tmp_path, files, word):
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(StudioError, match=word) as caught:
        read(tree(folder, **files))
    assert "folder of its own" in caught.value.hint


def test_names_of_an_archive_give_classes_before_it_is_unpacked(tmp_path):
    names = {"top/good/a.txt", "top/bad/b.txt", "top/train.log"}
    found = list(READER.read(tmp_path, DataChoices(), names))
    assert [(r.path, r.label, r.fields, r.problem) for r in found] == [
        ("top/bad/b.txt", "bad", {}, ""),
        ("top/good/a.txt", "good", {}, ""),
    ]
