"""What a dataset tells: its samples, classes, counts and single facts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finetune_studio.core.dataset.history import History
from finetune_studio.core.dataset.store import Store
from finetune_studio.core.dataset.words import Labels, Sample, Trace, natural
from finetune_studio.core.errors import StudioError
from finetune_studio.core.splits import SPLITS

_USABLE = "excluded = 0 AND problem = ''"


class Reading:
    """The part of a dataset that only asks; safe to use from several threads.

    Args:
        file: The SQLite file; made if missing.

    Attributes:
        called: What one sample and several are called in sentences; who knows the task says it.

    Raises:
        StudioError: If the file is no dataset or may not be written.
    """

    called: tuple[str, str] = ("sample", "samples")

    def __init__(self, file: Path) -> None:
        self.file = file
        self._store = Store(file)
        self._history = History(self._store)

    def close(self) -> None:
        """Close the file; the dataset cannot be used afterwards."""
        self._store.close()

    # --- facts about the whole -------------------------------------------------------------------

    def get(self, key: str, default: str = "") -> str:
        """Return one remembered fact, such as ``root`` or ``task``."""
        return self._store.get(key, default)

    def put(self, key: str, value: str) -> None:
        """Remember one fact."""
        self._store.put(key, value)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one: all of them happen, or none."""
        with self._store.change():
            yield

    @property
    def root(self) -> Path:
        """Return the folder that the samples' paths are relative to."""
        kept = Path(self.get("root"))
        # Data unpacked into the project move with it, so their place is kept relative to it.
        return kept if kept.is_absolute() else self.file.resolve().parent / kept

    def relink(self, root: Path) -> int:
        """Point at the same files in another place; return how many of them are there.

        Raises:
            StudioError: If none of the files is below the new root.
        """
        paths = self.paths()
        found = sum((root / p).is_file() for p in paths)
        if paths and not found:
            raise StudioError(
                f"None of the {len(paths):,} files of this project is in {root}.",
                f"Choose the folder in which {paths[0]} lies.",
            )
        self._keep_root(root)
        return found

    def missing(self) -> int:
        """Return how many files are not where they were."""
        root = self.root
        return sum(not (root / p).exists() for p in self.paths())

    def paths(self) -> list[str]:
        """Return the samples' paths as they were read, relative to :attr:`root`."""
        return [p for (p,) in self._store.rows("SELECT path FROM sample WHERE path <> ''")]

    def _keep_root(self, root: Path) -> None:
        home = self.file.resolve().parent
        kept = root.relative_to(home) if root.is_relative_to(home) else root
        self.put("root", kept.as_posix())

    # --- reading ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self._store.rows("SELECT count(*) FROM sample")[0][0])

    def samples(self, *, split: str | None = None, usable: bool | None = None) -> list[Sample]:
        """Return samples in the order of their numbers; ``usable`` filters them."""
        where = ["1"]
        values: list[Any] = []
        if split is not None:
            where.append("split = ?")
            values.append(split)
        if usable is not None:
            where.append(_USABLE if usable else f"NOT ({_USABLE})")
        return self._select(" AND ".join(where), values)

    def sample(self, number: int) -> Sample:
        """Return the sample of that number.

        Raises:
            StudioError: If there is none.
        """
        found = self._select("id = ?", [number])
        if not found:
            raise StudioError(f"There is no sample {number}.", "Reload the project.")
        return found[0]

    def _select(self, where: str, values: list[Any]) -> list[Sample]:
        with self._store.reading():
            base = str(self.root)
            names = self.classes()
            rows = self._store.rows(
                "SELECT id, path, label, split, grp, excluded, problem, fields, review FROM sample"  # noqa: S608
                f" WHERE {where} ORDER BY id",
                values,
            )
        return [
            Sample(
                number,
                _joined(base, path),
                None if label is None else names.get(label),
                label,
                split,
                group,
                bool(excluded),
                problem,
                json.loads(fields) if fields != "{}" else {},
                bool(review),
            )
            for number, path, label, split, group, excluded, problem, fields, review in rows
        ]

    def classes(self) -> dict[int, str]:
        """Return the living classes' names by number, in the order of their names."""
        rows = self._store.rows(
            "SELECT id, name FROM class WHERE merged_into IS NULL AND removed = 0"
        )
        return dict(sorted(rows, key=lambda row: natural(row[1])))

    def names_ever(self) -> set[str]:
        """Return every name that a class has or had, merged and removed ones too."""
        rows = self._store.rows(
            "SELECT name FROM class UNION"
            " SELECT before FROM change WHERE kind = 'class' AND col = 'name'"
        )
        return {str(name) for (name,) in rows}

    def labels(self) -> Labels:
        """Return the classes that usable samples carry, in the order of their names."""
        used = self._usable_by("label")
        kept = {number: name for number, name in self.classes().items() if number in used}
        return Labels(tuple(kept.values()), tuple(kept))

    def current(self, labels: Labels) -> Labels:
        """Return a run's labels under their names of today; merged classes then share a name."""
        if not labels.ids:
            return labels
        table = self._class_table()
        pairs = zip(labels.ids, labels.names, strict=True)
        names = tuple(
            table[today(table, number)][0] if number in table else name for number, name in pairs
        )
        return Labels(names, labels.ids)

    def counts(self) -> dict[str, int]:
        """Return how many usable samples each class has, by name."""
        rows = self._usable_by("label")
        return {name: rows.get(number, 0) for number, name in self.classes().items()}

    def split_counts(self) -> dict[str, int]:
        """Return how many usable samples each split has."""
        rows = self._usable_by("split")
        return {split: rows.get(split, 0) for split in SPLITS}

    def _usable_by(self, column: str) -> dict[Any, int]:
        return dict(
            self._store.rows(
                f"SELECT {column}, count(*) FROM sample WHERE {_USABLE} GROUP BY {column}"  # noqa: S608
            )
        )

    def _class_table(self) -> dict[int, tuple[str, int | None]]:
        rows = self._store.rows("SELECT id, name, merged_into FROM class")
        return {number: (name, into) for number, name, into in rows}

    def fingerprint(self) -> str:
        """Return a hash of everything a run depends on: paths, labels, splits and exclusions."""
        digest = hashlib.sha256()
        for row in self._store.rows(
            "SELECT path, label, split, excluded, problem, fields FROM sample ORDER BY id"
        ):
            digest.update(json.dumps(row).encode())
        return digest.hexdigest()[:16]

    def traces(self) -> dict[int, Trace]:
        """Return what was learned about the samples' files, by the samples' numbers."""
        rows = self._store.rows("SELECT sample, stamp, content, look FROM trace")
        return {number: Trace(*rest) for number, *rest in rows}


def today(table: Mapping[int, tuple[str, int | None]], number: int) -> int:
    """Follow mergers to the class that a number stands for today."""
    seen = {number}
    while (into := table[number][1]) is not None and into not in seen:
        seen.add(into)
        number = into
    return number


def _joined(base: str, path: str) -> str:
    if not path or path.startswith("/") or path[1:2] == ":":  # no path, or an absolute one
        return path
    return f"{base}/{path}" if base else path
