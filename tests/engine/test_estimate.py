"""Estimates of memory and time, held against what really happens."""

from __future__ import annotations

import pytest
import torch

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import from_values
from finetune_studio.engine import estimate, probe
from finetune_studio.engine.estimate import Stretch
from finetune_studio.models import layers, zoo

LABELS = Labels(("a", "b", "c"))
BATCH = 4


def _look(source: str, amount: str):
    recipe = from_values(
        {"model": {"source": source, "image_size": 96}, "layers": {"amount": amount}}
    )
    return probe.look_at_model(recipe, LABELS)


def _really_saved(look) -> int:
    """Return the bytes that autograd keeps of a batch, parameters and buffers apart."""
    network = zoo.rebuild(look.architecture, 3)
    layers.set_trainable(network, look.trainable_names)
    layers.set_modes(network)
    known = {t.untyped_storage().data_ptr() for t in [*network.parameters(), *network.buffers()]}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in known:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network(torch.randn(BATCH, 3, look.image_size, look.image_size))
    return sum(t.untyped_storage().nbytes() for t in kept.values())


@pytest.mark.parametrize("source", ["resnet18", "mobilenet_v3_small", "convnext_tiny"])
@pytest.mark.parametrize("amount", ["last_stage", "everything"])
def test_activations_agree_with_what_autograd_keeps(source, amount):
    look = _look(source, amount)
    memory = estimate.estimate_memory(look.root, look.trainable_names, BATCH)
    biggest = max(estimate._output_bytes(n) for n in look.root.walk() if not n.children)
    estimated = memory.activations_mb * 2**20 - 2 * biggest * BATCH
    assert estimated == pytest.approx(_really_saved(look), rel=0.1)


def test_parameters_gradients_and_the_optimiser_are_counted_exactly():
    look = _look("resnet18", "head_only")
    memory = estimate.estimate_memory(look.root, look.trainable_names, BATCH)
    head = (512 * 3 + 3) * 4 / 2**20
    assert memory.weights_mb == pytest.approx(look.total * 4 / 2**20)
    assert memory.gradients_mb == pytest.approx(head)
    assert memory.optimiser_mb == pytest.approx(2 * head)
    parts = (memory.weights_mb, memory.gradients_mb, memory.optimiser_mb, memory.activations_mb)
    assert memory.total_mb == pytest.approx(sum(parts))


def test_a_batch_twice_as_large_holds_twice_the_activations():
    look = _look("resnet18", "everything")
    one, two = (estimate.estimate_memory(look.root, look.trainable_names, n) for n in (8, 16))
    assert two.activations_mb == pytest.approx(2 * one.activations_mb)
    assert two.weights_mb == one.weights_mb


def of(part: Stretch) -> tuple[float, float]:
    return part.first_epoch_s, part.epoch_s


LATE = [f"layer{n}" for n in range(1, 5)]


def _seconds(amount: str, samples: int = 100, **more: object) -> estimate.TimeEstimate:
    recipe = from_values(
        {
            "model": {"source": "resnet18", "image_size": 64},
            "layers": {"amount": amount},
            "augment": {"strength": "none"},
            "compute": {"device": "cpu", **more},
        }
    )
    return estimate.seconds_per_epoch(recipe, LABELS, samples)


def test_computed_features_make_later_epochs_short():
    found = _seconds("head_only")
    assert found.cached
    assert 0 < found.epoch_s < found.first_epoch_s / 2
    assert found.total_s(10) == pytest.approx(found.first_epoch_s + 9 * found.epoch_s)


def test_without_frozen_layers_or_without_a_cache_every_epoch_is_alike():
    for found in (_seconds("everything"), _seconds("head_only", cache="off")):
        assert not found.cached
        assert found.epoch_s == found.first_epoch_s > 0


def test_epochs_before_layers_are_unfrozen_take_less_time_and_memory():
    def with_layers(**layers: object) -> estimate.TimeEstimate:
        recipe = from_values(
            {
                "model": {"source": "resnet18", "image_size": 64},
                "layers": {"amount": "everything"} | layers,
                "optimiser": {"epochs": 8},
                "augment": {"strength": "none"},
                "compute": {"device": "cpu"},
            }
        )
        return estimate.seconds_per_epoch(recipe, LABELS, 100)

    assert with_layers().stretches == ()
    found = with_layers(unfreeze_at={"conv1": 7, "bn1": 7} | dict.fromkeys(LATE, 7))
    assert [part.epochs for part in found.stretches] == [6, 2]
    head, whole = found.stretches
    assert head.epoch_s < whole.epoch_s / 2  # the frozen layers are computed only once
    assert found.epoch_s == whole.epoch_s
    assert found.total_s(8) == pytest.approx(
        head.first_epoch_s + 5 * head.epoch_s + whole.first_epoch_s + whole.epoch_s
    )
    assert found.total_s(9) == pytest.approx(found.total_s(8) + whole.epoch_s)
    # While bars are dragged, what was measured of the same steps is taken again.
    sooner = with_layers(unfreeze_at={"conv1": 3, "bn1": 3} | dict.fromkeys(LATE, 3))
    assert sooner.stretches == (Stretch(2, *of(head)), Stretch(6, *of(whole)))
    assert sooner.total_s(8) > found.total_s(8)
    # Of many steps a few are tried; those between them lie between.
    many = with_layers(unfreezing="top_down")
    assert [part.epochs for part in many.stretches] == [1, 1, 1, 1, 4]
    assert all(part.epoch_s > 0 for part in many.stretches)
    assert many.stretches[0].epoch_s < many.epoch_s
