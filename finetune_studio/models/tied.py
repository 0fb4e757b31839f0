"""Weights that a network uses under two names, as a language model's first and last table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def second_names(network: nn.Module) -> dict[str, str]:
    """Return, for each further name of a parameter, the first one."""
    first: dict[int, str] = {}
    found: dict[str, str] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        known = first.setdefault(id(parameter), name)
        if known != name:
            found[name] = known
    return found


def once(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state in which what has two names stands under the first alone."""
    second = second_names(network)
    return {name: value for name, value in state.items() if name not in second}


def completed(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state with both names of what has two, whichever of them it has."""
    found = dict(state)
    for second, first in second_names(network).items():
        if first in found:
            found[second] = found[first]
        elif second in found:
            found[first] = found[second]
    return found
