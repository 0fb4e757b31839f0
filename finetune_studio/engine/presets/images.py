"""Presets of tasks that look at pictures."""

from __future__ import annotations

from typing import Any

from finetune_studio.engine.presets.row import three

ROWS = three(
    "Trains the new last layer only: seconds to a minute, a first honest answer.",
    "Also retrains the last stage, slowly, on varied pictures: minutes, and usually better.",
    "Retrains the later half for longer, with more variation: often better still, and the slowest.",
)

# Share of itself that the average of the weights keeps in a step: about the last hundred steps count.
_AVERAGED = 0.99
# How evenly pairs of samples are blended, where there are many: the loss then rises less late in a run.
_BLENDED = 0.2


def settings(preset: str, samples: int, task: str) -> dict[str, Any]:  # noqa: ARG001  one signature for all families
    """Return the fields that a preset sets for so many training samples."""
    few = samples < 500
    if preset == "quick":
        return {
            "layers.amount": "head_only",
            "augment.strength": "none",
            "optimiser.method": "solve",
            "optimiser.epochs": 10,
            "stop.patience": 10,
        }
    if preset == "balanced":
        return {
            "layers.amount": "last_stage",
            "layers.keep_statistics": True,
            "augment.strength": "light",
            "augment.views": 3,
            "optimiser.epochs": 15 if few else 6,
            "optimiser.learning_rate": 2e-4,
            "optimiser.head_learning_rate": 2e-3,
            "optimiser.weight_decay": 0.05,
            "regularise.averaging": _AVERAGED,
            "regularise.mixup": 0.0 if few else _BLENDED,
            "stop.patience": 5,
        }
    return {
        "layers.amount": "later_half",
        "layers.keep_statistics": True,
        "augment.strength": "medium",
        "augment.views": 8,
        "optimiser.epochs": 30 if few else 10,
        "optimiser.learning_rate": 2e-4,
        "optimiser.head_learning_rate": 2e-3,
        "optimiser.weight_decay": 0.05,
        "regularise.averaging": _AVERAGED,
        "regularise.mixup": 0.0 if few else _BLENDED,
        "stop.patience": 6,
    }
