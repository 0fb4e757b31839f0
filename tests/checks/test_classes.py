"""Small and unequal classes: sentences with numbers, remedies that help."""

from __future__ import annotations

import pytest

from finetune_studio.checks import imbalance, small_classes
from finetune_studio.core.dataset import Dataset, Row
from finetune_studio.core.events import Finding
from finetune_studio.core.job import Control
from finetune_studio.core.recipe import Recipe


@pytest.fixture
def make(tmp_path):
    opened = []

    def open_it(**sizes):
        dataset = Dataset(tmp_path / f"{len(opened)}.sqlite")
        rows = [Row(f"{name}/{i}.png", name) for name, n in sizes.items() for i in range(n)]
        dataset.fill(rows, root=tmp_path)
        dataset.divide(validation=0.15, test=0.15, seed=0)
        opened.append(dataset)
        return dataset

    yield open_it
    for dataset in opened:
        dataset.close()


def one(check, dataset):
    (found,) = [e for e in check.find(dataset, Control()) if isinstance(e, Finding)]
    return found


def test_small_classes_say_how_many_to_collect(make):
    dataset = make(cat=40, dog=30, owl=4, elk=1)
    found = one(small_classes, dataset)
    assert (found.severity, found.count) == ("bad", 2)
    assert "'elk' with 1 (collect 9 more), 'owl' with 4 (collect 6 more)" in found.message
    dataset.exclude(found.edits[0]["ids"])
    assert one(small_classes, dataset).severity == "ok"
    dataset.undo()
    assert one(small_classes, dataset).count == 2


def test_excluding_must_leave_two_classes(make):
    found = one(small_classes, make(cat=40, owl=4))
    assert found.severity == "warning"
    assert found.edits == []
    assert "merge" in found.message


def test_a_single_class_is_said(make):
    found = one(small_classes, make(cat=40))
    assert found.severity == "bad"
    assert "Two classes are needed, and here is only 'cat'." in found.message


def test_a_class_that_is_only_in_the_test_cannot_be_learned(make):
    dataset = make(cat=20, dog=20)
    dataset.move([s.id for s in dataset.samples() if s.label == "dog"], "test")
    events = [e for e in small_classes.find(dataset, Control()) if isinstance(e, Finding)]
    assert [(e.severity, e.count) for e in events] == [("bad", 1), ("ok", 0)]
    assert "No sample to train on: dog" in events[0].message
    dataset.move(events[0].edits[0]["ids"], "train")
    assert one(small_classes, dataset).severity == "ok"


def test_unequal_classes_are_balanced_through_the_recipe(make):
    dataset = make(cat=100, dog=60, owl=20)
    found = one(imbalance, dataset)
    assert (found.severity, found.count) == ("warning", 1)
    assert "owl has 5.0 times fewer samples to train on than cat (14 and 70)" in found.message
    assert found.edits == [
        {"action": "recipe", "ids": [], "value": {"optimiser.balance": "weights"}}
    ]
    recipe = Recipe().with_settings(found.edits[0]["value"])
    dataset.put("recipe", recipe.model_dump_json())
    assert one(imbalance, dataset).severity == "ok"
    dataset.put("recipe", '{"from": "another version"}')
    assert one(imbalance, dataset).severity == "warning"


def test_similar_classes_are_fine(make):
    assert one(imbalance, make(cat=100, dog=40)).severity == "ok"
    assert one(imbalance, make(cat=100)).severity == "ok"
