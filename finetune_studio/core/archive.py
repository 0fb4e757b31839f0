"""Unpacking a zip once into a project, with everything refused that could do harm."""

from __future__ import annotations

import json
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress
from finetune_studio.core.files import explained, write_json
from finetune_studio.core.job import Control
from finetune_studio.core.reader import visible

MOST_FILES = 1_000_000
MOST_BYTES = 500 * 10**9
# Black masks compress a few hundred times; a bomb, a small file that fills a disk, far more.
MOST_RATIO = 200
FREE_RATIO_BELOW = 10**9
_SPARE = 200 * 10**6  # bytes that must stay free on the disk
_MARK = ".unpacked.json"
_HALF = ".unpacking-"
_PIECE = 2**20


@dataclass(frozen=True)
class Content:
    """What an archive holds, from its directory alone.

    Attributes:
        members: Its visible files by the name they will have below the folder.
        packed: Size of the archive in bytes.
        unpacked: Sum of the sizes that the archive states, in bytes.
    """

    members: dict[str, zipfile.ZipInfo]
    packed: int
    unpacked: int

    @property
    def names(self) -> frozenset[str]:
        """Return the files' names, ``/`` between their parts."""
        return frozenset(self.members)


def is_archive(path: Path) -> bool:
    """Whether a file is, or calls itself, a zip."""
    return path.is_file() and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path))


def content(path: Path) -> Content:
    """Read an archive's directory and check it.

    Raises:
        StudioError: If the archive is damaged, encrypted, too large, or holds what could do harm.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise StudioError(
            f"{path} holds {len(entries):,} files; more than {MOST_FILES:,} are refused.",
            "Unpack it yourself and choose the folder.",
        )
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = _safe(path, entry)
        if not name.endswith("/") and all(visible(part) for part in name.split("/")):
            members[name] = entry
    if not members:
        raise StudioError(f"{path} holds no files.", "Choose another archive.")
    unpacked = sum(entry.file_size for entry in members.values())
    packed = path.stat().st_size
    _refuse_bombs(path, packed, unpacked)
    return Content(members, packed, unpacked)


def unpacked(path: Path, folder: Path) -> Path | None:
    """Return where below ``folder`` this very archive was unpacked before, if it was."""
    if not folder.is_dir():
        return None
    for place in sorted(folder.iterdir()):
        try:
            known = json.loads((place / _MARK).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(known, dict) and known.get("stamp") == _stamp(path):
            return place
    return None


def unpack(path: Path, folder: Path, control: Control) -> Iterator[Event]:
    """Unpack an archive into a folder of its name below ``folder``, unless that was done before.

    What is half unpacked when the job is stopped or fails is removed. Afterwards :func:`unpacked`
    says where it lies.

    Raises:
        StudioError: If the archive is refused, damaged, or the disk has no room.
    """
    _sweep(folder)
    if unpacked(path, folder):
        return
    inside = content(path)
    size_mb = inside.unpacked / 1e6
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if inside.unpacked + _SPARE > free:
            raise StudioError(
                f"{path.name} needs {size_mb:,.0f} MB unpacked, and {folder} has"
                f" {free / 1e6:,.0f} MB free.",
                "Free some space, or keep the project on a larger disk.",
            )
        half = Path(tempfile.mkdtemp(prefix=_HALF, dir=folder))
    total = len(inside.members)
    text = f"Unpacking {path.name}: {total:,} files, {size_mb:,.1f} MB"
    try:
        yield PhaseStarted("unpack", text, total)
        yield from _extract(path, inside, half, control)
        if control.stop.is_set():
            return
        with explained(half):
            write_json(half / _MARK, {"stamp": _stamp(path), "source": path.name, "files": total})
            half.rename(_unused(folder, path.stem))
    finally:
        shutil.rmtree(half, ignore_errors=True)


def extract(path: Path, inside: Content, names: Collection[str], folder: Path) -> None:
    """Write some members of an archive below a folder, for a look at them.

    Raises:
        StudioError: If one cannot be read or written.
    """
    if not names:
        return
    chosen = {name: inside.members[name] for name in names}
    size = sum(entry.file_size for entry in chosen.values())
    for _ in _extract(path, Content(chosen, 0, size), folder, Control()):
        pass  # its progress interests nobody: a look is short


def _extract(path: Path, inside: Content, folder: Path, control: Control) -> Iterator[Progress]:
    """Write every member, counting what really comes out."""
    started = last = time.monotonic()
    made: set[Path] = set()
    out_bytes = 0
    total = len(inside.members)
    with _opened(path) as archive:
        for done, (name, entry) in enumerate(inside.members.items(), start=1):
            control.wait_while_paused()
            if control.stop.is_set():
                return
            target = folder / name
            with _named(path, name), explained(target):
                if target.parent not in made:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    made.add(target.parent)
                with archive.open(entry) as source, target.open("xb") as out:
                    while piece := source.read(_PIECE):
                        out_bytes += len(piece)
                        if out_bytes > inside.unpacked:
                            raise _bomb(path)
                        out.write(piece)
            now = time.monotonic()
            if now - last > 0.1 or done == total:
                last = now
                yield Progress("unpack", done, total, (now - started) / done * (total - done))


def _safe(path: Path, entry: zipfile.ZipInfo) -> str:
    """Return a member's name with ``/`` between its parts.

    Raises:
        StudioError: If it would land outside the folder, is a link, or is encrypted.
    """
    name = _spelled(entry).replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    trouble = ""
    if name.startswith("/") or (parts and ":" in parts[0]):
        trouble = "it has a place of its own outside the archive (an absolute path)"
    elif ".." in parts:
        trouble = "it leads out of the folder ('..')"
    elif stat.S_ISLNK(entry.external_attr >> 16):
        trouble = "it is a link to another file"
    elif entry.flag_bits & 1:
        trouble = "it is encrypted"
    elif not parts or (not name.isprintable() and any(ord(char) < 32 for char in name)):
        trouble = "its name holds signs that no file name has"
    if trouble:
        raise StudioError(
            f"{path.name} is refused because of its entry {name[:200]!r}: {trouble}.",
            "Unpack it yourself if you trust it, and choose the folder.",
        )
    return "/".join(parts) + ("/" if name.endswith("/") else "")


def _spelled(entry: zipfile.ZipInfo) -> str:
    """Return a name as it was meant: many programs write UTF-8 without saying so."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def _refuse_bombs(path: Path, packed: int, size: int) -> None:
    too_much = size > MOST_BYTES
    if too_much or (size > FREE_RATIO_BELOW and size > MOST_RATIO * max(packed, 1)):
        raise _bomb(path, size)


