"""Presets of tasks that write a text from a text, by an encoder and a decoder."""

from __future__ import annotations

from typing import Any

from finetune_studio.engine.presets.row import three

ROWS = three(
    "Retrains the last stage once: shows whether your data can be learnt from.",
    "Retrains everything for a few epochs, slowly.",
    "Retrains everything for longer: often better still, and the slowest.",
)


def settings(preset: str, samples: int, task: str) -> dict[str, Any]:  # noqa: ARG001  one signature for all families
    """Return the fields that a preset sets for so many training samples."""
    few = samples < 500
    common = {
        "augment.strength": "none",
        "optimiser.batch_size": 8,
        "optimiser.schedule": "linear",
        "optimiser.warmup_share": 0.1,
        "optimiser.weight_decay": 0.01,
        "optimiser.learning_rate": 3e-4,
        "optimiser.head_learning_rate": 3e-4,
        "stop.patience": 2,
    }
    if preset == "quick":
        return common | {"layers.amount": "last_stage", "optimiser.epochs": 1}
    epochs = 4 if preset == "balanced" else 8
    return common | {
        "layers.amount": "everything",
        "optimiser.epochs": 2 * epochs if few else epochs,
    }
