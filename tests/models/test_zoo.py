"""The catalogue of models, and loading each of its rows with a new head."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torchvision

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import ModelChoices
from finetune_studio.models import build, hub, pretrained, weights, zoo

ROWS = list(zoo.CATALOGUE)
FETCHED = [row for row in ROWS if "file" in row.facts]
LABELS = Labels(("ant", "bee", "cat"))


def _numbered(builder: str, classes: int = 1000) -> weights.State:
    """Return a state in which every tensor has values of its own, quickly made."""
    with torch.device("meta"):
        network = torchvision.models.get_model(builder, weights=None, num_classes=classes)
    return {
        name: torch.full(value.shape, 0.01 + index * 1e-5, dtype=value.dtype)
        if value.is_floating_point()
        else torch.zeros(value.shape, dtype=value.dtype)
        for index, (name, value) in enumerate(network.state_dict().items())
    }


def test_the_starter_is_first_and_every_row_says_what_a_user_must_know():
    assert ROWS[0].name == "starter"
    assert [row for row in ROWS if "file" in row.facts] == zoo.CATALOGUE.family("image")[1:]
    for row in FETCHED:
        for fact in ("licence", "size_mb", "parameters", "pretrained_on", "image_size"):
            assert row.facts[fact], (row.name, fact)
        assert row.facts["local"] is False
        json.dumps(row.as_json())


@pytest.mark.parametrize("row", FETCHED, ids=lambda row: row.name)
def test_rows_agree_with_the_registry_of_torchvision(row):
    known = torchvision.models.get_weight(row.facts["weights"])
    seen = known.transforms()
    assert known.url.endswith("/" + row.facts["file"])
    assert row.facts["parameters"] == known.meta["num_params"]
    assert row.facts["size_mb"] == pytest.approx(known.meta["_file_size"], abs=0.06)
    assert row.facts["image_size"] == seen.crop_size[0]
    assert row.facts["resize"] == seen.resize_size[0]
    assert row.facts["interpolation"] == seen.interpolation.value
    assert row.facts["mean"] == list(seen.mean)
    assert row.facts["std"] == list(seen.std)


@pytest.mark.parametrize("row", FETCHED, ids=lambda row: row.name)
def test_every_row_loads_with_a_new_head_and_is_rebuilt_from_its_description(row, monkeypatch):
    state = _numbered(row.facts["architecture"])
    monkeypatch.setattr(hub, "local", lambda _row: Path("weights"))
    monkeypatch.setattr(weights, "read", lambda _file: state)
    size = 64
    bundle = zoo.load(ModelChoices(source=row.name, image_size=size), "image", LABELS, seed=3)
    loaded = bundle.network.state_dict()
    for name, value in loaded.items():
        if name.startswith(bundle.head + "."):
            assert value.shape[0] == len(LABELS)
        elif "pos_embedding" not in name:
            assert torch.equal(value, state[name].to(value.dtype)), name
    described = json.loads(json.dumps(bundle.architecture))
    with torch.device("meta"):
        again = zoo.rebuild(described, len(LABELS))
    again.load_state_dict(loaded, strict=True, assign=True)
    pixels = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        first, second = bundle.network.eval()(pixels), again.eval()(pixels)
    assert first.shape == (2, len(LABELS))
    assert torch.equal(first, second)
    assert bundle.processor["crop"] == size
    assert bundle.processor["resize"] >= size
    assert bundle.origin == row.name


def test_the_starter_lies_inside_and_loads_offline():
    row = zoo.CATALOGUE["starter"]
    if not row.facts["local"]:
        pytest.skip("the starter has not been trained in this checkout")
    bundle = zoo.load(ModelChoices(), "image", LABELS, seed=0)
    side = bundle.processor["crop"]
    with torch.inference_mode():
        answer = bundle.network.eval()(torch.zeros(1, 3, side, side))
    assert answer.shape == (1, 3)
    assert torch.isfinite(answer).all()
    assert all(p.dtype == torch.float32 for p in bundle.network.parameters())
    body = sum(p.numel() for p in bundle.network.parameters()) - 513 * 3
    assert row.facts["parameters"] == body


def test_the_head_comes_from_the_seed_alone():
    def head(seed: int) -> torch.Tensor:
        torch.manual_seed(torch.seed() % 1000)  # whatever the global state is
        bundle = zoo.load(ModelChoices(), "image", LABELS, seed=seed)
        return bundle.network.get_submodule(bundle.head).weight

    if not zoo.CATALOGUE["starter"].facts["local"]:
        pytest.skip("the starter has not been trained in this checkout")
    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


def test_a_model_that_is_not_here_is_said_so():
    with pytest.raises(StudioError, match="ResNet-18 are not on this computer") as caught:
        zoo.load(ModelChoices(source="resnet18"), "image", LABELS, 0)
    assert "Download" in caught.value.hint


def test_a_missing_starter_is_said_so(monkeypatch):
    monkeypatch.setattr(hub, "card", lambda _row: None)
    assert zoo.CATALOGUE["starter"].facts["local"] is False
    with pytest.raises(StudioError, match="its file is missing"):
        zoo.load(ModelChoices(), "image", LABELS, 0)


def test_a_misspelt_name_and_a_missing_path_get_a_way_out(tmp_path):
    with pytest.raises(StudioError, match="no model called 'resnet19'") as caught:
        zoo.load(ModelChoices(source="resnet19"), "image", LABELS, 0)
    assert "resnet18" in caught.value.hint
    with pytest.raises(StudioError, match="There is no model at"):
        zoo.load(ModelChoices(source=str(tmp_path / "gone.pth")), "image", LABELS, 0)
    with pytest.raises(StudioError, match="There is no model in the folder"):
        zoo.load(ModelChoices(source=str(tmp_path)), "image", LABELS, 0)


def test_a_model_of_another_family_is_refused():
    with pytest.raises(StudioError, match="made for image tasks, not for text"):
        zoo.load(ModelChoices(source="resnet18"), "text", LABELS, 0)


@pytest.mark.parametrize(
    ("source", "size", "words"),
    [("vit_b_16", 100, "patches of 16 pixels"), ("resnet18", 16, "too small")],
)
def test_an_image_size_that_cannot_be_is_refused(source, size, words, monkeypatch):
    monkeypatch.setattr(hub, "local", lambda _row: Path("weights"))
    monkeypatch.setattr(weights, "read", lambda _file: {})
    with pytest.raises(StudioError, match=words) as caught:
        zoo.load(ModelChoices(source=source, image_size=size), "image", LABELS, 0)
    assert "model.image_size" in caught.value.hint


def test_a_vision_transformer_from_a_file_keeps_or_changes_its_size(tmp_path, monkeypatch):
    file = tmp_path / "vit.pth"
    file.touch()
    with torch.device("meta"):
        shapes = torchvision.models.vit_b_32(weights=None, image_size=96).state_dict()
    state = {n: torch.full(v.shape, 0.01) for n, v in shapes.items()}
    monkeypatch.setattr(weights, "read", lambda _file: state)
    own = pretrained.find(ModelChoices(source=str(file)), "image")
    assert own.processor["crop"] == own.architecture["kwargs"]["image_size"] == 96
    bundle = zoo.load(ModelChoices(source=str(file), image_size=224), "image", LABELS, 0)
    assert bundle.processor["crop"] == 224
    assert bundle.network.state_dict()["encoder.pos_embedding"].shape[1] == 7 * 7 + 1
    with torch.inference_mode():
        assert bundle.network.eval()(torch.zeros(1, 3, 224, 224)).shape == (1, 3)


@pytest.mark.parametrize(
    "architecture",
    [
        {"library": "torchvision", "builder": "torchvision.models._api.importlib.import_module"},
        {"library": "torchvision", "builder": "os.system", "kwargs": {}, "head": "fc"},
        {"library": "torchvision", "builder": "torchvision.models.get_model", "head": "fc"},
        {"library": "elsewhere"},
    ],
)
def test_a_description_can_name_nothing_but_networks(architecture):
    with pytest.raises(StudioError, match="does not know the network"):
        build.rebuild(architecture, 2)
