"""Temporary folders are gone at the end, and those of killed programs at the next occasion."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from finetune_studio.core.passing import passing_folder

BEGIN = """
import os, signal
from finetune_studio.core.passing import passing_folder
with passing_folder("trial") as folder:
    (folder / "copy.txt").write_text("somebody's data")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.{end})
"""


@pytest.fixture(autouse=True)
def own_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_it_is_empty_and_gone_afterwards() -> None:
    with passing_folder("trial") as folder:
        assert list(folder.iterdir()) == []
        (folder / "inner").mkdir()
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kills as Unix does")
def test_what_a_killed_program_left_is_removed_by_the_next(own_room: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", BEGIN.format(end="SIGKILL")],
        capture_output=True,
        text=True,
        check=False,
    )
    left = Path(killed.stdout.strip())
    assert killed.returncode == -9
    assert (left / "copy.txt").exists()
    with passing_folder("other"):
        assert left.exists()  # it may be in use for longer than this purpose knows
    with passing_folder("trial") as folder:
        assert [*own_room.iterdir()] == [folder]


@pytest.mark.skipif(sys.platform == "win32", reason="stops as Unix does")
def test_what_another_program_uses_now_stays(own_room: Path) -> None:
    begin = BEGIN.format(end="SIGSTOP")
    with subprocess.Popen(
        [sys.executable, "-c", begin], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        used = Path(other.stdout.readline().strip())
        with passing_folder("trial") as own:
            assert {*own_room.iterdir()} == {used, own}
        other.kill()


def test_what_looks_alike_but_is_not_ours_stays(own_room: Path) -> None:
    foreign = own_room / "finetune-studio-trial-notes-of-mine"
    foreign.mkdir()
    with passing_folder("trial"):
        assert foreign.exists()
