"""Writing files so that a crash at any instant leaves either the old file or the new one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from finetune_studio.core.errors import StudioError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (*_FULL, errno.EACCES, errno.EPERM, errno.EROFS)  # by the disk, or by its rules


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name in the same folder; on success flush it and rename it to ``path``.

    Raises:
        StudioError: If the folder cannot be written or the disk is full; ``path`` is then unchanged.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not mkstemp: its files may be read by nobody else, and exports are made to be handed on.
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            temporary.touch()
            mode = temporary.stat().st_mode
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            if temporary.stat().st_mode != mode:  # a library put a private file of its own there
                temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals while writing to ``path`` into words."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StudioError(
                f"The disk is full: {path} could not be written.",
                "Free some space or choose another place, then try again. Nothing was lost.",
            ) from error
        if error.errno in REFUSED:
            raise StudioError(
                f"{path} may not be written.",
                "Choose a folder that you may write to, or change its permissions.",
            ) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, just as it is."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files right in a folder by name; none where there is no such folder."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {f.name: f.read_bytes() for f in found if f.is_file() and not f.name.startswith(".")}


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically, indented, so that people can read it."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def append_line(file: IO[str], line: str) -> None:
    """Append one line and push it to the operating system, so that a killed process loses none."""
    file.write(line + "\n")
    file.flush()


def folder_size(folder: Path) -> int:
    """Return the bytes in a folder and below it; files that vanish meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(parent) / name).lstat().st_size
    return total
