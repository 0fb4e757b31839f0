"""Which choices a run begins with, and how far they are from their preset; no Qt here."""

from __future__ import annotations

from typing import Any

from finetune_studio.core import recipe as recipes
from finetune_studio.core.recipe import Recipe, plainly
from finetune_studio.tasks import CATALOGUE, fewest_classes, nouns

_SECTIONS = ("layers", "optimiser", "augment", "regularise", "stop")

# What the form shows, in groups; a preset sets most of them.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Learning",
        (
            "optimiser.epochs",
            "optimiser.balance",
            "optimiser.method",
            "layers.head_first",
            "layers.unfreezing",
            "layers.rate_decay",
            "layers.keep_statistics",
            "optimiser.batch_size",
            "optimiser.accumulation",
            "optimiser.learning_rate",
            "optimiser.head_learning_rate",
            "optimiser.schedule",
            "optimiser.warmup_share",
            "optimiser.gradient_clip",
        ),
    ),
    (
        "Against learning by heart",
        (
            "augment.strength",
            "augment.horizontal_flip",
            "augment.views",
            "optimiser.weight_decay",
            "optimiser.label_smoothing",
            "regularise.head_dropout",
            "regularise.mixup",
            "regularise.cutmix",
            "regularise.averaging",
        ),
    ),
    (
        "Stopping and size",
        (
            "stop.early",
            "stop.patience",
            "stop.after",
            "model.image_size",
            "model.fit",
            "seed",
        ),
    ),
    (
        "Against forgetting",
        (
            "forgetting.old_answers",
            "forgetting.replay",
            "regularise.towards_pretrained",
            "forgetting.blend",
            "forgetting.held_out",
        ),
    ),
    (
        "This computer",
        (
            "compute.device",
            "compute.precision",
            "compute.threads",
            "compute.workers",
            "compute.cache",
            "compute.decoded",
            "compute.cache_limit_mb",
            "compute.checkpointing",
            "compute.compile",
        ),
    ),
)

# What means nothing for texts.
PICTURES_ALONE = (
    "augment.strength",
    "augment.horizontal_flip",
    "augment.views",
    "regularise.cutmix",
    "model.image_size",
    "model.fit",
    "layers.keep_statistics",
    "compute.decoded",
)


# What means nothing where a model writes: its samples have no classes to balance.
_CLASSES_ALONE = ("optimiser.balance",)


def unfit(task: str) -> tuple[str, ...]:
    """Return the choices that mean nothing for a task."""
    facts = CATALOGUE[task].facts
    pictures = () if facts["inputs"] == "images" else PICTURES_ALONE
    return (*pictures, *_CLASSES_ALONE) if facts["family"] in ("seq2seq", "causal") else pictures


def value_of(recipe: Recipe, name: str) -> Any:
    """Return a recipe's value by its dotted name."""
    value: Any = recipe
    for part in name.split("."):
        value = getattr(value, part)
    return value


def primed(recipe: Recipe, samples: int) -> dict[str, Any]:
    """Return the preset's numbers for so many training samples, if nothing was chosen yet."""
    untouched = Recipe(task=recipe.task)
    if not samples or any(getattr(recipe, s) != getattr(untouched, s) for s in _SECTIONS):
        return {}
    return preset_settings(recipe.preset, samples, recipe.task)


def preset_settings(preset: str, samples: int, task: str) -> dict[str, Any]:
    """Return what a preset sets for so many training samples."""
    from finetune_studio.engine import presets

    return presets.settings(preset, max(1, samples), task)


def departures(recipe: Recipe, samples: int, *, expert: bool = False) -> list[str]:
    """Return what the user chose beside the preset: a sentence each, or ``Epochs: 20`` for experts."""
    found = {name: value_of(recipe, name) for name in departed(recipe, samples)}
    if not expert:
        return plainly.sentences(found)
    known = recipes.fields()
    return [f"{known[name]['title']}: {shown(value)}" for name, value in found.items()]


def joined(departures: list[str]) -> str:
    """Return departures as a line: sentences one after the other, and dots between what is none."""
    return (" " if all(one.endswith(".") for one in departures) else " · ").join(departures)


def departed(recipe: Recipe, samples: int) -> list[str]:
    """Return the practices that are not as the preset has them, by their dotted names.

    Left out is what does nothing beside the other choices, and what means nothing for the task.
    """
    wanted = _wanted(recipe, samples)
    meaningless = unfit(recipe.task)
    return [
        name
        for name, value in wanted.items()
        if value_of(recipe, name) != value
        and name not in meaningless
        and plainly.matters(name, recipe)
    ]


def back(recipe: Recipe, samples: int) -> dict[str, Any]:
    """Return what takes all own choices back: the preset's numbers, and the defaults of what it leaves."""
    wanted = _wanted(recipe, samples)
    own = {name: wanted[name] for name in departed(recipe, samples)}
    return own | preset_settings(recipe.preset, samples, recipe.task)


def _wanted(recipe: Recipe, samples: int) -> dict[str, Any]:
    """Return each practice as the preset has it; what no preset sets is as it is by default."""
    untouched = Recipe(task=recipe.task)
    own = preset_settings(recipe.preset, samples, recipe.task)
    names = [name for name in own if name in plainly.practices()]
    return {
        name: own.get(name, value_of(untouched, name))
        for name in dict.fromkeys([*names, *plainly.practices()])
    }


def shown(value: Any) -> str:
    """Return a value as an expert reads it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {item:g}" for name, item in value.items()) or "none"
    return value.replace("_", " ") if isinstance(value, str) else f"{value:g}"


def cannot_start(splits: dict[str, int], classes: int, *, local: bool, task: str) -> str:
    """Return why no run can begin, as a sentence; empty if one can."""
    one, many = nouns(task)
    if not sum(splits.values()):
        return f"Add your {many} on the Data page first."
    if classes < fewest_classes(task):
        return "Two classes are needed; these data have one."
    if not splits.get("train"):
        return f"No {one} is in the training split; divide the data on the Data page."
    if not splits.get("validation"):
        return f"No {one} is in the validation split; divide the data on the Data page."
    if not local:
        return "This model is not on this computer yet; download it on the Model page."
    return ""
