"""What the Data page shows of a dataset, as plain values: counts, filters and the order; no Qt here."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from math import gcd
from typing import Any

from finetune_studio.core.dataset import Sample
from finetune_studio.core.splits import SPLITS

_CHUNK = 4096
_DIGITS = re.compile(r"\d+")


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
class Stock:
    """All samples of a project in the order of their numbers, and its classes in theirs.

    Attributes:
        missing: Whether the files are not where they were.
        orders: Orders worked out already: which sample (by its place in ``samples``) comes when.
            They hold as long as no sample comes or goes.
    """

    samples: Sequence[Sample] = ()
    classes: tuple[str, ...] = ()
    root: str = ""
    missing: bool = False
    survey: Survey = Survey()
    orders: dict[str, Sequence[int]] = field(default_factory=dict)


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


def stocked(
    samples: Sequence[Sample],
    classes: tuple[str, ...],
    root: str,
    missing: bool,
    before: Stock | None = None,
) -> Stock:
    """Return a stock with its counts; orders of ``before`` are kept where they still hold."""
    same = before is not None and [s.id for s in samples] == [s.id for s in before.samples]
    orders = dict(before.orders) if same and before is not None and before.root == root else {}
    return Stock(samples, classes, root, missing, _surveyed(samples, classes), orders)


def browse(stock: Stock, view: View) -> Shown:
    """Arrange what a view shows of a stock; takes a moment for 100,000 samples."""
    samples = arranged(stock, view)
    return Shown(samples, {s.id: row for row, s in enumerate(samples)}, stock.survey)


def _surveyed(samples: Sequence[Sample], classes: Sequence[str]) -> Survey:
    usable = [s for s in samples if not s.excluded and not s.problem]
    by_class = Counter(s.label for s in usable)
    trained = {s.label for s in usable if s.split == "train"}
    by_split = Counter(s.split for s in usable)
    return Survey(
        len(samples),
        sum(s.excluded for s in samples),
        sum(bool(s.problem) for s in samples),
        by_class[None],
        {name: by_class[name] for name in classes},
        {split: by_split[split] for split in SPLITS},
        tuple(name for name in classes if by_class[name] and name not in trained),
        any(s.group for s in samples),
    )


def arranged(stock: Stock, view: View) -> list[Sample]:
    """Return the samples that a view shows, in its order."""
    accepts, samples = _accepts(view), stock.samples
    ordered = (samples[place] for place in _order(stock, view.order))
    return [sample for sample in ordered if accepts(sample)]


def _order(stock: Stock, name: str) -> Sequence[int]:
    """Return the places in the stock, in the order to show."""
    count = len(stock.samples)
    if name == "newest":
        return range(count - 1, -1, -1)
    if name == "class":
        return _by_class(stock)
    if name not in ("name", "size"):
        return mixed(count)
    if name not in stock.orders:
        key: Callable[[int], Any] = {
            "name": lambda place: (padded(file_name(stock.samples[place])), place),
            "size": lambda place: (-_size(stock.samples[place].path), place),
        }[name]
        stock.orders[name] = gently_sorted(range(count), key)
    return stock.orders[name]


def _by_class(stock: Stock) -> list[int]:
    places: dict[str | None, list[int]] = {name: [] for name in (*stock.classes, None)}
    for place, sample in enumerate(stock.samples):
        places.setdefault(sample.label, []).append(place)
    return [place for some in places.values() for place in some]


def mixed(count: int) -> list[int]:
    """Return the numbers below ``count`` in an order that looks drawn by lot, always the same one.

    The first screen then shows a cross-section of the data. Steps of the golden ratio round a
    circle lie far apart from each other, whatever their number (Weyl's equidistribution).
    """
    step = max(1, round(count * 0.6180339887))
    while gcd(step, count) > 1:
        step += 1
    return [place * step % count for place in range(count)]


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


def gently_sorted(items: Sequence[int], key: Callable[[int], Any]) -> list[int]:
    """Sort in pieces, so that a thread that sorts 100,000 lets the window's thread work meanwhile.

    A single ``list.sort`` would hold the interpreter for its whole length.
    """
    keys = [(key(item), item) for item in items]
    parts = [sorted(keys[start : start + _CHUNK]) for start in range(0, len(keys), _CHUNK)]
    return [item for _, item in merge(*parts)]


def replaced(stock: Stock, fresh: Sequence[Sample], classes: tuple[str, ...]) -> Stock:
    """Return the stock with some samples as they are now."""
    news = {s.id: s for s in fresh}
    samples = [news.get(s.id, s) for s in stock.samples]
    return stocked(samples, classes, stock.root, stock.missing, stock)


def file_name(sample: Sample) -> str:
    """Return the last part of a sample's path."""
    return sample.path.rpartition("/")[2]


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
