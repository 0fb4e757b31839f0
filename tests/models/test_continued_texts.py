"""Runs of text tasks on disk: tied tables once, the tokenizer beside them, and going on from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import ModelChoices, from_values
from finetune_studio.core.task import Bundle
from finetune_studio.engine import begun, run
from finetune_studio.engine.run import checkpoints
from finetune_studio.models import layers, text, zoo
from tests import tiny_models

OLD = Labels(("ant", "bee", "cat"), (1, 2, 3))
NEW = Labels(("ant", "cat", "dog"), (1, 3, 4))
NONE = Labels(())
WRITERS = [
    ("gpt2", "causal", text.WRITE),
    ("llama", "causal", text.WRITE),
    ("t5", "seq2seq", text.REWRITE),
    ("bart", "seq2seq", text.REWRITE),
]


def _load(source: Path, family: str, auto: str, labels: Labels, task: str = "") -> Bundle:
    return text.load(ModelChoices(source=str(source)), family, auto, labels, 0, task=task)


def _trained(place: Path, bundle: Bundle, amount: str, task: str = "text_classification") -> Path:
    """Change what learns, and write the run as the engine does."""
    network = bundle.network
    layers.set_trainable(network, layers.names_for(amount, network, bundle.head))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    place.mkdir(parents=True)
    from_values({"task": task}).save(place / "recipe.toml")
    run.save_model(place, bundle)
    state = network.state_dict()
    moving = {name: state[name] for name in run.moving_names(bundle)}
    checkpoints.save_checkpoint(place, moving, moving, {}, run.Place(step=4))
    return place


def _inputs(bundle: Bundle) -> dict[str, Any]:
    ids = torch.randint(5, 60, (2, 7), generator=torch.Generator().manual_seed(0))
    found = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if bundle.architecture["auto"] == text.REWRITE:
        found["decoder_input_ids"] = ids
    return found


def _answer(bundle: Bundle) -> torch.Tensor:
    with torch.inference_mode():
        answer = bundle.network.eval()(**_inputs(bundle)).logits
    assert isinstance(answer, torch.Tensor)
    return answer


@pytest.mark.parametrize("amount", ["last_stage", "everything", "head_only"])
@pytest.mark.parametrize(("kind", "family", "auto"), WRITERS)
def test_tables_used_under_two_names_are_kept_once_and_come_back(
    kind, family, auto, amount, tmp_path
):
    place = tiny_models.folder(tmp_path / "model", kind)
    bundle = _load(place, family, auto, NONE)
    folder = _trained(tmp_path / "runs" / "1", bundle, amount, "causal_lm")
    frozen = load_file(folder / "frozen.safetensors")
    moving = load_file(folder / "checkpoints" / "00000004" / "best.safetensors")
    assert not frozen.keys() & moving.keys()
    tables = sum(v.numel() for v in (frozen | moving).values() if v.is_floating_point())
    assert tables == sum(p.numel() for p in bundle.network.parameters()) + sum(
        b.numel() for n, b in bundle.network.named_buffers() if n in frozen
    )
    wanted = _answer(bundle)
    loaded = run.load_bundle(folder)
    assert torch.equal(_answer(loaded), wanted)
    assert loaded.files == bundle.files
    assert loaded.processor == bundle.processor
    resumed = begun.bundle_of(run.Run(folder))
    assert resumed is not None
    resumed.network.load_state_dict(moving, strict=False)
    assert torch.equal(_answer(resumed), wanted)
    assert resumed.files == bundle.files
    again = _load(folder, family, auto, NONE)
    assert torch.equal(_answer(again), wanted)
    assert again.files == bundle.files
    assert again.line == (str(place),)


@pytest.mark.parametrize("kind", tiny_models.ENCODERS)
def test_known_classes_keep_their_rows(kind, tmp_path):
    bundle = _load(tiny_models.folder(tmp_path / "model", kind), "text", text.CLASSIFY, OLD)
    bundle.processor["max_length"] = 16  # as a run that cut its texts
    folder = _trained(tmp_path / "runs" / "1", bundle, "last_stage")
    again = _load(folder, "text", text.CLASSIFY, NEW, "text_classification")
    assert again.processor["max_length"] == 64
    old = bundle.network.get_submodule(bundle.head).weight
    new = again.network.get_submodule(again.head).weight
    assert torch.equal(new[0], old[0])
    assert torch.equal(new[1], old[2])
    assert not torch.equal(new[2], old[1])
    known, state = bundle.network.state_dict(), again.network.state_dict()
    for name, value in state.items():
        assert name.startswith(again.head) or torch.equal(value, known[name]), name
    assert "2 classes are known already, 1 is new" in again.note
    assert again.files == bundle.files


def test_a_run_of_another_task_or_without_its_tokenizer_is_refused(tmp_path):
    bundle = _load(tiny_models.folder(tmp_path / "model", "bert"), "text", text.CLASSIFY, OLD)
    folder = _trained(tmp_path / "runs" / "1", bundle, "head_only")
    with pytest.raises(StudioError, match="learnt text classification"):
        _load(folder, "text", text.TAG, NEW, "token_classification")
    (folder / "recipe.toml").unlink()
    with pytest.raises(StudioError, match="learnt another task"):
        _load(folder, "text", text.TAG, NEW, "token_classification")
    with pytest.raises(StudioError, match="reads texts, not pictures"):
        zoo.load(ModelChoices(source=str(folder)), "image", NEW, 0)
    (folder / "processor" / "tokenizer.json").unlink()
    with pytest.raises(StudioError, match="There is no tokenizer"):
        _load(folder, "text", text.CLASSIFY, NEW)
