"""Presets of language models, which write on."""

from __future__ import annotations

from typing import Any

from finetune_studio.engine.presets.row import three

ROWS = three(
    "Retrains the last stage once: shows whether your data can be learnt from.",
    "Retrains everything for a few epochs, slowly.",
    "Retrains everything for longer: the most accurate, and the slowest.",
)


def settings(preset: str, samples: int, task: str) -> dict[str, Any]:  # noqa: ARG001  one signature for all families
    """Return the fields that a preset sets for so many training samples."""
    few = samples < 500
    common = {
        "augment.strength": "none",
        "optimiser.batch_size": 8,
        "optimiser.warmup_share": 0.05,
        "optimiser.weight_decay": 0.0,
        "optimiser.learning_rate": 5e-5,
        "optimiser.head_learning_rate": 5e-5,
        "stop.patience": 2,
    }
    if preset == "quick":
        return common | {"layers.amount": "last_stage", "optimiser.epochs": 1}
    epochs = 3 if preset == "balanced" else 5
    return common | {
        "layers.amount": "everything",
        "optimiser.epochs": 2 * epochs if few else epochs,
    }
