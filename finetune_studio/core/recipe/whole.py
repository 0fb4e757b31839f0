"""The whole recipe: made from values, from a file, or with single settings changed; always checked."""

from __future__ import annotations

import difflib
import functools
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import write_text
from finetune_studio.core.recipe import refusals, toml
from finetune_studio.core.recipe.choices import (
    AugmentChoices,
    ComputeChoices,
    DataChoices,
    LayerChoices,
    ModelChoices,
    OptimiserChoices,
    Preset,
    RegulariseChoices,
    Section,
    StopChoices,
    described,
)
from finetune_studio.core.recipe.forgetting import ForgettingChoices
from finetune_studio.core.recipe.studies import CrossvalChoices, SearchChoices

_HIGHEST_SEED = 2**31 - 1  # the random numbers of a step come from the seed and the step in 64 bits


class Recipe(Section):
    """Every choice of one run.

    Raises:
        StudioError: From :func:`load`, :func:`from_values` and :meth:`with_settings`, naming the field.
    """

    task: str = described("image_classification", "Task", "What the model is taught.")
    preset: Preset = described(
        "balanced", "Preset", "Quick look, balanced or best; sets the choices below.", simple=True
    )
    seed: int = described(
        0,
        "Seed",
        "The start of all random numbers; the same seed gives the same run.",
        ge=0,
        le=_HIGHEST_SEED,
    )
    data: DataChoices = Field(default_factory=DataChoices)
    model: ModelChoices = Field(default_factory=ModelChoices)
    layers: LayerChoices = Field(default_factory=LayerChoices)
    optimiser: OptimiserChoices = Field(default_factory=OptimiserChoices)
    augment: AugmentChoices = Field(default_factory=AugmentChoices)
    regularise: RegulariseChoices = Field(default_factory=RegulariseChoices)
    stop: StopChoices = Field(default_factory=StopChoices)
    forgetting: ForgettingChoices = Field(default_factory=ForgettingChoices)
    compute: ComputeChoices = Field(default_factory=ComputeChoices)
    crossval: CrossvalChoices = Field(default_factory=CrossvalChoices)
    search: SearchChoices = Field(default_factory=SearchChoices)
    options: dict[str, Any] = Field(
        default_factory=dict, title="Options", description="Settings that only this task has."
    )

    @model_validator(mode="after")
    def _shares_leave_something(self) -> Recipe:
        if self.data.validation_share + self.data.test_share > 0.9:
            raise ValueError(
                "validation_share and test_share together leave under 10 % to train on"
            )
        return self

    @model_validator(mode="after")
    def _one_study_at_a_time(self) -> Recipe:
        if self.crossval.folds and self.search.trials:
            raise ValueError(
                "cross-validation and a search are two studies: set crossval.folds or search.trials to 0"
            )
        return self

    def with_settings(self, settings: dict[str, Any]) -> Recipe:
        """Return a copy with dotted fields replaced, such as ``{"optimiser.epochs": 5}``."""
        values = self.model_dump()
        for dotted, value in settings.items():
            place = values
            *folders, last = _resolve(dotted).split(".")
            for name in folders:
                place = place.setdefault(name, {})
            place[last] = value
        return from_values(values)

    def stated(self) -> dict[str, Any]:
        """Return the choices that were made when the recipe was read, by dotted name; no defaults."""
        found: dict[str, Any] = {}
        for name in type(self).model_fields:
            if name not in self.model_fields_set:
                continue
            value = getattr(self, name)
            if isinstance(value, BaseModel):
                inner = {key: getattr(value, key) for key in sorted(value.model_fields_set)}
            elif isinstance(value, dict):
                inner = value
            else:
                found[name] = value
                continue
            found |= {f"{name}.{key}": item for key, item in inner.items()}
        return found

    def toml(self) -> str:
        """Return the recipe as TOML with each field's help and unit above it."""
        return toml.document(self)

    def save(self, path: Path) -> None:
        """Write the recipe atomically."""
        write_text(path, self.toml())


