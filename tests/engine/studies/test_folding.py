"""Folds: every sample once, each class alike in all of them, no group in two."""

from __future__ import annotations

from collections import Counter

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.engine.studies import folding


def samples(count: int, classes: int = 3, group_size: int = 0, **fields: object) -> list[Sample]:
    return [
        Sample(
            n + 1,
            f"{n}.png",
            f"class{n % classes}",
            n % classes,
            "train",
            f"g{n // group_size}" if group_size else None,
        )
        for n in range(count)
    ]


def test_each_sample_is_in_one_fold_and_each_class_alike_in_all() -> None:
    all_of_them = samples(61)
    folds = folding.divide(all_of_them, 5, seed=3)
    assert sorted(n for fold in folds for n in fold) == list(range(1, 62))
    for fold in folds:
        counts = Counter(all_of_them[n - 1].label for n in fold)
        assert set(counts) == {"class0", "class1", "class2"}
        assert max(counts.values()) - min(counts.values()) <= 1
    assert folding.divide(all_of_them, 5, seed=3) == folds
    assert folding.divide(all_of_them, 5, seed=4) != folds


def test_no_group_is_in_two_folds_while_classes_stay_alike() -> None:
    all_of_them = samples(120, group_size=4)
    folds = folding.divide(all_of_them, 4, seed=0)
    home = {s.id: n for n, fold in enumerate(folds) for s in all_of_them if s.id in fold}
    by_group: dict[str | None, set[int]] = {}
    for sample in all_of_them:
        by_group.setdefault(sample.group, set()).add(home[sample.id])
    assert all(len(places) == 1 for places in by_group.values())
    for fold in folds:
        counts = Counter(all_of_them[n - 1].label for n in fold)
        assert max(counts.values()) - min(counts.values()) <= 3


def test_samples_of_several_classes_count_as_the_rarest_one() -> None:
    several = [
        Sample(
            n, "", None, None, "train", fields={"labels": ["common", *(["rare"] * (n % 6 == 0))]}
        )
        for n in range(1, 61)
    ]
    folds = folding.divide(several, 5, seed=1)
    assert [sum(n % 6 == 0 for n in fold) for fold in folds] == [2] * 5


def test_without_classes_and_with_a_tiny_class_folds_are_made_too() -> None:
    plain = [Sample(n, "", None, None, "train", fields={"text": "x"}) for n in range(1, 12)]
    assert [len(fold) for fold in folding.divide(plain, 3, seed=0)] == [4, 4, 3]
    odd = [*samples(30, classes=2), Sample(31, "", "lonely", 9, "train")]
    folds = folding.divide(odd, 5, seed=0)
    assert sorted(n for fold in folds for n in fold) == list(range(1, 32))
    assert folding.thin(odd, 5) == ["lonely"]


def test_too_few_groups_are_refused_with_what_to_do() -> None:
    with pytest.raises(StudioError, match="5 folds need at least 5 groups; there are 3") as caught:
        folding.divide(samples(30, group_size=10), 5, seed=0)
    assert caught.value.hint == "Choose at most 3 folds."
