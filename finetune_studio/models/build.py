"""Builds networks without weights from plain descriptions, and gives them a new head."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from finetune_studio.core.errors import StudioError
from finetune_studio.models import frugal

_TORCHVISION = "torchvision.models"


def rebuild(architecture: dict[str, Any], classes: int) -> nn.Module:
    """Return the network that an architecture describes, with random weights.

    Args:
        architecture: ``library`` (torchvision or transformers), then ``builder``, ``kwargs`` and
            ``head`` for torchvision, or ``config`` for transformers; there also ``auto`` and
            ``pooling`` for texts.
        classes: Number of outputs, where the network tells classes apart.

    Raises:
        StudioError: If this version does not know the architecture.
    """
    network = _without_adapters(architecture, classes)
    frugal.keep_results(network)
    if architecture.get("adapters"):
        from finetune_studio.models import lora

        lora.inject(network, architecture["adapters"])
    return network


def _without_adapters(architecture: dict[str, Any], classes: int) -> nn.Module:
    library = architecture.get("library")
    if library == "torchvision":
        network: nn.Module = _resolve(architecture["builder"])(
            **_kwargs(architecture.get("kwargs", {}))
        )
        old = network.get_submodule(architecture["head"])
        assert isinstance(old, nn.Linear)
        network.set_submodule(architecture["head"], nn.Linear(old.in_features, classes))
        return network
    if library == "transformers" and architecture.get("auto"):
        from finetune_studio.models.text import networks

        return networks.build(architecture, classes)
    if library == "transformers":
        from finetune_studio.models import folder

        return folder.build(architecture["config"], classes)
    raise _unknown(str(library))


def _resolve(name: str) -> Any:
    """Return a builder or block of torchvision by its name; nothing else can be named."""
    dotted = name if name.startswith(_TORCHVISION) else f"{_TORCHVISION}.{name}"
    module, _, attribute = dotted.rpartition(".")
    import torchvision.models as known

    if module == _TORCHVISION and attribute in known.list_models():
        return known.get_model_builder(attribute)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise _unknown(name) from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise _unknown(name)
    return found


def _kwargs(values: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments in which names of torchvision's blocks have become the blocks."""
    return {
        key: _resolve(value) if isinstance(value, str) and value.startswith(_TORCHVISION) else value
        for key, value in values.items()
    }


def _unknown(name: str) -> StudioError:
    return StudioError(
        f"This version does not know the network {name!r}.",
        "A newer version of Finetune Studio may have made it; update, or choose another model.",
    )


def describe(builder: str, kwargs: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the plain description of a torchvision network, its head found by building it."""
    with torch.device("meta"):
        head = head_of(_resolve(builder)(**_kwargs(kwargs or {})))
    return {"library": "torchvision", "builder": builder, "kwargs": kwargs or {}, "head": head}


def head_of(network: nn.Module, classes: int | None = None) -> str:
    """Return the dotted name of the last linear layer (with that many outputs), the classifier."""
    found = ""
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear) and classes in (None, module.out_features):
            found = name
    if not found:
        raise StudioError(
            f"The network {type(network).__name__} has no classifying layer that can be replaced.",
            "Choose a model made for image classification.",
        )
    return found


def reset_head(network: nn.Module, head: str, seed: int) -> None:
    """Start the head anew: small random weights from the seed, so that no class is favoured."""
    rng = torch.Generator().manual_seed(seed)
    layer = network.get_submodule(head)
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        nn.init.trunc_normal_(layer.weight, std=0.01, generator=rng)
        if layer.bias is not None:
            layer.bias.zero_()
