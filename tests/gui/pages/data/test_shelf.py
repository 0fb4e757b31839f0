"""Counting, filtering and ordering samples, without Qt."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.gui.pages.data import shelf
from finetune_studio.gui.pages.data.kinds import kind_of
from finetune_studio.gui.pages.data.shelf import Stock, Survey, View, arranged, stocked

PHOTOS = kind_of("image_classification")
SAMPLES = [
    Sample(1, "/d/img10.png", "b", 2, "train", group="g"),
    Sample(2, "/d/img2.png", "a", 1, "validation"),
    Sample(3, "/d/img1.png", "a", 1, "train", excluded=True),
    Sample(4, "/d/Other.png", "b", 2, "test", problem="it is damaged"),
    Sample(7, "/d/img3.png", None, None, "train"),
]


@pytest.fixture
def stock() -> Stock:
    return stocked(SAMPLES, ("a", "b"), "/d", missing=False)


def ids(samples) -> list[int]:
    return [sample.id for sample in samples]


def test_counts_tell_usable_samples_apart(stock):
    assert stock.survey == Survey(
        total=5,
        excluded=1,
        unreadable=1,
        unlabelled=1,
        classes={"a": 1, "b": 1},
        splits={"train": 2, "validation": 1, "test": 0},
        untrained=("a",),
        grouped=True,
    )


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (View("excluded"), {3}),
        (View("unreadable"), {4}),
        (View("unlabelled"), {7}),
        (View("finding", ids=frozenset({1, 7, 99})), {1, 7}),
        (View(label="a"), {2, 3}),
        (View(split="train", label="b"), {1}),
        (View(search="IMG1"), {1, 3}),
        (View(search="/d"), set()),
        (View(), {1, 2, 3, 4, 7}),
    ],
)
def test_filters(stock, view, expected):
    assert set(ids(arranged(stock, view))) == expected


def test_orders(stock):
    assert ids(arranged(stock, View(order="newest"))) == [7, 4, 3, 2, 1]
    assert ids(arranged(stock, View(order="name"))) == [3, 2, 7, 1, 4]
    assert ids(arranged(stock, View(order="class"))) == [2, 3, 1, 4, 7]


def test_large_files_come_first(tmp_path: Path):
    for number, size in ((1, 10), (2, 1000), (3, 100)):
        (tmp_path / str(number)).write_bytes(b"x" * size)
    samples = [Sample(n, str(tmp_path / str(n)), "a", 1, "train") for n in (1, 2, 3)]
    samples.append(Sample(4, str(tmp_path / "gone"), "a", 1, "train"))
    stock = stocked(samples, ("a",), str(tmp_path), missing=False)
    assert ids(arranged(stock, View(order="size"))) == [2, 3, 1, 4]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 100, 3781])
def test_the_mixed_order_has_everything_once_and_mixes(count):
    order = shelf.mixed(count)
    assert sorted(order) == list(range(count))
    assert order == shelf.mixed(count)
    if count >= 100:  # each tenth of the data shows up on the first screen
        assert len({place * 10 // count for place in order[:20]}) == 10


def test_sorting_in_pieces_is_sorting():
    numbers = list(range(10_000))
    random.Random(0).shuffle(numbers)
    assert shelf.gently_sorted(numbers, lambda n: n) == list(range(10_000))


def test_an_order_is_kept_until_samples_come_or_go(stock):
    arranged(stock, View(order="name"))
    changed = Sample(2, "/d/img2.png", "b", 2, "train")
    after = shelf.replaced(stock, [changed], ("a", "b"))
    assert after.orders["name"] == stock.orders["name"]
    assert ids(arranged(after, View(label="b"))) == [1, 2, 4] or set(
        ids(arranged(after, View(label="b")))
    ) == {1, 2, 4}
    assert after.survey.classes == {"a": 0, "b": 2}
    more = stocked(
        [*SAMPLES, Sample(8, "/d/0.png", "a", 1, "train")], ("a", "b"), "/d", False, stock
    )
    assert more.orders == {}
    assert ids(arranged(more, View(order="name")))[0] == 8


def test_what_keeps_a_model_from_being_trained():
    two = {"a": 3, "b": 3}
    splits = {"train": 4, "validation": 2, "test": 0}
    assert shelf.blocked(Survey(), PHOTOS) == "Add your data first."
    assert "these data have one: a." in shelf.blocked(Survey(3, classes={"a": 3, "b": 0}), PHOTOS)
    assert "have none" in shelf.blocked(Survey(3, unlabelled=3), PHOTOS)
    assert "train on" in shelf.blocked(Survey(6, classes=two, splits={"train": 0}), PHOTOS)
    assert "judge" in shelf.blocked(
        Survey(6, classes=two, splits={"train": 6, "validation": 0}), PHOTOS
    )
    assert "No photo of b" in shelf.blocked(
        Survey(6, classes=two, splits=splits, untrained=("b",)), PHOTOS
    )
    assert shelf.blocked(Survey(6, classes=two, splits=splits), PHOTOS) == ""
