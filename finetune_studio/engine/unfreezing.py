"""Gradual unfreezing: which parameters learn in which epoch, and the move from one stage to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from finetune_studio.core.events import Event, Noted
from finetune_studio.engine import supply
from finetune_studio.models import build, layers, lora
from finetune_studio.models.node import within
from finetune_studio.models.waking import schedule

if TYPE_CHECKING:
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.core.task import Bundle
    from finetune_studio.engine.feeds import Feed
    from finetune_studio.engine.session import Session


def learning_names(bundle: Bundle) -> frozenset[str]:
    """Return the names of the parameters that are marked to learn."""
    return frozenset(n for n, p in bundle.network.named_parameters() if p.requires_grad)


def stages_of(bundle: Bundle) -> list[tuple[str, list[str]]]:
    """Return the network's stages as they are without adapters, the head last."""
    if not bundle.architecture.get("adapters"):
        return layers.stages(bundle.network, bundle.head)
    plain = lora.plain_architecture(bundle.architecture)
    with torch.device("meta"):
        network = build.rebuild(plain, max(2, len(bundle.labels)))
    return layers.stages(network, bundle.head)


def filled(bundle: Bundle, recipe: Recipe, ever: frozenset[str]) -> Recipe:
    """Return the recipe with the epochs in which modules begin, where it only names a way to choose them.

    What lies in no stage, as a table of positions, begins with the first stage.
    """
    choices = recipe.layers
    if choices.unfreezing == "none" or choices.unfreeze_at:
        return recipe
    stages = stages_of(bundle)
    names = {lora.plain_name(name): name for name in ever}
    begins = schedule(stages, names, recipe.optimiser.epochs, choices.unfreezing)
    known = [module for _, modules in stages for module in modules]
    known += [bundle.head, *layers.always(bundle.network, bundle.head)]
    rest = [names[n] for n in names if not any(within(n, module) for module in known)]
    if begins:
        begins |= dict.fromkeys(sorted(rest), max(begins.values()))
    return recipe.with_settings({"layers.unfreeze_at": begins})


def told(bundle: Bundle, recipe: Recipe) -> str:
    """Say in a sentence when a named way lets which stage learn; nothing where none is named."""
    choices = recipe.layers
    if choices.unfreezing == "none":
        return ""
    if not choices.unfreeze_at:
        return "Layers do not wake one after another: the head alone learns, or there is one epoch."
    found: dict[int, list[str]] = {}
    for title, modules in reversed(stages_of(bundle)[:-1]):
        if since := [choices.unfreeze_at[m] for m in modules if m in choices.unfreeze_at]:
            found.setdefault(max(*since, choices.head_first + 1), []).append(title)
    parts = [f"{', '.join(titles)} from epoch {epoch}" for epoch, titles in sorted(found.items())]
    return f"Layers wake: {'; '.join(parts)}." if parts else ""


def stage_of(bundle: Bundle, recipe: Recipe, epoch: int, ever: frozenset[str]) -> frozenset[str]:
    """Return the names of the parameters that learn in an epoch (counted from 0).

    The head always learns, since it starts from nothing (Howard and Ruder 2018).

    Args:
        bundle: The network.
        recipe: Says how long the head learns alone, and when modules begin.
        epoch: The epoch.
        ever: The parameters that learn in any epoch.

    Raises:
        StudioError: If the recipe names a module that the network does not have.
    """
    choices = recipe.layers
    layers.refuse_unknown(bundle.network, choices.unfreeze_at, "layers.unfreeze_at")

    def begins(name: str) -> int:
        named = [at for module, at in choices.unfreeze_at.items() if within(name, module)]
        return max([choices.head_first + 1, *named])

    heads = [bundle.head, *layers.always(bundle.network, bundle.head)]
    return frozenset(n for n in ever if any(within(n, h) for h in heads) or begins(n) <= epoch + 1)


def enter(bundle: Bundle, stage: frozenset[str]) -> None:
    """Let these parameters learn and no others; what is frozen stays in evaluation mode."""
    layers.set_trainable(bundle.network, sorted(stage))
    layers.set_modes(bundle.network)


def follow(session: Session) -> Iterator[Event]:
    """Let more layers learn (or, after going back, fewer) if the epoch says so.

    The boundary of what is computed once moves along.
    """
    stage = stage_of(session.bundle, session.recipe, session.place.epoch, session.ever)
    if stage == session.stage:
        return
    enter(session.bundle, stage)
    session.stage = stage
    now = sum(p.numel() for p in session.learning)
    yield Noted(f"From epoch {session.place.epoch + 1} on {now:,} parameters learn.")
    found: list[Feed] = []
    yield from supply.feeds_for(
        session.means, session.train, session.validation, session.chosen, found
    )
    if len(found) == 2:
        session.feeds[:] = found
        session.keep_chosen()


def complete(session: Session) -> bool:
    """Whether everything that ever learns does so now."""
    return session.stage == session.ever
