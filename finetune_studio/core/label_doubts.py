"""What was found about labels that are likely wrong, kept with the data until the user has decided."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune_studio.core.dataset import Dataset

_KEY = "likely_wrong_labels"


@dataclass(frozen=True, slots=True)
class LabelDoubt:
    """What was found about a sample's label.

    Attributes:
        sample: Its number.
        label: The label that was doubted; another one since means that the user has decided.
        suggested: The class that it rather has.
        share: How likely that is, from 0 to 1; ``own`` how likely the label is.
        suspected: Whether the label is likely wrong.
    """

    sample: int
    label: str
    suggested: str
    share: float
    own: float
    suspected: bool


def keep(dataset: Dataset, found: Sequence[LabelDoubt], model: str) -> None:
    """Remember what was found, the most doubtful first."""
    rows = [[d.sample, d.label, d.suggested, d.share, d.own, int(d.suspected)] for d in found]
    dataset.put(_KEY, json.dumps({"model": model, "rows": rows}))


def saved(dataset: Dataset) -> list[LabelDoubt] | None:
    """Return all that was found; None where wrong labels were not looked for yet."""
    kept: dict[str, Any] = json.loads(dataset.get(_KEY, "{}"))
    if not kept:
        return None
    return [
        LabelDoubt(n, label, suggested, share, own, bool(suspected))
        for n, label, suggested, share, own, suspected in kept["rows"]
    ]


def open_ones(dataset: Dataset) -> list[LabelDoubt] | None:
    """Return what was found of usable samples whose label is still the one that was doubted, worst first."""
    found = saved(dataset)
    if found is None:
        return None
    labels = {s.id: s.label for s in dataset.samples(usable=True)}
    return [doubt for doubt in found if labels.get(doubt.sample) == doubt.label]
