"""The contract of a reader: it recognises one format of datasets and reads it row by row."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices

# What operating systems and network drives leave in folders, besides names with a dot in front.
_LITTER = {
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
    "__macosx",
    "@eadir",
    "$recycle.bin",
    "system volume information",
}
PICTURES = frozenset(
    f".{suffix}"
    for suffix in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "dib", "tif", "tiff", "webp", "avif"),
        *("jp2", "ppm", "pgm", "pbm", "pnm", "tga", "ico", "heic", "heif", "dng"),
    )
)
# What a reader says of a row whose file is missing; such a file may still turn up.
NO_FILE = "there is no file"
# More than anyone labels by hand; a wrong folder (a whole disk, say) is noticed before memory is.
MOST_FILES = 2_000_000


@dataclass(frozen=True, slots=True)
class TableLook:
    """A table as it is understood before it is read.

    Attributes:
        columns: The names of its columns.
        guesses: Which column is which: ``path_column``, ``label_column``, ``split_column`` and
            ``group_column``, each empty where the table seems to have none.
        cells: The first rows as they stand in the table, in the order of ``columns``.
        encoding: How its letters are written, for people.
    """

    columns: tuple[str, ...]
    guesses: dict[str, str]
    cells: tuple[tuple[str, ...], ...] = ()
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What a reader makes of a place, in words: a title, and what the user should know."""

    title: str
    notes: tuple[str, ...] = ()
    table: TableLook | None = None


class Reader(ABC):
    """One format of datasets. One file in ``readers/``, one row in its catalogue.

    Everywhere ``names`` stands for the files of an archive that is not unpacked yet, relative to
    its top; ``path`` then is a folder that holds nothing but the archive's tables. None means that
    the files lie on the disk.
    """

    name: ClassVar[str]

    @abstractmethod
    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return how well the format fits, from 0 (not at all) to 1; a quick look only."""

    @abstractmethod
    def root(self, path: Path) -> Path:
        """Return the folder that the rows' paths are relative to."""

    @abstractmethod
    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield one row a sample, always in the same order.

        Raises:
            StudioError: If the data are not as this format must be, naming file and place.
        """

    @abstractmethod
    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Return in words what is there.

        Raises:
            StudioError: As :meth:`read`.
        """

    def columns(self, path: Path) -> TableLook | None:
        """Return a table's columns even where it cannot be read yet; None if this is no table."""
        del path
        return None


def visible(name: str) -> bool:
    """Whether a file or folder is the user's own, not hidden and not litter of the system."""
    return not name.startswith((".", "~$")) and name.casefold() not in _LITTER


def is_picture(name: str) -> bool:
    """Whether a file's name looks like a picture's."""
    _, dot, suffix = name.rpartition(".")
    return dot + suffix.lower() in PICTURES


def walk(folder: Path) -> tuple[list[str], list[str]]:
    """Return all visible files and folders below a folder, relative to it and sorted.

    Links to files count as files, also those that lead nowhere; links to folders are followed,
    but not into a folder that they lie in.

    Raises:
        StudioError: If a folder cannot be opened, or there are too many files.
    """
    files: list[str] = []
    folders: list[str] = []

    def enter(place: str, prefix: str, above: frozenset[tuple[int, int]]) -> None:
        facts = os.stat(place)  # noqa: PTH116  a Path object a file costs half of the time
        here = above | {(facts.st_dev, facts.st_ino)}
        if len(here) == len(above):
            return
        with os.scandir(place) as entries:
            found = sorted((e for e in entries if visible(e.name)), key=lambda e: e.name)
        for entry in found:
            if entry.is_dir():
                folders.append(prefix + entry.name)
                enter(entry.path, f"{prefix}{entry.name}/", here)
            elif entry.is_file() or entry.is_symlink():
                files.append(prefix + entry.name)
        if len(files) > MOST_FILES:
            raise StudioError(
                f"{folder} holds more than {MOST_FILES:,} files.", "Choose a folder below it."
            )

    try:
        enter(str(folder), "", frozenset())
    except OSError as error:
        raise StudioError(
            f"{error.filename or folder} cannot be read: {error.strerror}.",
            "Check that it is still there and that you may open it.",
        ) from error
    except RecursionError as error:
        raise StudioError(
            f"The folders in {folder} lie too deep inside each other.", "Choose a folder below it."
        ) from error
    return files, folders


def storable(name: str) -> str:
    """Return a name as text that can be kept; letters that are no text become question marks."""
    return os.fsencode(name).decode("utf-8", "replace")
