"""The choices of studies, which are made of several runs: cross-validation and a search."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from finetune_studio.core.recipe.choices import Section, described

Searched = Literal["learning_rate", "depth", "augmentation"]


class CrossvalChoices(Section):
    """How often the data are divided anew, so that every sample is judged once."""

    folds: int = described(
        0,
        "Folds of cross-validation",
        "Divides the samples that are not for testing into so many parts; each part is judged by a model"
        " that learnt from the others. It takes as many runs, and tells how far a score depends on the"
        " division. 5 is usual; 0 trains a single run.",
        unit="folds",
        lowest="off",
        ge=0,
        le=20,
    )
    final: bool = described(
        True,
        "A final model from all samples",
        "After the folds, trains a model with all samples but the test split, for as many epochs as the"
        " folds found best. Without it, the best fold's model is kept.",
    )

    @field_validator("folds")
    @classmethod
    def _one_fold_is_none(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold leaves nothing to learn from; take 0 (off), or 2 to 20")
        return folds


class SearchChoices(Section):
    """A bounded search for better choices, judged on the validation split."""

    trials: int = described(
        0,
        "Trials of a search",
        "Tries so many recipes, each in a run of its own, and keeps the best. The first trial is your own"
        " recipe; trials that fall behind are broken off. 0 searches nothing.",
        unit="trials",
        lowest="off",
        ge=0,
        le=500,
    )
    minutes: float = described(
        0.0,
        "Time for the search",
        "After this time no further trial begins, and the one in hand is broken off, unless it is the first:"
        " your own recipe is always tried to its end. 0 sets no limit.",
        unit="minutes",
        lowest="no limit",
        ge=0.0,
        le=100_000.0,
    )
    over: list[Searched] = described(
        ["learning_rate", "depth", "augmentation"],
        "What is searched over",
        "Learning rate (a tenth of yours to ten times it), depth (how much is retrained) and augmentation"
        " (how much pictures are varied).",
    )
