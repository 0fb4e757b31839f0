"""Layers: what learns for a choice, what stays exactly as it was, and the network as a tree."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from finetune_studio.core.errors import StudioError
from finetune_studio.models import build, depths, layers, node, stages, trace, zoo

BUILDERS = [row.facts["architecture"] for row in zoo.CATALOGUE if "file" in row.facts]
STARTER = {
    "library": "torchvision",
    "builder": "torchvision.models.resnet.ResNet",
    "kwargs": {"block": "torchvision.models.resnet.BasicBlock", "layers": [1, 1, 1, 1]},
    "head": "fc",
}
AMOUNTS = ("head_only", "last_stage", "later_half", "everything")

# What the one general rule gives, written down for some networks of each family.
EXPECTED = {
    "starter": (["layer4", "fc"], ["layer3", "layer4", "fc"]),
    "resnet50": (["layer4", "fc"], ["layer3", "layer4", "fc"]),
    "mobilenet_v2": (
        [f"features.{n}" for n in range(14, 19)] + ["classifier"],
        [f"features.{n}" for n in range(7, 19)] + ["classifier"],
    ),
    "mobilenet_v3_small": (
        [f"features.{n}" for n in range(9, 13)] + ["classifier"],
        [f"features.{n}" for n in range(4, 13)] + ["classifier"],
    ),
    "convnext_tiny": (
        ["features.6", "features.7", "classifier"],
        ["features.4", "features.5", "features.6", "features.7", "classifier"],
    ),
    "swin_t": (
        ["features.6", "features.7", "norm", "head"],
        ["features.4", "features.5", "features.6", "features.7", "norm", "head"],
    ),
    "vit_b_16": (
        [f"encoder.layers.encoder_layer_{n}" for n in range(9, 12)] + ["encoder.ln", "heads"],
        [f"encoder.layers.encoder_layer_{n}" for n in range(6, 12)] + ["encoder.ln", "heads"],
    ),
}


def _described(builder: str) -> dict[str, Any]:
    return STARTER if builder == "starter" else build.describe(builder)


def _weightless(builder: str) -> tuple[nn.Module, str]:
    described = _described(builder)
    with torch.device("meta"):
        return build.rebuild(described, 5), described["head"]


def _small() -> nn.Module:
    """Return a small network with batch norm and dropout, and a head of three classes."""
    torch.manual_seed(0)
    return build.rebuild(build.describe("mobilenet_v3_small"), 3)


@pytest.mark.parametrize("builder", ["starter", *BUILDERS, "vgg16", "densenet121"])
def test_each_choice_of_how_much_to_retrain_holds_the_one_before(builder):
    network, head = _weightless(builder)
    before: set[str] = set()
    for amount in AMOUNTS:
        layers.set_trainable(network, layers.names_for(amount, network, head, []))
        learning = {n for n, p in network.named_parameters() if p.requires_grad}
        assert before < learning, amount
        before = learning
    assert before == {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize("builder", EXPECTED)
def test_the_last_stage_and_the_later_half_are_where_the_picture_gets_smaller(builder):
    network, head = _weightless(builder)
    last, half = EXPECTED[builder]
    assert layers.names_for("last_stage", network, head) == last
    assert layers.names_for("later_half", network, head) == half
    assert layers.names_for("head_only", network, head) == [head]


@pytest.mark.parametrize("builder", ["starter", *BUILDERS])
def test_stages_cover_every_module_once_and_run_in_order(builder):
    network, head = _weightless(builder)
    found = layers.stages(network, head)
    names = [name for _, group in found for name in group]
    covered = [sum(node.within(p, name) for name in names) for p, _ in network.named_parameters()]
    own = {n for n, _ in network.named_parameters(recurse=False)} | {"encoder.pos_embedding"}
    for (parameter, _), times in zip(network.named_parameters(), covered, strict=True):
        assert times == (0 if parameter in own else 1), parameter
    assert found[-1] == ("Head", [head])
    place = {name: i for i, name in enumerate(n for n, _ in network.named_modules())}
    assert [place[n] for n in names] == sorted(place[n] for n in names)


def test_a_custom_choice_always_holds_the_head_and_knows_its_names():
    network, head = _weightless("resnet18")
    assert layers.names_for("custom", network, head, ["layer4.0"]) == ["layer4.0", "fc"]
    assert layers.names_for("custom", network, head, ["fc"]) == ["fc"]
    assert layers.names_for("custom", network, head, [""]) == [""]
    assert layers.names_for("custom", network, head, ["bn1.weight"]) == ["bn1.weight", "fc"]
    with pytest.raises(StudioError, match="names 'layer5', which") as caught:
        layers.names_for("custom", network, head, ["layer5"])
    assert "layer4" in caught.value.hint


def _train(network: nn.Module, steps: int = 3) -> None:
    layers.set_modes(network)
    learning = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(learning, 0.1, weight_decay=0.1)
    for step in range(steps):
        pixels = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(step)) * 3
        optimiser.zero_grad()
        functional.cross_entropy(network(pixels), torch.tensor([0, 1, 2, 0])).backward()
        optimiser.step()


def test_frozen_layers_and_their_norms_do_not_move_and_what_learns_does():
    network = _small()
    before = {n: v.clone() for n, v in network.state_dict().items()}
    layers.set_trainable(network, layers.names_for("last_stage", network, "classifier.3"))
    network.train()
    _train(network)
    for name, value in network.state_dict().items():
        learns = any(node.within(name, part) for part in EXPECTED["mobilenet_v3_small"][0])
        assert torch.equal(value, before[name]) != learns, name


def test_what_lies_before_all_learning_stays_as_in_evaluation():
    network = _small()
    layers.set_trainable(network, ["classifier.3"])
    network.train()
    layers.set_modes(network)
    assert network.training  # the network as a whole learns
    assert network.classifier[3].training
    assert not network.features.training
    assert not network.classifier[2].training  # the dropout before the head
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        first = network(pixels)
        assert torch.equal(first, network(pixels))
        assert torch.equal(first, network.eval()(pixels))


def test_dropout_trains_where_something_before_it_learns():
    network = _small()
    layers.set_trainable(network, ["classifier"])
    layers.set_modes(network)
    assert network.classifier[2].training
    layers.set_trainable(network, ["features.0", "classifier.3"])
    layers.set_modes(network)
    assert network.features[0][1].training
    assert not network.features[5].training
    assert not any(m.training for m in network.features[5].modules())


def test_depth_is_skipped_at_random_only_in_blocks_that_learn():
    network = build.rebuild(build.describe("efficientnet_b0"), 3)
    layers.set_trainable(network, ["features.7", "classifier.1"])
    layers.set_modes(network)
    skips = {n: m.training for n, m in network.named_modules() if n.endswith("stochastic_depth")}
    assert skips["features.7.0.stochastic_depth"]
    assert not any(v for n, v in skips.items() if not n.startswith("features.7."))


def _by_kind(network: nn.Module, head: str) -> dict[str, list[nn.Parameter]]:
    """Return what learns, the parts that are not decayed under names of their own."""
    return {
        part.name if part.decayed else f"{part.name}_no_decay": part.parameters
        for part in depths.parts(network, head)
    }


@pytest.mark.parametrize("builder", ["starter", "convnext_tiny", "swin_t", "vit_b_16"])
def test_norms_biases_scales_and_positions_are_not_decayed(builder):
    network, head = _weightless(builder)
    layers.set_trainable(network, [""])
    found = _by_kind(network, head)
    names = {id(p): n for n, p in network.named_parameters()}
    assert sum(len(group) for group in found.values()) == len(names)
    assert [names[id(p)] for p in found["head"]] == [f"{head}.weight"]
    assert [names[id(p)] for p in found["head_no_decay"]] == [f"{head}.bias"]
    assert all(p.ndim > 1 for p in found["body"])
    plain = {names[id(p)] for p in found["body_no_decay"]}
    assert all("norm" in n or "bias" in n or p.ndim > 1 or p.ndim == 1
               for n, p in network.named_parameters() if n in plain)  # fmt: skip
    for special in ("class_token", "encoder.pos_embedding", "features.1.0.layer_scale"):
        if special in names.values():
            assert special in plain


def test_frozen_parameters_are_in_no_group():
    network, head = _weightless("resnet18")
    layers.set_trainable(network, ["fc"])
    found = _by_kind(network, head)
    assert {name: len(group) for name, group in found.items()} == {"head": 1, "head_no_decay": 1}


def test_the_tree_has_shapes_parameters_and_words():
    network, head = _weightless("mobilenet_v2")
    root = layers.tree(network, torch.zeros(1, 3, 224, 224), head)
    by_name = {n.name: n for n in root.walk()}
    assert root.parameters == sum(p.numel() for p in network.parameters())
    assert root.shape == (5,)
    assert by_name["features.0"].shape == (32, 112, 112)
    assert by_name["features.18"].shape == (1280, 7, 7)
    assert by_name["features.0.0"].kind == "Convolution 3×3"
    assert by_name["features.1.conv.0.0"].kind == "Convolution 3×3 of each channel"
    assert by_name["features.7"].kind == "Inverted residual block"
    assert by_name["features.7"].class_name == "InvertedResidual"
    assert by_name["features.0.2"].kind == "Activation (ReLU6)"
    assert by_name["classifier.1"].is_head
    assert not by_name["classifier"].is_head
    assert by_name["features.7.conv.0.0"].depth == 5
    assert by_name["features.7"].order < by_name["features.8"].order
    assert all(n.parameters == n.own + sum(c.parameters for c in n.children) for n in root.walk())


def test_looking_changes_nothing():
    network = _small()
    network.train()
    network.features[3].eval()
    modes = [m.training for m in network.modules()]
    before = {n: v.clone() for n, v in network.state_dict().items()}
    layers.tree(network, torch.zeros(2, 3, 64, 64), "classifier.3")
    layers.names_for("later_half", network, "classifier.3")
    assert modes == [m.training for m in network.modules()]
    assert all(torch.equal(v, before[n]) for n, v in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


class _NeedsValues(nn.Module):
    """Looks at the values, so that it cannot run on shapes alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        kept = self.first(inputs)
        return self.head(kept if float(kept.sum()) > 1e9 else kept * 2)


