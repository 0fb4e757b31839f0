"""Text networks from folders: weights, tokenizer, new heads, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import ModelChoices
from finetune_studio.models import text, tied, zoo
from finetune_studio.models.quiet import quiet
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


def _no_weights(place: Path) -> None:
    (place / "model.safetensors").unlink()


def _old_weights(place: Path) -> None:
    (place / "model.safetensors").rename(place / "pytorch_model.bin")


def _cut_weights(place: Path) -> None:
    file = place / "model.safetensors"
    file.write_bytes(file.read_bytes()[:20_000])


def _without(place: Path, part: str) -> None:
    state = load_file(place / "model.safetensors")
    kept = {n: v for n, v in state.items() if part not in n}
    save_file(kept, place / "model.safetensors", {"format": "pt"})


def _settings(place: Path, **changes: object) -> None:
    file = place / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


BROKEN = {
    "no weights": (_no_weights, "model.safetensors is missing"),
    "older weights": (_old_weights, "could hold program code"),
    "cut weights": (_cut_weights, "damaged or was cut short"),
    "a layer missing": (lambda p: _without(p, "layer.2."), "16 parts are missing"),
    "other shapes": (lambda p: _settings(p, intermediate_size=128), "missing or of another shape"),
    "no tokenizer": (lambda p: (p / "tokenizer.json").unlink(), "There is no tokenizer"),
    "damaged tokenizer": (lambda p: (p / "tokenizer.json").write_text("{"), "is damaged"),
    "larger tokenizer": (lambda p: _settings(p, vocab_size=50), "but the network only 50"),
    "no settings": (lambda p: (p / "config.json").unlink(), "There is no model in the folder"),
    "no json": (lambda p: (p / "config.json").write_text("{"), "config.json cannot be read"),
    "an unknown kind": (lambda p: _settings(p, model_type="own"), "networks of the kind 'own'"),
    "a picture model": (lambda p: _settings(p, model_type="vit"), "does not classify texts"),
    "a value of the wrong kind": (lambda p: _settings(p, model_type="t5"), "make no network"),
    "bad value": (lambda p: _settings(p, num_attention_heads=0), "make no network"),
    "quantised": (lambda p: _settings(p, quantization_config={"bits": 4}), "are quantised"),
    "an export of pictures": (lambda p: _settings(p, builder="resnet18"), "classifies pictures"),
    "modules that are none": (lambda p: (p / "modules.json").write_text("[1]"), "cannot be read"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_folders_are_refused_in_words(kind, made, tmp_path):
    make, words = BROKEN[kind]
    place = _copy(made["bert"], tmp_path)
    make(place)
    with pytest.raises(StudioError, match=words) as caught:
        _load(place)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("kind", "family", "auto"),
    [
        ("bert", "seq2seq", text.REWRITE),
        ("bert", "causal", text.WRITE),
        ("llama", "seq2seq", text.REWRITE),
        ("bart", "text", text.CLASSIFY),
        ("t5", "causal", text.WRITE),
    ],
)
def test_a_model_for_something_else_is_refused_with_what_would_do(kind, family, auto, made):
    with pytest.raises(StudioError, match=f"of the kind '{kind}', which does not") as caught:
        _load(made[kind], family, auto)
    assert caught.value.hint.startswith("Choose ")


def test_a_row_of_another_family_a_file_and_nothing_are_refused(made, tmp_path):
    with pytest.raises(StudioError, match="made for seq2seq tasks"):
        text.load(ModelChoices(source="t5_small"), "text", text.CLASSIFY, LABELS, 0)
    with pytest.raises(StudioError, match="are not on this computer"):
        text.load(ModelChoices(source="distilbert"), "text", text.CLASSIFY, LABELS, 0)
    with pytest.raises(StudioError, match="is a single file"):
        _load(made["bert"] / "model.safetensors")
    with pytest.raises(StudioError, match="There is no model at"):
        _load(tmp_path / "nothing")
    with pytest.raises(StudioError, match="no model called 'distilbart'"):
        text.load(ModelChoices(source="distilbart"), "text", text.CLASSIFY, LABELS, 0)
    with pytest.raises(StudioError, match="does not classify pictures"):
        zoo.load(ModelChoices(source=str(made["bert"])), "image", LABELS, 0)


def test_code_in_a_folder_is_never_run(made, tmp_path):
    place = _copy(made["bert"], tmp_path)
    (place / "modeling_own.py").write_text(f"open({str(tmp_path / 'it ran')!r}, 'w')")
    auto_map = {"AutoModel": "modeling_own.Own", "AutoTokenizer": ["modeling_own.Own", None]}
    _settings(place, auto_map=auto_map)
    (place / "tokenizer_config.json").write_text(json.dumps({"auto_map": auto_map}))
    assert "auto_map" not in _load(place).architecture["config"]
    assert not (tmp_path / "it ran").exists()


def test_a_body_without_a_pooler_is_pooled_by_the_mean(made, tmp_path):
    assert _load(made["bert"]).architecture["pooling"] == ""
    place = _copy(made["bert"], tmp_path)
    _without(place, "pooler")
    bundle = _load(place)
    assert bundle.architecture["pooling"] == "mean"
    assert bundle.head == "classifier"


def test_a_vocabulary_in_the_older_form_is_converted(made, tmp_path):
    from tokenizers import Tokenizer

    place = _copy(made["bert"], tmp_path)
    known = Tokenizer.from_file(str(place / "tokenizer.json"))
    ordered = sorted(known.get_vocab().items(), key=lambda pair: pair[1])
    (place / "tokenizer.json").unlink()
    (place / "vocab.txt").write_text("\n".join(token for token, _ in ordered))
    (place / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    bundle = _load(place)
    made_anew = Tokenizer.from_str(bundle.files["tokenizer.json"].decode())
    words = "The cat sat on the mat"
    assert made_anew.encode(words).ids == known.encode(words).ids


@pytest.mark.parametrize(("kind", "name"), [("deberta-v2", "spm.model"), ("mt5", "spiece.model")])
def test_a_sentencepiece_model_is_converted(kind, name, tmp_path):
    trainer = pytest.importorskip("sentencepiece").SentencePieceTrainer
    import io

    from transformers import CONFIG_MAPPING, AutoModelForSeq2SeqLM, DebertaV2Model

    content = io.BytesIO()
    ids = {"pad_id": 0, "bos_id": -1, "eos_id": 1, "unk_id": 2}
    if kind == "deberta-v2":
        ids = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "pad_piece": "[PAD]",
               "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}  # fmt: skip
    trainer.train(
        sentence_iterator=iter(tiny_models.TEXTS * 20), model_writer=content, vocab_size=120,
        hard_vocab_limit=False, minloglevel=2, **ids,
    )  # fmt: skip
    (tmp_path / name).write_bytes(content.getvalue())
    small = {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind == "mt5":
        small = {
            "vocab_size": 300,
            "d_model": 32,
            "d_kv": 16,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 2,
        }
    config = CONFIG_MAPPING[kind](**small)
    with quiet():
        network = (
            AutoModelForSeq2SeqLM.from_config(config) if kind == "mt5" else DebertaV2Model(config)
        )
        network.save_pretrained(tmp_path)
    family, auto = ("seq2seq", text.REWRITE) if kind == "mt5" else ("text", text.TAG)
    files = _load(tmp_path, family, auto).files
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
    found = tokenizer.encode("the cat sat on the mat")
    assert len(found.ids) > 3
    assert tokenizer.decode(found.ids).strip() == "the cat sat on the mat"


def test_weights_held_apart_in_the_files_stay_apart(made, tmp_path):
    place = _copy(made["llama"], tmp_path)
    state = load_file(place / "model.safetensors")
    state["lm_head.weight"] = state["model.embed_tokens.weight"] + 1.0
    save_file(state, place / "model.safetensors", {"format": "pt"})
    bundle = _load(place, "causal", text.WRITE, NONE)
    if tied.second_names(bundle.network):
        assert not bundle.architecture.get("untied")
        return  # this version of transformers shares them whatever the files hold
    assert bundle.architecture["untied"] == ["lm_head.weight"]
    again = zoo.rebuild(json.loads(json.dumps(bundle.architecture)), 0)
    again.load_state_dict(bundle.network.state_dict(), strict=True)
    answer = _answer(bundle)
    bundle.network = again
    assert torch.equal(answer, _answer(bundle))
