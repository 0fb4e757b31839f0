"""A text network as parts in plain words: embeddings, each layer, pooler, head; and its later layers.

One rule for all kinds: layers are the members of the outermost lists that a network is made of, in the
order in which they run. What runs before a list's first layer is its embeddings; a norm after its last
belongs to that layer. A table that is used under two names stands where it is named first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from finetune_studio.models import tied, trace
from finetune_studio.models.node import within
from finetune_studio.models.text.networks import new_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARES = {"last_stage": 4, "later_half": 2}


@dataclass
class Part:
    """One stage: its title, its modules, and whether it is one of the layers."""

    title: str
    names: list[str]
    layer: bool = False


def parts(network: nn.Module, head: str) -> list[Part]:
    """Return the parts in the order in which they run, the head last."""
    lists = _lists(network)
    seen = trace.trace(network, trace.blank(network))
    heads = always(network, head) or [head]
    second = tied.second_names(network)
    units = [
        name
        for name in _units(network, "", lists)
        if not any(within(name, part) for part in heads) and not _elsewhere(network, name, second)
    ]
    places = {name: seen.place_of(name) for name in units}
    # What never runs by itself, as a table that all layers look into, must learn before them.
    units.sort(key=lambda name: -1 if places[name] is None else places[name] or 0)
    found = _grouped(network, units, lists)
    return [*found, Part("Head", heads)]


def _grouped(network: nn.Module, units: list[str], lists: list[str]) -> list[Part]:
    found: list[Part] = []
    counts = dict.fromkeys(lists, 0)
    for name in units:
        around = next((place for place in lists if within(name, place)), "")
        if around:
            counts[around] += 1
            found.append(
                Part(f"{_kind(network, lists, around)} {counts[around]}", [name], layer=True)
            )
        elif name.rpartition(".")[2] == "pooler":
            found.append(Part("Pooler", [name]))
        elif not found or (found[-1].layer and "embed" in name):
            title = "Embeddings" if not found else "Embeddings of the decoder"
            found.append(Part(title, [name]))
        else:
            found[-1].names.append(name)
    return found


def _kind(network: nn.Module, lists: list[str], around: str) -> str:
    config: Any = network.config
    if getattr(config, "is_encoder_decoder", False) and len(lists) > 1:
        return "Encoder layer" if around == lists[0] else "Decoder layer"
    writes = getattr(network, "get_output_embeddings", lambda: None)() is not None
    return "Layer" if writes else "Encoder layer"


def titles(network: nn.Module) -> dict[str, str]:
    """Return what the layers are called in plain words, by their dotted names."""
    lists = _lists(network)
    return {
        f"{around}.{name}": f"{_kind(network, lists, around)} {number}"
        for around in lists
        for number, (name, _) in enumerate(network.get_submodule(around).named_children(), start=1)
    }


def later(amount: str, network: nn.Module, head: str) -> list[str]:
    """Return the names of the last quarter or half of the layers, and of all that runs after its first.

    A quarter of six layers is two: shares are rounded up. Of a network with encoder and decoder the
    layers of both are counted together, so that its later half is the decoder. A last layer whose
    numbers are those of the embeddings is left out, since with it the first layer would learn too.
    """
    found = parts(network, head)
    layers = [place for place, part in enumerate(found) if part.layer]
    kept = math.ceil(len(layers) / _SHARES[amount])
    first = layers[-kept] if layers else 0
    second = tied.second_names(network)
    return [
        name
        for part in found[first:]
        for name in part.names
        if not _elsewhere(network, name, second)
    ]


def head_only(network: nn.Module, head: str) -> list[str]:
    """Return the names of the head's modules; where its numbers are the embeddings', of those too."""
    second = tied.second_names(network)
    if not _elsewhere(network, head, second):
        return always(network, head) or [head]
    tables = {first.rpartition(".")[0] for name, first in second.items() if within(name, head)}
    return [*sorted(tables), head]


def always(network: nn.Module, head: str) -> list[str]:
    """Return the names of the modules that start from nothing and so always learn."""
    found = list(new_parts(network))
    return found if any(within(head, name) for name in found) else []


def _lists(network: nn.Module) -> list[str]:
    """Return the names of the outermost lists of layers, in the order of their definition."""
    found: list[str] = []
    for name, module in network.named_modules():
        if any(within(name, known) for known in found) or not isinstance(module, nn.ModuleList):
            continue
        if len(module) and all(_has_layers(member) for member in module):
            found.append(name)
    return found


def _has_layers(module: nn.Module) -> bool:
    owners = (m for m in module.modules() if next(m.parameters(recurse=False), None) is not None)
    return sum(1 for _ in owners) >= 3


def _units(module: nn.Module, name: str, lists: list[str]) -> Iterator[str]:
    """Yield the names of the layers and of what else holds numbers, in the order of definition."""
    for child_name, child in module.named_children():
        dotted = f"{name}.{child_name}" if name else child_name
        if next(child.parameters(), None) is None:
            continue
        if any(within(place, dotted) for place in lists):
            yield from _units(child, dotted, lists)
        else:
            yield dotted


def _elsewhere(network: nn.Module, name: str, second: dict[str, str]) -> bool:
    """Whether all numbers of a module are those of one that is named before it."""
    module = network.get_submodule(name)
    own = [f"{name}.{inner}" for inner, _ in module.named_parameters(remove_duplicate=False)]
    return bool(own) and all(inner in second for inner in own)
