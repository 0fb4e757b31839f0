"""When each stage of a network begins to learn, for the named ways of gradual unfreezing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from finetune_studio.models.node import within


def schedule(
    stages: Sequence[tuple[str, Sequence[str]]],
    learning: Iterable[str],
    epochs: int,
    scheme: str,
) -> dict[str, int]:
    """Return the epoch (counted from 1) in which each module begins to learn, where it is not the first.

    The head always learns from the start, and every stage before the run is over.

    Args:
        stages: Title and module names of each stage, in the order in which they run, the head last.
        learning: Names of the modules or parameters that learn in any epoch.
        epochs: Epochs of the run.
        scheme: ``none``; ``head_then_all``, in which the head learns alone for a tenth of the run (as in
            fastai's ``fine_tune``, Howard and Gugger 2020); or ``top_down``, in which one stage more wakes
            each epoch, from the last to the first (Howard and Ruder 2018), or several where the first half
            of the run has fewer epochs than there are stages.
    """
    if scheme == "none" or epochs < 2:
        return {}
    names = list(learning)
    waking = [modules for _, modules in reversed(stages[:-1]) if _learns(modules, names)]
    alone = max(1, round(epochs / 10))
    room = max(1, epochs // 2)
    found: dict[str, int] = {}
    for place, modules in enumerate(waking, start=1):
        later = alone
        if scheme == "top_down":
            later = place if len(waking) <= room else math.ceil(place * room / len(waking))
        found |= dict.fromkeys(modules, 1 + later)
    return found


def _learns(modules: Sequence[str], names: Sequence[str]) -> bool:
    return any(within(name, module) or within(module, name) for name in names for module in modules)
