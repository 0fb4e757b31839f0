"""Packing changes the time and no number: sequences that share a row do not see each other."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
)

from finetune_studio.modality import packing
from finetune_studio.modality.chat import Tokens

_SMALL = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
CONFIGS = {
    "llama": lambda: LlamaConfig(**_SMALL, num_key_value_heads=2, initializer_range=0.2),
    "gpt2": lambda: GPT2Config(
        vocab_size=100, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    ),
    "sliding": lambda: Gemma3TextConfig(
        **_SMALL, num_key_value_heads=2, head_dim=8, sliding_window=4, initializer_range=0.2
    ),
}  # fmt: skip


def network_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    made: nn.Module = AutoModelForCausalLM.from_config(CONFIGS[name]())
    return made


def sequences(count: int = 9, seed: int = 0) -> list[tuple[int, Tokens]]:
    rng = random.Random(seed)
    found = []
    for number in range(count):
        size = rng.randint(3, 20)
        ids = [rng.randrange(3, 100) for _ in range(size)]
        found.append((number, Tokens(ids, [place >= size // 2 for place in range(size)])))
    return found


def loss_of(network: Any, rows: packing.Packed, *, together: bool) -> Tensor:
    logits = network(**packing.inputs(rows, together=together), use_cache=False).logits
    return functional.cross_entropy(
        logits.flatten(0, 1), rows.targets.flatten(), ignore_index=packing.IGNORED
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_packed_is_the_unpacked_loss_and_gradient(name: str) -> None:
    network = network_of(name)
    assert packing.possible(network, 100)
    shared = packing.packed(sequences(), 32, pad=0)
    assert len(shared.ids) < 9
    found = []
    for rows, together in ((shared, True), (packing.padded(sequences(), 0), False)):
        network.zero_grad()
        loss = loss_of(network, rows, together=together)
        loss.backward()
        found.append((loss, [p.grad.clone() for p in network.parameters() if p.grad is not None]))
    (one, gradients), (other, theirs) = found
    assert float(one.detach()) == pytest.approx(float(other.detach()), abs=1e-5)
    for ours, plain in zip(gradients, theirs, strict=True):
        assert torch.allclose(ours, plain, atol=1e-5)


def test_what_stands_beside_in_a_row_changes_nothing() -> None:
    network = network_of("llama").eval()
    (_, first), *others = sequences()
    changed = [(n, Tokens([(i + 7) % 100 for i in t.ids], t.learnt)) for n, t in others]
    answers = []
    for beside in (others, changed):
        rows = packing.packed([(0, first), *beside], 64, pad=0)
        with torch.no_grad():
            logits = network(**packing.inputs(rows, together=True), use_cache=False).logits
        answers.append(logits[rows.owners == 0])
    assert torch.allclose(answers[0], answers[1], atol=1e-5)


def test_padding_behind_a_sequence_needs_no_mask() -> None:
    network = network_of("gpt2").eval()
    rows = packing.padded(sequences(), 0)
    plain = packing.inputs(rows, together=True)
    assert set(plain) == {"input_ids"}
    with torch.no_grad():
        one = network(**plain, use_cache=False).logits
        other = network(**packing.inputs(rows, together=False), use_cache=False).logits
    assert torch.allclose(one[rows.owners >= 0], other[rows.owners >= 0], atol=1e-5)


@pytest.mark.parametrize("together", [True, False])
def test_prompts_contribute_no_gradient(together: bool) -> None:
    """The targets before the answer may be anything: loss and gradients stay the same."""
    network = network_of("llama")
    found = []
    for shift in (0, 13):
        given = sequences()
        rows = packing.packed(given, 64, 0) if together else packing.padded(given, 0)
        network.zero_grad()
        logits = network(**packing.inputs(rows, together=together), use_cache=False).logits
        logits.retain_grad()
        masked = rows.targets == packing.IGNORED
        disturbed = logits + shift * masked.unsqueeze(-1)
        functional.cross_entropy(
            disturbed.flatten(0, 1), rows.targets.flatten(), ignore_index=packing.IGNORED
        ).backward()
        assert logits.grad is not None
        assert logits.grad[masked].abs().max() == 0
        assert logits.grad[~masked].abs().min() > 0
        found.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_networks_that_mix_rows_are_found_out() -> None:
    torch.manual_seed(0)
    bloom = AutoModelForCausalLM.from_config(
        BloomConfig(vocab_size=100, hidden_size=32, n_layer=2, n_head=4)
    )
    assert not packing.possible(bloom, 100)

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(100, 16)
            self.state = nn.GRU(16, 16, batch_first=True)
            self.last = nn.Linear(16, 100)

        def forward(self, input_ids: Tensor, **_others: Any) -> Any:
            logits = self.last(self.state(self.table(input_ids))[0])
            return type("Answer", (), {"logits": logits})

    network = Recurrent().train()
    assert not packing.possible(network, 100)
    assert network.training


def test_rows_hold_every_token_once_and_its_owner() -> None:
    given = sequences(40, seed=3)
    rows = packing.packed(given, 64, pad=0)
    for number, tokens in given:
        mine = rows.owners == number
        assert rows.ids[mine].tolist() == tokens.ids
        assert rows.positions[mine].tolist() == list(range(len(tokens.ids)))
        expected = [
            token if on else packing.IGNORED
            for token, on in zip(tokens.ids[1:], tokens.learnt[1:], strict=True)
        ]
        assert rows.targets[mine].tolist() == [*expected, packing.IGNORED]
    free = rows.owners == -1
    assert (rows.targets[free] == packing.IGNORED).all()
    assert float(free.float().mean()) < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_no_row_is_too_wide_and_packing_never_costs_more_than_padding(seed: int) -> None:
    rng = random.Random(seed)
    lengths = [rng.randint(1, 50) for _ in range(rng.randint(1, 60))]
    for widest in (50, 64, 200):
        rows = packing.best_bins(lengths, widest)
        assert sorted(n for row in rows for n in row) == list(range(len(lengths)))
        widths = [sum(lengths[n] for n in row) for row in rows]
        assert max(widths) <= widest
        assert len(rows) * max(widths) <= len(lengths) * max(lengths)
