"""The frozen prefix: found in any network, replayed exactly, stored and found again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.engine.features.prefix import find_prefixes
from finetune_studio.engine.features.store import FeatureStore, make_room
from finetune_studio.models import layers, zoo
from finetune_studio.tasks.image_classification import ImageClassification

HEADS = {
    "mobilenet_v2": "classifier.1",
    "mobilenet_v3_small": "classifier.3",
    "resnet18": "fc",
    "efficientnet_b0": "classifier.1",
    "convnext_tiny": "classifier.2",
    "swin_t": "head",
    "vit_b_16": "heads.head",
}
SIDE = 64


def bundle_of(name: str) -> Bundle:
    kwargs: dict[str, Any] = {"image_size": SIDE} if name == "vit_b_16" else {}
    architecture = {
        "library": "torchvision",
        "builder": name,
        "kwargs": kwargs,
        "head": HEADS[name],
    }
    torch.manual_seed(0)
    network = zoo.rebuild(architecture, 4)
    seen = {"crop": SIDE, "resize": SIDE, "mean": [0.5] * 3, "std": [0.5] * 3}
    return Bundle(network, Labels(("a", "b", "c", "d")), seen, architecture, HEADS[name])


@pytest.mark.parametrize("name", HEADS)
def test_replay_answers_exactly_as_the_whole_network(name: str) -> None:
    task, bundle = ImageClassification(), bundle_of(name)
    batch = Batch(torch.randn(3, 3, SIDE, SIDE), torch.tensor([0, 1, 2]), [1, 2, 3])
    boundaries = []
    for amount in ("head_only", "last_stage", "later_half"):
        layers.set_trainable(
            bundle.network, layers.names_for(amount, bundle.network, bundle.head, [])
        )
        layers.set_modes(bundle.network)
        prefix = find_prefixes(task, bundle)[0]
        boundaries.append(prefix.boundary)
        bundle.network.eval()
        with torch.no_grad():
            whole = task.loss(bundle, batch)
            prefix.stored = prefix.compute(task, bundle, batch)
            blank = task.blank(bundle)
            blank.targets = batch.targets
            with prefix.replaying():
                replayed = task.loss(bundle, blank)
            again = task.loss(bundle, batch)
        assert torch.equal(whole, replayed), f"{name}, {amount}, from {prefix.boundary}"
        assert torch.equal(whole, again), "the network is whole again after the replay"
    assert len(set(boundaries)) == 3


def test_gradients_of_a_replay_are_those_of_the_whole_network() -> None:
    task, bundle = ImageClassification(), bundle_of("resnet18")
    layers.set_trainable(
        bundle.network, layers.names_for("last_stage", bundle.network, bundle.head, [])
    )
    layers.set_modes(bundle.network)
    bundle.network.eval()
    prefix = find_prefixes(task, bundle)[0]
    batch = Batch(torch.randn(3, 3, SIDE, SIDE), torch.tensor([0, 1, 2]), [1, 2, 3])
    learning = [p for p in bundle.network.parameters() if p.requires_grad]
    whole = torch.autograd.grad(task.loss(bundle, batch), learning)
    prefix.stored = prefix.compute(task, bundle, batch)
    blank = task.blank(bundle)
    blank.targets = batch.targets
    with prefix.replaying():
        replayed = torch.autograd.grad(task.loss(bundle, blank), learning)
    for one, other in zip(whole, replayed, strict=True):  # the order of sums may differ
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_nothing_is_frozen_when_everything_learns() -> None:
    task, bundle = ImageClassification(), bundle_of("resnet18")
    assert find_prefixes(task, bundle) == []


def test_half_a_residual_block_gives_a_longer_and_a_safe_prefix() -> None:
    task, bundle = ImageClassification(), bundle_of("resnet18")
    layers.set_trainable(bundle.network, ["layer4.1.conv2", "fc"])
    layers.set_modes(bundle.network)
    found = [prefix.boundary for prefix in find_prefixes(task, bundle)]
    assert found[-1] == "layer4"
    assert len(found) > 1


def pictures(folder: Path, count: int) -> list[Sample]:
    samples = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.fromarray(np.full((8, 8, 3), number * 10, np.uint8)).save(path)
        samples.append(Sample(number, str(path), "a", 1, "train"))
    return samples


def test_store_finds_rows_again_and_computes_changed_files_anew(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 4)
    store = FeatureStore(tmp_path / "store", (2, 3), half=False)
    assert store.missing(samples) == samples
    store.grow(3)
    values = torch.arange(18, dtype=torch.float32).reshape(3, 2, 3)
    store.put(samples[:3], values)
    store.keep()

    again = FeatureStore(tmp_path / "store", (2, 3), half=False)
    assert again.missing(samples) == samples[3:]
    again.grow(1)
    again.put(samples[3:], torch.full((1, 2, 3), 7.0))
    again.keep()
    assert torch.equal(again.take(again.rows(samples[:3])), values)
    assert float(again.take(again.rows(samples[3:])).mean()) == 7.0

    os.utime(samples[1].path, (1, 1))
    assert again.missing(samples) == [samples[1]]


@pytest.mark.parametrize("damage", ["index", "rows", "shape"])
def test_damaged_store_is_computed_anew(tmp_path: Path, damage: str) -> None:
    samples = pictures(tmp_path, 2)
    store = FeatureStore(tmp_path / "store", (4,), half=True)
    store.grow(2)
    store.put(samples, torch.ones(2, 4))
    store.keep()
    if damage == "index":
        (tmp_path / "store" / "index.json").write_text("{cut off")
    elif damage == "rows":
        os.truncate(tmp_path / "store" / "rows.bin", 3)
    shape = (5,) if damage == "shape" else (4,)
    again = FeatureStore(tmp_path / "store", shape, half=True)
    assert again.missing(samples) == samples
    again.grow(2)
    again.put(samples, torch.full((2, *shape), 2.0))
    assert float(again.take(again.rows(samples)).min()) == 2.0


def test_old_features_make_room_for_new_ones(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "rows.bin").write_bytes(bytes(1000))
        os.utime(folder, (1000 - age, 1000 - age))
    make_room(tmp_path, needed=500, limit=1600)
    assert [f.name for f in tmp_path.iterdir()] == ["new"]
