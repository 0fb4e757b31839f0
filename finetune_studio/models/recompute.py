"""Recomputes activations on the way back instead of keeping them (Chen et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from finetune_studio.models.stages import stages


def wrap(network: nn.Module, head: str) -> None:
    """Let each block of the network that learns keep only its input.

    The result is the same: random numbers are drawn again, and norms do not count a batch twice.
    """
    for _, names in stages(network, head)[:-1]:
        for name in names:
            module = network.get_submodule(name)
            for block in _blocks(module):
                _wrap_one(block)


def _blocks(module: nn.Module) -> list[nn.Module]:
    """Return the parts that are recomputed each by itself: a list's members, or the module."""
    if isinstance(module, nn.Sequential | nn.ModuleList):
        return [inner for child in module for inner in _blocks(child)]
    return [module]


def _wrap_one(module: nn.Module) -> None:
    plain = module.forward

    def contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), _without_counting(module)

    def forward(*args: Any, **kwargs: Any) -> Any:
        learns = any(p.requires_grad for p in module.parameters())
        if not (learns and torch.is_grad_enabled()):
            return plain(*args, **kwargs)
        return checkpoint(plain, *args, use_reentrant=False, context_fn=contexts, **kwargs)

    module.forward = forward


@contextmanager
def _without_counting(module: nn.Module) -> Iterator[None]:
    """Keep batch norms from taking the same batch into their running statistics again."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [(norm.momentum, _count(norm)) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)


def _count(norm: nn.modules.batchnorm._BatchNorm) -> torch.Tensor | None:
    return None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()
