"""The dataset of one project: filling it, and everything the user decides about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finetune_studio.core import counts
from finetune_studio.core.dataset.history import Change
from finetune_studio.core.dataset.reading import Reading, today
from finetune_studio.core.dataset.words import Edit, Row, Trace, checked_name
from finetune_studio.core.errors import StudioError
from finetune_studio.core.splits import SPLITS, divide, rarest


class Dataset(Reading):
    """The dataset of one project, in its SQLite file; safe to use from several threads."""

    # --- filling ---------------------------------------------------------------------------------

    def fill(self, rows: Iterable[Row], *, root: Path) -> int:
        """Add the rows of a reader in one transaction; return how many samples there are now.

        Rows whose path was there before are left as they are: reading a folder again adds only what
        is new. A class that was renamed or merged since takes the new samples of its old name.
        """
        with self._store.change():
            self._keep_root(root)
            known = set(self.paths())
            numbers = self._numbers_by_source()
            self._store.run_many(
                "INSERT INTO sample (path, label, split, grp, problem, fields)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (
                        row.path,
                        self._number_read(row.label, numbers),
                        row.split or "",
                        row.group,
                        row.problem,
                        json.dumps(row.fields),
                    )
                    for row in rows
                    if row.path not in known
                ],
            )
        return len(self)

    def add(self, row: Row, text: str) -> int:
        """Add one sample as an edit; return its number.

        Taken back, it is still known but left out, as an excluded one is. A sample of that path that was
        there already is taken in again, and gets the label.
        """
        with self._history.together(text):
            before = {number for (number,) in self._store.rows("SELECT id FROM sample")}
            self.fill([row], root=self.root)
            rows = self._store.rows("SELECT id FROM sample WHERE path = ?", [row.path])
            made = [number for (number,) in rows if number not in before]
            number = int(made[0] if made else rows[-1][0])
            if made:
                self._store.run("UPDATE sample SET excluded = 1 WHERE id = ?", (number,))
            elif row.label:
                self.relabel([number], row.label)
            self.include([number])
        return number

    def clear(self) -> None:
        """Forget all samples, classes and edits, before other data are read; no file is touched."""
        with self._store.change():
            for table in ("sample", "class", "trace", "change", "edit"):
                self._store.run(f"DELETE FROM {table}")  # noqa: S608  fixed names

    def divide(self, *, validation: float, test: float, seed: int, again: bool = False) -> None:
        """Give every sample a split where the data brought none; ``again`` divides all anew.

        Data without any split are divided into train, validation and test; data with a training but
        no validation split give ``validation`` of their training samples. Samples that came later
        join the split of their group, else training: what judges a model stays the same by itself.
        Of a sample that the data name several things in, the rarest counts as its class.
        """
        rows = self.samples()
        brought = {row.split for row in rows if row.split}
        if again or not brought:
            pool, shares = rows, {"validation": validation, "test": test}
        elif "validation" not in brought:
            pool = [row for row in rows if row.split in ("train", "")]
            shares = {"validation": validation}
        else:
            pool, shares = [row for row in rows if not row.split], {}
        chosen = divide(
            rarest([row.names for row in pool]),
            [row.group for row in pool],
            {split: share for split, share in shares.items() if share > 0},
            seed,
        )
        if not shares:
            homes = {row.group: row.split for row in rows if row.split and row.group}
            chosen = [homes.get(r.group or "", s) for r, s in zip(pool, chosen, strict=True)]
        if again:
            changes = [
                Change("sample", row.id, "split", row.split, split)
                for row, split in zip(pool, chosen, strict=True)
                if row.split != split
            ]
            self._history.edit(f"Divided {len(pool):,} samples anew", changes)
            return
        with self._store.change():
            self._store.run_many(
                "UPDATE sample SET split = ? WHERE id = ?",
                [(split, row.id) for row, split in zip(pool, chosen, strict=True)],
            )

    def set_problem(self, problems: Mapping[int, str]) -> None:
        """Note why samples cannot be used (empty: they can again); this is a fact, not an edit."""
        with self._store.change():
            self._store.run_many(
                "UPDATE sample SET problem = ? WHERE id = ?",
                [(text, number) for number, text in problems.items()],
            )

    def keep_traces(self, traces: Mapping[int, Trace]) -> None:
        """Remember what was learned about samples' files."""
        with self._store.change():
            self._store.run_many(
                "INSERT OR REPLACE INTO trace VALUES (?, ?, ?, ?)",
                [(number, t.stamp, t.content, t.look) for number, t in traces.items()],
            )

    def _numbers_by_source(self) -> dict[str, int]:
        """Return where rows of a name go, by the name the data gave a class, else by today's."""
        with self._store.reading():
            numbers = {name: number for number, name in self.classes().items()}
            table = self._class_table()
            rows = self._store.rows("SELECT id, source FROM class WHERE source IS NOT NULL")
        return numbers | {source: today(table, number) for number, source in rows}

    def _number_read(self, name: str | None, numbers: dict[str, int]) -> int | None:
        if name is None:
            return None
        if name not in numbers:
            numbers[name] = self._store.run(
                "INSERT INTO class (name, source) VALUES (?, ?)", (name, name)
            )
        return numbers[name]

    # --- edits -----------------------------------------------------------------------------------

    @contextmanager
    def one_edit(self, text: str) -> Iterator[None]:
        """Make one step of undo of all edits made inside."""
        with self._history.together(text):
            yield

    def _counted(self, changes: Sequence[Change]) -> str:
        return counts.of(len(changes), *self.called)

    def relabel(self, ids: Sequence[int], name: str) -> None:
        """Give samples another class; a new name makes a new class."""
        name = checked_name(name)
        with self._store.change():
            number, made = self._number(name)
            if changes := self._changes(ids, "label", number):
                self._history.edit(f"Label of {self._counted(changes)} → {name}", made + changes)

    def exclude(self, ids: Sequence[int]) -> None:
        """Leave samples out of training and scoring."""
        changes = self._changes(ids, "excluded", 1)
        self._history.edit(f"Excluded {self._counted(changes)}", changes)

    def include(self, ids: Sequence[int]) -> None:
        """Take excluded samples back in."""
        changes = self._changes(ids, "excluded", 0)
        self._history.edit(f"Took {self._counted(changes)} back", changes)

    def review(self, ids: Sequence[int], *, wanted: bool = True) -> None:
        """Mark samples for a second look, or take the mark away; they take part as before."""
        changes = self._changes(ids, "review", int(wanted))
        text = (
            f"Sent {self._counted(changes)} to review"
            if wanted
            else f"Reviewed {self._counted(changes)}"
        )
        self._history.edit(text, changes)

    def move(self, ids: Sequence[int], split: str) -> None:
        """Put samples into another split."""
        if split not in SPLITS:
            raise StudioError(f"There is no split {split!r}.", f"Choose {', '.join(SPLITS)}.")
        changes = self._changes(ids, "split", split)
        self._history.edit(f"Moved {self._counted(changes)} to {split}", changes)

    def rewrite(self, number: int, fields: Mapping[str, Any], text: str) -> None:
        """Give fields of a sample other values, such as its spans; None takes a field away.

        ``text`` says what was done, for the history.
        """
        with self._store.change():
            ((before,),) = self._store.rows("SELECT fields FROM sample WHERE id = ?", [number])
            values = json.loads(before) | dict(fields)
            after = json.dumps({name: value for name, value in values.items() if value is not None})
            if after != before:
                self._history.edit(text, [Change("sample", number, "fields", before, after)])

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name; finished runs show the new name without retraining.

        Raises:
            StudioError: If another class has that name already (merge them instead).
        """
        new = checked_name(new)
        numbers = self._living()
        number = _of_class(numbers, old)
        if new in numbers and new != old:
            raise StudioError(f"There is a class {new!r} already.", "Merge the two instead.")
        if new != old:
            self._history.edit(f"Class {old} → {new}", [Change("class", number, "name", old, new)])

    def merge_classes(self, names: Sequence[str], into: str) -> None:
        """Make several classes one; finished runs add their probabilities up."""
        into = checked_name(into)
        with self._store.change():
            numbers = self._living()
            sources = [_of_class(numbers, name) for name in dict.fromkeys(names)]
            target, changes = self._number(into)
            for number in sources:
                if number != target:
                    ids = self._store.rows("SELECT id FROM sample WHERE label = ?", (number,))
                    changes += [Change("sample", i, "label", number, target) for (i,) in ids]
                    changes.append(Change("class", number, "merged_into", None, target))
            self._history.edit(f"Merged {', '.join(names)} into {into}", changes)

    def undo(self) -> str | None:
        """Take the last edit back; return its text, or None if there is none."""
        return self._history.undo()

    def redo(self) -> str | None:
        """Do the edit again that was taken back last; return its text, or None if there is none."""
        return self._history.redo()

    def edits(self, sample: int | None = None) -> list[Edit]:
        """Return all edits, or those of one sample, the newest first."""
        return self._history.edits(sample)

    def newest_edits(self) -> dict[int, int]:
        """Return the number of the newest edit of each sample that was edited, by its number."""
        return self._history.newest()

    def _living(self) -> dict[str, int]:
        return {name: number for number, name in self.classes().items()}

    def _number(self, name: str) -> tuple[int, list[Change]]:
        """Return a class's number; for a new name also the change that brings the class to life."""
        known = self._living().get(name)
        if known is not None:
            return known, []
        number = self._store.run("INSERT INTO class (name, removed) VALUES (?, 1)", (name,))
        return number, [Change("class", number, "removed", 1, 0)]

    def _changes(self, ids: Sequence[int], column: str, value: Any) -> list[Change]:
        """Return what must change so that these samples have this value."""
        wanted = list(dict.fromkeys(ids))
        changes: list[Change] = []
        for start in range(0, len(wanted), 500):  # SQLite takes a limited number of values at once
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._store.rows(
                f"SELECT id, {column} FROM sample WHERE id IN ({marks}) ORDER BY id",  # noqa: S608
                part,
            )
            changes += [
                Change("sample", number, column, before, value)
                for number, before in rows
                if before != value
            ]
        return changes


def _of_class(numbers: Mapping[str, int], name: str) -> int:
    if name not in numbers:
        raise StudioError(f"There is no class {name!r}.", "Reload the project.")
    return numbers[name]
