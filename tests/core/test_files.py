"""Writing files: whole or not at all, readable by others, refusals in words."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError


def test_text_is_written_as_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    files.write_text(tmp_path / "new" / "folder" / "a.txt", "Käse 🍎\nzwei\n")
    assert (tmp_path / "new" / "folder" / "a.txt").read_bytes() == "Käse 🍎\nzwei\n".encode()


def test_json_is_readable_by_people(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"name": "Käse"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "Käse"}
    assert "Käse" in text


def test_an_error_on_the_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    files.write_text(path, "old")

    def half() -> None:
        with files.replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_that_write_the_same_file_leave_one_whole_version(tmp_path: Path) -> None:
    texts = [str(number) * 50_000 for number in range(4)]
    threads = [
        threading.Thread(target=files.write_text, args=(tmp_path / "a", text)) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_text() in texts
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_file_may_be_read_by_others_whatever_a_library_made_of_it(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with files.replacing(tmp_path / "a") as temporary:
        temporary.unlink()
        temporary.write_text("private")
        temporary.chmod(0o600)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "plain").stat().st_mode
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EROFS, "may not be written"),
        (errno.EACCES, "may not be written"),
    ],
)
def test_refusals_of_the_system_name_the_file(tmp_path: Path, number: int, words: str) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(StudioError) as caught, files.explained(path):
        raise OSError(number, "no")
    assert words in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError), files.explained(tmp_path):
        raise ConnectionError


def test_size_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(bytes(100))
    (tmp_path / "b").write_bytes(bytes(11))
    assert files.folder_size(tmp_path) == 111
    assert files.folder_size(tmp_path / "none") == 0
