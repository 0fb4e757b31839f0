"""Makes what changes a run's network: its method, at which rates, with what pull and what average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle
from finetune_studio.engine import feeds, optim, practices, unfreezing
from finetune_studio.engine.averaged import Averaging
from finetune_studio.engine.features.filling import Means
from finetune_studio.engine.optim import Pull
from finetune_studio.models.depths import Part
from finetune_studio.models.node import within

_TINY_HEAD = 500_000  # parameters


@dataclass(frozen=True)
class Learns:
    """What learns.

    Attributes:
        moving: Names of the tensors that training may change, in any epoch.
        ever: Names of the parameters that learn in any epoch; ``stage`` of those that learn now.
        starts: Where pretrained parameters began, by name, if they are pulled back to it.
    """

    moving: Sequence[str]
    ever: frozenset[str]
    stage: frozenset[str]
    starts: Mapping[str, Tensor]


@dataclass(frozen=True)
class Way:
    """How a network is changed: the method, the parts that learn, and whether the head is solved."""

    method: optim.Method
    parts: list[Part]
    solved: bool


def made(means: Means, recipe: Recipe, feed: feeds.Feed, learns: Learns) -> Way:
    """Return how the network is changed; the method knows all that learns in any epoch."""
    bundle = means.bundle
    cached = isinstance(feed, feeds.CachedFeed)
    fp16 = means.device.precision == "fp16"
    pull = Pull(recipe.regularise.towards_pretrained, learns.starts) if learns.starts else None
    unfreezing.enter(bundle, learns.ever)
    parts = practices.parts(bundle, recipe)
    method = optim.method_for(
        recipe.optimiser,
        bundle.network,
        bundle.head,
        can_solve=recipe.layers.amount == "head_only" and cached,
        scaler=torch.amp.GradScaler(means.device.kind) if fp16 else None,
        parts=parts,
        pull=pull,
        team=means.team,
    )
    unfreezing.enter(bundle, learns.stage)
    if means.device.kind == "cpu" and learns.ever == learns.stage and _tiny_head(bundle):
        _one_thread_for_the_head(bundle, cached=cached)
    solved = method.whole
    if recipe.regularise.averaging and not solved:
        method = Averaging(method, bundle.network, learns.moving, recipe.regularise.averaging)
    return Way(method, parts, solved)


def _tiny_head(bundle: Bundle) -> bool:
    """Whether nothing but a small head learns."""
    learning = [(n, p) for n, p in bundle.network.named_parameters() if p.requires_grad]
    size = sum(p.numel() for _, p in learning)
    return size < _TINY_HEAD and all(within(name, bundle.head) for name, _ in learning)


def _one_thread_for_the_head(bundle: Bundle, *, cached: bool) -> None:
    """Let a tiny head learn on one thread: several collapse when the machine is busy.

    Where the whole network runs, it keeps its threads up to the head, so that both ways sum up in the
    same order and end with the same numbers.
    """
    several = torch.get_num_threads()
    if cached:
        torch.set_num_threads(1)
        return
    bundle.network.register_forward_pre_hook(lambda *_: torch.set_num_threads(several))
    head = bundle.network.get_submodule(bundle.head)
    head.register_forward_pre_hook(lambda *_: torch.set_num_threads(1))
