"""Folders of Hugging Face and runs of this program as the start of a new run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import ModelChoices
from finetune_studio.models import build, folder, layers, weights, zoo

LABELS = Labels(("a", "b", "c"))


def _vit(place: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=64,
        num_labels=7,
    )
    ViTForImageClassification(config).save_pretrained(place)


def _resnet(place: Path) -> None:
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 2, 1],
        layer_type="basic",
        num_labels=7,
    )
    ResNetForImageClassification(config).save_pretrained(place)


MADE = {"vit": _vit, "resnet": _resnet}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return tiny folders as save_pretrained writes them, one a kind."""
    torch.manual_seed(0)
    places = {kind: tmp_path_factory.mktemp(kind) for kind in MADE}
    for kind, place in places.items():
        MADE[kind](place)
    return places


def _load(place: Path, **choices: int):
    return zoo.load(ModelChoices(source=str(place), **choices), "image", LABELS, 0)


def _copy(place: Path, target: Path) -> Path:
    for file in place.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def _settings(place: Path, **changes: object) -> None:
    file = place / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize("kind", MADE)
def test_a_folder_loads_with_a_new_head_and_is_rebuilt(kind, made, capfd):
    bundle = _load(made[kind])
    saved = load_file(made[kind] / "model.safetensors")
    assert bundle.network.get_submodule(bundle.head).out_features == 3
    state = bundle.network.state_dict()
    for name, value in state.items():
        if not name.startswith(bundle.head) and not name.startswith("vit."):
            assert torch.equal(value, saved[name]), name
    body = {tuple(v.flatten()[:4].tolist()) for n, v in saved.items() if "classifier" not in n}
    ours = {tuple(v.flatten()[:4].tolist()) for n, v in state.items() if "classifier" not in n}
    assert ours == body  # whatever the names are that this version of transformers gives them
    again = zoo.rebuild(json.loads(json.dumps(bundle.architecture)), 3)
    again.load_state_dict(state, strict=True)
    side = bundle.processor["crop"]
    pixels = torch.randn(2, 3, side, side)
    with torch.inference_mode():
        answer = bundle.network.eval()(pixels)
        assert torch.equal(answer, again.eval()(pixels))
    assert answer.shape == (2, 3)
    assert capfd.readouterr() == ("", "")  # no progress bars, no advice


@pytest.mark.parametrize("kind", MADE)
def test_each_choice_of_how_much_to_retrain_holds_the_one_before(kind, made):
    bundle = _load(made[kind])
    before: set[str] = set()
    for amount in ("head_only", "last_stage", "later_half", "everything"):
        names = layers.names_for(amount, bundle.network, bundle.head, [])
        layers.set_trainable(bundle.network, names)
        learning = {n for n, p in bundle.network.named_parameters() if p.requires_grad}
        assert before < learning, amount
        before = learning
    layers.set_trainable(bundle.network, [bundle.head])
    layers.set_modes(bundle.network)
    side = bundle.processor["crop"]
    bundle.network(torch.randn(2, 3, side, side)).sum().backward()
    root = layers.tree(bundle.network, torch.zeros(1, 3, side, side), bundle.head)
    assert root.shape == (3,)
    assert sum(n.saved_bytes for n in root.walk()) > 0


def test_half_of_a_vision_transformer_is_half_of_its_blocks(made):
    bundle = _load(made["vit"])
    names = layers.names_for("later_half", bundle.network, bundle.head)
    assert [n.rpartition(".")[2] for n in names] == ["2", "3", "layernorm", "classifier"]


PROCESSORS = [
    ({"size": 48, "do_center_crop": False}, {"resize": 48, "crop": 48}),
    (
        {"size": {"height": 64, "width": 64}, "resample": 3},
        {"crop": 64, "interpolation": "bicubic"},
    ),
    (
        {"size": {"shortest_edge": 73}, "crop_size": 64, "do_center_crop": True},
        {"resize": 73, "crop": 64},
    ),
    ({"size": {"shortest_edge": 64}, "crop_pct": 0.875}, {"resize": 73, "crop": 64}),
    (
        {"size": 64, "image_mean": [0.5] * 3, "image_std": [0.25] * 3},
        {"mean": [0.5] * 3, "std": [0.25] * 3},
    ),
    ({"size": 64, "do_normalize": False}, {"mean": [0.0] * 3, "std": [1.0] * 3}),
    ({}, {"resize": 73, "crop": 64}),
]


@pytest.mark.parametrize(("own", "wanted"), PROCESSORS)
def test_the_folders_own_preprocessing_is_kept(own, wanted, made, tmp_path):
    place = _copy(made["vit"], tmp_path)
    if own:
        (place / "preprocessor_config.json").write_text(json.dumps(own))
    found = folder.find(place, ModelChoices(source=str(place))).processor
    assert found | wanted == found


def test_another_image_size_suits_a_convolutional_network_and_no_table_of_positions(made):
    assert _load(made["resnet"], image_size=96).processor["crop"] == 96
    with pytest.raises(StudioError, match="only with the image size") as caught:
        _load(made["vit"], image_size=96)
    assert "model.image_size" in caught.value.hint


def test_a_folder_without_a_head_gets_one(tmp_path):
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=64,
    )
    model = ViTModel(config)
    model.save_pretrained(tmp_path)
    bundle = _load(tmp_path)
    assert torch.equal(
        bundle.network.vit.embeddings.cls_token, model.state_dict()["embeddings.cls_token"]
    )
    assert "brings no last layer" in folder.find(tmp_path, ModelChoices()).note


