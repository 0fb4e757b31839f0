"""Counts rows as they are read: samples, classes, splits, and what is set aside and why."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from finetune_studio.core.dataset import Row
from finetune_studio.core.reader import NO_FILE
from finetune_studio.core.splits import SPLITS

_SECONDS = 3.0  # longer is no quick look; the counts then are "at least"
SHOWN = 20
_MOST_REASONS = 3
_VARYING = re.compile(r"(?<!column )'[^']*'|\d+")


@dataclass
class Tally:
    """What was counted so far."""

    samples: int = 0
    complete: bool = True
    problems: list[str] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    first: list[Row] = field(default_factory=list)
    spread: list[Row] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """Return how many rows cannot be used."""
        return len(self.problems)

    def add(self, row: Row) -> None:
        """Count one row."""
        self.samples += 1
        if len(self.first) < SHOWN:
            self.first.append(row)
        if row.problem:
            self.problems.append(row.problem)
            return
        labels = labels_of(row)
        if any(self.classes[label] < 2 for label in labels):
            self.spread.append(row)
        self.classes.update(labels)
        if row.split:
            self.splits[row.split] += 1

    def blocked(self, fewest: int) -> str:
        """Return why nothing can be learnt from these; ``fewest`` classes are needed."""
        if self.samples == self.broken:
            if not self.samples:
                return "There are no samples."
            return f"None of the samples can be used. The first: {self.problems[0]}."
        if fewest == 1 and not self.classes:
            return "No sample holds anything to learn from: nothing is marked in any of them."
        if len(self.classes) < fewest:
            only = next(iter(self.classes), "none")
            return f"Two classes are needed; here is only one: {only}."
        if self.splits and not self.splits["train"] and self.splits.total() == self.samples:
            return "There are no samples to train on: no folder or row says train."
        return ""

    def shown(self, *, spread: bool) -> tuple[Row, ...]:
        """Return the first rows; ``spread``: of files that lie class by class, two of each class."""
        files = spread and any(row.path for row in self.first)
        return tuple(((self.spread if files else []) or self.first)[:SHOWN])

    def by_split(self) -> dict[str, int]:
        """Return how many samples each split has that the data bring."""
        return {split: self.splits[split] for split in SPLITS if self.splits[split]}


def labels_of(row: Row) -> list[str]:
    """Return the classes of a row, or the types of its spans: one, several, or none."""
    listed = row.fields.get("labels")
    if isinstance(listed, list):
        return [str(label) for label in listed]
    if spans := row.fields.get("spans"):
        return [str(span[2]) for span in spans]
    return [] if row.label is None else [row.label]


def counted(rows: Iterator[Row]) -> Tally:
    """Count rows for some seconds."""
    tally = Tally()
    until = 0.0
    for row in rows:
        until = until or time.monotonic() + _SECONDS  # what the first row takes is not counting
        tally.add(row)
        if tally.samples % 500 == 0 and time.monotonic() > until:
            tally.complete = False
            break
    return tally


def reasons(problems: Iterable[str]) -> str:
    """Return how many samples are set aside for which reason, each with its first place.

    A problem says first where, then what: ``t.csv, row 3: the cell in column 'text' is empty``. Those
    that differ only in numbers and quoted words are one reason.
    """
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for problem in problems:
        what = problem.partition(": ")[2] or problem
        key = NO_FILE if what.startswith(NO_FILE) else _VARYING.sub("", what)
        counts[key] += 1
        examples.setdefault(key, problem)
    usual = counts.most_common(_MOST_REASONS)
    said = [examples[k] if n == 1 else f"{n:,} like {examples[k]}" for k, n in usual]
    if rest := counts.total() - sum(count for _, count in usual):
        said.append(f"{rest:,} for other reasons")
    return "; ".join(said)
