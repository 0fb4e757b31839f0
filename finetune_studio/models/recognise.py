"""Recognises which torchvision network a weights file belongs to, from its names and shapes."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
import torchvision

from finetune_studio.core.catalogue import plain
from finetune_studio.core.errors import StudioError
from finetune_studio.models import build, weights, zoo
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from pathlib import Path

# Relatives of the catalogue's networks that are often met in files.
_RELATIVES = (
    "resnet34",
    "resnet101",
    "resnet152",
    "wide_resnet50_2",
    "resnext50_32x4d",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "convnext_small",
    "swin_s",
    "vit_b_32",
    "vgg16",
    "densenet121",
)

# A vision transformer's table of positions is as long as its pictures are large.
_POSITIONS = "encoder.pos_embedding"


def known() -> list[str]:
    """Return the builders that a weights file can be recognised as, the catalogue's first."""
    offered = [row.facts["architecture"] for row in zoo.CATALOGUE if "file" in row.facts]
    return [*dict.fromkeys(offered), *_RELATIVES]


@lru_cache(maxsize=64)
def _shapes(builder: str) -> tuple[str, weights.Shapes]:
    """Return the head's name and the shapes of all other tensors, without making any weights."""
    with torch.device("meta"):
        network = torchvision.models.get_model(builder, weights=None)
    head = build.head_of(network)
    return head, {
        name: tuple(value.shape)
        for name, value in network.state_dict().items()
        if not within(name, head) and name != _POSITIONS
    }


def builder_of(file: Path, state: weights.State, wanted: str) -> str:
    """Return the builder of a file's network: the wanted one, or else the one that fits.

    Raises:
        StudioError: If the wanted one is not known, or none fits; then with the nearest named.
    """
    if wanted:
        return _named(wanted)
    given = {name: tuple(value.shape) for name, value in state.items() if name != _POSITIONS}
    best, most = "", 0.0
    for builder in known():
        head, shapes = _shapes(builder)
        body = {name: shape for name, shape in given.items() if not within(name, head)}
        share = _likeness(shapes, body)
        if share > most:
            best, most = builder, share
        if not weights.differences(shapes, body):
            return builder
    raise _none_fits(file, given, best, most)


def _named(wanted: str) -> str:
    name = plain(wanted)
    if name in zoo.CATALOGUE and "file" in zoo.CATALOGUE[name].facts:
        return str(zoo.CATALOGUE[name].facts["architecture"])
    if name in known():
        return name
    raise StudioError(
        f"There is no architecture called {wanted!r}.",
        f"Leave model.architecture empty to have it recognised, or set it to one of: "
        f"{', '.join(known())}.",
    )


def _likeness(shapes: weights.Shapes, given: weights.Shapes) -> float:
    """Return the share of tensors that both have alike."""
    alike = sum(given.get(name) == shape for name, shape in shapes.items())
    return alike / max(1, len(shapes.keys() | given.keys()))


def _none_fits(file: Path, given: weights.Shapes, best: str, most: float) -> StudioError:
    if most < 0.3:
        return StudioError(
            f"The network that {file} belongs to was not recognised: its {len(given)} tensors"
            f" (the first is {next(iter(given))!r}) fit none that this program can build.",
            f"It can build {', '.join(known())}. For a model of Hugging Face, choose its folder,"
            " which also holds config.json.",
        )
    head, shapes = _shapes(best)
    body = {name: shape for name, shape in given.items() if not within(name, head)}
    return StudioError(
        f"The weights in {file} look most like {best} ({most:.0%} of the tensors), but do not fit:"
        f" {weights.differences(shapes, body)}.",
        "Choose a file with the unchanged network, or one of another architecture.",
    )


def preprocessing(builder: str, state: weights.State) -> dict[str, Any]:
    """Return how torchvision's first weights of a builder saw their pictures."""
    seen = next(iter(torchvision.models.get_model_weights(builder))).transforms()
    crop, resize = seen.crop_size[0], seen.resize_size[0]
    if _POSITIONS in state and builder.startswith("vit_"):
        side = math.isqrt(state[_POSITIONS].shape[1] - 1) * int(builder.rpartition("_")[2])
        crop, resize = side, round(resize * side / crop)
    return {
        "image_size": crop,
        "resize": resize,
        "mean": list(seen.mean),
        "std": list(seen.std),
        "interpolation": seen.interpolation.value,
    }
