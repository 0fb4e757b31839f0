"""Zips: unpacked once, and refused where they could do harm."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
import zipfile
from types import SimpleNamespace

import pytest

from finetune_studio.core import archive
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import PhaseStarted, Progress
from finetune_studio.core.job import Control


def packed(path, members):
    """Write a zip of names and bytes; an entry may also be a ZipInfo."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return path


def unpack(path, folder, control=None):
    return list(archive.unpack(path, folder, control or Control()))


@pytest.fixture
def good(tmp_path):
    return packed(tmp_path / "leaves.zip", [(f"top/a/{i}.txt", f"{i}" * 100) for i in range(30)])


def test_everything_comes_out_and_progress_is_told(good, tmp_path):
    events = unpack(good, tmp_path / "data")
    assert isinstance(events[0], PhaseStarted)
    assert "30 files" in events[0].text
    assert events[-1] == Progress("unpack", 30, 30, 0.0)
    place = archive.unpacked(good, tmp_path / "data")
    assert place == tmp_path / "data" / "leaves"
    assert (place / "top/a/7.txt").read_text() == "7" * 100


def test_the_same_zip_is_not_unpacked_twice(good, tmp_path):
    unpack(good, tmp_path / "data")
    (tmp_path / "data/leaves/top/a/7.txt").write_text("touched")
    assert unpack(good, tmp_path / "data") == []
    assert (tmp_path / "data/leaves/top/a/7.txt").read_text() == "touched"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = elsewhere / "leaves.zip"
    shutil.copy2(good, moved)
    assert archive.unpacked(moved, tmp_path / "data") == tmp_path / "data" / "leaves"


def test_another_zip_of_the_same_name_gets_a_folder_of_its_own(good, tmp_path):
    unpack(good, tmp_path / "data")
    (tmp_path / "b").mkdir()
    other = packed(tmp_path / "b" / "leaves.zip", [("x/1.txt", "1")])
    unpack(other, tmp_path / "data")
    assert archive.unpacked(other, tmp_path / "data") == tmp_path / "data" / "leaves-2"


def test_litter_and_hidden_files_stay_inside(tmp_path):
    path = packed(
        tmp_path / "a.zip",
        [("__MACOSX/a/._1.png", "x"), ("a/.DS_Store", "x"), ("a/Thumbs.db", "x"), ("a/1.png", "x")],
    )
    assert archive.content(path).names == {"a/1.png"}


def test_names_from_other_systems_are_understood(tmp_path):
    utf8 = zipfile.ZipInfo("a/x.png")
    utf8.filename = "grün/x.png".encode().decode("cp437")  # UTF-8 written without saying so
    path = packed(tmp_path / "a.zip", [("b\\c\\1.png", "x"), ("./d//2.png", "x")])
    assert archive.content(path).names == {"b/c/1.png", "d/2.png"}
    assert archive._spelled(utf8) == "grün/x.png"


def link():
    entry = zipfile.ZipInfo("a/link.png")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("/etc/passwd", "absolute"),
        ("C:/windows/x.png", "absolute"),
        ("C:\\windows\\x.png", "absolute"),
        ("\\\\server\\share\\x.png", "absolute"),
        ("../x.png", r"\.\."),
        ("a/../../x.png", r"\.\."),
        ("a\\..\\..\\x.png", r"\.\."),
        ("a/\n.png", "signs"),
        (link(), "link"),
    ],
)
def test_entries_that_could_do_harm_are_refused(tmp_path, name, word):
    path = packed(tmp_path / "bad.zip", [("a/1.png", "x"), (name, "x")])
    with pytest.raises(StudioError, match=word) as caught:
        unpack(path, tmp_path / "data")
    assert "bad.zip" in caught.value.message
    assert not (tmp_path / "data").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.zip"]


def test_encrypted_entries_are_refused(good, tmp_path):
    data = bytearray(good.read_bytes())
    place = data.find(b"PK\x01\x02")
    data[place + 8] |= 1  # the flag in the directory
    bad = tmp_path / "secret.zip"
    bad.write_bytes(data)
    with pytest.raises(StudioError, match="encrypted"):
        archive.content(bad)


