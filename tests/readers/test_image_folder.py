"""A folder per class, in all the ways in which people keep such folders."""

from __future__ import annotations

import os
import zipfile

import pytest

from finetune_studio.core import reader as words
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.image_folder import ImageFolder

READER = ImageFolder()


def tree(folder, *files):
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def rows(folder):
    return [(row.path, row.label, row.split) for row in READER.read(folder, DataChoices())]


def notes(folder):
    return " ".join(READER.describe(folder, DataChoices()).notes)


def test_every_visible_file_counts_and_litter_does_not(tmp_path):
    tree(
        tmp_path,
        *("cat/1.jpg", "cat/2", "cat/3.weird", "cat/README.txt", "dog/1.PNG"),
        *("cat/.DS_Store", "cat/._1.jpg", "cat/Thumbs.db", "dog/desktop.ini", ".git/config"),
        *("__MACOSX/cat/1.jpg", "dog/@eaDir/1.jpg"),
        *("PROVENANCE.md", "README", "LICENSE"),
    )
    assert rows(tmp_path) == [
        ("cat/1.jpg", "cat", None),
        ("cat/2", "cat", None),
        ("cat/3.weird", "cat", None),
        ("cat/README.txt", "cat", None),
        ("dog/1.PNG", "dog", None),
    ]
    assert notes(tmp_path) == ""


def test_folders_below_a_class_belong_to_it(tmp_path):
    tree(tmp_path, "cat/a/b/1.jpg", "cat/2.jpg", "dog/c/3.jpg", "dog/d/3.jpg")
    assert [label for _, label, _ in rows(tmp_path)] == ["cat", "cat", "dog", "dog"]


@pytest.mark.parametrize(
    "names",
    [
        ("train", "validation", "test"),
        ("Training", "VALID", "Testing"),
        ("TRAIN", "val", "TEST"),
        ("train", "dev", "test"),
        ("Train", "Devel", "Test"),
    ],
)
def test_folders_above_the_classes_are_splits(tmp_path, names):
    tree(tmp_path, *(f"{name}/{c}/1.jpg" for name in names for c in ("cat", "dog")), "LICENSE")
    found = rows(tmp_path)
    splits = {path.split("/")[0]: split for path, _, split in found}
    assert splits == dict(zip(names, ("train", "validation", "test"), strict=True))
    assert {label for _, label, _ in found} == {"cat", "dog"}
    assert "with train, validation and test above" in READER.describe(tmp_path, DataChoices()).title


def test_a_class_may_be_called_test(tmp_path):
    tree(tmp_path, "blood/1.jpg", "test/1.jpg", "train/1.jpg")
    assert rows(tmp_path) == [
        ("blood/1.jpg", "blood", None),
        ("test/1.jpg", "test", None),
        ("train/1.jpg", "train", None),
    ]


def test_what_is_no_split_is_left_out_and_said(tmp_path):
    tree(tmp_path, "train/cat/1.jpg", "train/dog/1.jpg", "extra/cat/9.jpg", "test/loose.jpg")
    assert {split for _, _, split in rows(tmp_path)} == {"train"}
    assert "extra" in notes(tmp_path)
    assert "2 pictures lie beside the class folders" in notes(tmp_path)


def test_single_folders_on_top_are_stepped_through(tmp_path):
    tree(
        tmp_path,
        "set-v1.2/images/train/cat/1.jpg",
        "set-v1.2/images/train/dog/1.jpg",
        "set-v1.2/README",
    )
    assert rows(tmp_path)[0] == ("set-v1.2/images/train/cat/1.jpg", "cat", "train")
    other = tree(tmp_path / "b", "top/cat/1.jpg", "top/dog/1.jpg")
    assert [label for _, label, _ in rows(other)] == ["cat", "dog"]


def test_a_single_class_folder_is_a_class(tmp_path):
    tree(tmp_path / "a", "cat/1.jpg", "cat/more/2.jpg")
    assert {label for _, label, _ in rows(tmp_path / "a")} == {"cat"}
    tree(tmp_path / "b", "cat/more/2.jpg")
    assert len({label for _, label, _ in rows(tmp_path / "b")}) == 1


