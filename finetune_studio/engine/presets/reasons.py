"""Why the choices of a run are what they are, a sentence each: how many data, how far off, which device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finetune_studio.core import own_run
from finetune_studio.tasks import nouns

if TYPE_CHECKING:
    from finetune_studio.core.measures import ShiftMeasured
    from finetune_studio.core.recipe import Recipe

FEW = 500  # training samples: presets show fewer of them more often

_RETRAINED = {
    "head_only": "only the new last layer learns",
    "last_stage": "the last stage is retrained",
    "later_half": "the later half is retrained",
    "everything": "every layer is retrained",
    "adapters": "adapters learn beside the layers, which stay as they are",
    "custom": "the layers that you chose are retrained",
}
_DISTANCES = {
    "near": "near to what the model knows",
    "some": "some way off what the model knows",
    "far": "far from what the model knows",
}
_SLOW = 3.0  # the head steps so many times further than the layers below


def reasons(
    recipe: Recipe, samples: int, shift: ShiftMeasured | None = None, device: str = ""
) -> list[str]:
    """Return what was chosen and why, in plain sentences; nothing where there are no samples.

    Args:
        recipe: The choices, of a preset or one's own.
        samples: How many training samples there are.
        shift: How far they lie from what the model knows, where that was measured.
        device: Where the network will run: ``cpu``, ``cuda`` or ``mps``; empty where that is not known.
    """
    if not samples:
        return []
    found = [_depth(recipe, samples, shift), *_mismatch(recipe, samples, shift)]
    return [
        *found,
        *_repeats(recipe, samples),
        *_variation(recipe, samples),
        *_kept(recipe),
        *_replayed(recipe),
        *_device(recipe, device),
    ]


def _depth(recipe: Recipe, samples: int, shift: ShiftMeasured | None) -> str:
    one, many = nouns(recipe.task)
    counted = f"1 {one}" if samples == 1 else f"{samples:,} {many}"
    far = f", {_DISTANCES[shift.level]}" if shift is not None and shift.level in _DISTANCES else ""
    amount = recipe.layers.amount
    rates = recipe.optimiser
    slow = amount not in ("head_only", "adapters") and (
        rates.head_learning_rate >= _SLOW * rates.learning_rate
    )
    text = f"{counted}{far}: {_RETRAINED[amount]}{', slowly' if slow else ''}"
    if amount == "head_only" and rates.method == "solve":
        text += ", and its best place is computed at once"
    return f"{text}."


def _mismatch(recipe: Recipe, samples: int, shift: ShiftMeasured | None) -> list[str]:
    """Say where the distance speaks for another depth than the chosen one."""
    amount = recipe.layers.amount
    if shift is None or amount in ("custom", "adapters"):
        return []
    if shift.level == "far" and amount == "head_only" and samples >= FEW:
        return ["So far away, retraining the last stages as well usually gains much: try Balanced."]
    if shift.level == "near" and amount == "everything":
        return ["So near, less may do: the last stage alone forgets less and takes less time."]
    return []


def _repeats(recipe: Recipe, samples: int) -> list[str]:
    _, many = nouns(recipe.task)
    epochs = recipe.optimiser.epochs
    if recipe.optimiser.method == "solve" and recipe.layers.amount == "head_only":
        return []
    seen = "once" if epochs == 1 else f"up to {epochs} times"
    amount = "few" if samples < FEW else "many"
    less = "more often" if samples < FEW else "less often"
    stop = (
        ", and the run ends sooner if nothing is gained" if recipe.stop.early and epochs > 1 else ""
    )
    return [f"{amount.capitalize()} {many} are looked at {less}: each of these {seen}{stop}."]


def _variation(recipe: Recipe, samples: int) -> list[str]:
    from finetune_studio.tasks import CATALOGUE

    strength = recipe.augment.strength
    if strength == "none" or CATALOGUE[recipe.task].facts["inputs"] != "images":
        return []
    why = "few are easily learnt by heart" if samples < FEW else "it then learns what matters"
    return [f"Each photo is varied ({strength}), since {why}."]


def _kept(recipe: Recipe) -> list[str]:
    if not recipe.forgetting.old_answers or recipe.layers.amount == "head_only":
        return []
    _, many = nouns(recipe.task)
    return [
        f"Your {many} are also answered with the model's original last layer, as before, against forgetting."
    ]


def _replayed(recipe: Recipe) -> list[str]:
    """Say what is shown again of an earlier run, or how to: it would be forgotten otherwise."""
    if not own_run.title(recipe.model.source):
        return []
    share = f"{recipe.forgetting.replay:.0%}".replace("%", " %")
    if recipe.forgetting.replay:
        return [
            f"{share} of each step are samples that the earlier run learnt from, so that they stay known."
        ]
    return [
        (
            "What the earlier run learnt from is not shown again; 'Replay of earlier samples' (Expert) keeps"
            " it known where your samples are others by now."
        )
    ]


def _device(recipe: Recipe, device: str) -> list[str]:
    amount = recipe.layers.amount
    if device == "cpu" and recipe.compute.cache == "auto" and amount in ("head_only", "last_stage"):
        return [
            "On this computer's processor the layers that stay as they are look at each sample once."
        ]
    if device == "cpu" and amount == "everything":
        return ["Without a graphics processor, retraining every layer takes long."]
    return []
