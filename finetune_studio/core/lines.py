"""Files of lines or of JSON (JSONL, CoNLL, plain text): found, decoded, and read without trust."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from finetune_studio.core import letters
from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import storable, walk
from finetune_studio.core.splits import SPLITS, split_named
from finetune_studio.core.tables import chosen, encoding_of, looks_binary, other_kind, title

# How well a format fits a file that only its name speaks for: it is tried, and says what is wrong.
FALLBACK = 0.1
PARQUET = ".parquet"
LONGEST = 16 * 2**20  # letters of a line; a longer one is no sample
_LARGEST = 2**30  # bytes of a JSON file that is read as a whole
_ESCAPED = re.compile("[\udc80-\udcff]")  # how bytes that are no letters are held
_HEAD = 64 * 2**10
# Files that tell about data and are none.
_ABOUT = re.compile(
    r"(readme|licen[cs]e|provenance|changelog|citation|contributing|notice|copying|authors)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; ``problem`` says why it cannot be used, naming file and line."""

    number: int
    text: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One value of a file of JSON: of a line, or of a list that is the whole file.

    ``place`` says where it stands, for people; ``problem`` why it is none, beginning with that.
    """

    number: int
    value: Any
    place: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a dataset.

    Attributes:
        path: Where it lies.
        name: Its name relative to the dataset's root.
        split: The split that its name says.
        chosen: How its letters are written, as the user says; empty finds that out.
    """

    path: Path
    name: str
    split: str | None = None
    chosen: str = ""

    @property
    def encoding(self) -> str:
        """Return how its letters are written.

        Raises:
            StudioError: As :func:`opened`, or if there is no such encoding.
        """
        found = opened(self.path)
        if self.path.suffix.lower() == PARQUET:
            return "utf-8"  # texts in there always are
        return chosen(self.chosen, self.path) if self.chosen else found


@dataclass(frozen=True, slots=True)
class Parts:
    """The files that make a dataset, the folder they are relative to, and what to tell about them."""

    root: Path
    files: tuple[Part, ...]
    notes: tuple[str, ...] = ()

    @property
    def listed(self) -> str:
        """Return the files' names for a sentence."""
        names = [part.name for part in self.files]
        more = f" and {len(names) - 4} more" if len(names) > 5 else ""
        return ", ".join(names[: 4 if more else 5]) + more


def parts(path: Path, suffixes: Collection[str], encoding: str = "") -> Parts:
    """Return the files of a dataset: the file itself, or those of a folder that have a suffix.

    A file or folder called train, devel, test or alike is that split. Where some files are splits, those
    that are none are left out: they often hold the same samples again. A file that was chosen by itself
    has no split. Files that tell about data (README, LICENSE) are none.

    Raises:
        StudioError: If the folder cannot be read.
    """
    if not path.is_dir():
        return Parts(
            path.parent,
            (Part(path, storable(path.name), None, encoding),) if path.is_file() else (),
        )
    names = [
        name
        for name in walk(path)[0]
        if Path(name).suffix.lower() in suffixes and not _ABOUT.match(Path(name).stem)
    ]
    found = [Part(path / name, storable(name), _split_of(name), encoding) for name in names]
    split = [part for name in SPLITS for part in found if part.split == name]
    others = [part.name for part in found if not part.split]
    if not split or not others:
        return Parts(path, tuple(split or found))
    listed = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    note = f"Left out, as their names say no split while others do: {listed}."
    return Parts(path, tuple(split), (note,))


def _split_of(name: str) -> str | None:
    """Return the split that a file's name or a folder above it says; two different ones say none."""
    place = Path(name)
    for word in (place.stem, *reversed(place.parts[:-1])):
        if exact := split_named(word):
            return exact
        said = {split for w in re.split(r"[^a-z]+", word.lower()) if (split := split_named(w))}
        if len(said) == 1:
            return said.pop()
    return None


