"""A copy of a network that has forgotten everything: the same weights, in other places."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def shuffled(network: nn.Module, seed: int) -> nn.Module:
    """Return a copy whose weights have changed places within each tensor; biases and norms stay.

    What is said of such a network cannot come from what was learnt (Adebayo et al. 2018). Of a large
    table, rows and columns change places instead of single numbers, which is as thorough and much cheaper.
    """
    found = copy.deepcopy(network)
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in found.parameters():
            if parameter.ndim > 1:
                parameter.copy_(_elsewhere(parameter, source))
    return found


_LARGE = 1_000_000  # numbers from which on a tensor is shuffled by rows and columns


def _elsewhere(values: Tensor, source: torch.Generator) -> Tensor:
    if values.numel() < _LARGE:
        order = torch.randperm(values.numel(), generator=source).to(values.device)
        return values.flatten()[order].view_as(values)
    flat = values.flatten(1)
    rows, columns = (torch.randperm(n, generator=source).to(values.device) for n in flat.shape)
    return flat[rows][:, columns].view_as(values)
