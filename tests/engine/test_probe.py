"""Looking at a model: plain values, remembered, and right about what learns."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import Recipe, from_values
from finetune_studio.engine import probe
from finetune_studio.models import layers, zoo

LABELS = Labels(("a", "b", "c", "d", "e"))
AMOUNTS = ("head_only", "last_stage", "later_half", "everything")


def _recipe(source: str = "mobilenet_v2", amount: str = "head_only", **more: object) -> Recipe:
    return from_values({"model": {"source": source}, "layers": {"amount": amount, **more}})


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("source", ["mobilenet_v2", "resnet18"])
def test_the_count_is_what_really_learns(source, amount):
    look = probe.look_at_model(_recipe(source, amount), LABELS)
    with torch.device("meta"):
        network = zoo.rebuild(look.architecture, len(LABELS))
    layers.set_trainable(network, layers.names_for(amount, network, look.head))
    learning = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert look.trainable == learning == probe.trainable_count(look, look.trainable_names)
    assert look.total == sum(p.numel() for p in network.parameters())


def test_more_layers_take_more_memory():
    looks = [probe.look_at_model(_recipe(amount=amount), LABELS) for amount in AMOUNTS]
    sizes = [look.memory_mb for look in looks]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 4


def test_a_model_that_is_not_downloaded_can_be_looked_at():
    look = probe.look_at_model(_recipe("vit_b_16"), LABELS)
    assert look.local is False
    assert "330" in look.note
    assert look.image_size == 224
    assert look.total == pytest.approx(85.8e6, rel=0.01)
    assert [title for title, _ in look.stages] == [
        "Stem", "Stage 1", "Stage 2", "Stage 3", "Stage 4", "Head",
    ]  # fmt: skip


def test_a_custom_choice_and_a_wrong_name():
    look = probe.look_at_model(_recipe(amount="custom", trainable=["features.18"]), LABELS)
    assert look.trainable_names == ("features.18", "classifier.1")
    with pytest.raises(StudioError, match="which this network does not have"):
        probe.look_at_model(_recipe(amount="custom", trainable=["features.99"]), LABELS)


def test_the_model_is_looked_at_once_for_all_choices(monkeypatch):
    first = probe.look_at_model(_recipe("mobilenet_v3_small"), LABELS)
    monkeypatch.setattr(probe, "_look", lambda *_: pytest.fail("it was looked at again"))
    second = probe.look_at_model(_recipe("mobilenet_v3_small", "everything"), LABELS)
    assert second.root is first.root
    assert second.trainable > first.trainable


def test_a_changed_file_is_looked_at_again(tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file(torchvision.models.mobilenet_v3_small(num_classes=7).state_dict(), file)
    look = probe.look_at_model(_recipe(str(file)), LABELS)
    assert look.local
    assert "7 classes" in look.note
    save_file(torchvision.models.mobilenet_v3_small(num_classes=9).state_dict(), file)
    assert "9 classes" in probe.look_at_model(_recipe(str(file)), LABELS).note


def test_the_image_size_of_the_recipe_counts():
    small = _recipe().with_settings({"model.image_size": 112})
    look, whole = (probe.look_at_model(r, LABELS) for r in (small, _recipe()))
    assert look.image_size == 112
    by_name = {n.name: n for n in look.root.walk()}
    assert by_name["features.18"].shape == (1280, 4, 4)
    assert look.memory.activations_mb < whole.memory.activations_mb / 3


def test_everything_handed_up_is_plain():
    look = probe.look_at_model(_recipe(), LABELS)
    assert pickle.loads(pickle.dumps(look)) == look
    for node in look.root.walk():
        for field in dataclasses.fields(node):
            kind = type(getattr(node, field.name))
            assert kind in (str, int, bool, tuple, type(None)), field.name


def test_counting_needs_no_torch():
    code = (
        "import sys; from finetune_studio.engine import probe, estimate;"
        "from finetune_studio.models import zoo; list(zoo.CATALOGUE);"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
