"""When each layer begins to learn and how fast, as plain values, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from finetune_studio.models.node import within
from finetune_studio.models.waking import schedule

if TYPE_CHECKING:
    from finetune_studio.core.recipe import LayerChoices
    from finetune_studio.models.node import LayerNode

Stages = Sequence[
    tuple[str, Sequence[str]]
]  # title and module names, in the order in which they run


def learning(root: LayerNode, names: Sequence[str], beside: Iterable[str] = ()) -> list[str]:
    """Return the parameters that lie in the named modules, and the layers with adapters ``beside`` them."""
    found = [name for name, _ in root.owned() if any(within(name, part) for part in names)]
    return [*found, *beside]


def stage_of(name: str, stages: Stages) -> int | None:
    """Return the place of the stage in which a module or parameter lies; None if in none."""
    found = (n for n, (_, names) in enumerate(stages) if any(within(name, part) for part in names))
    return next(found, None)


def entries(
    choices: LayerChoices, stages: Stages, learning: Iterable[str], epochs: int
) -> dict[str, int]:
    """Return the epochs in which modules begin: those that the recipe gives, else those of its scheme."""
    if choices.unfreezing == "none" or choices.unfreeze_at:
        return dict(choices.unfreeze_at)
    return schedule(stages, learning, epochs, choices.unfreezing)


def begins(
    choices: LayerChoices, stages: Stages, learning: Sequence[str], epochs: int
) -> dict[str, int]:
    """Return the epoch, counted from 1, in which each module or parameter that learns begins to.

    The same rule as that of a run (``engine/unfreezing.py``): the head learns from the start, the rest
    neither before the head had its epochs alone nor before the epoch of any module around it. What lies
    in no stage, as a table of positions, begins with the last to begin where a scheme is followed.

    Args:
        choices: The recipe's layers.
        stages: The network's, the head last.
        learning: Names of the modules and parameters that learn in any epoch.
        epochs: Epochs of the run.
    """
    given = entries(choices, stages, learning, epochs)
    rest = 1
    if choices.unfreezing != "none" and not choices.unfreeze_at:
        rest = max(given.values(), default=1)
    found = {}
    for name in learning:
        place = stage_of(name, stages)
        if place == len(stages) - 1:
            found[name] = 1
            continue
        named = [at for module, at in given.items() if within(name, module)]
        if place is None:
            named.append(rest)
        found[name] = max([choices.head_first + 1, *named])
    return found


def phases(found: Mapping[str, int], epochs: int) -> list[tuple[int, tuple[str, ...]]]:
    """Return the stretches of a run in which the same layers learn: how many epochs, and their names."""
    starts = sorted({1} | {at for at in found.values() if 1 < at <= epochs})
    ends = [*starts[1:], epochs + 1]
    return [
        (end - start, tuple(name for name, at in found.items() if at <= start))
        for start, end in zip(starts, ends, strict=True)
    ]


def factors(choices: LayerChoices, stages: Stages, names: Iterable[str]) -> dict[str, float]:
    """Return what the learning rate of each module or parameter is multiplied by.

    The same rule as that of a run (``models/depths.py``): a rate given by name counts, the longest name
    that fits; else each stage has ``rate_decay`` of the rate of the one after it, the last one and the
    head their whole rate.
    """
    found = {}
    for name in names:
        told = [module for module in choices.rates if within(name, module)]
        place = stage_of(name, stages)
        if told:
            found[name] = choices.rates[max(told, key=len)]
        elif place == len(stages) - 1:
            found[name] = 1.0
        else:
            found[name] = choices.rate_decay ** (len(stages) - 2 - (place or 0))
    return found
