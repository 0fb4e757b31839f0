"""The frozen prefix: found in any network, replayed exactly, stored and found again."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from finetune_studio.core import settings
from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.engine.features.filling import evenly
from finetune_studio.engine.features.prefix import find_prefixes
from finetune_studio.engine.features.store import (
    FeatureStore,
    NotKept,
    drop_strange_parts,
    keys_of,
    make_room,
    room_for,
)
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
    store = FeatureStore(tmp_path / "store", (2, 3), keys_of(samples), half=False)
    assert store.missing(samples) == samples
    values = torch.arange(18, dtype=torch.float32).reshape(3, 2, 3)
    store.put(samples[:3], values)
    store.keep()

    again = FeatureStore(tmp_path / "store", (2, 3), keys_of(samples), half=False)
    assert again.missing(samples) == samples[3:]
    again.put(samples[3:], torch.full((1, 2, 3), 7.0))
    again.keep()
    assert torch.equal(again.take(again.rows(samples[:3])), values)
    assert float(again.take(again.rows(samples[3:])).mean()) == 7.0

    os.utime(samples[1].path, (1, 1))
    assert again.missing(samples) == []  # a run goes by what the files were when it began
    later = FeatureStore(tmp_path / "store", (2, 3), keys_of(samples), half=False)
    assert later.missing(samples) == [samples[1]]


@pytest.mark.skipif(
    sys.platform != "linux", reason="how much of a file is mapped is asked of Linux"
)
def test_rows_held_in_memory_are_not_held_a_second_time_by_their_file(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 20)
    wide = 2**19  # 40 MB in all
    store = FeatureStore(tmp_path / "store", (wide,), keys_of(samples), half=False)
    store.put(samples, torch.arange(20.0)[:, None].expand(20, wide))
    store.keep()
    del store
    again = FeatureStore(tmp_path / "store", (wide,), keys_of(samples), half=False)
    before = psutil.Process().memory_info().shared
    held = again.resident(again.rows(samples), torch.device("cpu"))
    assert psutil.Process().memory_info().shared - before < 10 * 2**20
    assert torch.equal(held[:, -1], torch.arange(20.0))
    assert torch.equal(again.take(again.rows(samples[7:9])), held[7:9])  # they can be read again


@pytest.mark.parametrize("count", [1, 15, 16, 31, 33, 36, 200])
def test_no_group_is_smaller_than_asked_for_while_there_are_enough(count: int) -> None:
    samples = [Sample(number, "", "a", 1, "train") for number in range(count)]
    groups = list(evenly(samples, 16))
    assert [sample for group in groups for sample in group] == samples
    assert min(map(len, groups)) >= min(16, count)
    assert len(groups) == max(1, count // 16)


@pytest.mark.parametrize("size", [1, 8, 64])
def test_no_group_is_larger_than_memory_or_the_user_allows(size: int) -> None:
    samples = [Sample(number, "", "a", 1, "train") for number in range(2 * size - 1)]
    groups = list(evenly(samples, size))
    assert [sample for group in groups for sample in group] == samples
    assert max(map(len, groups)) == size


def test_runs_at_the_same_time_do_not_mix_their_rows(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 4)
    keys = keys_of(samples)
    one = FeatureStore(tmp_path / "store", (1,), keys, half=False)
    other = FeatureStore(tmp_path / "store", (1,), keys, half=False)
    one.put(samples[:2], torch.tensor([[0.0], [1.0]]))
    other.put(samples[2:], torch.tensor([[2.0], [3.0]]))
    one.put(samples[3:], torch.tensor([[3.0]]))
    other.keep()
    one.keep()
    both = FeatureStore(tmp_path / "store", (1,), keys, half=False)
    assert both.missing(samples) == []
    assert both.take(both.rows(samples[::-1])).flatten().tolist() == [3.0, 2.0, 1.0, 0.0]


def test_what_is_kept_later_leaves_what_was_kept_before(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 4)
    store = FeatureStore(tmp_path / "store", (1,), keys_of(samples), half=False)
    store.put(samples[:2], torch.tensor([[0.0], [1.0]]))
    store.keep()
    store.put(samples[2:], torch.tensor([[2.0], [3.0]]))
    store.keep()
    for seen in (store, FeatureStore(tmp_path / "store", (1,), keys_of(samples), half=False)):
        assert seen.missing(samples) == []
        assert seen.take(seen.rows(samples)).flatten().tolist() == [0.0, 1.0, 2.0, 3.0]


def test_rows_saved_on_the_way_survive_a_killed_run(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 3)
    killed = FeatureStore(tmp_path / "store", (1,), keys_of(samples), half=True)
    killed.put(samples[:2], torch.ones(2, 1))
    killed.save()
    killed.put(samples[2:], torch.ones(1, 1))  # no index names this one
    again = FeatureStore(tmp_path / "store", (1,), keys_of(samples), half=True)
    assert again.missing(samples) == samples[2:]


def test_dropped_rows_leave_nothing(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 1)
    store = FeatureStore(tmp_path / "store", (1,), keys_of(samples), half=True)
    store.put(samples, torch.ones(1, 1))
    store.save()
    store.drop()
    assert not list((tmp_path / "store").iterdir())


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file is in the way")
    with pytest.raises(NotKept, match="exists"):
        FeatureStore(tmp_path / "store", (1,), {}, half=True)


@pytest.mark.parametrize("damage", ["index", "rows", "shape"])
def test_damaged_store_is_computed_anew(tmp_path: Path, damage: str) -> None:
    samples = pictures(tmp_path, 2)
    store = FeatureStore(tmp_path / "store", (4,), keys_of(samples), half=True)
    store.put(samples, torch.ones(2, 4))
    store.keep()
    if damage == "index":
        next((tmp_path / "store").glob("*.json")).write_text("{cut off")
    elif damage == "rows":
        os.truncate(next((tmp_path / "store").glob("*.bin")), 3)
    shape = (5,) if damage == "shape" else (4,)
    again = FeatureStore(tmp_path / "store", shape, keys_of(samples), half=True)
    assert again.missing(samples) == samples
    again.put(samples, torch.full((2, *shape), 2.0))
    again.keep()
    assert float(again.take(again.rows(samples)).min()) == 2.0


def test_old_features_make_room_for_new_ones(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "rows.bin").write_bytes(bytes(1000))
        os.utime(folder, (1000 - age, 1000 - age))
    make_room(tmp_path, needed=500, limit=1600)
    assert [f.name for f in tmp_path.iterdir()] == ["new"]
    make_room(tmp_path, needed=5000, limit=1600, used=[tmp_path / "new"])
    assert [f.name for f in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("amount", ["head_only", "last_stage"])
@pytest.mark.parametrize("kind", ["vit", "resnet", "convnext"])
def test_networks_of_transformers_replay_too(kind: str, amount: str) -> None:
    from transformers import AutoConfig, AutoModelForImageClassification

    small = {
        "vit": {
            "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2,
            "intermediate_size": 16, "image_size": SIDE, "patch_size": 16,
        },
        "resnet": {"embedding_size": 8, "hidden_sizes": [8, 8, 16], "depths": [1, 1, 2]},
        "convnext": {"hidden_sizes": [4, 4, 8, 8], "depths": [1, 1, 2, 1]},
    }  # fmt: skip
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, num_labels=3, **small[kind])
    network = AutoModelForImageClassification.from_config(config).eval()
    head = "classifier.1" if kind == "resnet" else "classifier"
    seen = {"crop": SIDE, "resize": SIDE, "mean": [0.5] * 3, "std": [0.5] * 3}
    task, bundle = ImageClassification(), Bundle(network, Labels(("a", "b", "c")), seen, {}, head)
    layers.set_trainable(network, layers.names_for(amount, network, head, []))
    layers.set_modes(network)
    batch = Batch(torch.randn(3, 3, SIDE, SIDE), torch.tensor([0, 1, 2]), [1, 2, 3])
    prefix = find_prefixes(task, bundle)[0]
    network.eval()
    with torch.no_grad():
        whole = task.loss(bundle, batch)
        prefix.stored = prefix.compute(task, bundle, batch)
        blank = task.blank(bundle)
        blank.targets = batch.targets
        with prefix.replaying():
            replayed = task.loss(bundle, blank)
    assert torch.equal(whole, replayed)


def test_the_users_limit_holds_for_both_caches_together(private_home: Path) -> None:
    preferences = settings.load()
    preferences.cache_limit_mb = 1
    preferences.save()
    decoded = private_home / "cache" / "decoded"
    decoded.mkdir(parents=True)
    assert room_for("features") == 2**20
    (decoded / "part.bin").write_bytes(bytes(2**19))
    assert room_for("features") == 2**19
    assert room_for("decoded") == 2**20


def test_rows_that_vanish_before_they_are_kept_are_told(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 2)
    store = FeatureStore(tmp_path / "store", (1,), keys_of(samples), half=False)
    store.put(samples, torch.ones(2, 1))
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(NotKept):
        store.keep()


def test_only_parts_without_todays_samples_make_room(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 4)
    folder = tmp_path / "store"
    for few in (samples[:2], samples[2:]):
        store = FeatureStore(folder, (1,), keys_of(samples), half=False)
        store.put(few, torch.ones(2, 1))
        store.keep()
    today = keys_of(samples[:1]).values()
    drop_strange_parts(folder, 0, today)
    assert len(list(folder.glob("part-*.bin"))) == 2
    drop_strange_parts(folder, 10**9, today)
    left = FeatureStore(folder, (1,), keys_of(samples), half=False)
    assert left.missing(samples) == samples[2:]
