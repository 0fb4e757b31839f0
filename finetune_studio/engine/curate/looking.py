"""What a dropped folder, table or zip would become, said before anything is read in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from finetune_studio.core import archive, counts, tables
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import Description, Reader, TableLook
from finetune_studio.core.recipe import DataChoices
from finetune_studio.engine.curate.choosing import existing, fact, reader_for
from finetune_studio.engine.curate.counting import SHOWN, Tally, counted, reasons
from finetune_studio.tasks import CATALOGUE as TASKS
from finetune_studio.tasks import nouns

# What is read of an archive for a look, besides tables: texts and lines of several formats.
_READ = tables.SUFFIXES | {".json", ".conll", ".iob", ".iob2", ".bio", ".conllu"}
_TEXTS = frozenset({".txt", ".text", ".md", ".markdown"})
_MOST_TEXTS = 500  # single texts; the look then shows some of them
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
        set_aside: How many of the samples cannot be used.
        notes: What the user should know about how data are read, a sentence each.
        problems: These, and what is wrong.
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
    set_aside: int = 0
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    blocked: str = ""
    importable: bool = True


def task_of(path: Path) -> str:
    """Return the first task that can learn from data of this format; empty where none is recognised."""
    found = look(path, DataChoices()).reader
    return next((row.name for row in TASKS if found in row.facts["readers"]), "")


def look(path: Path, choices: DataChoices, task: str = "") -> DataLook:
    """Say what data would become for a task; reads for seconds at most, and writes nothing.

    Without a task every format is tried, and two classes are needed.

    Raises:
        StudioError: If there is nothing at the path, or an archive is refused.
    """
    path = existing(path)
    if not archive.is_archive(path):
        return _look_at(path, path, choices, None, "", task)
    inside = archive.content(path)
    packed_mb, unpacked_mb = inside.packed / 1e6, inside.unpacked / 1e6
    size = f"A zip of {packed_mb:,.1f} MB with {len(inside.members):,} files, which need"
    size += f" {unpacked_mb:,.1f} MB unpacked into the project. "
    with _tables_of(path, inside) as folder:
        found = _look_at(path, folder, choices, inside.names, size, task)
    values = {name: getattr(found, name) for name in found.__slots__}
    return DataLook(**values | {"packed_mb": packed_mb, "unpacked_mb": unpacked_mb})


def _look_at(
    path: Path,
    place: Path,
    choices: DataChoices,
    names: Collection[str] | None,
    size: str,
    task: str,
) -> DataLook:
    reader = None
    try:
        reader = reader_for(place, choices, names, task)
        described = reader.describe(place, choices, names)
        tally = counted(reader.read(place, choices, names))
    except StudioError as error:
        message = _about(str(error), place, path)
        table = _columns(reader, place)
        return DataLook(
            str(path),
            reader.name if reader else "",
            (size + message).strip(),
            columns=table.columns,
            guesses=_kept(table, choices),
            cells=table.cells,
            encoding=table.encoding,
            blocked=message,
            importable=False,
        )
    root = reader.root(place)
    problems = list(described.notes)
    if tally.broken:
        few = counts.of(tally.broken, *nouns(task))
        problems.append(f"{few} will be set aside: {reasons(tally.problems)}.")
    if names is None:
        problems += _pointers(root, tally)
    return _assembled(path, reader, described, tally, tuple(problems), root, size, task)


def _assembled(
    path: Path,
    reader: Reader,
    described: Description,
    tally: Tally,
    problems: tuple[str, ...],
    root: Path,
    size: str,
    task: str,
) -> DataLook:
    table = described.table or TableLook((), {})
    fewest = int(fact(task, "fewest_classes", 2))
    least = "" if tally.complete else "at least "
    title = f"{size}{described.title}: {least}{counts.of(tally.samples, *nouns(task))}"
    if fewest > 1:
        title += f" in {counts.of(len(tally.classes), 'class', 'classes')}"
    return DataLook(
        str(path),
        reader.name,
        f"{title}.",
        tally.samples,
        tally.complete,
        dict(tally.classes),
        tally.by_split(),
        tally.shown(spread=described.table is None),
        str(root),
        table.columns,
        table.guesses,
        table.cells,
        table.encoding,
        set_aside=tally.broken,
        notes=described.notes,
        problems=problems,
        blocked=tally.blocked(fewest),
        importable=tally.samples > tally.broken,
    )


def _pointers(root: Path, tally: Tally) -> list[str]:
    """Notice files that git-lfs left as pointers, from the first samples of each class."""
    for row in [*tally.first, *tally.spread[: 5 * SHOWN]]:
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


def _kept(table: TableLook, choices: DataChoices) -> dict[str, str]:
    """Return what the user chose of a table that is not understood yet, so that it stays chosen."""
    chosen = {name: str(getattr(choices, name)) for name in table.guesses}
    return {
        name: value if value in table.columns or not name.endswith("_column") else ""
        for name, value in chosen.items()
    }


@contextmanager
def _tables_of(path: Path, inside: archive.Content) -> Iterator[Path]:
    """Put an archive's tables into a folder for a moment, so that their columns can be guessed."""
    with TemporaryDirectory(prefix="finetune-studio-") as name:
        folder = Path(name)
        chosen = [m for m in inside.members if m.count("/") <= 2 and _suffix(m) in _READ]
        if sum(inside.members[m].file_size for m in chosen) <= _MOST_TABLE_BYTES:
            archive.extract(path, inside, [*chosen, *_some_texts(inside)], folder)
        yield folder


def _some_texts(inside: archive.Content) -> list[str]:
    """Return some of an archive's single texts, of every folder alike."""
    texts = [
        m for m, info in inside.members.items() if _suffix(m) in _TEXTS and info.file_size < 2**20
    ]
    places: Counter[str] = Counter()
    turns = []
    for name in texts:
        turns.append((places[name.rpartition("/")[0]], name))
        places[name.rpartition("/")[0]] += 1
    return [name for _, name in sorted(turns)[:_MOST_TEXTS]]


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _about(message: str, place: Path, path: Path) -> str:
    """Speak of the archive where a table from it was read in another place."""
    return message if place == path else message.replace(str(place), str(path))
