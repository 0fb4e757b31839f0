"""Presets of language models, which write on."""

from __future__ import annotations

from typing import Any

from finetune_studio.engine.presets.row import three

ROWS = three(
    "Learns adapters once over your data: shows whether they can be learnt from.",
    "Learns adapters for a few epochs; the model itself stays as it is.",
    "Learns larger adapters for longer: often better still, and the slowest.",
)


def settings(preset: str, samples: int, task: str) -> dict[str, Any]:  # noqa: ARG001  one signature for all families
    """Return the fields that a preset sets for so many training samples.

    Adapters with a rate of 2e-4 are what Dettmers et al. 2023 found to learn as well as the whole network.
    """
    few = samples < 500
    common = {
        "augment.strength": "none",
        "layers.amount": "adapters",
        "layers.lora_rank": 16,
        "layers.lora_alpha": 32.0,
        "optimiser.batch_size": 8,
        "optimiser.warmup_share": 0.05,
        "optimiser.weight_decay": 0.0,
        "optimiser.learning_rate": 2e-4,
        "optimiser.head_learning_rate": 2e-4,
        "stop.patience": 2,
    }
    if preset == "quick":
        return common | {"optimiser.epochs": 1}
    if preset == "balanced":
        return common | {"optimiser.epochs": 6 if few else 3}
    return common | {
        "layers.lora_rank": 32,
        "layers.lora_alpha": 64.0,
        "optimiser.epochs": 10 if few else 5,
    }
