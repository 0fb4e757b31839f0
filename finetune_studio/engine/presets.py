"""What quick, balanced and best mean for this much data, each with a sentence that says why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from finetune_studio.core.recipe import Recipe

LARGEST_BATCH, SMALLEST_BATCH = 64, 4  # samples a step, where the batch size is left open


@dataclass(frozen=True, slots=True)
class PresetRow:
    """One preset, for people."""

    name: str
    title: str
    summary: str


PRESETS = (
    PresetRow(
        "quick",
        "Quick look",
        "Trains the new last layer only: seconds to a minute, a first honest answer.",
    ),
    PresetRow(
        "balanced",
        "Balanced",
        "Also retrains the last stage, slowly, on varied pictures: minutes, and usually better.",
    ),
    PresetRow(
        "best",
        "Best",
        "Retrains the later half for longer, with more variation: the most accurate, and the slowest.",
    ),
)


def suited_to(samples: int) -> int:
    """Return the batch size that suits so many samples: a power of two, at least eight steps an epoch."""
    most = max(SMALLEST_BATCH, min(LARGEST_BATCH, samples // 8))
    return int(2 ** int(math.log2(most)))


def settings(preset: str, samples: int) -> dict[str, Any]:
    """Return the fields that a preset sets for a training split of ``samples`` samples."""
    batch = 32 if samples >= 320 else max(4, min(32, samples // 8 or 4))
    few = samples < 500
    common = {"preset": preset, "optimiser.batch_size": batch, "optimiser.method": "steps"}
    if preset == "quick":
        return common | {
            "layers.amount": "head_only",
            "augment.strength": "none",
            "optimiser.method": "solve",
            "optimiser.epochs": 10,
            "stop.patience": 10,
        }
    if preset == "balanced":
        return common | {
            "layers.amount": "last_stage",
            "augment.strength": "light",
            "augment.views": 3,
            "optimiser.epochs": 15 if few else 9,
            "optimiser.learning_rate": 2e-4,
            "optimiser.head_learning_rate": 2e-3,
            "optimiser.weight_decay": 0.05,
            "stop.patience": 5,
        }
    return common | {
        "layers.amount": "later_half",
        "augment.strength": "medium",
        "augment.views": 8,
        "optimiser.epochs": 30 if few else 16,
        "optimiser.learning_rate": 2e-4,
        "optimiser.head_learning_rate": 2e-3,
        "optimiser.weight_decay": 0.05,
        "optimiser.label_smoothing": 0.05,
        "stop.patience": 6,
    }


def apply(recipe: Recipe, samples: int, preset: str | None = None) -> Recipe:
    """Return the recipe with a preset's numbers filled in."""
    return recipe.with_settings(settings(preset or recipe.preset, samples))
