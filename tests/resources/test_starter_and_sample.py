"""The embedded starter and the embedded sample are what their descriptions say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.models.resnet import BasicBlock, ResNet

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
STARTERS, SAMPLES = RESOURCES / "starters", RESOURCES / "samples"


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return json.loads((STARTERS / "image_starter.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sample() -> dict[str, Any]:
    return json.loads((SAMPLES / "leaves.json").read_text(encoding="utf-8"))


def rebuilt(card: dict[str, Any]) -> ResNet:
    network = ResNet(BasicBlock, card["kwargs"]["layers"])
    network.fc = torch.nn.Identity()
    network.load_state_dict(load_file(STARTERS / card["weights"]), strict=True)
    return network.float().eval()


def seen(card: dict[str, Any], path: Path) -> torch.Tensor:
    """One sample picture as the description says the starter wants it."""
    prepared = card["preprocessing"]
    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((prepared["crop"],) * 2, Image.Resampling.BILINEAR)
    pixels = torch.tensor(list(small.tobytes())).view(prepared["crop"], prepared["crop"], 3)
    mean, std = torch.tensor(prepared["mean"]), torch.tensor(prepared["std"])
    return ((pixels / 255 - mean) / std).permute(2, 0, 1)[None]


def test_weights_are_small_and_fp16(card: dict[str, Any]) -> None:
    assert (STARTERS / card["weights"]).stat().st_size <= 12_000_000
    kinds = {tensor.dtype for tensor in load_file(STARTERS / card["weights"]).values()}
    assert kinds == {torch.float16, torch.int64}  # int64 counts batches in batch norm


def test_description_fits_the_weights(card: dict[str, Any]) -> None:
    network = rebuilt(card)
    assert sum(p.numel() for p in network.parameters()) == card["parameters"]
    assert (card["builder"], card["kwargs"]["block"]) == (
        "torchvision.models.resnet.ResNet",
        "torchvision.models.resnet.BasicBlock",
    )
    assert card["head"] == {
        "module": "fc",
        "replaced_by": "torch.nn.Identity",
        "classes": None,
    }
    assert card["licence"]
    assert card["training"]["steps"] > 0
    assert all(source["licence"] for source in card["data"])
    assert 96 <= card["preprocessing"]["crop"] <= 160


def test_features_are_finite_and_tell_pictures_apart(card: dict[str, Any]) -> None:
    network = rebuilt(card)
    folders = ("leaves/healthy", "leaves/powdery_mildew")
    first, second = (sorted((SAMPLES / folder).glob("*.jpg"))[0] for folder in folders)
    with torch.inference_mode():
        one, other = (network(seen(card, path))[0] for path in (first, second))
    assert one.shape == (card["feature_dim"],)
    assert torch.isfinite(one).all()
    assert torch.isfinite(other).all()
    assert (one - other).norm() > 0.05 * one.norm()


def test_every_sample_picture_decodes_and_is_counted(sample: dict[str, Any]) -> None:
    folder = SAMPLES / sample["folder"]
    assert {path.name for path in folder.iterdir()} == set(sample["classes"])
    for name, count in sample["classes"].items():
        files = sorted((folder / name).iterdir())
        assert len(files) == count
        for path in files:
            assert " " not in path.name
            with Image.open(path) as picture:
                picture.load()
                assert picture.mode == "RGB"
                assert list(picture.size) == sample["size"]
    assert sum(sample["classes"].values()) == sample["count"]


def test_sample_is_small_distinct_and_a_little_unbalanced(sample: dict[str, Any]) -> None:
    files = sorted((SAMPLES / sample["folder"]).rglob("*.jpg"))
    assert sum(path.stat().st_size for path in files) <= 5_000_000
    assert len({path.read_bytes() for path in files}) == len(files)
    counts = sample["classes"].values()
    assert 1.2 < max(counts) / min(counts) < 3
    assert sample["task"] == "image_classification"
    assert sample["licence"].startswith("CC0")


def test_no_split_folders(sample: dict[str, Any]) -> None:
    names = {path.name for path in (SAMPLES / sample["folder"]).iterdir()}
    assert not names & {"train", "validation", "val", "test"}