def test_empty_class_folders_are_told(tmp_path):
    tree(tmp_path, "cat/1.jpg", "dog/1.jpg")
    (tmp_path / "owl").mkdir()
    assert "The folder owl holds no files" in notes(tmp_path)
    assert {label for _, label, _ in rows(tmp_path)} == {"cat", "dog"}


def test_classes_that_differ_in_capitals_are_told(tmp_path):
    tree(tmp_path, "train/Cat/1.jpg", "train/dog/2.jpg", "test/cat/1.jpg")
    assert "'Cat' and 'cat'" in notes(tmp_path)


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ((), "is empty"),
        (("1.jpg", "2.png"), "2 pictures"),
        (("notes.txt",), "no class folders"),
        (("cat/.hidden",), "hold no files"),
    ],
)
def test_folders_that_hold_no_samples_are_explained(tmp_path, files, word):
    folder = tmp_path / "data"
    folder.mkdir()
    tree(folder, *files)
    with pytest.raises(StudioError, match=word) as caught:
        rows(folder)
    assert "folder of its own" in caught.value.hint


def test_links_are_followed_and_loops_are_not(tmp_path):
    tree(tmp_path, "real/1.jpg", "data/dog/1.jpg")
    (tmp_path / "data/cat").symlink_to(tmp_path / "real")
    (tmp_path / "data/cow").symlink_to(tmp_path / "real")
    (tmp_path / "real/loop").symlink_to(tmp_path / "real")
    (tmp_path / "data/dog/link.jpg").symlink_to(tmp_path / "real/1.jpg")
    (tmp_path / "data/dog/broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert rows(tmp_path / "data") == [
        ("cat/1.jpg", "cat", None),
        ("cow/1.jpg", "cow", None),
        ("dog/1.jpg", "dog", None),
        ("dog/broken.jpg", "dog", None),
        ("dog/link.jpg", "dog", None),
    ]


def test_pipes_are_no_samples(tmp_path):
    tree(tmp_path, "cat/1.jpg", "dog/1.jpg")
    os.mkfifo(tmp_path / "dog" / "pipe.jpg")
    assert len(rows(tmp_path)) == 2


def test_a_name_that_is_no_text_is_set_aside(tmp_path):
    tree(tmp_path, "cat/1.jpg", "dog/1.jpg")
    with open(os.fsencode(tmp_path / "cat") + b"/caf\xe9.jpg", "wb") as file:  # noqa: PTH123
        file.write(b"x")
    odd = [row for row in READER.read(tmp_path, DataChoices()) if row.problem]
    assert len(odd) == 1
    assert "rename it" in odd[0].problem
    odd[0].path.encode("utf-8")


def test_a_folder_that_may_not_be_opened_is_named(tmp_path, monkeypatch):
    tree(tmp_path, "cat/1.jpg", "dog/1.jpg")
    real = os.scandir

    def refuse(place):
        if str(place).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StudioError, match=r"dog cannot be read: Permission denied"):
        rows(tmp_path)


def test_a_whole_disk_is_refused(tmp_path, monkeypatch):
    tree(tmp_path, *(f"cat/{i}.jpg" for i in range(12)))
    monkeypatch.setattr(words, "MOST_FILES", 10)
    with pytest.raises(StudioError, match="more than 10 files"):
        rows(tmp_path)


def test_names_of_a_zip_from_a_mac(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("pets/cat/1.jpg", "pets/dog/1.jpg", "pets/owl/", "__MACOSX/pets/cat/._1.jpg"):
            file.writestr(name, b"x")
        names = set(file.namelist())
    found = list(READER.read(tmp_path, DataChoices(), names))
    assert [row.label for row in found] == ["cat", "dog"]
    assert "owl" in " ".join(READER.describe(tmp_path, DataChoices(), names).notes)


@pytest.mark.shared
def test_real_folders(shared):
    clothes = rows(shared / "data/cls-clothing10")
    assert len(clothes) == 3781
    assert sum(split == "test" for _, _, split in clothes) == 372
    assert len({label for _, label, _ in clothes}) == 10
    digits = rows(shared / "data/cls-sign-digits")
    assert len(digits) == 402
    assert {split for _, _, split in digits} == {None}
