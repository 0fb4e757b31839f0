"""Blended samples: shares, pieces, and losses that count by them."""

from __future__ import annotations

import random

import pytest
import torch

from finetune_studio.core.blend import Blend, Box, drawn
from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.modality import classes, mixing


def bundle_of(**settings: float) -> Bundle:
    recipe = Recipe().with_settings({f"optimiser.{n}": v for n, v in settings.items()})
    labels = Labels(("a", "b", "c"), (1, 2, 3))
    return Bundle(torch.nn.Linear(4, 3).train(), labels, {}, {}, "", recipe=recipe)


def test_each_sample_is_blended_with_the_one_from_the_other_end() -> None:
    values = torch.arange(6.0).reshape(3, 2)
    found = mixing.blended(values, Blend(0.75))
    assert torch.allclose(found, 0.75 * values + 0.25 * values.flip(0))
    assert torch.equal(found[1], values[1])  # the middle one is its own counterpart


@pytest.mark.parametrize("seed", range(20))
def test_a_pasted_piece_counts_by_its_pixels(seed: int) -> None:
    blend = drawn(random.Random(seed), 0.0, 1.0)
    assert blend is not None
    assert blend.box is not None
    wanted = blend.share
    values = torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)])
    found = mixing.blended(values, blend)
    assert float(found[0].mean()) == pytest.approx(1 - blend.share)
    assert float(found[1].mean()) == pytest.approx(blend.share)
    assert blend.share == pytest.approx(wanted, abs=0.13)


def test_a_box_is_where_it_was_drawn() -> None:
    values = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    found = mixing.blended(values, Blend(0.75, Box(0.5, 0.25, 0.5)))
    assert found[0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]]


def test_shares_are_drawn_about_even_for_a_high_alpha() -> None:
    rng = random.Random(0)
    even = [drawn(rng, 8.0, 0.0) for _ in range(300)]
    uneven = [drawn(rng, 0.1, 0.0) for _ in range(300)]
    far = [
        sum(abs(blend.share - 0.5) for blend in found if blend) / 300 for found in (even, uneven)
    ]
    assert far[0] < 0.15
    assert far[1] > 0.35
    assert drawn(rng, 0.0, 0.0) is None
    ways = {blend.box is None for blend in (drawn(rng, 1.0, 1.0) for _ in range(30)) if blend}
    assert ways == {True, False}


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighed", [False, True])
def test_the_loss_is_that_of_soft_targets(smoothing: float, weighed: bool) -> None:
    bundle = bundle_of(label_smoothing=smoothing)
    if weighed:
        bundle.class_weights = torch.tensor([0.5, 1.0, 1.5])
    scores, targets = torch.randn(5, 3), torch.tensor([0, 1, 2, 2, 1])
    whole = mixing.targets(targets, Blend(1.0))
    plain = classes.cross_entropy(bundle, scores, targets)
    assert torch.allclose(classes.cross_entropy(bundle, scores, whole), plain)
    assert classes.weight(bundle, whole) == pytest.approx(classes.weight(bundle, targets))
    if not weighed:
        mixed = classes.cross_entropy(bundle, scores, mixing.targets(targets, Blend(0.3)))
        other = classes.cross_entropy(bundle, scores, targets.flip(0))
        assert torch.allclose(mixed, 0.3 * plain + 0.7 * other)


def test_several_classes_of_a_text_are_smoothed_and_blended() -> None:
    from finetune_studio.tasks.text_classification import TextClassification, _loss

    bundle = bundle_of(label_smoothing=0.0)
    bundle.processor["several"] = True
    scores = torch.tensor([[9.0, -9.0, 9.0]])
    true = torch.tensor([[1.0, 0.0, 1.0]])
    sure = _loss(bundle, scores, true)
    smooth = bundle_of(label_smoothing=0.2)
    smooth.processor["several"] = True
    assert float(_loss(smooth, scores, true)) > float(sure) + 0.5
    smooth.network.eval()
    assert torch.equal(_loss(smooth, scores, true), sure)
    task = TextClassification()
    both = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    mixed = task.mixed(bundle, both, Blend(0.5))
    assert task.weight(bundle, Batch(None, mixed, [1, 2])) == 2.0
    even = torch.zeros(2, 3)
    assert float(_loss(bundle, even, mixed)) == pytest.approx(0.6931, abs=1e-3)
