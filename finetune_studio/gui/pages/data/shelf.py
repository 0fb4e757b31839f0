"""What the Data page shows of a dataset, as plain values: counts, filters and the order; no Qt here."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from math import gcd
from typing import Any

from finetune_studio.core.dataset import Sample
from finetune_studio.core.splits import SPLITS
from finetune_studio.gui.pages.data import hints, texts
from finetune_studio.gui.pages.data.kinds import PICTURE, TEXT, Kind, labels_of
from finetune_studio.gui.pages.data.texts import EDITED, Seen

_CHUNK = 4096
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Survey:
    """Counts of a stock. ``classes`` and ``splits`` count usable samples only.

    Attributes:
        untrained: Classes that have usable samples, but none to train on.
        grouped: Whether samples of one group stay together.
        hints: What is odd about texts: a name to filter by, a few words, and how many.
    """

    total: int = 0
    excluded: int = 0
    unreadable: int = 0
    unlabelled: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    untrained: tuple[str, ...] = ()
    grouped: bool = False
    hints: tuple[tuple[str, str, int], ...] = ()
    review: int = 0

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
        kind: What kind of samples they are.
        seen: What was seen of them, if they are texts.
    """

    samples: Sequence[Sample] = ()
    classes: tuple[str, ...] = ()
    root: str = ""
    missing: bool = False
    survey: Survey = Survey()
    orders: dict[str, Sequence[int]] = field(default_factory=dict)
    kind: Kind = field(default_factory=Kind)
    seen: Seen = field(default_factory=Seen)


@dataclass(frozen=True, slots=True)
class View:
    """Which samples are shown, and in which order.

    Attributes:
        shown: all, excluded, unreadable, unlabelled, review, finding, or a hint's name.
        label: Only this class; empty for all.
        split: Only this split; empty for all.
        search: Letters that the file's name, the label or the text must contain.
        order: mixed, newest, name, class, size, longest, shortest, place or edited.
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
    kind: Kind = field(default_factory=Kind)
    seen: Seen = field(default_factory=Seen)


def stocked(
    samples: Sequence[Sample],
    classes: tuple[str, ...],
    root: str,
    missing: bool,
    before: Stock | None = None,
    kind: Kind = Kind(),  # noqa: B008  frozen
    edits: Mapping[int, int] | None = None,
) -> Stock:
    """Return a stock with its counts; what was worked out for ``before`` is kept where it holds.

    ``edits`` are the newest edits of samples, by their numbers.
    """
    same = before is not None and [s.id for s in samples] == [s.id for s in before.samples]
    orders = dict(before.orders) if same and before is not None and before.root == root else {}
    seen = _seen(samples, before, edits or {}) if kind.is_text else Seen()
    survey = _surveyed(samples, classes, kind, seen)
    return Stock(samples, classes, root, missing, survey, orders, kind, seen)


def _seen(samples: Sequence[Sample], before: Stock | None, edits: Mapping[int, int]) -> Seen:
    """Look at all texts; those that are as they were before are not looked at again."""
    known: dict[int, Sample] = {}
    if before is not None and before.seen.notes:
        known = {sample.id: sample for sample in before.samples}
    notes = {}
    for sample in samples:
        then = known.get(sample.id)
        same = before is not None and then is not None and then.fields == sample.fields
        kept = before.seen.notes.get(sample.id) if same and before is not None else None
        notes[sample.id] = kept or texts.note_of(sample)
    script, language = hints.usual(list(notes.values()))
    lengths = before.seen.lengths if before is not None else texts.Lengths()
    return Seen(notes, script, language, edits, lengths, _spread(notes, lengths))


def _spread(notes: Mapping[int, hints.Note], lengths: texts.Lengths) -> dict[int, int]:
    """Count how many texts are how long, here in a thread: the window would wait for it."""
    if lengths.tokens:
        return Counter(lengths.tokens[number] for number in notes if number in lengths.tokens)
    return Counter(note.words for note in notes.values())


def measured(stock: Stock, lengths: texts.Lengths) -> Stock:
    """Return the stock with its texts' lengths in tokens."""
    spread = _spread(stock.seen.notes, lengths)
    seen = replace(stock.seen, lengths=lengths, spread=spread)
    survey = _surveyed(stock.samples, stock.classes, stock.kind, seen)
    return replace(stock, seen=seen, survey=survey)


