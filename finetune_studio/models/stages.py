"""A network as stages: blocks in the order in which they run, grouped by what size they see.

One rule for all: blocks are the members of the lists that a network is made of; a stage ends where
the picture gets smaller. Where it never does (a vision transformer), the blocks are cut into four.
Networks for texts are cut by their layers (``text/parts.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from torch import nn

from finetune_studio.core.errors import StudioError
from finetune_studio.models import lora, trace
from finetune_studio.models.node import within
from finetune_studio.models.text import parts as text_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_QUARTERS = 4
_MANY = 8  # layers one after another, without blocks, as in VGG


@dataclass(frozen=True, slots=True)
class Unit:
    """A part that is frozen or trained as a whole; ``positions`` is how many places it sees."""

    name: str
    positions: int | None
    block: bool


def names_for(
    amount: str, network: nn.Module, head: str, trainable: Sequence[str] = ()
) -> list[str]:
    """Return the names of the modules that learn for a choice of how much to retrain.

    Args:
        amount: ``head_only``, ``last_stage``, ``later_half``, ``everything``, ``adapters`` or ``custom``.
        network: The network; for ``adapters`` with these in it.
        head: Its last layer, which always learns where it starts from nothing.
        trainable: The names for ``custom``: modules, or single parameters.

    Raises:
        StudioError: If a custom name is not in the network.
    """
    texts = trace.reads_texts(network)
    if amount == "head_only":
        return text_parts.head_only(network, head) if texts else [head]
    if amount == "everything":
        return _whole(network)
    if amount == "adapters":
        return [*lora.names(network), *always(network, head)]
    if amount == "custom":
        known = {name for name, _ in network.named_modules()}
        known |= {name for name, _ in network.named_parameters()}
        return with_head(trainable, always(network, head), known)
    if texts:
        return text_parts.later(amount, network, head)
    kept = 1 if amount == "last_stage" else 2
    found = [unit for group in _groups(network, head)[-kept:] for unit in group]
    return _shortest(network, [*found, head])


def stages(network: nn.Module, head: str, inputs: Any = None) -> list[tuple[str, list[str]]]:
    """Return (title, names of modules) for each stage, the head last."""
    if trace.reads_texts(network):
        return [(part.title, part.names) for part in text_parts.parts(network, head)]
    found = [
        (f"Stage {number}" if number else "Stem", _shortest(network, group))
        for number, group in enumerate(_groups(network, head, inputs))
    ]
    return [*found, ("Head", [head])]


def always(network: nn.Module, head: str) -> list[str]:
    """Return the names of the modules that start from nothing and so learn whatever is chosen."""
    return text_parts.always(network, head) if trace.reads_texts(network) else [head]


def with_head(names: Sequence[str], heads: Sequence[str], known: set[str]) -> list[str]:
    """Return a custom choice's names, and those that always learn if they are not among them.

    Raises:
        StudioError: If a name is not known.
    """
    refuse_unknown(names, known, "layers.trainable")
    return [*names, *(h for h in heads if not any(within(h, name) for name in names))]


def refuse_unknown(names: Iterable[str], known: set[str], setting: str) -> None:
    """Refuse names that are not among the known ones.

    Raises:
        StudioError: Naming the setting and what there is.
    """
    strange = [name for name in names if name not in known]
    if strange:
        parts = sorted({name.partition(".")[0] for name in known if name})
        raise StudioError(
            f"The setting {setting} names {strange[0]!r}, which this network does not have.",
            f"Its parts are {', '.join(parts)} and what lies in them.",
        )


def _whole(network: nn.Module) -> list[str]:
    own = [name for name, _ in network.named_parameters(recurse=False)]
    return own + [name for name, child in network.named_children() if _has_parameters(child)]


def _groups(network: nn.Module, head: str, inputs: Any = None) -> list[list[str]]:
    """Return the body's units, stage by stage."""
    seen = trace.trace(network, trace.blank(network) if inputs is None else inputs)
    named = [
        Unit(name, _positions(seen.shape_of(name)), _is_block(network.get_submodule(name)))
        for name in _units(network, "", head)
    ]
    places = {unit.name: seen.place_of(unit.name) for unit in named}
    if None not in places.values():
        named.sort(key=lambda unit: places[unit.name] or 0)
    groups: list[list[Unit]] = []
    for unit in named:
        smaller = unit.positions and unit.positions > 1 and _shrinks(groups, unit)
        if not groups or smaller:
            groups.append([])
        groups[-1].append(unit)
    return [[unit.name for unit in group] for group in _cut_last(groups)]


