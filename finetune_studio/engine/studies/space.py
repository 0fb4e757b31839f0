"""What a search varies: plain numbers and names, and the settings of a recipe that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from finetune_studio.core.recipe import Recipe

_FACTORS = (0.1, 10.0)  # of both learning rates
_DEPTHS = ("head_only", "last_stage", "later_half")
_STRENGTHS = ("none", "light", "medium", "strong")

Space = dict[str, tuple[float, float] | tuple[str, ...]]


def space_of(recipe: Recipe, *, varies: bool) -> Space:
    """Return what is searched: a range of factors, or names to choose from, by what they change.

    Depth also has the user's own choice, where it is another. ``varies`` says whether the task's samples
    can be varied at all.
    """
    over = recipe.search.over
    found: Space = {}
    if "learning_rate" in over:
        found["rate_factor"] = _FACTORS
    if "depth" in over:
        found["amount"] = tuple(dict.fromkeys((*_DEPTHS, recipe.layers.amount)))
    if "augmentation" in over and varies:
        found["strength"] = _STRENGTHS
    return found


def own_place(recipe: Recipe, space: Iterable[str]) -> dict[str, Any]:
    """Return where the user's own recipe lies in the space."""
    own = {"rate_factor": 1.0, "amount": recipe.layers.amount, "strength": recipe.augment.strength}
    return {name: own[name] for name in space}


def settings_of(recipe: Recipe, place: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in which the recipe of a place differs from the user's.

    A head that is solved exactly heeds neither rates nor variation, so that elsewhere small steps are taken.
    """
    found: dict[str, Any] = {}
    if place != own_place(recipe, place) and recipe.optimiser.method == "solve":
        found["optimiser.method"] = "steps"
    factor = place.get("rate_factor", 1.0)
    if factor != 1.0:
        choices = recipe.optimiser
        found["optimiser.learning_rate"] = _rounded(choices.learning_rate * factor)
        found["optimiser.head_learning_rate"] = _rounded(choices.head_learning_rate * factor)
    if place.get("amount", recipe.layers.amount) != recipe.layers.amount:
        found["layers.amount"] = place["amount"]
    if place.get("strength", recipe.augment.strength) != recipe.augment.strength:
        found["augment.strength"] = place["strength"]
    return found


def _rounded(rate: float) -> float:
    return float(f"{min(100.0, rate):.2e}")
