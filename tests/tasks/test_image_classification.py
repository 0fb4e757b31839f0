"""Image classification: its scores do not hang on the order in which a process keeps names."""

from __future__ import annotations

import random
from math import fsum

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.recipe import Recipe
from finetune_studio.tasks.image_classification import ImageClassification


def test_macro_f1_is_the_same_in_every_process() -> None:
    """Sets of texts have another order in each process; a plain sum would differ in its last digits."""
    names = [f"class {n}" for n in range(200)]
    rng, pairs = random.Random(0), []
    for n, name in enumerate(names):
        for _ in range(rng.randint(3, 13)):
            said = rng.choice(names) if rng.random() < 0.4 else name
            pairs.append((Sample(len(pairs), "", name, n, "test"), Prediction(said)))
    shares = []
    for name in names:
        right = sum(s.label == name == p.label for s, p in pairs)
        truth, told = sum(s.label == name for s, _ in pairs), sum(p.label == name for _, p in pairs)
        shares.append(2 * right / (truth + told))
    assert ImageClassification().score(pairs)["macro_f1"] == fsum(shares) / 200
    assert sum(shares) != sum(reversed(shares))  # or this would show nothing


def test_a_setting_that_the_task_does_not_have_is_refused_in_words() -> None:
    with pytest.raises(StudioError) as caught:
        ImageClassification.own_options(Recipe().with_settings({"options.nothing": 1}))
    assert str(caught.value) == (
        "The setting options.nothing does not fit image_classification: there is no such setting."
        " This task has no settings of its own."
    )