def opened(path: Path) -> str:
    """Look at a file before it is read; return its encoding.

    Raises:
        StudioError: If it cannot be read, is empty, no text, or a pointer left by git-lfs.
    """
    try:
        facts = path.stat()
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if head.startswith(b"version https://git-lfs"):
            raise StudioError(
                f"{path} is only a pointer left by git-lfs, not the file itself.",
                "Run 'git lfs pull' in the folder where it came from.",
            )
        if other := other_kind(head):
            raise StudioError(f"{path} is no plain text but {other[0]}.", other[1])
        if path.suffix.lower() != PARQUET and looks_binary(head):
            raise StudioError(
                f"{path} is no text: it holds bytes that no text has.",
                "Choose a file of plain text, or save it again as text in UTF-8.",
            )
        if not head.strip() and facts.st_size == len(head):
            raise StudioError(f"{path} is empty.", "Choose a text file that is not empty.")
        return _encoding(path, facts.st_size, facts.st_mtime_ns)
    except OSError as error:
        raise StudioError(
            f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from error


@lru_cache(64)
def _encoding(path: Path, size: int, changed: int) -> str:
    """Return a file's encoding, which takes reading all of it, once."""
    del size, changed  # part of the key
    return encoding_of(path)


def refuse_unreadable(part: Part) -> None:
    """Refuse a file that cannot be read, before its content is guessed at.

    Raises:
        StudioError: As :func:`opened`, or if there is no such encoding as was chosen.
    """
    start(part, 1)


def lines(part: Part) -> Iterator[Line]:
    """Yield every line; one that is too long or holds zero bytes comes with its problem instead.

    Raises:
        StudioError: As :func:`opened`, and where letters are not in the file's encoding.
    """
    encoding = part.encoding
    number = 0
    try:
        with part.path.open(encoding=encoding, errors="surrogateescape") as file:
            while line := file.readline(LONGEST):
                number += 1
                where = f"{part.name}, line {number}"
                if len(line) == LONGEST and not line.endswith("\n"):
                    while (rest := file.readline(LONGEST)) and not rest.endswith("\n"):
                        pass
                    yield Line(number, "", f"{where}: it is longer than {LONGEST:,} letters")
                elif "\0" in line:
                    place = line.index("\0") + 1
                    told = f"{where}: at place {place} there is a zero byte, which no text has"
                    yield Line(number, line.rstrip("\n").replace("\0", "\ufffd"), told)
                elif not line.isascii() and (found := _ESCAPED.search(line)):
                    told = (
                        f"{where}: at place {found.start() + 1} there is a byte that is no letter"
                    )
                    told += f" in {title(encoding)}"
                    yield Line(number, _ESCAPED.sub("\ufffd", line.rstrip("\n")), told)
                else:
                    yield Line(number, line.rstrip("\n"))
    except UnicodeError as error:
        raise StudioError(
            f"{part.path}, after line {number}: the letters are not {title(encoding)} ({error}).",
            "Choose another encoding, or save the file again in UTF-8.",
        ) from error
    except OSError as error:
        raise StudioError(
            f"{part.path} cannot be read on after line {number}: {error.strerror}.",
            "Check the drive, and that the file is still there.",
        ) from error


def records(part: Part) -> Iterator[Record]:
    """Yield the values of a JSONL file, the items of a JSON file that is one list, or rows of Parquet.

    Raises:
        StudioError: As :func:`lines`; and if a whole file is no JSON.
    """
    if part.path.suffix.lower() == PARQUET:
        yield from _of_parquet(part)
        return
    if _is_whole(part):
        value = whole(part)
        items = value if isinstance(value, list) else [value]
        for number, item in enumerate(items, start=1):
            yield _sound(Record(number, item, f"{part.name}, entry {number}"))
        return
    for line in lines(part):
        if line.problem:
            yield Record(line.number, None, line.problem.partition(":")[0], line.problem)
        elif line.text.strip():
            yield _parsed(part, line)


def _of_parquet(part: Part) -> Iterator[Record]:
    """Yield rows with lists and objects as they are kept, which a table of texts does not show."""
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(part.path) as file:
            for batch in file.iter_batches(batch_size=500):
                for row in batch.to_pylist():
                    number += 1
                    yield _sound(Record(number, row, f"{part.name}, row {number}"))
    except (OSError, ValueError) as error:  # what pyarrow raises derives from these
        raise StudioError(
            f"{part.path} cannot be read as Parquet after row {number}: {str(error).rstrip('.')}.",
            "The file is damaged or of another format; write it again.",
        ) from error


def _parsed(part: Part, line: Line) -> Record:
    where = f"{part.name}, line {line.number}"
    try:
        return _sound(Record(line.number, json.loads(line.text), where))
    except json.JSONDecodeError as error:
        return Record(
            line.number, None, where, f"{where}, place {error.colno}: no JSON ({error.msg})"
        )
    except (ValueError, RecursionError) as error:
        return Record(line.number, None, where, f"{where}: no JSON ({error})")


def _sound(record: Record) -> Record:
    """Return a record, with its problem where JSON spells letters that no text has."""
    said = letters.strange_in(record.value)
    return replace(record, problem=f"{record.place}: {said}") if said else record


def whole(part: Part) -> Any:
    """Return what a file holds that is one JSON value.

    Raises:
        StudioError: As :func:`opened`, and if it is no JSON or too large, naming line and place.
    """
    encoding = part.encoding
    size = part.path.stat().st_size
    if size > _LARGEST:
        raise StudioError(
            f"{part.path} has {size / 1e6:,.0f} MB; a JSON file is read as a whole.",
            "Write it as JSONL, an object a line, which may have any size.",
        )
    try:
        # bytes that are no letters become marks that the check of encodings finds
        return json.loads(part.path.read_text(encoding=encoding, errors="replace"))
    except json.JSONDecodeError as error:
        raise StudioError(
            f"{part.path}, line {error.lineno}, place {error.colno}: this is no JSON ({error.msg}).",
            "The file is damaged or was cut off; write it again.",
        ) from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise StudioError(
            f"{part.path} cannot be read as JSON: {error}.", "The file is damaged; write it again."
        ) from error


def _is_whole(part: Part) -> bool:
    """Whether a file is one JSON value: a list, or an object that goes on after its first line."""
    beginning = start(part)
    first, newline, after = beginning.partition("\n")
    if part.path.suffix.lower() != ".json":
        return first.strip() in ("[", "{")
    if beginning.startswith("["):
        return True
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return True
    return not newline or not after.strip()  # JSONL under another name has a second line


def start(part: Part, size: int = _HEAD) -> str:
    """Return the first letters of a file without blanks before them, for a quick look.

    Raises:
        StudioError: As :func:`opened`.
    """
    encoding = part.encoding
    with part.path.open("rb") as file:
        return file.read(size).decode(encoding, "ignore").lstrip("\ufeff \t\r\n")


def head(part: Part, count: int = 400) -> list[Line]:
    """Return the first lines, for a quick look; none where the file cannot be read."""
    try:
        return list(islice(lines(part), count))
    except StudioError:
        return []


def first_records(part: Part, count: int = 20) -> list[Any]:
    """Return the first values, for a quick look; none where the file holds no JSON."""
    try:
        return [r.value for r in islice(records(part), count) if not r.problem]
    except StudioError:
        return []


def encoding_notes(found: Parts) -> list[str]:
    """Say how letters are read where that is not UTF-8, the usual way."""
    titles = sorted({title(part.encoding) for part in found.files} - {title("utf-8")})
    return [f"Letters are read as {' and '.join(titles)}."] if titles else []
