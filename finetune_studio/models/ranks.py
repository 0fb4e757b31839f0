"""Which layers get an adapter of which rank, and how many numbers that is; plain values, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from finetune_studio.core.errors import StudioError
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from finetune_studio.core.recipe import LayerChoices

_MOST = 512  # the largest rank


@dataclass(frozen=True, slots=True)
class Adaptable:
    """A layer that can have an adapter.

    Attributes:
        name: Its dotted name.
        per_rank: Numbers that each rank of an adapter adds.
        outputs: Numbers that DoRA adds.
        usual: Whether it gets one where none are named: it is a linear layer of a block.
    """

    name: str
    per_rank: int
    outputs: int
    usual: bool


def ranks(choices: LayerChoices, layers: Sequence[Adaptable]) -> dict[str, int]:
    """Return the rank of each layer that gets an adapter, by its name, in the network's order.

    A layer's own rank counts more than that of what it lies in, and that more than the rank of all.

    Raises:
        StudioError: If a name fits no layer, a rank is not possible, or no layer is left.
    """
    for setting, names in (
        ("lora_layers", choices.lora_layers),
        ("lora_ranks", choices.lora_ranks),
    ):
        for name in names:
            if not any(_named(layer.name, name) for layer in layers):
                raise _unknown(setting, name, layers)
    found = {}
    for layer in layers:
        wanted = layer.usual
        if choices.lora_layers:
            wanted = any(_named(layer.name, name) for name in choices.lora_layers)
        rank = choices.lora_rank if wanted else 0
        own = [name for name in choices.lora_ranks if _named(layer.name, name)]
        if own:
            rank = choices.lora_ranks[max(own, key=len)]
        if not 0 <= rank <= _MOST:
            raise StudioError(
                f"The rank {rank} of {layer.name} is not possible.",
                f"Give a number from 0 to {_MOST}.",
            )
        if rank:
            found[layer.name] = rank
    if not found:
        raise StudioError(
            "Adapters are chosen, but no layer gets one.",
            "Set layers.lora_rank to a number above 0, or choose how much to retrain otherwise.",
        )
    return found


def described(choices: LayerChoices, layers: Sequence[Adaptable]) -> dict[str, Any]:
    """Return the adapters of a choice as plain values.

    Raises:
        StudioError: If the choice names a layer that there is not.
    """
    return {
        "ranks": ranks(choices, layers),
        "alpha": choices.lora_alpha,
        "dropout": choices.lora_dropout,
        "dora": choices.dora,
        "four_bit": choices.lora_4bit,
    }


def numbers(choices: LayerChoices, layers: Sequence[Adaptable]) -> int:
    """Return how many numbers the adapters of a choice hold together."""
    return counted(ranks(choices, layers), layers, dora=choices.dora)


def counted(chosen: Mapping[str, int], layers: Sequence[Adaptable], *, dora: bool) -> int:
    """Return how many numbers adapters of these ranks hold together."""
    return sum(
        chosen[layer.name] * layer.per_rank + (layer.outputs if dora else 0)
        for layer in layers
        if chosen.get(layer.name)
    )


def _named(layer: str, name: str) -> bool:
    """Whether a name means a layer: its own, that of what it lies in, or how its own ends."""
    return within(layer, name) or layer.endswith(f".{name}")


def _unknown(setting: str, name: str, layers: Sequence[Adaptable]) -> StudioError:
    ends = list(dict.fromkeys(layer.name.rpartition(".")[2] for layer in layers))
    return StudioError(
        f"The setting layers.{setting} names {name!r}, but no layer that can have an adapter is called so.",
        f"Their names end in {', '.join(ends[:12])}." if ends else "This network has none.",
    )
