"""Text networks from folders: weights, tokenizer, new heads, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import ModelChoices
from finetune_studio.models import text, zoo
from tests import tiny_models

LABELS = Labels(("a", "b", "c"))
NONE = Labels(())
FITTING = [
    *[
        (kind, "text", auto)
        for kind in tiny_models.ENCODERS
        for auto in (text.CLASSIFY, text.TAG, text.ANSWER)
    ],
    *[(kind, "seq2seq", text.REWRITE) for kind in tiny_models.REWRITERS],
    *[(kind, "causal", text.WRITE) for kind in tiny_models.WRITERS],
]
KINDS = (*tiny_models.ENCODERS, *tiny_models.REWRITERS, *tiny_models.WRITERS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a tiny folder a kind."""
    return {kind: tiny_models.folder(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def _load(place: Path, family: str = "text", auto: str = text.CLASSIFY, labels: Labels = LABELS):
    return text.load(ModelChoices(source=str(place)), family, auto, labels, 0)


def _answer(bundle, length: int = 9) -> torch.Tensor:
    torch.manual_seed(1)
    ids = torch.randint(5, 60, (2, length))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if "token_type_ids" in bundle.processor["inputs"]:
        inputs["token_type_ids"] = torch.zeros_like(ids)
    if bundle.architecture["auto"] == text.REWRITE:
        inputs["decoder_input_ids"] = ids
    with torch.inference_mode():
        answer = bundle.network.eval()(**inputs)
    return answer.start_logits if "start_logits" in answer else answer.logits


@pytest.mark.parametrize(("kind", "family", "auto"), FITTING)
def test_a_folder_loads_for_each_purpose_and_is_rebuilt(kind, family, auto, made, capfd):
    labels = LABELS if auto in (text.CLASSIFY, text.TAG) else NONE
    bundle = _load(made[kind], family, auto, labels)
    saved = {
        tuple(v.flatten()[:4].tolist())
        for v in load_file(made[kind] / "model.safetensors").values()
    }
    for name, value in bundle.network.named_parameters():
        new = name.startswith(("classifier", "qa_outputs", "pre_classifier"))
        assert new or tuple(value.flatten()[:4].tolist()) in saved, name
    again = zoo.rebuild(json.loads(json.dumps(bundle.architecture)), len(labels))
    again.load_state_dict(bundle.network.state_dict(), strict=True)
    answer = _answer(bundle)
    bundle.network = again
    assert torch.equal(answer, _answer(bundle))
    assert answer.shape[0] == 2
    if labels:
        outputs = 7 if auto == text.TAG else 3  # outside, then begin and inside of each class
        assert answer.shape[-1] == outputs
        assert bundle.network.get_submodule(bundle.head).out_features == outputs
    assert bundle.processor["max_length"] == 64
    assert bundle.files["tokenizer.json"] == (made[kind] / "tokenizer.json").read_bytes()
    assert json.loads(json.dumps(bundle.processor)) == bundle.processor
    assert capfd.readouterr() == ("", "")


def test_the_starter_lies_inside_the_program_and_is_pooled_by_the_mean():
    row = zoo.CATALOGUE["minilm"]
    assert row.facts["local"]
    assert zoo.CATALOGUE.family("text")[0].name == "minilm"
    bundle = text.load(ModelChoices(source="minilm"), "text", text.CLASSIFY, LABELS, 0)
    assert bundle.architecture["pooling"] == "mean"
    assert bundle.processor["max_length"] == 512
    assert bundle.processor["pad_id"] == 0
    assert bundle.processor["inputs"] == ["input_ids", "attention_mask", "token_type_ids"]
    encoder = sum(p.numel() for p in bundle.network.encoder.parameters())
    assert encoder + 384 * 384 + 384 == row.facts["parameters"]  # the file also has a pooler


def test_padding_changes_nothing(made):
    for kind in tiny_models.ENCODERS:
        network = _load(made[kind]).network.eval()
        ids = torch.randint(5, 60, (1, 8))
        mask = torch.ones_like(ids)
        longer = torch.nn.functional.pad(ids, (0, 5), value=0 if kind != "roberta" else 1)
        wider = torch.nn.functional.pad(mask, (0, 5))
        with torch.inference_mode():
            plain = network(input_ids=ids, attention_mask=mask).logits
            padded = network(input_ids=longer, attention_mask=wider).logits
        assert torch.allclose(plain, padded, atol=1e-6), kind


def test_the_same_seed_gives_the_same_head_and_another_one_another(made):
    first, again = (_load(made["distilbert"]).network.state_dict() for _ in range(2))
    assert all(torch.equal(first[n], again[n]) for n in first)
    choices = ModelChoices(source=str(made["distilbert"]))
    other = text.load(choices, "text", text.CLASSIFY, LABELS, 1).network.state_dict()
    assert not torch.equal(first["pre_classifier.weight"], other["pre_classifier.weight"])
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_a_language_model_without_padding_is_padded_with_its_end(made):
    seen = _load(made["gpt2"], "causal", text.WRITE, NONE).processor
    assert seen["pad_id"] == seen["eos_id"]
    seen = _load(made["llama"], "causal", text.WRITE, NONE).processor
    assert seen["pad_id"] != seen["eos_id"]


def test_an_answering_folder_keeps_its_last_layer(made, tmp_path):
    bundle = _load(made["bert"], "text", text.ANSWER, NONE)
    place = _copy(made["bert"], tmp_path)
    bundle.network.save_pretrained(place)
    again = _load(place, "text", text.ANSWER, NONE)
    assert torch.equal(bundle.network.qa_outputs.weight, again.network.qa_outputs.weight)


def _copy(place: Path, target: Path) -> Path:
    for file in place.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())
    return target
