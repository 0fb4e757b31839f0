"""Train, validation and test: their names, and how samples are divided among them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")

SPLITS = ("train", "validation", "test")

_WORDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "devel": "validation",
    "test": "test",
    "testing": "test",
}


def split_named(word: str) -> str | None:
    """Return the split that a folder, a file's stem or a table's cell means; None if it means none."""
    return _WORDS.get(word.strip().lower())


def rarest(names: Sequence[Sequence[str]]) -> list[str]:
    """Return of each sample the name that the fewest samples have; empty where it has none."""
    counts = Counter(name for own in names for name in set(own))
    return [min(own, key=lambda name: (counts[name], name), default="") for own in names]


def in_turns(items: Sequence[T], names: Sequence[Sequence[str]], rng: random.Random) -> list[T]:
    """Return the first of each class in a random order, then the second of each, and so on.

    ``names`` says of each item what it has; of several the rarest counts as its class.
    """
    mixed = list(range(len(items)))
    rng.shuffle(mixed)
    kinds = rarest([names[place] for place in mixed])
    turn: Counter[str] = Counter()
    order: list[tuple[int, int, int]] = []
    for number, (place, kind) in enumerate(zip(mixed, kinds, strict=True)):
        order.append((turn[kind], number, place))
        turn[kind] += 1
    return [items[place] for *_, place in sorted(order)]


def divide(
    labels: Sequence[Hashable],
    groups: Sequence[Hashable | None],
    shares: dict[str, float],
    seed: int,
) -> list[str]:
    """Divide samples so that each class keeps its share in each split and no group is torn apart.

    Groups are dealt out one by one in an order drawn from the seed, larger ones first, each to the
    split that lacks most of the group's classes (a greedy form of stratified group sampling). A sample
    without a group is a group of its own. A class with a single group goes to training.

    Args:
        labels: One label a sample.
        groups: One group a sample, or None.
        shares: The share of each split besides ``train``, from 0 to 1.
        seed: Start of the random order.

    Returns:
        One split name a sample.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[("alone", index) if group is None else ("group", group)].append(index)
    order = sorted(members, key=repr)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda key: -len(members[key]))

    wanted = {"train": 1.0 - sum(shares.values())} | shares
    totals: dict[Hashable, int] = defaultdict(int)
    clusters: dict[Hashable, int] = defaultdict(int)
    for key in order:
        for label in {labels[i] for i in members[key]}:
            clusters[label] += 1
    for label in labels:
        totals[label] += 1
    missing = {
        split: {label: share * total for label, total in totals.items()}
        for split, share in wanted.items()
    }
    chosen = ["train"] * len(labels)
    for key in order:
        rows = members[key]
        kinds = [labels[i] for i in rows]
        if any(clusters[label] == 1 for label in kinds):
            split = "train"
        else:
            split = max(wanted, key=lambda s: (sum(missing[s][k] for k in kinds), s == "train"))
        for index, label in zip(rows, kinds, strict=True):
            chosen[index] = split
            missing[split][label] -= 1
    return chosen