def test_bombs_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    path = packed(tmp_path / "bomb.zip", [(f"a/{i}.png", b"\0" * 1_000_000) for i in range(5)])
    monkeypatch.setattr(archive, "FREE_RATIO_BELOW", 1_000_000)
    with pytest.raises(StudioError, match="fill the disk"):
        unpack(path, tmp_path / "data")
    monkeypatch.setattr(archive, "FREE_RATIO_BELOW", 10**9)
    assert archive.content(path).unpacked == 5_000_000  # black pictures pack well and are no bomb
    monkeypatch.setattr(archive, "MOST_BYTES", 4_000_000)
    with pytest.raises(StudioError, match="fill the disk"):
        unpack(path, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_an_entry_that_lies_about_its_size_is_stopped(tmp_path):
    path = packed(tmp_path / "liar.zip", [("a/1.png", b"\0" * 3_000_000)])
    data = path.read_bytes()
    size = (3_000_000).to_bytes(4, "little")
    path.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(StudioError):
        unpack(path, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_too_many_files_are_refused(good, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_FILES", 29)
    with pytest.raises(StudioError, match="30 files; more than 29"):
        archive.content(good)


def test_too_little_room_is_said_first(good, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(StudioError, match="MB free"):
        unpack(good, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_full_disk_half_way_leaves_nothing(good, tmp_path, monkeypatch):
    real = archive.Path.open

    def full(self, mode="r", *args, **more):
        if "x" in mode and self.name == "20.txt":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return real(self, mode, *args, **more)

    monkeypatch.setattr(archive.Path, "open", full)
    with pytest.raises(StudioError, match="disk is full"):
        unpack(good, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_stopping_leaves_nothing_and_going_on_works(good, tmp_path):
    control = Control()
    job = archive.unpack(good, tmp_path / "data", control)
    next(job)
    control.ask_stop()
    assert list(job) == []
    assert list((tmp_path / "data").iterdir()) == []
    unpack(good, tmp_path / "data")
    assert archive.unpacked(good, tmp_path / "data")


def test_an_abandoned_job_leaves_nothing(good, tmp_path):
    job = archive.unpack(good, tmp_path / "data", Control())
    next(job)
    job.close()
    assert list((tmp_path / "data").iterdir()) == []


def test_what_a_killed_program_left_is_swept(good, tmp_path):
    (tmp_path / "data" / ".unpacking-abc" / "top").mkdir(parents=True)
    unpack(good, tmp_path / "data")
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["leaves"]


def test_pausing_waits(good, tmp_path):
    control = Control()
    control.pause()
    thread = threading.Thread(target=unpack, args=(good, tmp_path / "data", control))
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    control.go_on()
    thread.join(20)
    assert archive.unpacked(good, tmp_path / "data")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "damaged"),
        (b"not a zip at all", "damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "git-lfs"),
    ],
)
def test_files_that_are_no_zip_are_named(tmp_path, data, word):
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert archive.is_archive(path)
    with pytest.raises(StudioError, match=word) as caught:
        archive.content(path)
    assert "x.zip" in caught.value.message


def test_a_truncated_zip_and_a_damaged_entry_are_named(good, tmp_path):
    data = good.read_bytes()
    short = tmp_path / "short.zip"
    short.write_bytes(data[:-200])
    with pytest.raises(StudioError, match="damaged"):
        archive.content(short)
    hurt = bytearray(data)
    hurt[45:50] = b"\xff\xff\xff\xff\xff"  # in the packed bytes of the first entry
    bad = tmp_path / "hurt.zip"
    bad.write_bytes(hurt)
    with pytest.raises(StudioError, match="damaged"):
        unpack(bad, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_name_that_is_file_and_folder_is_refused(tmp_path):
    path = packed(tmp_path / "x.zip", [("a", "file"), ("a/b.png", "x")])
    with pytest.raises(StudioError, match="as a file and as a folder"):
        unpack(path, tmp_path / "data")


def test_an_empty_zip_is_named(tmp_path):
    with pytest.raises(StudioError, match="holds no files"):
        archive.content(packed(tmp_path / "x.zip", []))


@pytest.mark.shared
def test_sixty_thousand_pictures_are_listed(shared):
    inside = archive.content(shared / "data/cls-cifar10/cifar10.zip")
    assert len(inside.members) == 60_000
    assert "train/bird/0338.jpg" in inside.names
