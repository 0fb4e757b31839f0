"""How fast each part of a network learns: slower with depth, or as told for single layers."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from finetune_studio.core.errors import StudioError
from finetune_studio.models import layers, lora
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from finetune_studio.core.recipe import LayerChoices

Stages = list[tuple[str, list[str]]]


@dataclass
class Part:
    """Parameters that learn at the same rate.

    Attributes:
        name: What a plot calls it; parts of one name have one rate.
        head: Whether it starts from nothing, and so has the head's rate.
        factor: What that rate is multiplied by.
        decayed: Whether weight decay is for it.
        names: The names of its parameters.
        parameters: These.
    """

    name: str
    head: bool
    factor: float
    decayed: bool
    names: list[str] = field(default_factory=list)
    parameters: list[nn.Parameter] = field(default_factory=list)


def alike(choices: LayerChoices) -> bool:
    """Whether all pretrained layers learn at one rate."""
    return choices.rate_decay == 1.0 and not choices.rates


def parts(
    network: nn.Module, head: str, choices: LayerChoices | None = None, stages: Stages | None = None
) -> list[Part]:
    """Return what learns, by rate and decay: the head first, then the rest from the last stage down.

    Each stage learns with ``rate_decay`` of the rate of the one after it (Howard and Ruder 2018; for each
    layer Clark et al. 2020). What lies in no stage, as a table of positions, counts with the first one.

    Args:
        network: The network, marked with what learns in any epoch.
        head: Its last layer.
        choices: The recipe's; None lets all learn alike.
        stages: The network's stages, the head last; needed where they do not learn alike.
    """
    heads = [head, *layers.always(network, head)]
    found: dict[tuple[int, str, float, bool], Part] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        is_head = any(within(name, h) for h in heads)
        place, title, factor = _of(name, is_head, choices, stages or [])
        key = (place, title, factor, not layers.decays(name, parameter))
        part = found.setdefault(key, Part(title, is_head, factor, layers.decays(name, parameter)))
        part.names.append(name)
        part.parameters.append(parameter)
    return [found[key] for key in sorted(found)]


def _of(
    name: str, is_head: bool, choices: LayerChoices | None, stages: Stages
) -> tuple[int, str, float]:
    """Return how far from the top a parameter lies, what its part is called, and its factor."""
    plain = lora.plain_name(name)
    body = stages[:-1]
    own = [i for i, (_, names) in enumerate(body) if any(within(plain, n) for n in names)]
    depth = 0 if is_head else len(body) - (own[0] if own else 0)
    told = [module for module in (choices.rates if choices else {}) if within(plain, module)]
    if choices and told:
        module = max(told, key=len)
        title = f"head in {module}" if is_head and _spans(module, body) else module
        return depth, title, choices.rates[module]
    if is_head:
        return 0, "head", 1.0
    if choices is None or choices.rate_decay == 1.0 or not body:
        return 1, "body", 1.0
    return depth, body[own[0] if own else 0][0], choices.rate_decay ** (depth - 1)


def _spans(module: str, body: Stages) -> bool:
    """Whether a module holds pretrained layers, beside the head perhaps."""
    return any(within(name, module) for _, names in body for name in names)


def refuse_unknown(network: nn.Module, choices: LayerChoices) -> None:
    """Refuse rates of layers that the network does not have.

    Raises:
        StudioError: Naming one of them, and what is called nearly so.
    """
    known = {lora.plain_name(name) for name, _ in network.named_modules() if name}
    known |= {lora.plain_name(name) for name, _ in network.named_parameters()}
    for name in choices.rates:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
            tops = list(dict.fromkeys(n for n, _ in network.named_children()))
            raise StudioError(
                f"The setting layers.rates names {name!r}, which this network does not have.",
                f"Did you mean {' or '.join(near)}?"
                if near
                else f"Its parts are {', '.join(tops)}.",
            )


def idle(choices: LayerChoices, found: Sequence[Part]) -> list[str]:
    """Return the single layers that are given a rate and do not learn."""
    names = [lora.plain_name(name) for part in found for name in part.names]
    return [module for module in choices.rates if not any(within(n, module) for n in names)]
