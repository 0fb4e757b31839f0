"""Presets of tasks that point at words retrain the encoder, and say so."""

from __future__ import annotations

import pytest

from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import presets


@pytest.mark.parametrize("task", ["token_classification", "question_answering"])
@pytest.mark.parametrize("preset", ["quick", "balanced", "best"])
def test_the_encoder_learns_and_a_few_samples_are_seen_more_often(task: str, preset: str) -> None:
    recipe = Recipe(task=task)
    few, many = (presets.apply(recipe, count, preset) for count in (300, 5000))
    assert few.layers.amount == many.layers.amount == "everything"
    assert few.optimiser.method == many.optimiser.method == "steps"
    assert few.optimiser.epochs > many.optimiser.epochs
    assert few.optimiser.batch_size < many.optimiser.batch_size
    words = {row.name: row.summary for row in presets.rows(task)}
    assert "whole encoder" in words["quick"]
    assert words != {row.name: row.summary for row in presets.rows("text_classification")}
