"""Adapters: beside every kind of network, silent at first, learning alone, and merged without a trace."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    BertConfig,
    GPT2Config,
    LlamaConfig,
    T5Config,
)

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import LayerChoices
from finetune_studio.core.task import Bundle
from finetune_studio.models import layers, lora, ranks
from tests.engine.conftest import lively_bundle

_IDS = torch.tensor([[3, 17, 29, 4, 55], [9, 2, 81, 33, 6]])


def llama() -> tuple[nn.Module, str, dict[str, Any]]:
    config = LlamaConfig(
        vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config), "lm_head", {"input_ids": _IDS}


def gpt2() -> tuple[nn.Module, str, dict[str, Any]]:
    config = GPT2Config(vocab_size=100, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    return AutoModelForCausalLM.from_config(config), "lm_head", {"input_ids": _IDS}


def t5() -> tuple[nn.Module, str, dict[str, Any]]:
    config = T5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    given = {"input_ids": _IDS, "decoder_input_ids": _IDS}
    return AutoModelForSeq2SeqLM.from_config(config), "lm_head", given


def bert() -> tuple[nn.Module, str, dict[str, Any]]:
    config = BertConfig(
        vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_labels=3,
    )  # fmt: skip
    network = AutoModelForSequenceClassification.from_config(config)
    return network, "classifier", {"input_ids": _IDS}


def resnet() -> tuple[nn.Module, str, dict[str, Any]]:
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return torchvision.models.resnet18(num_classes=4), "fc", {"x": pixels}


def mobilenet() -> tuple[nn.Module, str, dict[str, Any]]:
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    network = lively_bundle(Labels(("a", "b", "c"), (1, 2, 3)), 0).network
    return network, "classifier.1", {"x": pixels}


def vision_transformer() -> tuple[nn.Module, str, dict[str, Any]]:
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    network = torchvision.models.VisionTransformer(32, 8, 2, 2, 32, 64, num_classes=4)
    nn.init.normal_(
        network.heads.head.weight
    )  # zero as it is built: nothing would be seen behind it
    return network, "heads.head", {"x": pixels}


def signals() -> tuple[nn.Module, str, dict[str, Any]]:
    network = nn.Sequential(
        nn.Conv1d(2, 8, 5), nn.ReLU(), nn.Conv1d(8, 8, 3, stride=2), nn.AdaptiveAvgPool1d(1),
        nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip
    waves = torch.randn(2, 2, 40, generator=torch.Generator().manual_seed(1))
    return network, "5", {"input": waves}


NETWORKS = {
    "llama": llama,
    "gpt2": gpt2,
    "t5": t5,
    "bert": bert,
    "resnet": resnet,
    "mobilenet": mobilenet,
    "vit": vision_transformer,
    "signals": signals,
}


def bundle_of(name: str) -> tuple[Bundle, dict[str, Any]]:
    torch.manual_seed(0)
    network, head, given = NETWORKS[name]()
    return Bundle(network.eval(), Labels(()), {}, {"library": "test"}, head), given


def answer(network: nn.Module, given: dict[str, Any]) -> torch.Tensor:
    with torch.no_grad():
        found = network(**given)
    return found if isinstance(found, torch.Tensor) else found.logits


def moved_adapters(network: nn.Module) -> None:
    """Let the adapters say something, as after training."""
    rng = torch.Generator().manual_seed(2)
    for name, parameter in network.named_parameters():
        if name in lora.names(network):
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=rng)


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_adapters_are_silent_then_speak_and_merge_without_a_trace(name: str, dora: bool) -> None:
    bundle, given = bundle_of(name)
    before, state = answer(bundle.network, given), set(bundle.network.state_dict())
    choices = LayerChoices(amount="adapters", lora_rank=4, dora=dora)
    foreseen = ranks.numbers(choices, lora.adaptable(bundle.network, bundle.head))
    lora.put_in(bundle, choices, seed=0)
    own = lora.names(bundle.network)
    held = sum(p.numel() for n, p in bundle.network.named_parameters() if n in own)
    assert held == foreseen
    assert torch.allclose(answer(bundle.network, given), before, atol=1e-6)
    moved_adapters(bundle.network)
    spoken = answer(bundle.network, given)
    assert (spoken - before).abs().max() > 1e-4
    lora.switched(bundle.network, on=False)
    assert torch.allclose(answer(bundle.network, given), before, atol=1e-6)
    lora.switched(bundle.network, on=True)
    merged = lora.merged(bundle.network)
    assert (answer(merged, given) - spoken).abs().max() < 1e-4
    assert set(merged.state_dict()) == state
    assert not lora.has(merged)


@pytest.mark.parametrize("name", ["llama", "resnet"])
def test_strength_and_dropout_of_adapters_do_what_they_say(name: str) -> None:
    def spoken(*, training: bool = False, **choices: float) -> torch.Tensor:
        """Return what one layer says beyond what it said before it had an adapter."""
        bundle, given = bundle_of(name)
        lora.put_in(bundle, LayerChoices(amount="adapters", lora_rank=4, **choices), seed=0)
        moved_adapters(bundle.network)
        layer = next(m for _, m in lora._layers(bundle.network))
        seen: list[torch.Tensor] = []
        handle = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
        answer(bundle.network, given)
        handle.remove()
        layer.train(training)
        torch.manual_seed(3)
        with torch.no_grad():
            return layer(seen[0]) - layer.get_base_layer()(seen[0])

    usual = spoken(lora_alpha=8.0)
    assert usual.abs().max() > 1e-4
    assert torch.allclose(spoken(lora_alpha=16.0), 2 * usual, atol=1e-5)
    in_use = spoken(lora_alpha=8.0, lora_dropout=0.5)
    assert torch.allclose(in_use, usual, atol=1e-5)  # only while it learns
    assert torch.allclose(spoken(training=True, lora_alpha=8.0), usual, atol=1e-5)
    learning = spoken(training=True, lora_alpha=8.0, lora_dropout=0.5)
    assert (learning - usual).abs().max() > 0.1 * usual.abs().max()


def test_only_adapters_learn_and_a_new_head(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, head_learns in (("llama", False), ("t5", False), ("bert", True), ("resnet", True)):
        bundle, _ = bundle_of(name)
        lora.put_in(bundle, LayerChoices(amount="adapters", lora_rank=2), seed=0)
        layers.set_trainable(
            bundle.network, layers.names_for("adapters", bundle.network, bundle.head)
        )
        learning = {n for n, p in bundle.network.named_parameters() if p.requires_grad}
        heads = {n for n in learning if n.startswith(bundle.head)}
        assert bool(heads) is head_learns
        assert learning - heads == set(lora.names(bundle.network))


def test_gradients_reach_every_adapter() -> None:
    for name in ("llama", "t5", "bert"):
        bundle, given = bundle_of(name)
        lora.put_in(bundle, LayerChoices(amount="adapters", lora_rank=2), seed=0)
        moved_adapters(bundle.network)
        layers.set_trainable(bundle.network, lora.names(bundle.network))
        bundle.network(**given).logits.pow(2).sum().backward()
        for parameter_name, parameter in bundle.network.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, parameter_name
                assert parameter.grad.abs().sum() > 0, parameter_name


def test_the_same_seed_gives_the_same_adapters_and_leaves_other_chance_alone() -> None:
    states = []
    for _ in range(2):
        bundle, _ = bundle_of("llama")
        torch.manual_seed(7)
        lora.put_in(bundle, LayerChoices(amount="adapters"), seed=3)
        states.append((lora.names(bundle.network), bundle.network.state_dict(), torch.rand(1)))
    (names, one, chance), (_, other, chance_again) = states
    assert all(torch.equal(one[name], other[name]) for name in names)
    torch.manual_seed(7)
    assert torch.equal(chance, chance_again)
    assert torch.equal(chance, torch.rand(1))


def test_ranks_by_layer_and_by_name() -> None:
    bundle, _ = bundle_of("llama")
    found = lora.adaptable(bundle.network, bundle.head)
    choices = LayerChoices(
        amount="adapters",
        lora_rank=4,
        lora_layers=["q_proj", "model.layers.1"],
        lora_ranks={
            "model.layers.1": 8,
            "model.layers.1.mlp.up_proj": 0,
            "layers.0.self_attn.q_proj": 2,
        },
    )
    chosen = ranks.ranks(choices, found)
    assert chosen["model.layers.0.self_attn.q_proj"] == 2
    assert chosen["model.layers.1.self_attn.v_proj"] == 8
    assert "model.layers.1.mlp.up_proj" not in chosen
    assert "model.layers.0.mlp.up_proj" not in chosen
    lora.put_in(bundle, choices, seed=0)
    layer: Any = bundle.network.get_submodule("model.layers.1.self_attn.v_proj")
    assert layer.r["default"] == 8


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lora_layers": ["quarry"]}, "lora_layers names 'quarry'"),
        ({"lora_ranks": {"nothing": 4}}, "lora_ranks names 'nothing'"),
        ({"lora_rank": 0}, "no layer gets one"),
        ({"lora_ranks": {"q_proj": -2}}, "rank -2"),
    ],
)
def test_choices_that_do_not_suit_are_told(changes: dict[str, Any], words: str) -> None:
    bundle, _ = bundle_of("llama")
    choices = LayerChoices(amount="adapters").model_copy(update=changes)
    with pytest.raises(StudioError, match=words):
        lora.put_in(bundle, choices, seed=0)


def test_a_tied_table_learns_under_either_name() -> None:
    for name in ("lm_head", "model.embed_tokens"):
        bundle, _ = bundle_of("llama")
        layers.set_trainable(bundle.network, [name])
        network: Any = bundle.network
        assert network.lm_head.weight.requires_grad
        assert network.lm_head.weight is network.model.embed_tokens.weight


def test_adapters_pass_torchs_own_attention_by() -> None:
    network = torchvision.models.VisionTransformer(32, 16, 2, 2, 32, 64, num_classes=3)
    names = [layer.name for layer in lora.adaptable(network, "heads.head") if layer.usual]
    assert names
    assert all("self_attention" not in name for name in names)


def test_base_state_is_the_network_before() -> None:
    bundle, _ = bundle_of("llama")
    before = copy.deepcopy(bundle.network.state_dict())
    lora.put_in(bundle, LayerChoices(amount="adapters"), seed=0)
    moved_adapters(bundle.network)
    base = lora.base_state(bundle.network.state_dict())
    assert base.keys() == before.keys()
    assert all(torch.equal(base[name], before[name]) for name in before)


def test_four_bits_without_a_gpu_say_what_to_do() -> None:
    choices = LayerChoices(amount="adapters", lora_4bit=True)
    with pytest.raises(StudioError, match="NVIDIA") as told:
        lora.refuse_4bit(choices, torch.device("cpu"))
    assert "lora_4bit" in told.value.hint
    lora.refuse_4bit(
        LayerChoices(lora_4bit=True), torch.device("cpu")
    )  # not asked for without adapters