def test_a_network_that_must_see_values_is_really_run():
    seen = trace.trace(_NeedsValues(), torch.zeros(3, 4))
    assert seen.shapes["head"] == (3, 2)
    assert seen.place["first"] < seen.place["head"]


def test_what_is_saved_for_the_way_back_is_what_autograd_saves():
    network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    saved = trace.saved_bytes(network, torch.zeros(4, 8))
    # the input of the first layer, and the activation, which is also the input of the last
    assert sum(saved.values()) == (8 + 16) * 4


def test_ticking_boxes_gives_the_shortest_names():
    network, head = _weightless("starter")
    root = layers.tree(network, torch.zeros(1, 3, 64, 64), head)
    names = node.ticked(root, ["fc"], "layer4", on=True)
    assert set(names) == {"layer4", "fc"}
    fewer = node.ticked(root, names, "layer4.0.conv1", on=False)
    assert "layer4" not in fewer
    assert "layer4.0.bn1" in fewer
    by_name = {n.name: n for n in root.walk()}
    assert node.state(by_name["layer4"], fewer) == "some"
    assert node.state(by_name["layer4.0.conv1"], fewer) == "none"
    assert node.state(by_name["fc"], fewer) == "all"
    assert node.state(by_name["relu"], fewer) == "empty"
    again = node.ticked(root, fewer, "layer4.0.conv1", on=True)
    assert set(again) == {"layer4", "fc"}
    whole = node.ticked(root, ["fc"], "", on=True)
    assert node.count(root, whole) == root.parameters
    assert node.ticked(root, whole, "", on=False) == ()
    layers.set_trainable(network, fewer)
    learning = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert node.count(root, fewer) == learning


def test_blocks_are_told_from_a_layer_with_its_norm():
    assert not stages._is_block(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()))
    assert stages._is_block(nn.TransformerEncoderLayer(8, 2, 8))
