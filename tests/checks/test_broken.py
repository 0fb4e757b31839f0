"""Unreadable files: found, named with their reason, set aside, and taken back once mended."""

from __future__ import annotations

import os
import struct
import zlib

import pytest
from PIL import Image

from finetune_studio.checks.broken import find
from finetune_studio.core.dataset import Dataset, Row
from finetune_studio.core.events import Finding
from finetune_studio.core.job import Control
from finetune_studio.modality import examine as module
from tests import tiny
from tests.checks.test_contract import dataset_of


def finding(dataset):
    return [e for e in find(dataset, Control()) if isinstance(e, Finding)][-1]


def huge_png():
    """A PNG of a few bytes that claims 60,000 x 60,000 pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 999))


@pytest.fixture
def folder(tmp_path):
    return tiny.image_classification(tmp_path / "photos", classes=2, per_class=4)


@pytest.fixture
def open_dataset(folder, tmp_path):
    opened = []

    def make():
        opened.append(dataset_of(folder, tmp_path / "project.sqlite"))
        return opened[-1]

    yield make
    for dataset in opened:
        dataset.close()


def test_each_kind_of_damage_has_its_words(folder, open_dataset, tmp_path):
    place = folder / "class 1"
    whole = tmp_path / "whole.jpg"
    tiny.picture(0, 99, 200).save(whole, quality=90)
    (place / "truncated.jpg").write_bytes(whole.read_bytes()[:-2000])
    (place / "empty.jpg").write_bytes(b"")
    (place / "text.png").write_text("no picture")
    (place / "pointer.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    (place / "bomb.png").write_bytes(huge_png())
    (place / "nowhere.png").symlink_to(tmp_path / "not there.png")
    dataset = open_dataset()
    found = finding(dataset)
    assert found.count == 6
    assert found.severity == "warning"
    assert found.remedy == "Exclude them"
    said = {s.path.rpartition("/")[2]: s.problem for s in dataset.samples() if s.problem}
    assert "damaged" in said["truncated.jpg"]
    assert "empty" in said["empty.jpg"]
    assert "not a picture" in said["text.png"]
    assert "git lfs pull" in said["pointer.png"]
    assert "too large" in said["bomb.png"]
    assert "not there" in said["nowhere.png"]
    assert len(dataset.samples(usable=True)) == 8
    assert set(found.samples) == {s.path for s in dataset.samples() if s.problem}


def test_rare_kinds_of_pictures_are_fine(folder, open_dataset):
    place = folder / "class 2"
    picture = tiny.picture(1, 50)
    picture.convert("CMYK").save(place / "cmyk.jpg")
    picture.convert("P").save(place / "palette.png")
    picture.convert("1").save(place / "one bit.png")
    picture.convert("LA").save(place / "grey clear.png")
    picture.convert("I;16").save(place / "16 bit.png")
    picture.convert("I;16").save(place / "16 bit.tif")
    picture.save(place / "moving.gif", save_all=True, append_images=[tiny.picture(2, 51)])
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.save(place / "turned.jpg", exif=turned)
    picture.save(place / "no suffix", format="PNG")
    assert finding(open_dataset()).severity == "ok"


def test_mended_files_are_taken_back_and_new_damage_is_seen(folder, open_dataset):
    bad = folder / "class 1" / "000.png"
    good = bad.read_bytes()
    bad.write_bytes(good[:100])
    dataset = open_dataset()
    assert finding(dataset).count == 1
    assert finding(dataset).count == 1
    bad.write_bytes(good)
    assert finding(dataset).severity == "ok"
    other = folder / "class 2" / "001.png"
    other.write_bytes(other.read_bytes()[:50])
    assert finding(dataset).count == 1
    other.unlink()
    assert finding(dataset).count == 1
    assert len(dataset.samples(usable=True)) == 7


def test_a_second_check_opens_nothing(open_dataset, monkeypatch):
    dataset = open_dataset()
    finding(dataset)
    monkeypatch.setattr(module, "_look_at", lambda _: pytest.fail("opened again"))
    assert finding(dataset).severity == "ok"


def test_what_a_reader_said_of_a_row_stays(folder, tmp_path):
    dataset = Dataset(tmp_path / "p.sqlite")
    rows = [
        Row(
            "class 1/000.png",
            None,
            problem="t.csv, row 2: the cell in column 'y' is empty, so there is no label",
        ),
        Row("class 1/late.png", "a", problem="t.csv, row 3: there is no file class 1/late.png"),
        Row("class 1/001.png", "a"),
    ]
    dataset.fill(rows, root=folder)
    assert finding(dataset).count == 2
    assert [s.problem for s in dataset.samples()] == [r.problem for r in rows]
    (folder / "class 1" / "late.png").write_bytes((folder / "class 1/002.png").read_bytes())
    assert finding(dataset).count == 1
    assert dataset.sample(2).usable
    assert not dataset.sample(1).usable
    dataset.close()


def test_excluded_files_are_no_concern(folder, open_dataset):
    (folder / "class 1" / "000.png").write_bytes(b"")
    dataset = open_dataset()
    first = finding(dataset)
    dataset.exclude(first.edits[0]["ids"])
    assert finding(dataset).severity == "ok"
    dataset.undo()
    assert finding(dataset).count == 1


def test_a_file_without_permission_is_tried_again(folder, open_dataset, monkeypatch):
    dataset = open_dataset()
    real = module._look_at
    monkeypatch.setattr(
        module, "_look_at", lambda s: "you may not read it" if s.id == 1 else real(s)
    )
    assert finding(dataset).count == 1
    monkeypatch.undo()
    assert finding(dataset).severity == "ok"


def test_pipes_do_not_hang(folder, open_dataset):
    dataset = open_dataset()
    (folder / "class 1" / "000.png").unlink()
    os.mkfifo(folder / "class 1" / "000.png")
    assert finding(dataset).count == 1


def test_stopping_keeps_what_was_learned(folder, open_dataset, monkeypatch):
    dataset = open_dataset()
    control = Control()
    real = module._look_at

    def stop_after_three(sample):
        if sample.id == 3:
            control.ask_stop()
        return real(sample)

    monkeypatch.setattr(module, "_look_at", stop_after_three)
    list(find(dataset, control))
    monkeypatch.undo()
    assert dataset.traces()
    assert finding(dataset).severity == "ok"
    assert len(dataset.traces()) == 8


def test_the_reasons_add_up(folder, open_dataset):
    """What the sentence counts by reason is as many as it says at its beginning."""
    place = folder / "class 1"
    whole = (place / "000.png").read_bytes()
    (place / "cut.png").write_bytes(whole[: len(whole) // 2])
    (place / "empty.png").write_bytes(b"")
    (place / "words.png").write_bytes(b"no picture at all")
    (place / "huge.png").write_bytes(huge_png())
    (place / "pointer.png").write_text("version https://git-lfs.github.com/spec/v1\n")
    found = finding(open_dataset())
    assert found.count == 5
    inside = found.message[found.message.index("(") + 1 : found.message.index(")")]
    assert sum(int(part.partition(":")[0]) for part in inside.split("; ")) == 5
