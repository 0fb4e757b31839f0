"""What a dropped folder, table or zip would become, said before anything is read in full."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from finetune_studio.core import archive, tables
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import Description, Reader, TableLook, is_picture
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.splits import SPLITS
from finetune_studio.readers import CATALOGUE

_SECONDS = 3.0  # longer is no quick look; the counts then are "at least"
_ROWS = 20
_MOST_TABLE_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class DataLook:
    """What data would become, as plain values.

    Attributes:
        path: What was looked at, absolute.
        reader: The catalogue name of the format; empty if none fits.
        title: One sentence about what is there.
        samples: How many samples were counted; ``complete`` says whether these are all.
        classes: How many samples each class has.
        splits: How many samples each split that the data bring has.
        rows: The first samples as the model will see them, their paths relative to ``root``.
        columns: A table's columns; ``guesses`` says which is which, under the recipe's field names,
            and ``cells`` shows its first rows.
        packed_mb: Size of an archive, and ``unpacked_mb`` what it needs in the project.
        problems: What the user should know, a sentence each.
        blocked: Why this cannot be trained on as it is; empty if it can.
        importable: Whether it can be imported at all.
    """

    path: str
    reader: str = ""
    title: str = ""
    samples: int = 0
    complete: bool = True
    classes: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    root: str = ""
    columns: tuple[str, ...] = ()
    guesses: dict[str, str] = field(default_factory=dict)
    cells: tuple[tuple[str, ...], ...] = ()
    encoding: str = ""
    packed_mb: float = 0.0
    unpacked_mb: float = 0.0
    problems: tuple[str, ...] = ()
    blocked: str = ""
    importable: bool = True


@dataclass
class _Tally:
    """What was counted so far."""

    samples: int = 0
    complete: bool = True
    broken: int = 0
    first_problem: str = ""
    classes: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    first: list[Row] = field(default_factory=list)
    spread: list[Row] = field(default_factory=list)


def look(path: Path, choices: DataChoices) -> DataLook:
    """Say what data would become; reads names and first rows only, and writes nothing.

    Raises:
        StudioError: If there is nothing at the path, or an archive is refused.
    """
    path = existing(path)
    if not archive.is_archive(path):
        return _look_at(path, path, choices, None, "")
    inside = archive.content(path)
    packed_mb, unpacked_mb = inside.packed / 1e6, inside.unpacked / 1e6
    size = f"A zip of {packed_mb:,.1f} MB with {len(inside.members):,} files, which need"
    size += f" {unpacked_mb:,.1f} MB unpacked into the project. "
    with _tables_of(path, inside) as folder:
        found = _look_at(path, folder, choices, inside.names, size)
    values = {name: getattr(found, name) for name in found.__slots__}
    return DataLook(**values | {"packed_mb": packed_mb, "unpacked_mb": unpacked_mb})


def existing(path: Path) -> Path:
    """Return the path absolute.

    Raises:
        StudioError: If there is nothing.
    """
    path = Path(path).expanduser()
    if not str(path).strip(".") or not path.exists():
        raise StudioError(
            f"There is nothing at {path}.",
            "Check the path; if it lies on a drive, plug the drive in.",
        )
    return path.resolve()


def keep_apart(project_folder: Path, data: Path) -> None:
    """Refuse a project among the samples: its own files would become samples, and data stay untouched.

    Raises:
        StudioError: If the project's folder is the folder of the data, or lies in it.
    """
    folder = Path(project_folder).expanduser().resolve()
    if data.is_dir() and folder.is_relative_to(data):
        raise StudioError(
            f"The project {folder} would lie among the samples of {data}.",
            "Choose a folder for the project that is not in the folder of the data.",
        )


def reader_for(path: Path, choices: DataChoices, names: Collection[str] | None = None) -> Reader:
    """Return the reader that was chosen, or the one whose format fits best.

    Raises:
        StudioError: If none fits.
    """
    if choices.reader:
        chosen: Reader = CATALOGUE.load(choices.reader)()
        return chosen
    if names is None and path.is_file() and is_picture(path.name):
        raise StudioError(
            f"{path} is a single picture.",
            "Choose the folder that holds a folder a class, or a table that names the pictures.",
        )
    readers: list[Reader] = [row.load()() for row in CATALOGUE]
    fits = [(reader.recognises(path, names), reader) for reader in readers]
    best, reader = max(fits, key=lambda fit: fit[0])
    if best <= 0:
        known = "; ".join(f"{row.title}: {row.summary}" for row in CATALOGUE)
        raise StudioError(f"{path} is in no format that is known here.", f"Known are: {known}")
    return reader


def _look_at(
    path: Path, place: Path, choices: DataChoices, names: Collection[str] | None, size: str
) -> DataLook:
    reader = None
    try:
        reader = reader_for(place, choices, names)
        described = reader.describe(place, choices, names)
        tally = _counted(reader.read(place, choices, names))
    except StudioError as error:
        message = _about(str(error), place, path)
        table = _columns(reader, place)
        return DataLook(
            str(path),
            reader.name if reader else "",
            (size + message).strip(),
            columns=table.columns,
            guesses=table.guesses,
            cells=table.cells,
            encoding=table.encoding,
            blocked=message,
            importable=False,
        )
    root = reader.root(place)
    problems = list(described.notes)
    if tally.broken:
        few = "1 sample" if tally.broken == 1 else f"{tally.broken:,} samples"
        problems.append(f"{few} will be set aside. The first: {tally.first_problem}.")
    if names is None:
        problems += _pointers(root, tally)
    return _assembled(path, reader, described, tally, tuple(problems), root, size)


def _assembled(
    path: Path,
    reader: Reader,
    described: Description,
    tally: _Tally,
    problems: tuple[str, ...],
    root: Path,
    size: str,
) -> DataLook:
    table = described.table or TableLook((), {})
    blocked = _blocked(tally)
    least = "" if tally.complete else "at least "
    title = f"{size}{described.title}: {least}{tally.samples:,} samples"
    title += f" in {len(tally.classes):,} {'class' if len(tally.classes) == 1 else 'classes'}."
    return DataLook(
        str(path),
        reader.name,
        title,
        tally.samples,
        tally.complete,
        dict(tally.classes),
        {split: tally.splits[split] for split in SPLITS if tally.splits[split]},
        tuple(tally.first if described.table else (tally.spread or tally.first)[:_ROWS]),
        str(root),
        table.columns,
        table.guesses,
        table.cells,
        table.encoding,
        problems=problems,
        blocked=blocked,
        importable=tally.samples > tally.broken,
    )


def _counted(rows: Iterator[Row]) -> _Tally:
    tally = _Tally()
    until = time.monotonic() + _SECONDS
    for row in rows:
        tally.samples += 1
        if len(tally.first) < _ROWS:
            tally.first.append(row)
        if row.problem:
            tally.broken += 1
            tally.first_problem = tally.first_problem or row.problem
        elif row.label is not None:
            tally.classes[row.label] += 1
            if tally.classes[row.label] <= 2:
                tally.spread.append(row)
        if row.split and not row.problem:
            tally.splits[row.split] += 1
        if tally.samples % 500 == 0 and time.monotonic() > until:
            tally.complete = False
            break
    return tally


def _blocked(tally: _Tally) -> str:
    if tally.samples == tally.broken:
        return f"None of the samples can be used. The first: {tally.first_problem}."
    if len(tally.classes) < 2:
        only = next(iter(tally.classes), "none")
        return f"Two classes are needed; here is only one: {only}."
    if tally.splits and not tally.splits["train"] and tally.splits.total() == tally.samples:
        return "There are no samples to train on: no folder or row says train."
    return ""


def _pointers(root: Path, tally: _Tally) -> list[str]:
    """Notice files that git-lfs left as pointers, from the first samples of each class."""
    for row in [*tally.first, *tally.spread[: 5 * _ROWS]]:
        try:
            with (root / row.path).open("rb") as file:
                if file.read(24).startswith(b"version https://git-lfs"):
                    return [
                        (
                            f"{row.path} is only a pointer left by git-lfs, and others may be too. Run"
                            " 'git lfs pull' in the folder where the data came from."
                        )
                    ]
        except (OSError, ValueError):
            continue
    return []


def _columns(reader: Reader | None, place: Path) -> TableLook:
    try:
        return (reader.columns(place) if reader else None) or TableLook((), {})
    except StudioError:
        return TableLook((), {})


@contextmanager
def _tables_of(path: Path, inside: archive.Content) -> Iterator[Path]:
    """Put an archive's tables into a folder for a moment, so that their columns can be guessed."""
    with TemporaryDirectory(prefix="finetune-studio-") as name:
        folder = Path(name)
        chosen = [
            member
            for member in inside.members
            if member.count("/") <= 2 and Path(member).suffix.lower() in tables.SUFFIXES
        ]
        if sum(inside.members[m].file_size for m in chosen) <= _MOST_TABLE_BYTES:
            archive.extract(path, inside, chosen, folder)
        yield folder


def _about(message: str, place: Path, path: Path) -> str:
    """Speak of the archive where a table from it was read in another place."""
    return message if place == path else message.replace(str(place), str(path))
