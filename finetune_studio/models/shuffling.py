"""A copy of a network that has forgotten everything: the same weights, in other places."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def shuffled(network: nn.Module, seed: int) -> nn.Module:
    """Return a copy whose weights have changed places within each tensor; biases stay.

    What is said of such a network cannot come from what was learnt (Adebayo et al. 2018). Of a large
    table, rows and columns change places instead of single numbers, which is as thorough and much cheaper.
    Batch norms of pictures go by the picture in hand: by the levels they learnt, which are those of other
    weights, all falls silent (a MobileNetV2 of clothes showed no heat at all, so that nothing was compared).
    """
    found = copy.deepcopy(network)
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in found.parameters():
            if parameter.ndim > 1:
                parameter.copy_(_elsewhere(parameter, source))
    for module in found.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(_by_the_picture)
    return found


def _by_the_picture(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Let a norm go by what it is given, unless that is a single value of each channel."""
    norm.train(inputs[0].numel() > inputs[0].shape[1])


_LARGE = 1_000_000  # numbers from which on a tensor is shuffled by rows and columns


def _elsewhere(values: Tensor, source: torch.Generator) -> Tensor:
    if values.numel() < _LARGE:
        order = torch.randperm(values.numel(), generator=source).to(values.device)
        return values.flatten()[order].view_as(values)
    flat = values.flatten(1)
    rows, columns = (torch.randperm(n, generator=source).to(values.device) for n in flat.shape)
    return flat[rows][:, columns].view_as(values)