def test_code_in_a_folder_is_never_run(made, tmp_path):
    place = _copy(made["vit"], tmp_path)
    trace = tmp_path / "it ran"
    (place / "modeling_own.py").write_text(f"open({str(trace)!r}, 'w')\nclass Own: pass\n")
    _settings(place, auto_map={"AutoModelForImageClassification": "modeling_own.Own"})
    assert _load(place).network is not None  # a known kind is built from this program's own code
    _settings(place, model_type="own")
    with pytest.raises(StudioError, match="networks of the kind 'own'") as caught:
        _load(place)
    assert "never run" in caught.value.hint
    assert not trace.exists()


def _no_weights(place: Path) -> None:
    (place / "model.safetensors").unlink()


def _cut_weights(place: Path) -> None:
    file = place / "model.safetensors"
    file.write_bytes(file.read_bytes()[:20_000])


def _other_weights(place: Path) -> None:
    save_file({"something.weight": torch.zeros(3)}, place / "model.safetensors", {"format": "pt"})


def _other_task(place: Path) -> None:
    (place / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 32}))


BROKEN = {
    "no weights": (_no_weights, "cannot be read"),
    "cut weights": (_cut_weights, "cannot be read"),
    "other weights": (_other_weights, "do not belong to its config.json"),
    "other task": (_other_task, "does not classify pictures"),
    "no json": (lambda p: (p / "config.json").write_text("{"), "config.json cannot be read"),
    "a list": (lambda p: (p / "config.json").write_text("[]"), "holds no settings"),
    "no kind": (lambda p: (p / "config.json").write_text("{}"), "networks of the kind"),
    "bad value": (lambda p: _settings(p, num_attention_heads=0), "make no network"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_folders_are_refused_in_words(kind, made, tmp_path):
    make, words = BROKEN[kind]
    place = _copy(made["vit"], tmp_path)
    make(place)
    with pytest.raises(StudioError, match=words) as caught:
        _load(place)
    assert caught.value.hint


def _run(place: Path, classes: int = 4) -> weights.State:
    """Write a run's folder as engine.run does, and return its best weights."""
    described = build.describe("mobilenet_v3_small")
    torch.manual_seed(1)
    state = build.rebuild(described, classes).state_dict()
    processor = {
        "resize": 256,
        "crop": 224,
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bilinear",
    }
    model = {
        "architecture": described,
        "processor": processor,
        "labels": {"names": [str(n) for n in range(classes)], "ids": []},
        "head": described["head"],
        "origin": "mobilenet_v3_small",
    }
    (place / "model.json").write_text(json.dumps(model))
    best = {n: v for n, v in state.items() if n.startswith("classifier")}
    (place / "checkpoints" / "00000004").mkdir(parents=True)
    save_file({n: v for n, v in state.items() if n not in best}, place / "frozen.safetensors")
    save_file(best, place / "checkpoints" / "00000004" / "best.safetensors")
    index = {"last": "00000004", "best": "00000004"}
    (place / "checkpoints" / "index.json").write_text(json.dumps(index))
    return state


def test_a_run_can_be_continued_with_other_classes(tmp_path):
    state = _run(tmp_path)
    bundle = _load(tmp_path)
    for name, value in bundle.network.state_dict().items():
        assert name.startswith("classifier.3") or torch.equal(value, state[name]), name
    assert bundle.network.get_submodule("classifier.3").out_features == 3
    assert bundle.processor["mean"] == [0.5] * 3
    assert "knows 4 classes" in folder.find(tmp_path, ModelChoices()).note


def test_an_export_of_a_torchvision_network_can_be_trained_on(tmp_path):
    described = build.describe("mobilenet_v3_small")
    state = build.rebuild(described, 4).state_dict()
    config = {
        "library_name": "torchvision",
        "builder": described["builder"],
        "kwargs": {},
        "head": described["head"],
        "labels": ["w", "x", "y", "z"],
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    own = {"size": {"shortest_edge": 144}, "crop_size": {"height": 128}, "do_center_crop": True}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(own))
    save_file(state, tmp_path / "model.safetensors")
    bundle = _load(tmp_path)
    assert torch.equal(
        bundle.network.state_dict()["classifier.0.weight"], state["classifier.0.weight"]
    )
    assert (bundle.processor["resize"], bundle.processor["crop"]) == (144, 128)
    assert "4 classes" in folder.find(tmp_path, ModelChoices()).note
    (tmp_path / "config.json").write_text(json.dumps({"builder": "resnet18"}))
    with pytest.raises(StudioError, match="'head' is missing"):
        _load(tmp_path)


def test_a_run_of_a_vision_transformer_keeps_its_image_size(made, tmp_path):
    bundle = _load(made["vit"])
    model = {
        "architecture": bundle.architecture,
        "processor": bundle.processor,
        "labels": {"names": list(LABELS.names), "ids": []},
        "head": bundle.head,
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    save_file(bundle.network.state_dict(), tmp_path / "model.safetensors")
    again = _load(tmp_path)
    assert again.processor["crop"] == 64
    with pytest.raises(StudioError, match="cannot see pictures of 96 pixels"):
        _load(tmp_path, image_size=96)


def test_a_run_without_weights_is_said_so(tmp_path):
    _run(tmp_path)
    (tmp_path / "checkpoints" / "index.json").unlink()
    with pytest.raises(StudioError, match=r"no weights in .* yet"):
        _load(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(StudioError, match="is not complete"):
        _load(tmp_path)
