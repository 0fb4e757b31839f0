"""Which rows of a table or file of many samples are new since it was imported."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from finetune_studio.core.dataset import Dataset, Row
from finetune_studio.core.reader import storable, walk

_KEY, _STAMP = "seen", "seen_stamp"


def keep(dataset: Dataset, rows: Iterable[Row], place: Path) -> None:
    """Remember the content of rows that have no file of their own, where each stood, and the files."""
    seen = [[*_place(row), _digest(row)] for row in rows if not row.path]
    dataset.put(_KEY, json.dumps(seen, separators=(",", ":")))
    dataset.put(_STAMP, _stamp(place) if seen else "")


def untouched(dataset: Dataset, place: Path) -> bool:
    """Whether the files of such rows are those of the import, so that they need not be read again."""
    known = dataset.get(_STAMP)
    return bool(known) and known == _stamp(place)


def _stamp(place: Path) -> str:
    """Return a hash of the names, sizes and times of the file, or of all files in the folder."""
    names = [""] if place.is_file() else walk(place)[0]
    digest = hashlib.blake2b(digest_size=8)
    for name in names:
        try:
            facts = (place / name).stat() if name else place.stat()
        except OSError:
            continue
        digest.update(f"{storable(name)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def new(dataset: Dataset, rows: Iterable[Row]) -> list[Row]:
    """Return the rows that were not there at the import.

    A row of a file of its own is known by its path. Another one is known by its content, wherever it
    stands now; and where a row's content was changed in its place, it is the same row, not a new one.
    """
    known = set(dataset.paths())
    seen = json.loads(dataset.get(_KEY, "[]"))
    left = Counter(digest for _, _, digest in seen)
    arrived: list[Row] = []
    unseen: list[Row] = []
    for row in rows:
        if row.path:
            if row.path not in known:
                arrived.append(row)
        elif left[digest := _digest(row)]:
            left[digest] -= 1
        else:
            unseen.append(row)
    stood = {(file, row): digest for file, row, digest in seen}
    for row in unseen:
        before = stood.get(_place(row), "")
        if left[before]:
            left[before] -= 1
        else:
            arrived.append(row)
    return arrived


def _place(row: Row) -> tuple[str, int]:
    return str(row.fields.get("file", "")), int(row.fields.get("row", 0))


def _digest(row: Row) -> str:
    """Return a hash of what a row says, not of where it stands."""
    fields = {name: value for name, value in row.fields.items() if name not in ("file", "row")}
    text = json.dumps([row.label, row.problem and "problem", fields], sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