def from_values(values: dict[str, Any]) -> Recipe:
    """Check plain values and return the recipe they make."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if not where:  # several settings that do not go together
            why = refusals.why(first)
            raise StudioError(
                f"{why[:1].upper()}{why[1:]}.", "Change one of these settings."
            ) from error
        if first["type"] == "extra_forbidden":
            raise unknown(where) from error
        setting, _ = refusals.place(where, fields())
        raise StudioError(refusals.sentence(first, fields()), _hint_for(setting)) from error


def load(path: Path) -> Recipe:
    """Read a recipe file; relative paths in it are relative to the file."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudioError(f"There is no recipe at {path}.", "Check the path.") from error
    except IsADirectoryError as error:
        raise StudioError(
            f"{path} is a folder, not a recipe.", "Give the file recipe.toml that lies in a run."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudioError(f"{path} is not a recipe: {error}.", "Correct the line named.") from error
    recipe = from_values(values)
    paths = (
        (recipe.data, "path"),
        (recipe.data, "labels_path"),
        (recipe.model, "source"),
        (recipe.forgetting, "held_out"),
    )
    for section, name in paths:
        text = getattr(section, name)
        beside = path.parent / Path(text).expanduser()
        if text and not Path(text).is_absolute() and beside.exists():
            setattr(section, name, str(beside.resolve()))
    return recipe


def parse_setting(text: str) -> tuple[str, Any]:
    """Split ``dotted.field=value``; return the field's full name and its value.

    The value is read as TOML, or else as plain text; several names may be parted by commas, and numbers of
    single modules given as ``layer3:0.5, layer4:2``.

    Raises:
        StudioError: If there is no equals sign, or no field of that name.
    """
    name, equals, raw = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise StudioError(
            f"--set {text!r} is not of the form field=value.",
            "For example: --set optimiser.epochs=5",
        )
    full = _resolve(name)
    kind = fields().get(full, {}).get("type")
    try:
        value = tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        value = raw
    if kind == "string" and not isinstance(value, str):
        value = raw  # a column may well be called 1
    if kind == "array" and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if kind == "object" and isinstance(value, str) and ":" in value:
        value = dict(_told(part) for part in value.split(",") if part.strip())
    return full, value


def _told(part: str) -> tuple[str, Any]:
    """Split ``name:value``."""
    name, _, raw = (text.strip() for text in part.rpartition(":"))
    try:
        return name, tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        return name, raw


@functools.cache  # drawn from schemas, which takes long enough to be felt in the window
def fields() -> dict[str, dict[str, Any]]:
    """Return every field by its dotted name: title, help, unit, simple, default, kind and bounds."""
    return _describe(Recipe, "")


def _describe(kind: type[BaseModel], prefix: str) -> dict[str, dict[str, Any]]:
    schema = kind.model_json_schema(ref_template="{model}")
    found: dict[str, dict[str, Any]] = {}
    for name, info in kind.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= _describe(inner, f"{prefix}{name}.")
        else:
            found[prefix + name] = schema["properties"][name] | {"default": info.get_default()}
    return found


def _resolve(dotted: str) -> str:
    """Accept a field's full dotted name, or its last word where only one field has it."""
    known = fields()
    if dotted in known or dotted.startswith("options."):
        return dotted
    by_last = [name for name in known if name.rpartition(".")[2] == dotted]
    if len(by_last) == 1:
        return by_last[0]
    raise unknown(dotted)


def unknown(dotted: str) -> StudioError:
    """Return the error for a setting that does not exist."""
    return StudioError(f"There is no setting called {dotted!r}.", _hint_for(dotted))


def _hint_for(dotted: str) -> str:
    known = fields()
    if dotted in known:
        about = known[dotted]
        limits = [
            f"{word} {about[key]}"
            for key, word in (
                ("minimum", "at least"),
                ("exclusiveMinimum", "more than"),
                ("maximum", "at most"),
                ("exclusiveMaximum", "less than"),
            )
            if key in about
        ]
        return (
            f"{about['description']} It must be {' and '.join(limits)}."
            if limits
            else str(about["description"])
        )
    near = difflib.get_close_matches(dotted, known, n=3, cutoff=0.4)
    return f"Did you mean {' or '.join(near)}?" if near else f"Known are: {', '.join(known)}."
