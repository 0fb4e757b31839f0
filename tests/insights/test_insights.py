"""Ways of looking at results, against scikit-learn and planted answers."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from torch import Tensor, nn

from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.scores import wilson
from finetune_studio.core.task import Batch, Bundle, Pair
from finetune_studio.engine.intervals import bootstrap
from finetune_studio.insights.confusion import confusion, in_cell
from finetune_studio.insights.per_class import per_class
from finetune_studio.insights.saliency import checked, explained, heat
from finetune_studio.insights.worst import ordered
from finetune_studio.models import alike, places
from finetune_studio.models.shuffling import shuffled
from finetune_studio.tasks.image_classification import ImageClassification

NAMES = ("cat", "dog", "eel")


def pair(number: int, truth: str, **shares: float) -> Pair:
    said = max(shares, key=lambda name: shares[name])
    return Sample(number, "", truth, 0, "validation"), Prediction(said, shares, sample=number)


def random_pairs(count: int) -> list[Pair]:
    rng = random.Random(0)
    pairs = []
    for number in range(count):
        shares = [rng.random() for _ in NAMES]
        made = {name: share / sum(shares) for name, share in zip(NAMES, shares, strict=True)}
        pairs.append(pair(number, rng.choice(NAMES), **made))
    return pairs


def test_confusion_and_classes_agree_with_scikit_learn() -> None:
    from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

    pairs = random_pairs(200)
    truth = [str(s.label) for s, _ in pairs]
    said = [str(p.label) for _, p in pairs]
    grid = confusion(pairs, NAMES)
    assert grid.rows == NAMES
    assert np.array_equal(grid.values, confusion_matrix(truth, said, labels=NAMES))
    precision, recall, f1, count = precision_recall_fscore_support(truth, said, labels=NAMES)
    for row, p, r, f, n in zip(per_class(pairs), precision, recall, f1, count, strict=True):
        assert (row.precision, row.recall, row.f1, row.samples) == pytest.approx((p, r, f, n))
    scores = ImageClassification().score(pairs)
    assert scores["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert len(in_cell(pairs, "cat", "dog")) == grid.values[0, 1]
    assert len(in_cell(pairs, None, "dog")) == grid.values[:, 1].sum()


def test_orders_put_what_pays_first() -> None:
    sure_wrong = pair(1, "cat", cat=0.05, dog=0.9, eel=0.05)
    slightly_wrong = pair(2, "cat", cat=0.4, dog=0.5, eel=0.1)
    unsure_right = pair(3, "cat", cat=0.41, dog=0.39, eel=0.2)
    sure_right = pair(4, "cat", cat=0.98, dog=0.01, eel=0.01)
    pairs = [sure_right, slightly_wrong, sure_wrong, unsure_right]
    assert ordered(pairs) == [sure_wrong, slightly_wrong, unsure_right, sure_right]
    assert ordered(pairs, "best") == [sure_right, unsure_right, slightly_wrong, sure_wrong]
    assert ordered(pairs, "least_sure")[:2] == [unsure_right, slightly_wrong]


def test_interval_covers_the_score_and_narrows_with_samples() -> None:
    score = ImageClassification().score
    few, many = random_pairs(40), random_pairs(1600)
    widths = []
    for pairs in (few, many):
        low, high = bootstrap(score, pairs)["accuracy"]
        assert low <= score(pairs)["accuracy"] <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3
    p = score(many)["accuracy"]
    normal = 2 * 1.96 * (p * (1 - p) / 1600) ** 0.5
    assert widths[1] == pytest.approx(normal, rel=0.25)
    assert bootstrap(score, []) == {}
    assert bootstrap(score, many) == bootstrap(score, many)


def test_answers_that_are_all_right_do_not_prove_a_model_without_errors() -> None:
    pairs = [pair(n, name, **{name: 1.0}) for n, name in enumerate(NAMES * 10)]
    found = bootstrap(ImageClassification().score, pairs)
    for low, high in found.values():
        assert 0.85 < low < 0.9
        assert high == pytest.approx(1)
    assert wilson(0.5, 10) == pytest.approx([0.2366, 0.7634], abs=1e-4)  # Wilson's own formula
    assert wilson(0.0, 20) == pytest.approx([0.0, 0.1611], abs=1e-4)


class BrightCorner(nn.Module):
    """Answers class 1 where the lower right corner is bright, through a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3, padding=1, stride=2, bias=False)
        nn.init.constant_(self.features.weight, 1 / 27)

    def forward(self, pixels: Tensor) -> Tensor:
        seen = self.features(pixels)
        corner = seen[:, :, 12:, 12:].mean((1, 2, 3))
        return torch.stack([-corner, corner], 1)


def bundle_of(network: nn.Module) -> Bundle:
    return Bundle(network.eval(), Labels(("dark", "bright")), {"crop": 32, "resize": 32}, {}, "")


