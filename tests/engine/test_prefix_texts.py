"""Frozen parts of text networks: replayed exactly, also inside heads that pick one token."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.recipe import from_values
from finetune_studio.engine.features.prefix import find_prefixes
from finetune_studio.models import layers
from finetune_studio.tasks.text_classification import TextClassification
from tests import tiny_models

LABELS = Labels(("a", "b"), (1, 2))


def _deberta(place: Path) -> Path:
    from transformers import DebertaV2Config, DebertaV2Model

    from finetune_studio.models.quiet import quiet

    tokenizer = tiny_models.write_tokenizer(place, "bert")
    config = DebertaV2Config(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=3,
        num_attention_heads=2, intermediate_size=64, max_position_embeddings=64,
        relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False,
        type_vocab_size=0,
    )  # fmt: skip
    with quiet():
        DebertaV2Model(config).save_pretrained(place)
    return place


def _made(place: Path, kind: str, amount: str):
    source = _deberta(place) if kind == "deberta" else tiny_models.folder(place, kind)
    recipe = from_values({"task": "text_classification", "model": {"source": str(source)}})
    task = TextClassification()
    bundle = task.load_model(recipe, LABELS)
    names = layers.names_for(amount, bundle.network, bundle.head)
    layers.set_trainable(bundle.network, names)
    layers.set_modes(bundle.network)
    samples = [
        Sample(n, "", "ab"[n % 2], None, "train", fields={"text": text})
        for n, text in enumerate(tiny_models.TEXTS)
    ]
    batch = task.collate([task.example(s, bundle, view=None) for s in samples])
    return task, bundle, batch


@pytest.mark.parametrize("kind", [*tiny_models.ENCODERS, "deberta"])
def test_what_a_frozen_body_says_is_kept_without_places_and_learns_the_same(kind, tmp_path):
    task, bundle, batch = _made(tmp_path, kind, "head_only")
    for module in bundle.network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    kept = [p for p in find_prefixes(task, bundle) if p.compute(task, bundle, batch).ndim == 2]
    assert kept, kind
    prefix = kept[0]
    learning = [p for p in bundle.network.parameters() if p.requires_grad]
    wanted = torch.autograd.grad(task.loss(bundle, batch), learning)
    prefix.stored = prefix.compute(task, bundle, batch)
    blank = task.blank(bundle)
    blank.targets = batch.targets
    with prefix.replaying():
        found = torch.autograd.grad(task.loss(bundle, blank), learning)
    for one, other in zip(wanted, found, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_a_table_that_all_layers_look_into_leaves_nothing_frozen_before_it(tmp_path):
    task, bundle, _ = _made(tmp_path, "deberta", "last_stage")
    assert [p.boundary for p in find_prefixes(task, bundle)]
    layers.set_trainable(
        bundle.network, ["deberta.encoder.rel_embeddings", "deberta.encoder.layer.2", "classifier"]
    )
    layers.set_modes(bundle.network)
    boundaries = [p.boundary for p in find_prefixes(task, bundle)]
    assert not any(name.startswith("deberta.encoder.layer") for name in boundaries)
