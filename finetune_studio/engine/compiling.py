"""Lets PyTorch compile the network where that pays: long runs on a graphics processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finetune_studio.engine.feeds import CachedFeed

if TYPE_CHECKING:
    from torch import nn

    from finetune_studio.core.recipe import Recipe
    from finetune_studio.engine.device import Device
    from finetune_studio.engine.feeds import Feed

_LONG = 5_000  # steps; the first call takes up to a minute, which a step's gain must win back
_BACKEND = "inductor"


def pays(recipe: Recipe, device: Device, feed: Feed, steps: int) -> tuple[bool, str]:
    """Return whether to compile, and a sentence where the user's wish is not followed.

    On a CPU compiling a ResNet-18 gained 9 to 15 % and took half a minute to a minute, and made a small
    text encoder slower, so there it is done only when asked for.
    """
    wish = recipe.compute.compile
    if wish == "off":
        return False, ""
    if isinstance(feed, CachedFeed):
        words = "The network is not compiled: its frozen part is computed only once anyway."
        return False, words if wish == "on" else ""
    return wish == "on" or (device.kind == "cuda" and steps >= _LONG), ""


def compile_network(network: nn.Module) -> None:
    """Compile the network in place; what cannot be compiled runs as it is."""
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True
    network.compile(backend=_BACKEND)
