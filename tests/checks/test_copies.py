"""Copies: exact and near ones are found, told apart from different pictures, and remedied."""

from __future__ import annotations

import io
import shutil

import pytest
from PIL import Image, ImageOps

from finetune_studio.checks import duplicates, leakage
from finetune_studio.core.dataset import Dataset, Row
from finetune_studio.core.events import Finding
from finetune_studio.core.job import Control
from tests import tiny
from tests.checks.test_contract import dataset_of


def findings(check, dataset):
    return [e for e in check.find(dataset, Control()) if isinstance(e, Finding)]


def carried_out(dataset, finding):
    with dataset.one_edit(finding.remedy):
        for edit in finding.edits:
            if edit["action"] == "exclude":
                dataset.exclude(edit["ids"])
            else:
                dataset.move(edit["ids"], edit["value"])


@pytest.fixture
def folder(tmp_path):
    return tiny.image_classification(tmp_path / "photos", classes=3, per_class=12, size=96)


@pytest.fixture
def make(folder, tmp_path):
    opened = []

    def open_it():
        opened.append(dataset_of(folder, tmp_path / "project.sqlite"))
        return opened[-1]

    yield open_it
    for dataset in opened:
        dataset.close()


def test_exact_copies_keep_one(folder, make):
    source = folder / "class 1" / "000.png"
    for name in ("copy.png", "copy of copy.png"):
        shutil.copy(source, folder / "class 1" / name)
    dataset = make()
    (found,) = findings(duplicates, dataset)
    assert (found.severity, found.count) == ("warning", 2)
    assert len(found.ids) == 3
    carried_out(dataset, found)
    assert len(dataset.samples(usable=True)) == 36
    assert findings(duplicates, dataset)[0].severity == "ok"
    dataset.undo()
    assert len(dataset.samples(usable=True)) == 38
    assert findings(duplicates, dataset)[0].count == 2


@pytest.mark.parametrize("change", ["mirrored", "half", "compressed", "turned by EXIF", "all"])
def test_near_copies_are_found(folder, make, change):
    place = folder / "class 2"
    picture = Image.open(place / "003.png").convert("RGB")
    if change in ("mirrored", "all"):
        picture = ImageOps.mirror(picture)
    if change in ("half", "all"):
        picture = picture.resize((picture.width // 2, picture.height // 2))
    if change == "turned by EXIF":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.transpose(Image.Transpose.ROTATE_90).save(place / "near.jpg", quality=95, exif=exif)
    else:
        quality = 40 if change in ("compressed", "all") else 90
        picture.save(place / "near.jpg", quality=quality)
    dataset = make()
    (found,) = findings(duplicates, dataset)
    assert (found.severity, found.count) == ("info", 1)
    assert {p.rpartition("/")[2] for p in found.samples} == {"003.png", "near.jpg"}


def test_pictures_that_show_nothing_are_compared_by_their_bytes_only(folder, make):
    for i in range(5):
        Image.new("RGB", (40 + i, 40), (i * 50, 20, 90)).save(folder / "class 1" / f"flat {i}.png")
    assert findings(duplicates, make())[0].severity == "ok"


def test_the_same_shape_in_another_colour_is_another_picture(folder, make):
    picture = Image.new("RGB", (64, 64), "white")
    picture.paste((200, 0, 0), (10, 10, 40, 50))
    picture.save(folder / "class 1" / "red.png")
    picture.paste((0, 102, 0), (10, 10, 40, 50))  # as bright as that red: only its colour differs
    picture.save(folder / "class 2" / "other.png")
    assert findings(duplicates, make())[0].severity == "ok"


def test_copies_with_different_labels_are_worst(folder, make):
    shutil.copy(folder / "class 1" / "000.png", folder / "class 2" / "again.png")
    dataset = make()
    (found,) = findings(duplicates, dataset)
    assert found.severity == "bad"
    assert "class 1 and class 2" in found.message
    assert len(found.edits[0]["ids"]) == 2
    carried_out(dataset, found)
    assert findings(duplicates, dataset)[0].severity == "ok"


def test_leaked_copies_join_training_and_are_undone(folder, tmp_path):
    for i, split in enumerate(("train", "validation", "test")):
        for number in range(3):
            place = folder.parent / "split" / split / f"class {number + 1}"
            place.mkdir(parents=True)
            for index in range(i * 4, i * 4 + 4):
                shutil.copy(folder / f"class {number + 1}" / f"{index:03d}.png", place)
    split = folder.parent / "split"
    shutil.copy(split / "test/class 1/008.png", split / "train/class 1/x.png")
    picture = Image.open(split / "test/class 2/009.png")
    ImageOps.mirror(picture).save(split / "validation/class 2/y.png")
    dataset = dataset_of(split, tmp_path / "split.sqlite")
    before = dataset.split_counts()
    (found,) = findings(leakage, dataset)
    assert (found.severity, found.count) == ("bad", 2)
    assert "test keeps 10 of 12" in found.message
    assert {(e["value"], len(e["ids"])) for e in found.edits} == {("train", 1), ("validation", 1)}
    carried_out(dataset, found)
    assert findings(leakage, dataset)[0].severity == "ok"
    assert dataset.split_counts() == {"train": 14, "validation": 14, "test": 10}
    dataset.undo()
    assert dataset.split_counts() == before
    dataset.close()


def test_torn_groups_are_divided_anew(folder, tmp_path):
    dataset = Dataset(tmp_path / "g.sqlite")
    files = sorted(folder.rglob("*.png"))
    splits = ("train", "train", "validation", "test")
    rows = [
        Row(f.relative_to(folder).as_posix(), f.parent.name, splits[i % 4], f"patient {i // 2 % 9}")
        for i, f in enumerate(files)
    ]
    dataset.fill(rows, root=folder)
    (found,) = findings(leakage, dataset)
    assert found.severity == "warning"
    assert "groups are torn" in found.message
    assert found.remedy == "Divide anew, kept together"
    carried_out(dataset, found)
    assert findings(leakage, dataset)[0].severity == "ok"
    counts = dataset.split_counts()
    assert counts["train"] >= 14
    assert counts["test"] >= 4
    assert counts["validation"] >= 4
    dataset.close()


def test_a_second_search_compares_nothing(folder, make, monkeypatch):
    from finetune_studio.modality import likeness

    shutil.copy(folder / "class 1" / "000.png", folder / "class 1" / "copy.png")
    dataset = make()
    first = findings(duplicates, dataset)
    monkeypatch.setattr(likeness, "alike", lambda *_: pytest.fail("compared again"))
    assert findings(duplicates, dataset) == first


@pytest.mark.shared
@pytest.mark.slow
def test_few_false_alarms_on_real_photos(shared, tmp_path):
    dataset = dataset_of(shared / "data/cls-clothing10", tmp_path / "project.sqlite")
    found = findings(duplicates, dataset)
    # One pair of shorts stands there as shorts and as skirt; nothing else is a copy.
    assert [(f.severity, f.count) for f in found] == [("bad", 2)]
    assert findings(leakage, dataset)[0].severity == "ok"
    dataset.close()


def test_a_burst_of_frames_is_one_set(folder, make):
    base = tiny.picture(0, 77, 200)
    for i in range(40):
        out = io.BytesIO()
        base.save(out, "JPEG", quality=50 + i)
        (folder / "class 1" / f"frame {i}.jpg").write_bytes(out.getvalue())
    (found,) = findings(duplicates, make())
    assert found.count == 39
    assert "1 set" in found.message