def _shrinks(groups: list[list[Unit]], unit: Unit) -> bool:
    before = next((u.positions for g in reversed(groups) for u in reversed(g) if u.positions), None)
    return before is not None and unit.positions is not None and unit.positions < before


def _cut_last(groups: list[list[Unit]]) -> list[list[Unit]]:
    """Cut the last stage into four where it holds most of the blocks."""
    blocks = sum(unit.block for group in groups for unit in group)
    last = groups[-1]
    here = [index for index, unit in enumerate(last) if unit.block]
    if len(here) < _QUARTERS or 2 * len(here) <= blocks:
        return groups
    cuts = [here[round(quarter * len(here) / _QUARTERS)] for quarter in range(_QUARTERS)]
    cuts.append(len(last))
    stem = [last[: cuts[0]]] if cuts[0] else []
    parts = [last[start:end] for start, end in pairwise(cuts)]
    return groups[:-1] + stem + parts


def _units(module: nn.Module, name: str, head: str) -> list[str]:
    """Return the names of the parts that a body is made of, in the order of its definition."""
    found: list[str] = []
    for child_name, child in module.named_children():
        dotted = f"{name}.{child_name}" if name else child_name
        if dotted == head or not _has_parameters(child):
            continue
        opened = within(head, dotted) or _holds_blocks(child)
        found += _units(child, dotted, head) if opened else [dotted]
    return found


def _holds_blocks(module: nn.Module) -> bool:
    """Return whether a module is, or has somewhere inside, a list of blocks (or of many layers)."""
    if isinstance(module, nn.Sequential) and sum(map(_has_parameters, module)) >= _MANY:
        return True
    return any(
        isinstance(inner, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        and any(_is_block(child) for child in inner.children())
        for inner in module.modules()
    )


def _is_block(module: nn.Module) -> bool:
    """Return whether a module has three layers or more: fewer are a layer with its norm."""
    layers = (m for m in module.modules() if next(m.parameters(recurse=False), None) is not None)
    return sum(1 for _ in layers) >= 3


def _positions(shape: tuple[int, ...] | None) -> int | None:
    """Return how many places an output has: height times width, or tokens; None after pooling."""
    if shape is None or len(shape) < 3:
        return None
    if len(shape) == 3:
        return shape[1]
    channels_first = shape[2] == shape[3] or shape[1] != shape[2]
    return shape[2] * shape[3] if channels_first else shape[1] * shape[2]


def _shortest(network: nn.Module, names: Sequence[str]) -> list[str]:
    """Name a module instead of all its parts, where all of them are named."""
    kept = list(names)
    while True:
        for parent in dict.fromkeys(name.rpartition(".")[0] for name in kept):
            if parent and _all_inside(network.get_submodule(parent), parent, kept):
                inside = [n for n in kept if n.startswith(f"{parent}.")]
                kept[kept.index(inside[0])] = parent
                kept = [n for n in kept if n not in inside]
                break
        else:
            return kept


def _all_inside(module: nn.Module, name: str, kept: Sequence[str]) -> bool:
    children = [f"{name}.{n}" for n, child in module.named_children() if _has_parameters(child)]
    own = next(module.parameters(recurse=False), None) is not None
    return not own and all(child in kept for child in children)


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None
