"""Presets of tasks that read text with an encoder: classes, names in text, answers in text."""

from __future__ import annotations

from typing import Any

from finetune_studio.engine.presets.row import three

ROWS = three(
    "Trains the new last layer only: a first honest answer, in about a minute for a thousand texts.",
    "Also retrains the later half of the encoder, slowly: minutes, and usually better.",
    "Retrains the whole encoder for longer: often better still, and the slowest.",
)
PLACES = three(
    "Retrains the whole encoder, for a single look at each of many texts: a first honest answer.",
    "Retrains the whole encoder in a few looks at each text: minutes for a thousand, and much better.",
    "The same for longer: sometimes a little better, and the slowest.",
)
# Classes can be told from what a frozen encoder says; words and answers need one that learns.
NEEDS_ENCODER = ("token_classification", "question_answering")


def settings(preset: str, samples: int, task: str) -> dict[str, Any]:
    """Return the fields that a preset sets for so many training samples."""
    if task in NEEDS_ENCODER:
        return _places(preset, samples)
    few = samples < 500
    common = {
        "augment.strength": "none",
        "optimiser.schedule": "linear",
        "optimiser.warmup_share": 0.1,
        "optimiser.weight_decay": 0.01,
    }
    if preset == "quick":
        return common | {
            "layers.amount": "head_only",
            "optimiser.method": "solve",
            "optimiser.epochs": 10,
            "stop.patience": 10,
        }
    if preset == "balanced":
        return common | {
            "layers.amount": "later_half",
            "optimiser.epochs": 8 if few else 4,
            "optimiser.learning_rate": 5e-5,
            "optimiser.head_learning_rate": 1e-3,
            "stop.patience": 3,
        }
    return common | {
        "layers.amount": "everything",
        "optimiser.epochs": 12 if few else 6,
        "optimiser.learning_rate": 5e-5,
        "optimiser.head_learning_rate": 1e-3,
        "stop.patience": 3,
    }


def _places(preset: str, samples: int) -> dict[str, Any]:
    """Return the fields of a preset for tasks that point at words: the whole encoder must learn.

    Small steps are many: names need some hundred of them before the first one is found at all.
    """
    few = samples < 500
    common = {
        "augment.strength": "none",
        "layers.amount": "everything",
        "optimiser.batch_size": 8 if few else 16,
        "optimiser.learning_rate": 2e-4,
        "optimiser.head_learning_rate": 1e-3,
        "optimiser.schedule": "linear",
        "optimiser.warmup_share": 0.1,
        "optimiser.weight_decay": 0.01,
        "stop.patience": 3,
    }
    epochs = {"quick": (5, 1), "balanced": (10, 4), "best": (15, 6)}[preset]
    return common | {"optimiser.epochs": epochs[not few]}