def browse(stock: Stock, view: View) -> Shown:
    """Arrange what a view shows of a stock; takes a moment for 100,000 samples."""
    samples = arranged(stock, view)
    rows = {s.id: row for row, s in enumerate(samples)}
    return Shown(samples, rows, stock.survey, stock.kind, stock.seen)


def _surveyed(samples: Sequence[Sample], classes: Sequence[str], kind: Kind, seen: Seen) -> Survey:
    usable = [s for s in samples if not s.excluded and not s.problem]
    by_class: Counter[str] = Counter()
    trained: set[str] = set()
    bare = 0
    for sample in usable:
        names = labels_of(sample)
        bare += not names
        by_class.update(names)
        if sample.split == "train":
            trained.update(names)
    named = [*classes, *sorted(name for name in by_class if name not in set(classes))]
    by_split = Counter(s.split for s in usable)
    return Survey(
        len(samples),
        sum(s.excluded for s in samples),
        sum(bool(s.problem) for s in samples),
        bare if kind.shown in (PICTURE, TEXT) else 0,
        {name: by_class[name] for name in named},
        {split: by_split[split] for split in SPLITS},
        tuple(name for name in named if by_class[name] and name not in trained),
        any(s.group for s in samples),
        _hints(samples, kind, seen),
        sum(s.review for s in samples),
    )


def _hints(samples: Sequence[Sample], kind: Kind, seen: Seen) -> tuple[tuple[str, str, int], ...]:
    """Return what is odd about texts and how many it is true of, in the order to offer it."""
    if not kind.is_text:
        return ()
    counts: Counter[tuple[str, str]] = Counter()
    for sample in samples:
        counts.update(texts.hints_of(sample, kind.shown, seen))
    ranks = {texts.EMPTY: 0, texts.BARE: 1, texts.CUT: 2, texts.LONG: 3}
    ordered = sorted(counts.items(), key=lambda item: (ranks.get(item[0][0], 4), -item[1]))
    found = [(value, text[0].upper() + text[1:], count) for (value, text), count in ordered]
    edited = sum(sample.id in seen.edits for sample in samples)
    return (*found, (EDITED, "Edited", edited)) if edited else tuple(found)


def arranged(stock: Stock, view: View) -> list[Sample]:
    """Return the samples that a view shows, in its order."""
    accepts, samples = _accepts(view, stock), stock.samples
    ordered = (samples[place] for place in _order(stock, view.order))
    return [sample for sample in ordered if accepts(sample)]


def _order(stock: Stock, name: str) -> Sequence[int]:
    """Return the places in the stock, in the order to show."""
    count = len(stock.samples)
    if name == "newest":
        return range(count - 1, -1, -1)
    if name == "class":
        return _by_class(stock)
    if name in _TEXT_ORDERS:
        key_of = _TEXT_ORDERS[name]
        return gently_sorted(range(count), lambda place: (key_of(stock, place), place))
    if name not in ("name", "size"):
        return mixed(count)
    if name not in stock.orders:
        key: Callable[[int], Any] = {
            "name": lambda place: (padded(file_name(stock.samples[place])), place),
            "size": lambda place: (-_size(stock.samples[place].path), place),
        }[name]
        stock.orders[name] = gently_sorted(range(count), key)
    return stock.orders[name]


def _length(stock: Stock, place: int) -> int:
    return texts.length(stock.samples[place], stock.seen)


def _place(stock: Stock, place: int) -> tuple[str, int]:
    file, row = texts.places_sorted_by(stock.samples[place])
    return padded(file), row


