"""What a run will be and take, in one line each; no Qt here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from finetune_studio.core import own_run
from finetune_studio.core.recipe import Recipe
from finetune_studio.tasks import nouns

if TYPE_CHECKING:
    from finetune_studio.core.project import Project
    from finetune_studio.engine.probe import ModelLook
    from finetune_studio.gui.pages.outlook import Data

AMOUNTS = {
    "head_only": "head only",
    "last_stage": "last stage",
    "later_half": "later half",
    "everything": "everything",
    "adapters": "adapters",
    "custom": "custom layers",
}
WAITING = "Counting what of the model will learn…"
_PRESETS = {"quick": "Quick look", "balanced": "Balanced", "best": "Best"}


def short(count: int) -> str:
    """Return a count as ``830``, ``12.8 k`` or ``3.50 M``."""
    if count >= 1_000_000:
        return f"{count / 1e6:.2f} M"
    return f"{count / 1e3:.1f} k" if count >= 1000 else str(count)


def model_title(source: str, home: Path | None = None) -> str:
    """Return what the model is called: its title in the catalogue, a run, or the name of its file.

    ``home`` is the folder of the project that is looked at.
    """
    from finetune_studio.models.zoo import CATALOGUE

    if source in CATALOGUE:
        return CATALOGUE[source].title
    return own_run.title(source, home) or Path(source).name


def subtitle(recipe: Recipe, project: Project | None = None) -> str:
    """Return preset, model and layers, as they stand beside the page's title."""
    model = model_title(recipe.model.source, project.folder if project else None)
    return " · ".join((_PRESETS[recipe.preset], model, AMOUNTS[recipe.layers.amount]))


def outlook_text(recipe: Recipe, data: Data, look: ModelLook | None) -> str:
    """Return what the run will train, and on what."""
    _, many = nouns(recipe.task)
    if look is None or not data.train:
        return ""
    text = (
        f"Trains {short(look.trainable)} of {short(look.total)} parameters on"
        f" {data.train:,} {many}, judged on {data.splits.get('validation', 0):,}."
    )
    return f"{text} {look.note}" if own_run.title(recipe.model.source) else text
