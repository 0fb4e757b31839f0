"""Which models the Model page offers, and how one of the user's own is tried; no Qt but the row itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core import own_run
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.widgets.model_table import ModelRow

if TYPE_CHECKING:
    from finetune_studio.core.catalogue import Entry
    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.project import Project
    from finetune_studio.engine.probe import ModelLook


def rows(recipe: Recipe, project: Project | None = None) -> list[ModelRow]:
    """Return the catalogue's models for the recipe's task, the user's own first if it is chosen."""
    from finetune_studio.models.zoo import CATALOGUE

    offered = [_row(entry, place) for place, entry in enumerate(CATALOGUE.family(_family(recipe)))]
    source = recipe.model.source
    if source not in CATALOGUE:
        return [own_row(source, project), *offered]
    return offered


def _row(entry: Entry, place: int) -> ModelRow:
    facts = entry.facts
    return ModelRow(
        entry.name,
        entry.title,
        entry.summary,
        place,
        float(facts["size_mb"]),
        int(facts["parameters"]),
        int(facts["image_size"]),
        str(facts["licence"]),
        str(facts.get("pretrained_on", "")),
        bool(facts["local"]),
        inside="card" in facts or "package" in facts,
        tokens=int(facts.get("max_length", 0)),
        languages=str(facts.get("languages", "")),
        gated=bool(facts.get("gated")),
        full_mb=int(facts.get("memory_full_mb", 0)),
        adapters_mb=int(facts.get("memory_lora_mb", 0)),
    )


def own_row(source: str, project: Project | None = None) -> ModelRow:
    """Return the row of a weights file, a folder or a run."""
    place = Path(source).expanduser()
    run = own_run.title(source, project.folder if project else None)
    kind = "A folder with a model." if place.is_dir() else "A weights file."
    if run:
        kind = "The best network of an earlier run, with the classes that it knows."
    inside = [*place.glob("*.safetensors"), *place.glob("checkpoints/*/best.safetensors")]
    files = inside if place.is_dir() else [place]
    size = sum(f.stat().st_size for f in files if f.is_file()) / 2**20
    there = place.exists()
    return ModelRow(
        source, run or place.name, f"{kind} {place}", -1, size, 0, 0, "", "", there, own=True
    )


def seen_of(row: ModelRow, look: ModelLook) -> ModelRow:
    """Return a row of the user's own with what a look at the model found, which no catalogue says."""
    if not row.own:
        return row
    return replace(row, parameters=look.total, image_size=look.image_size, tokens=look.tokens)


def reads_texts(recipe: Recipe) -> bool:
    """Whether the recipe's task is for texts; its models are then folders, never single files."""
    return _family(recipe) != "image"


def _family(recipe: Recipe) -> str:
    from finetune_studio.tasks import CATALOGUE

    return str(CATALOGUE[recipe.task].facts["family"]) if recipe.task in CATALOGUE else "image"


def choose(recipe: Recipe, source: str, architecture: str = "") -> dict[str, Any]:
    """Return what the recipe takes over with another model; layers chosen by name are the old one's."""
    found: dict[str, Any] = {"model.source": source, "model.architecture": architecture}
    if source == recipe.model.source:
        return found
    named = ("trainable", "unfreeze_at", "rates", "lora_ranks", "lora_layers")
    for name in named:
        if value := getattr(recipe.layers, name):
            found[f"layers.{name}"] = type(value)()
    if recipe.layers.amount == "custom":
        found |= {"layers.trainable": [], "layers.amount": "last_stage"}
    return found


def try_model(recipe: Recipe, labels: Labels) -> ModelLook:
    """Load the recipe's model with its weights, as a run would, and return what it is.

    Raises:
        StudioError: If the weights are of another network, damaged or none at all: in words.
    """
    from finetune_studio.core.dataset import Labels as Names
    from finetune_studio.engine.probe import look_at_model
    from finetune_studio.tasks import CATALOGUE

    enough = labels if len(labels) > 1 else Names(("a", "b"), (1, 2))
    CATALOGUE.load(recipe.task)().load_model(recipe, enough)
    return look_at_model(recipe, enough)


def architectures() -> list[str]:
    """Return what a weights file can be said to belong to."""
    from finetune_studio.models.recognise import known

    return known()