def test_heat_lies_where_the_answer_comes_from() -> None:
    pixels = torch.rand(1, 3, 32, 32) * 0.1
    pixels[..., 24:, 24:] = 1.0
    found = heat(bundle_of(BrightCorner()), Batch(pixels, None), 1)
    assert found.shape == (32, 32)
    assert found.min() >= 0
    assert found.max() == pytest.approx(1)
    assert found[24:, 24:].mean() > 5 * found[:16, :16].mean()


@pytest.mark.parametrize("name", ["swin_t", "resnet18"])
def test_last_place_is_found_in_any_family(name: str) -> None:
    from torchvision import models

    network = getattr(models, name)(num_classes=2).eval()
    pixels = torch.rand(1, 3, 64, 64)
    place = places.last_place(network, pixels)
    assert place is not None
    assert place not in {"conv1", "conv_proj", "features.0"}
    found = heat(bundle_of(network), Batch(pixels, None), 0)
    assert found.shape == (64, 64)
    assert np.isfinite(found).all()


def test_tokens_have_places_too() -> None:
    from torchvision.models import VisionTransformer

    network = VisionTransformer(
        image_size=32,
        patch_size=8,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        mlp_dim=16,
        num_classes=2,
    )
    pixels = torch.rand(1, 3, 32, 32)
    assert places.last_place(network.eval(), pixels) is not None
    assert heat(bundle_of(network), Batch(pixels, None), 1).shape == (32, 32)


def test_network_without_places_is_explained_by_covering() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
    with torch.no_grad():
        network[1].weight.zero_()
        weights = network[1].weight.view(2, 3, 32, 32)
        weights[1, :, :8, :8] = 1
    found = heat(bundle_of(network), Batch(torch.ones(1, 3, 32, 32), None), 1)
    assert found[:8, :8].mean() > found[16:, 16:].mean() + 0.3


def transformer(kind: str) -> nn.Module:
    """Return a small transformer that looks at 32 x 32 pixels in patches of 8."""
    from finetune_studio.models import library

    library.load()
    from transformers import (
        DeiTConfig,
        DeiTForImageClassificationWithTeacher,
        ViTConfig,
        ViTForImageClassification,
    )

    torch.manual_seed(3)
    sizes = {"image_size": 32, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 2, "intermediate_size": 16, "num_labels": 2}
    if kind == "vit":
        return ViTForImageClassification(ViTConfig(**sizes)).eval()
    return DeiTForImageClassificationWithTeacher(DeiTConfig(**sizes)).eval()


@pytest.mark.parametrize("kind", ["vit", "deit"])
def test_a_transformer_is_explained_by_covering_and_says_so(kind: str, tmp_path: Path) -> None:
    """What comes before its tokens are mixed says little of its answer, such as where patches are cut."""
    network = transformer(kind)
    pixels = torch.rand(1, 3, 32, 32)
    covering = places.as_heat(places.occlusion(network, pixels, 1), pixels.shape[-2:])
    assert covering.max() == pytest.approx(1)
    assert heat(bundle_of(network), Batch(pixels, None), 1) == pytest.approx(covering)
    PILImage.new("RGB", (32, 32)).save(tmp_path / "a.png")
    sample = Sample(1, str(tmp_path / "a.png"), None, None, "validation")
    answer = Prediction("bright", {"bright": 0.6, "dark": 0.4})
    found = explained(bundle_of(network), sample, Batch(pixels, None), answer, None)
    assert found.lines[0] == "What it needs to see for “bright”"
    assert found.lines[1].startswith("Its gradients show no place that speaks for it")
    assert checked(bundle_of(network), sample, Batch(pixels, None), answer, None) == ""


def test_a_shuffled_network_with_batch_norms_still_sees_something() -> None:
    torch.manual_seed(0)
    block = nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU6()
    network = nn.Sequential(*block, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        network[0].weight[:, 0], network[0].weight[:, 1:] = 9.0, -3.0
        network[1].running_mean.fill_(60.0)  # the level of red pictures, as these weights see them
    network.eval()
    red = torch.zeros(1, 3, 24, 24)
    red[:, 0] = 0.5 + torch.rand(24, 24)
    seen = [places.grad_cam(shuffled(network, seed), red, 0) for seed in range(8)]
    assert sum(heat is not None for heat in seen) >= 4  # one may be below zero everywhere by chance
    assert not network[1].training


def test_shuffled_weights_keep_their_numbers_but_not_their_places() -> None:
    network = nn.Sequential(nn.Linear(8, 8), nn.Embedding(2000, 600))
    other = shuffled(network, 1)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        same = torch.equal(one, two)
        assert same if one.ndim == 1 else not same
        assert torch.equal(one.flatten().sort().values, two.flatten().sort().values)
    assert alike.order(np.array([1.0, 2, 3]), np.array([10.0, 20, 90])) == pytest.approx(1)
    assert alike.order(np.array([1.0, 2, 3]), np.array([5.0, 5, 5])) == 0
