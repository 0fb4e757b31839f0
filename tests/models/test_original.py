"""The last layer that a model came with: found, named, and put back so that it answers as before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import Recipe
from finetune_studio.models import build, original, zoo
from tests.own_runs import run_of


def test_the_starter_brings_none() -> None:
    assert original.head_of(Recipe().model, "image") is None


def test_a_run_brings_that_of_its_classes(tmp_path: Path) -> None:
    labels = Labels(("cat", "dog", "owl"), (1, 2, 3))
    state = run_of(tmp_path, labels)
    source = str(tmp_path / "runs" / "3")
    recipe = Recipe().with_settings({"model.source": source})
    head = original.head_of(recipe.model, "image", task="image_classification")
    assert head is not None
    assert head.labels.names == labels.names
    assert "3 classes of the run" in head.title
    network = zoo.load(recipe.model, "image", Labels(("a", "b"), (8, 9)), 0).network
    head.put_on(network)
    whole = build.rebuild({**_architecture(source)}, 3)
    whole.load_state_dict(state)
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(network.eval()(pixels), whole.eval()(pixels), atol=1e-6)


def _architecture(source: str) -> dict[str, object]:
    import json

    return dict(json.loads((Path(source) / "model.json").read_text())["architecture"])


@pytest.mark.shared
def test_the_real_mobilenet_brings_the_classes_of_imagenet(shared: Path) -> None:
    from torchvision.models import mobilenet_v2

    file = next((shared / "models").rglob("*.pth"))
    recipe = Recipe().with_settings({"model.source": str(file)})
    head = original.head_of(recipe.model, "image")
    assert head is not None
    assert head.title == "the 1,000 classes of ImageNet"
    assert len(set(head.labels.names)) == 1000
    assert head.labels.names[281] == "tabby"
    network = zoo.load(recipe.model, "image", Labels(("a", "b"), (1, 2)), 0).network.eval()
    head.put_on(network)
    whole = mobilenet_v2().eval()
    whole.load_state_dict(torch.load(file, weights_only=True))
    pixels = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(network(pixels), whole(pixels), atol=1e-4)