def _bomb(path: Path, size: int = 0) -> StudioError:
    much = f"{size / 1e9:,.1f} GB" if size else "more than it says"
    return StudioError(
        f"{path.name} would unpack to {much} and is refused: it may be made to fill the disk.",
        "Unpack it yourself if you trust it, and choose the folder.",
    )


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError) as error:
        raise _damaged(path, str(error)) from error
    except (NotImplementedError, UnicodeError) as error:
        raise StudioError(
            f"{path} is packed in a way that this program does not know: {error}.",
            "Unpack it with another program and choose the folder.",
        ) from error
    except FileNotFoundError as error:
        raise StudioError(f"There is no file {path}.", "Check the path.") from error
    except PermissionError as error:
        raise StudioError(f"{path} may not be read.", "Change its permissions.") from error


@contextmanager
def _named(path: Path, name: str) -> Iterator[None]:
    """Name the member that cannot be read or written."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _damaged(path, f"its entry {name!r} does not unpack ({error})") from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise StudioError(
            f"{path.name} holds {name!r} twice, or as a file and as a folder.",
            "Unpack it yourself and choose the folder.",
        ) from error
    except (OSError, ValueError) as error:
        raise StudioError(
            f"{name!r} from {path.name} cannot be written: {error}.",
            "Unpack it yourself under other names and choose the folder.",
        ) from error


def _damaged(path: Path, why: str) -> StudioError:
    try:
        with path.open("rb") as file:
            pointer = file.read(32).startswith(b"version https://git-lfs")
    except OSError:
        pointer = False
    if pointer:
        return StudioError(
            f"{path} is only a pointer left by git-lfs, not the archive itself.",
            "Run 'git lfs pull' in the folder where it came from.",
        )
    return StudioError(
        f"{path} is damaged or no zip: {why}.", "Download or pack it again, then try once more."
    )


def _stamp(path: Path) -> str:
    facts = path.stat()
    return f"{path.name} {facts.st_size} {facts.st_mtime_ns}"


def _unused(folder: Path, name: str) -> Path:
    name = name.strip(". ") or "data"
    number = 1
    while (place := folder / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return place


def _sweep(folder: Path) -> None:
    """Remove what an unpacking left that was killed."""
    if folder.is_dir():
        for half in folder.glob(f"{_HALF}*"):
            shutil.rmtree(half, ignore_errors=True)
