"""Folders that are gone when their work is over, or at the next such work if the program was killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BEGINNING = "finetune-studio"


@contextmanager
def passing_folder(purpose: str) -> Iterator[Path]:
    """Return a new empty folder among the system's temporary ones, and remove it at the end.

    What a killed program left of that purpose, which may be a copy of somebody's data, is removed first.
    """
    _remove_left_behind(purpose)
    beginning = f"{_BEGINNING}-{purpose}-{_process()}-"
    with tempfile.TemporaryDirectory(prefix=beginning, ignore_cleanup_errors=True) as place:
        yield Path(place)


def _remove_left_behind(purpose: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_BEGINNING}-{purpose}-*"):
        parts = folder.name.removeprefix(f"{_BEGINNING}-{purpose}-").split("-")
        if len(parts) == 3 and not _lives(*parts[:2]):
            shutil.rmtree(folder, ignore_errors=True)  # another user's stays


def _process(pid: int | None = None) -> str:
    """Return what tells a process from all others, also from one that is given its number later."""
    import psutil

    process = psutil.Process(pid)
    return f"{process.pid}-{round(process.create_time())}"


def _lives(pid: str, begun: str) -> bool:
    import psutil

    if not (pid.isdecimal() and begun.isdecimal()):
        return True  # not of this program: left alone
    try:
        known = int(_process(int(pid)).partition("-")[2])
    except (psutil.Error, OSError):
        return False
    return abs(known - int(begun)) <= 1  # the clock of the system may have been set right meanwhile
