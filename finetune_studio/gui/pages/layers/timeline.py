"""Gradual unfreezing as bars over epochs: what the recipe means, and what a moved bar makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.widgets.unfreeze_timeline import Bar
from finetune_studio.models import pace
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from finetune_studio.engine.probe import ModelLook

CUSTOM = "custom"
SCHEMES = (
    ("none", "All from the start"),
    ("head_then_all", "Head, then all"),
    ("top_down", "Top down (ULMFiT-like)"),
)
TIPS = {
    "none": "Everything that may change learns in every epoch.",
    "head_then_all": "The new last layer learns alone for a tenth of the run, so that its first rough steps"
    " do not disturb the pretrained layers. Then all learn.",
    "top_down": "One part more begins in each epoch, from the last to the first, so that the first layers,"
    " which hold what is useful for everything, change least (ULMFiT, Howard and Ruder 2018).",
    CUSTOM: "The epochs that you gave the bars.",
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """The bars, from the head down to what stays frozen; ``stages`` says which stage each one stands for."""

    bars: tuple[Bar, ...]
    stages: tuple[int | None, ...]
    epochs: int

    @property
    def movable(self) -> bool:
        """Whether anything but the head learns."""
        return any(bar.movable for bar in self.bars)


def learning(look: ModelLook) -> list[str]:
    """Return the parameters that learn in any epoch; of adapters, the layers beside which they lie."""
    beside = look.adapters["ranks"] if look.adapters else ()
    return pace.learning(look.root, look.trainable_names, beside)


def timeline(look: ModelLook, recipe: Recipe) -> Timeline:
    """Return what the recipe's choice of layers means, part by part."""
    epochs, stages = recipe.optimiser.epochs, look.stages
    names = learning(look)
    begins = pace.begins(recipe.layers, stages, names, epochs)
    inside: dict[int, list[str]] = {}
    for name in names:
        place = pace.stage_of(name, stages)
        if place is not None:
            inside.setdefault(place, []).append(name)
    last = len(stages) - 1
    bars, places = [Bar(stages[last][0], 1, movable=False, tip=_tip(stages[last][1]))], [last]
    for place in reversed(range(last)):
        if place in inside:
            own = sorted({begins[name] for name in inside[place]})
            title, tip = stages[place][0], _tip(stages[place][1])
            if len(own) > 1:
                tip = f"Parts of it begin later, the last one in epoch {own[-1]}.\n{tip}"
            bars.append(Bar(title, own[0], tip=tip))
            places.append(place)
    frozen = [place for place in range(last) if place not in inside]
    found: list[int | None] = [*places]
    if frozen:
        parts = [part for place in frozen for part in stages[place][1]]
        bars.append(Bar(_joined(stages, frozen), 0, movable=False, tip=_tip(parts)))
        found.append(None)
    return Timeline(tuple(bars), tuple(found), epochs)


def scheme(recipe: Recipe) -> str:
    """Return the name of the scheme that the recipe follows, or ``custom``."""
    layers = recipe.layers
    return CUSTOM if layers.unfreeze_at or layers.head_first else layers.unfreezing


def settings_for(name: str) -> dict[str, Any]:
    """Return what the recipe takes over with a scheme."""
    return {"layers.unfreezing": name, "layers.head_first": 0, "layers.unfreeze_at": {}}


def kept(recipe: Recipe) -> dict[str, Any]:
    """Return what of the recipe the timeline changes, so that a change can be taken back."""
    layers = recipe.layers
    return {
        "layers.unfreezing": layers.unfreezing,
        "layers.head_first": layers.head_first,
        "layers.unfreeze_at": dict(layers.unfreeze_at),
    }


def moved(look: ModelLook, recipe: Recipe, stage: int, epoch: int) -> dict[str, Any]:
    """Return what the recipe takes over when a stage is to begin in another epoch.

    The other stages begin when they did before. What comes to the same as a scheme is that scheme.
    """
    names = learning(look)
    found = _by_stage(look, recipe, names)
    found = {n: at for n, at in found.items() if not _touches(n, look.stages[stage][1])}
    if epoch > 1:
        found |= dict.fromkeys(look.stages[stage][1], epoch)
    wanted = settings_for("none") | {"layers.unfreeze_at": found}
    begins = _begins(look, recipe.with_settings(wanted), names)
    for name, _ in SCHEMES:
        if _begins(look, recipe.with_settings(settings_for(name)), names) == begins:
            return settings_for(name)
    return wanted


def widened(look: ModelLook, recipe: Recipe, amount: str) -> dict[str, Any]:
    """Return what the recipe takes over beside another choice of how much to retrain.

    Epochs that were given stay. Parts that learn for the first time begin no sooner than those above
    them; where the recipe follows a scheme, that sees to it by itself.
    """
    if not recipe.layers.unfreeze_at or amount not in look.amounts:
        return {}
    before = {pace.stage_of(name, look.stages) for name in learning(look)}
    wanted = look.amounts[amount] or [layer.name for layer in look.adaptable]
    known, latest = dict(recipe.layers.unfreeze_at), 1
    found: dict[str, int] = {}
    for place in reversed(range(len(look.stages) - 1)):
        modules = look.stages[place][1]
        own = [at for module, at in known.items() if _touches(module, modules)]
        learns = any(_touches(name, modules) for name in wanted)
        if own and place in before:
            latest = max(latest, *own)
        elif learns and not own and place not in before and latest > 1:
            found |= dict.fromkeys(modules, latest)
    return {"layers.unfreeze_at": known | found} if found else {}


def _by_stage(look: ModelLook, recipe: Recipe, names: Sequence[str]) -> dict[str, int]:
    """Return the epochs of all modules by the names of the stages' own modules, or of what lies in them."""
    first = recipe.layers.head_first + 1
    given = pace.entries(recipe.layers, look.stages, names, recipe.optimiser.epochs)
    found: dict[str, int] = {}
    for _, modules in look.stages[:-1]:
        for module in modules:
            around = max([first, *(at for name, at in given.items() if within(module, name))])
            if around > 1:
                found[module] = around
            found |= {n: at for n, at in given.items() if within(n, module) and at > around}
    begins = _begins(look, recipe, names)
    lone = {n: at for n, at in begins.items() if pace.stage_of(n, look.stages) is None}
    return found | {name: at for name, at in lone.items() if at > 1}


def _begins(look: ModelLook, recipe: Recipe, names: Sequence[str]) -> dict[str, int]:
    return pace.begins(recipe.layers, look.stages, names, recipe.optimiser.epochs)


def _touches(name: str, modules: Sequence[str]) -> bool:
    return any(within(name, module) or within(module, name) for module in modules)


def _joined(stages: Sequence[tuple[str, Sequence[str]]], places: Sequence[int]) -> str:
    """Return the titles of stages: the first and the last where they follow each other, else all."""
    titles = [stages[place][0] for place in places]
    if len(places) > 1 and places[-1] - places[0] == len(places) - 1:
        return f"{titles[0]} to {titles[-1]}"
    return ", ".join(titles)


def _tip(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
