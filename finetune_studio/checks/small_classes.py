"""Finds classes with too few samples to learn from and to judge by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from finetune_studio.core import counts as numbers
from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control

# With 70/15/15, ten samples are the fewest that leave one or two to judge by in each split.
FEWEST = 10
_NAMED = 4


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report classes under ten samples, and how many more to collect."""
    del control  # counting is instant
    usable = dataset.samples(usable=True)
    counts = dict(Counter(name for sample in usable for name in texts.classes(sample)))
    if len(counts) < 2:
        only = next(iter(counts), "")
        message = f"here is only {only!r}" if only else f"no {dataset.called[0]} carries a label"
        yield Finding(
            "small_classes",
            len(counts),
            "bad",
            f"Two classes are needed, and {message}. Add {dataset.called[1]} of another class.",
        )
        return
    yield from _unlearnable(dataset, counts)
    # Names that are written almost alike are one class, once they are merged as another check offers.
    whole: Counter[str] = Counter()
    for name, count in counts.items():
        whole[texts.spelling(name)] += count
    small = {n: count for n, count in counts.items() if whole[texts.spelling(n)] < FEWEST}
    if not small:
        least = min(counts, key=lambda name: counts[name])
        yield Finding(
            "small_classes",
            0,
            "ok",
            f"Every class has enough {dataset.called[1]}; the smallest, {least}, has {counts[least]:,}.",
        )
        return
    yield _finding(dataset, small, left=len(counts) - len(small))


def _unlearnable(dataset: Dataset, counts: dict[str, int]) -> Iterator[Finding]:
    """Report classes that stand only where a model is judged, so that it cannot learn them."""
    learned = dataset.samples(split="train", usable=True)
    train = {name for sample in learned for name in texts.classes(sample)}
    absent = [name for name in counts if train and name not in train]
    if absent:
        found = [s for s in dataset.samples(usable=True) if set(absent) & set(texts.classes(s))]
        ids = [sample.id for sample in found]
        yield Finding(
            "small_classes",
            len(absent),
            "bad",
            f"No {dataset.called[0]} to train on: {', '.join(absent[:_NAMED])}. A model cannot name what"
            f" it has never seen; move {dataset.called[1]} into training.",
            "Move them into training",
            [sample.place for sample in found[:1000]],
            ids,
            [{"action": "move", "ids": ids, "value": "train"}],
        )


def _finding(dataset: Dataset, small: dict[str, int], left: int) -> Finding:
    usable = dataset.samples(usable=True)
    samples = [sample for sample in usable if small.keys() & set(texts.classes(sample))]
    named = sorted(small, key=lambda name: small[name])[:_NAMED]
    told = ", ".join(
        f"{name!r} with {small[name]} (collect {FEWEST - small[name]} more)" for name in named
    )
    rest = len(small) - len(named)
    more = f", and {numbers.of(rest, 'other class', 'other classes')}" if rest else ""
    few = numbers.of(len(small), "class has", "classes have")
    ids = [sample.id for sample in samples]
    # A sample of several classes would take its other ones with it.
    possible = left >= 2 and not any("labels" in sample.fields for sample in samples)
    choice = "exclude them or merge them with another class" if possible else "merge classes"
    return Finding(
        "small_classes",
        len(small),
        "bad" if min(small.values()) < 3 else "warning",
        f"{few} too few {dataset.called[1]} to learn from and to judge by. Those are: {told}{more}. If you"
        f" cannot, {choice}.",
        "Exclude these classes" if possible else "",
        [sample.place for sample in samples[:1000]],
        ids,
        [{"action": "exclude", "ids": ids}] if possible else [],
    )
