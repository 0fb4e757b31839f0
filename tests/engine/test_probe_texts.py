"""Looking at text models and estimating them: parts in plain words, tokens, tied tables, memory."""

from __future__ import annotations

import pytest
import torch

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import Recipe, from_values
from finetune_studio.engine import estimate, probe
from finetune_studio.models import layers, trace, zoo
from tests import tiny_models

LABELS = Labels(("a", "b", "c"))
AMOUNTS = ("head_only", "last_stage", "later_half", "everything")


def _recipe(source: str = "minilm", amount: str = "head_only", **options: object) -> Recipe:
    return from_values(
        {
            "task": "text_classification",
            "model": {"source": source},
            "layers": {"amount": amount},
            "options": options,
        }
    )


def test_the_starters_parts_have_names_in_plain_words():
    look = probe.look_at_model(_recipe(), LABELS)
    assert [title for title, _ in look.stages] == [
        "Embeddings", *(f"Encoder layer {n}" for n in range(1, 7)), "Head",
    ]  # fmt: skip
    kinds = {node.name: node.kind for node in look.root.walk()}
    assert kinds["encoder.encoder.layer.2"] == "Encoder layer 3"
    assert kinds["pooling"] == "Mean over the tokens"
    assert (look.image_size, look.tokens) == (0, 256)  # as the task cuts texts by default
    assert look.amounts["last_stage"] == (
        "encoder.encoder.layer.4", "encoder.encoder.layer.5", "classifier",
    )  # fmt: skip
    assert look.amounts["later_half"] == (
        *(f"encoder.encoder.layer.{n}" for n in (3, 4, 5)), "classifier",
    )  # fmt: skip
    assert probe.look_at_model(_recipe(max_length=64), LABELS).tokens == 64


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "sentence"])
@pytest.mark.parametrize("amount", AMOUNTS)
def test_the_count_is_what_really_learns(kind, amount, tmp_path):
    place = tiny_models.folder(tmp_path, kind)
    look = probe.look_at_model(_recipe(str(place), amount), LABELS)
    network = zoo.rebuild(look.architecture, len(LABELS))
    layers.set_trainable(network, layers.names_for(amount, network, look.head))
    learning = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert look.trainable == learning == probe.trainable_count(look, look.trainable_names)
    assert look.total == sum(p.numel() for p in network.parameters())


def test_memory_is_what_autograd_keeps_of_texts(tmp_path):
    place = tiny_models.folder(tmp_path, "bert")
    look = probe.look_at_model(_recipe(str(place), "everything", max_length=32), LABELS)
    network = zoo.rebuild(look.architecture, 3).train()
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in own:
            kept[place] = tensor.untyped_storage().nbytes()
            alive.append(tensor)
        return tensor

    alive: list[torch.Tensor] = []
    inputs = trace.moved(trace.blank(network, 4, 32), "cpu")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network(**inputs)
    counted = sum(node.saved_bytes for node in look.root.walk()) * 4
    assert counted == pytest.approx(sum(kept.values()), rel=0.15)


def test_time_is_tried_with_blank_texts(tmp_path):
    place = tiny_models.folder(tmp_path, "sentence")
    found = estimate.seconds_per_epoch(_recipe(str(place)), LABELS, 100)
    assert found.cached
    assert 0 < found.epoch_s < found.first_epoch_s
    whole = estimate.seconds_per_epoch(_recipe(str(place), "everything"), LABELS, 100)
    assert not whole.cached
    token = estimate.seconds_per_epoch(_recipe(str(place), "last_stage"), LABELS, 100)
    assert not token.cached  # texts of different lengths are not kept with all their places
