"""What a proposal of a monitor would change in the recipe of the next run, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finetune_studio.core.watching import MonitorSpoke

if TYPE_CHECKING:
    from finetune_studio.core.recipe import Recipe


def value_in(recipe: Recipe, name: str) -> Any:
    """Return a choice by its dotted name; None if there is none of that name."""
    found: Any = recipe
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else getattr(found, part, None)
    return found


def is_made(spoke: MonitorSpoke, recipe: Recipe) -> bool:
    """Whether the next run has what is proposed already."""
    return bool(spoke.settings) and all(
        value_in(recipe, name) == value for name, value in spoke.settings.items()
    )


def in_words(settings: dict[str, Any]) -> str:
    """Return what the next run would do, a sentence for each change."""
    from finetune_studio.core.recipe import plainly

    return " ".join(plainly.sentences(settings))
