"""Lets PyTorch compile the network where that pays: long runs on a graphics processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finetune_studio.core.events import Event, Noted
from finetune_studio.engine import blending
from finetune_studio.engine.feeds import CachedFeed

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    if blending.wanted(recipe):
        words = "The network is not compiled: samples are blended inside it."
        return False, words if wish == "on" else ""
    if isinstance(feed, CachedFeed):
        words = "The network is not compiled: its frozen part is computed only once anyway."
        return False, words if wish == "on" else ""
    return wish == "on" or (device.kind == "cuda" and steps >= _LONG), ""


def compiled(
    network: nn.Module, recipe: Recipe, device: Device, feed: Feed, steps: int
) -> Iterator[Event]:
    """Compile the network where that pays, and say so, or why not."""
    does, words = pays(recipe, device, feed, steps)
    if does:
        compile_network(network)
        words = "The network is compiled first; the first step takes up to a minute."
    if words:
        yield Noted(words)


def compile_network(network: nn.Module) -> None:
    """Compile the network in place; what cannot be compiled runs as it is."""
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True
    network.compile(backend=_BACKEND)
