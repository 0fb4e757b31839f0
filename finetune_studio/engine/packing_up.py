"""An export as one zip to send: the same files always give the same bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress, Zipped
from finetune_studio.core.job import Control

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can tell
_READABLE = 0o100644
_PORTION = 1 << 20
_PACKED = {
    ".onnx",
    ".safetensors",
    ".bin",
    ".pt2",
}  # numbers hardly get smaller: stored as they are


class _Stopped(Exception):  # noqa: N818  it only leads out
    pass


def zipped(folder: Path, target: Path | None, control: Control) -> Iterator[Event]:
    """Write an export's files into a zip, in a folder of the export's name.

    Names come in order, with one date and one mode for all, so that the bytes depend on the files alone.

    Args:
        folder: The export.
        target: Where the zip goes; beside the export if left out.
        control: Stops it; nothing is left then.

    Raises:
        StudioError: If there is no export, the place is a folder, or the disk refuses.
    """
    folder = Path(folder).absolute()
    if not (folder / "export.json").is_file():
        raise StudioError(f"There is no export in {folder}.", "Export a run first.")
    place = (target or folder.with_name(f"{folder.name}.zip")).expanduser().absolute()
    if place.is_dir():
        raise StudioError(f"{place} is a folder.", "Choose a name for the zip.")
    inside = sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and not any(part[0] in "._" for part in file.relative_to(folder).parts)
    )
    yield PhaseStarted("zip", "Packing the export", len(inside))
    try:
        with files.replacing(place) as fresh, zipfile.ZipFile(fresh, "w") as archive:
            for number, file in enumerate(inside, 1):
                if control.stop.is_set():
                    raise _Stopped
                _add(archive, file, f"{folder.name}/{file.relative_to(folder).as_posix()}")
                yield Progress("zip", number, len(inside))
    except _Stopped:
        return
    yield Zipped(str(place), round(place.stat().st_size / 2**20, 3))


def _add(archive: zipfile.ZipFile, file: Path, name: str) -> None:
    about = zipfile.ZipInfo(name, _LONG_AGO)
    about.external_attr = _READABLE << 16
    about.create_system = 3  # the same on every system
    stored = file.suffix in _PACKED
    about.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    about.file_size = file.stat().st_size  # so that more than 2 GB are told beforehand
    with file.open("rb") as source, archive.open(about, "w") as packed:
        while part := source.read(_PORTION):
            packed.write(part)
