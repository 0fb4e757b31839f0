"""Compares the largest class with the smallest: a rare class is easily overlooked in training."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.recipe import from_values

# Under this ratio weighting hardly changes a result; above it, rare classes are visibly missed.
MOST = 3.0


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report a ratio of three or more in the training split."""
    del control  # counting is instant
    train = dataset.samples(split="train", usable=True) or dataset.samples(usable=True)
    counts = Counter(name for sample in train for name in texts.classes(sample))
    if len(counts) < 2:
        yield Finding(
            "imbalance", 0, "ok", "With fewer than two classes there is nothing to compare."
        )
        return
    (large, most), (small, least) = counts.most_common()[0], counts.most_common()[-1]
    ratio = most / least
    rare = [name for name, count in counts.items() if most / count >= MOST]
    many = dataset.called[1]
    told = f"{small} has {ratio:.{0 if ratio >= 10 else 1}f} times fewer {many} to train on"
    told += f" than {large} ({least:,} and {most:,})"
    if not rare:
        sizes = f"from {least:,} ({small}) to {most:,} ({large}) {many} to train on"
        yield Finding("imbalance", 0, "ok", f"The classes are of similar size: {sizes}.")
    elif _balanced(dataset):
        yield Finding("imbalance", len(rare), "ok", f"{told}; training balances the classes.")
    else:
        yield Finding(
            "imbalance",
            len(rare),
            "warning",
            f"{told}, so a model is tempted to overlook it. Collect more of it, or let rare classes"
            " count more in training.",
            "Balance in training",
            edits=[{"action": "recipe", "ids": [], "value": {"optimiser.balance": "weights"}}],
        )


def _balanced(dataset: Dataset) -> bool:
    """Whether the choices made for the next run already balance classes."""
    try:
        return from_values(json.loads(dataset.get("recipe", "{}"))).optimiser.balance != "none"
    except (StudioError, ValueError):  # a recipe of another version says nothing here
        return False
