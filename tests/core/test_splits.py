"""Dividing samples: exact shares, classes kept in proportion, groups never torn apart."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest

from finetune_studio.core.splits import SPLITS, divide, split_named

SHARES = {"validation": 0.15, "test": 0.15}


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("VALID", "validation"),
        ("val", "validation"),
        ("Dev", "validation"),
        ("devel", "validation"),
        (" Test ", "test"),
        ("testing", "test"),
        ("validation", "validation"),
        ("tests", None),
        ("trainer", None),
        ("", None),
        ("holdout", None),
    ],
)
def test_words_for_splits(word, split):
    assert split_named(word) == split


def test_each_class_keeps_its_share():
    labels = ["a"] * 1000 + ["b"] * 100 + ["c"] * 20
    chosen = divide(labels, [None] * len(labels), SHARES, seed=0)
    by_class = Counter(zip(labels, chosen, strict=True))
    assert by_class["a", "train"] == 700
    assert by_class["a", "validation"] == 150
    assert by_class["b", "test"] == 15
    assert [by_class["c", s] for s in SPLITS] == [14, 3, 3]


def test_the_seed_decides_and_nothing_else():
    labels = [str(i % 3) for i in range(300)]
    groups = [None] * 300
    assert divide(labels, groups, SHARES, 1) == divide(labels, groups, SHARES, 1)
    assert divide(labels, groups, SHARES, 1) != divide(labels, groups, SHARES, 2)


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_never_torn_apart(seed):
    rng = random.Random(seed)
    count = rng.randint(50, 400)
    labels = [rng.choice("abcd") for _ in range(count)]
    groups = [rng.choice([None, *range(30)]) for _ in range(count)]
    chosen = divide(labels, groups, SHARES, seed)
    homes = defaultdict(set)
    for group, split in zip(groups, chosen, strict=True):
        if group is not None:
            homes[group].add(split)
    assert all(len(splits) == 1 for splits in homes.values())
    shares = Counter(chosen)
    assert 0.55 < shares["train"] / count < 0.85
    assert shares["validation"]
    assert shares["test"]


def test_every_class_with_enough_groups_reaches_every_split():
    labels, groups = [], []
    for patient in range(40):
        label = "ill" if patient % 4 == 0 else "well"
        labels += [label] * (3 + patient % 5)
        groups += [f"patient {patient}"] * (3 + patient % 5)
    chosen = divide(labels, groups, SHARES, 0)
    assert {("ill", s) for s in SPLITS} <= set(zip(labels, chosen, strict=True))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 10])
def test_small_classes_are_trained_on_first(size):
    labels = ["big"] * 100 + ["small"] * size
    chosen = Counter(divide(labels, [None] * len(labels), SHARES, 0)[100:])
    assert chosen["train"] >= chosen["validation"] + chosen["test"]
    assert chosen["train"] >= 1
    if size >= 7:
        assert chosen["validation"]
        assert chosen["test"]


def test_a_class_in_a_single_group_goes_to_training():
    labels = ["a"] * 50 + ["b"] * 50
    groups = [None] * 50 + ["one field"] * 50
    chosen = divide(labels, groups, SHARES, 0)
    assert set(chosen[50:]) == {"train"}
    assert Counter(chosen[:50])["test"] > 0


def test_no_shares_put_everything_into_training():
    assert divide(["a", "b"] * 5, [None] * 10, {}, 0) == ["train"] * 10
    assert divide([], [], SHARES, 0) == []
