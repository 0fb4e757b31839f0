"""What quick, balanced and best mean for a task and this much data, each with a sentence that says why."""

from __future__ import annotations

import math
from typing import Any

from finetune_studio.core.recipe import Recipe, RegulariseChoices
from finetune_studio.engine.presets import images
from finetune_studio.engine.presets.row import PresetRow
from finetune_studio.engine.presets.texts import encoders, speakers, writers

LARGEST_BATCH, SMALLEST_BATCH = 64, 4  # samples a step, where the batch size is left open

# What no preset uses unless it says so; chosen by the user, it is a choice of his own beside the preset.
_OFF = {
    "layers.unfreezing": "none",
    "layers.rate_decay": 1.0,
    "layers.keep_statistics": False,
    "optimiser.schedule": "cosine",
    "optimiser.label_smoothing": 0.0,
    **{f"regularise.{name}": 0.0 for name in RegulariseChoices.model_fields},
}

_FAMILIES = {
    "image": images,
    "text": encoders,
    "seq2seq": writers,
    "causal": speakers,
}


def rows(task: str) -> tuple[PresetRow, ...]:
    """Return the presets of a task, for people."""
    if task in encoders.NEEDS_ENCODER:
        return encoders.PLACES
    found: tuple[PresetRow, ...] = _family(task).ROWS
    return found


def suited_to(samples: int) -> int:
    """Return the batch size that suits so many samples: a power of two, at least eight steps an epoch."""
    most = max(SMALLEST_BATCH, min(LARGEST_BATCH, samples // 8))
    return int(2 ** int(math.log2(most)))


def settings(preset: str, samples: int, task: str) -> dict[str, Any]:
    """Return the fields that a preset sets for a training split of ``samples`` samples."""
    batch = 32 if samples >= 320 else max(4, min(32, samples // 8 or 4))
    common = _OFF | {"preset": preset, "optimiser.batch_size": batch, "optimiser.method": "steps"}
    own: dict[str, Any] = _family(task).settings(preset, samples, task)
    return common | own


def apply(recipe: Recipe, samples: int, preset: str | None = None) -> Recipe:
    """Return the recipe with a preset's numbers filled in."""
    return recipe.with_settings(settings(preset or recipe.preset, samples, recipe.task))


def _family(task: str) -> Any:
    from finetune_studio.tasks import CATALOGUE

    return _FAMILIES[CATALOGUE[task].facts["family"]]
