"""What the Data page shows of a dataset, as plain values: counts, filters and the order; no Qt here."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import merge
from typing import Any

from finetune_studio.core.dataset import Sample
from finetune_studio.core.splits import SPLITS

_CHUNK = 4096
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Stock:
    """All samples of a project in the order of their numbers, and its classes in theirs."""

    samples: Sequence[Sample] = ()
    classes: tuple[str, ...] = ()
    root: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """Counts of a stock. ``classes`` and ``splits`` count usable samples only.

    Attributes:
        untrained: Classes that have usable samples, but none to train on.
        grouped: Whether samples of one group stay together.
    """

    total: int = 0
    excluded: int = 0
    unreadable: int = 0
    unlabelled: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    untrained: tuple[str, ...] = ()
    grouped: bool = False

    @property
    def usable_classes(self) -> int:
        """Return how many classes can be learned."""
        return sum(count > 0 for count in self.classes.values())


@dataclass(frozen=True, slots=True)
class View:
    """Which samples are shown, and in which order.

    Attributes:
        shown: all, excluded, unreadable, unlabelled or finding.
        label: Only this class; empty for all.
        split: Only this split; empty for all.
        search: Letters that the file's name or the label must contain.
        order: mixed, newest, name, class or size.
        ids: The samples of a finding, and ``ids_title`` what it is called.
    """

    shown: str = "all"
    label: str = ""
    split: str = ""
    search: str = ""
    order: str = "mixed"
    ids: frozenset[int] = frozenset()
    ids_title: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return self.shown != "all" or bool(self.label or self.split or self.search)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a view makes of a stock: the samples in order, and where each number stands."""

    samples: Sequence[Sample] = ()
    rows: Mapping[int, int] = field(default_factory=dict)
    survey: Survey = Survey()


def browse(stock: Stock, view: View) -> Shown:
    """Count a stock and arrange what a view shows of it; takes a while for 100,000 samples."""
    samples = arranged(stock, view)
    return Shown(samples, {s.id: row for row, s in enumerate(samples)}, survey(stock))


def survey(stock: Stock) -> Survey:
    """Count a stock."""
    usable = [s for s in stock.samples if not s.excluded and not s.problem]
    by_class = Counter(s.label for s in usable)
    trained = {s.label for s in usable if s.split == "train"}
    by_split = Counter(s.split for s in usable)
    return Survey(
        len(stock.samples),
        sum(s.excluded for s in stock.samples),
        sum(bool(s.problem) for s in stock.samples),
        by_class[None],
        {name: by_class[name] for name in stock.classes},
        {split: by_split[split] for split in SPLITS},
        tuple(name for name in stock.classes if by_class[name] and name not in trained),
        any(s.group for s in stock.samples),
    )


def arranged(stock: Stock, view: View) -> list[Sample]:
    """Return the samples that a view shows, in its order."""
    kept = list(filter(_accepts(view), stock.samples))
    return gently_sorted(kept, _key(stock, view.order))


def _accepts(view: View) -> Callable[[Sample], bool]:
    tests: list[Callable[[Sample], bool]] = []
    match view.shown:
        case "excluded":
            tests.append(lambda s: s.excluded)
        case "unreadable":
            tests.append(lambda s: bool(s.problem))
        case "unlabelled":
            tests.append(lambda s: s.label is None and s.usable)
        case "finding":
            tests.append(lambda s: s.id in view.ids)
    if view.label:
        tests.append(lambda s: s.label == view.label)
    if view.split:
        tests.append(lambda s: s.split == view.split)
    if view.search:
        wanted = view.search.casefold()
        tests.append(lambda s: wanted in file_name(s).casefold() or wanted in _label(s).casefold())
    return lambda s: all(test(s) for test in tests)


def _key(stock: Stock, order: str) -> Callable[[Sample], Any]:
    places = {name: place for place, name in enumerate(stock.classes)}
    keys: dict[str, Callable[[Sample], Any]] = {
        "newest": lambda s: -s.id,
        "name": lambda s: (padded(file_name(s)), s.id),
        "class": lambda s: (places.get(s.label or "", len(places)), s.id),
        "size": lambda s: (-_size(s.path), s.id),
    }
    # Mixed: an order that looks drawn by lot but is always the same (Knuth's multiplicative hash),
    # so that the first screen already shows a cross-section of the data.
    return keys.get(order, lambda s: s.id * 2654435761 % 2**32)


def gently_sorted(items: Sequence[Sample], key: Callable[[Sample], Any]) -> list[Sample]:
    """Sort in pieces, so that a thread that sorts 100,000 lets the window's thread work meanwhile.

    A single ``list.sort`` would hold the interpreter for its whole length.
    """
    parts = [
        sorted(items[start : start + _CHUNK], key=key) for start in range(0, len(items), _CHUNK)
    ]
    return list(merge(*parts, key=key)) if len(parts) > 1 else [s for part in parts for s in part]


def replaced(stock: Stock, fresh: Sequence[Sample]) -> Stock:
    """Return the stock with some samples as they are now."""
    news = {s.id: s for s in fresh}
    samples = [news.get(s.id, s) for s in stock.samples]
    known = set(stock.classes)
    added = tuple(dict.fromkeys(s.label for s in fresh if s.label and s.label not in known))
    return Stock(samples, (*stock.classes, *added), stock.root, stock.missing)


def file_name(sample: Sample) -> str:
    """Return the last part of a sample's path."""
    return sample.path.rpartition("/")[2]


@lru_cache(maxsize=1 << 17)
def padded(text: str) -> str:
    """Return a text that sorts ``img 2`` before ``img 10``."""
    return _DIGITS.sub(lambda number: number[0].zfill(12), text.casefold())


def _label(sample: Sample) -> str:
    return sample.label or ""


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  a Path object a file doubles the time
    except (OSError, ValueError):
        return 0


def blocked(survey: Survey) -> str:
    """Return why a model cannot be trained on this yet, as a sentence; empty if it can."""
    if not survey.total:
        return "Add your data first."
    if survey.usable_classes < 2:
        only = next((name for name, count in survey.classes.items() if count), "")
        have = f"these data have one: {only}" if only else "these data have none"
        return f"Two classes are needed; {have}."
    if not survey.splits.get("train"):
        return "Nothing is left to train on: put some photos into train."
    if not survey.splits.get("validation"):
        return "Nothing is left to judge the model by: put some photos into validation."
    if survey.untrained:
        return f"No photo of {survey.untrained[0]} is in train: move some there, or exclude them."
    return ""