_TEXT_ORDERS: dict[str, Callable[[Stock, int], Any]] = {
    "longest": lambda stock, place: -_length(stock, place),
    "shortest": _length,
    "place": _place,
    "edited": lambda stock, place: -stock.seen.edits.get(stock.samples[place].id, 0),
}


def _by_class(stock: Stock) -> list[int]:
    places: dict[str | None, list[int]] = {name: [] for name in (*stock.survey.classes, None)}
    for place, sample in enumerate(stock.samples):
        places.setdefault(next(iter(labels_of(sample)), None), []).append(place)
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


def _accepts(view: View, stock: Stock) -> Callable[[Sample], bool]:
    tests: list[Callable[[Sample], bool]] = []
    shown, seen = stock.kind.shown, stock.seen
    match view.shown:
        case "excluded":
            tests.append(lambda s: s.excluded)
        case "review":
            tests.append(lambda s: s.review)
        case "unreadable":
            tests.append(lambda s: bool(s.problem))
        case "unlabelled":
            tests.append(lambda s: not labels_of(s) and s.usable)
        case "finding":
            tests.append(lambda s: s.id in view.ids)
        case texts.EDITED:
            tests.append(lambda s: s.id in seen.edits)
        case name if name != "all":
            tests.append(lambda s: any(name == v for v, _ in texts.hints_of(s, shown, seen)))
    if view.label:
        tests.append(lambda s: view.label in labels_of(s))
    if view.split:
        tests.append(lambda s: s.split == view.split)
    if view.search:
        wanted = view.search.casefold()
        tests.append(lambda s: _found(s, wanted))
    return lambda s: all(test(s) for test in tests)


def _found(sample: Sample, wanted: str) -> bool:
    """Whether a word, in lower case, stands in a sample's file name, labels or texts."""
    if wanted in file_name(sample).casefold():
        return True
    if any(wanted in name.casefold() for name in labels_of(sample)):
        return True
    return bool(sample.fields) and any(
        wanted in part.casefold() for part in texts.parts(sample.fields)
    )


def gently_sorted(items: Sequence[int], key: Callable[[int], Any]) -> list[int]:
    """Sort in pieces, so that a thread that sorts 100,000 lets the window's thread work meanwhile.

    A single ``list.sort`` would hold the interpreter for its whole length.
    """
    keys = [(key(item), item) for item in items]
    parts = [sorted(keys[start : start + _CHUNK]) for start in range(0, len(keys), _CHUNK)]
    return [item for _, item in merge(*parts)]


def replaced(
    stock: Stock,
    fresh: Sequence[Sample],
    classes: tuple[str, ...],
    edits: Mapping[int, int] | None = None,
) -> Stock:
    """Return the stock with some samples as they are now."""
    news = {s.id: s for s in fresh}
    samples = [news.get(s.id, s) for s in stock.samples]
    return stocked(samples, classes, stock.root, stock.missing, stock, stock.kind, edits)


def file_name(sample: Sample) -> str:
    """Return the last part of a sample's path."""
    return sample.path.rpartition("/")[2]


def padded(text: str) -> str:
    """Return a text that sorts ``img 2`` before ``img 10``."""
    return _DIGITS.sub(lambda number: number[0].zfill(12), text.casefold())


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  a Path object a file doubles the time
    except (OSError, ValueError):
        return 0


def blocked(survey: Survey, kind: Kind) -> str:
    """Return why a model cannot be trained on this yet, as a sentence; empty if it can."""
    if not survey.total:
        return "Add your data first."
    if survey.usable_classes < kind.fewest_classes:
        only = next((name for name, count in survey.classes.items() if count), "")
        have = f"these data have one: {only}" if only else "these data have none"
        return f"Two classes are needed; {have}."
    if not survey.splits.get("train"):
        return f"Nothing is left to train on: put some {kind.many} into train."
    if not survey.splits.get("validation"):
        return f"Nothing is left to judge the model by: put some {kind.many} into validation."
    if survey.untrained:
        one = f"No {kind.one} of {survey.untrained[0]} is in train"
        return f"{one}: move some there, or exclude them."
    return ""
