"""Recipe: every choice of a run, validated, kept in one TOML file with units and help beside each field.

The form in the window, ``--set`` on the terminal and the checks before a run are all generated from the
fields below, so a choice is described once.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import write_text

Preset = Literal["quick", "balanced", "best"]
Amount = Literal["head_only", "last_stage", "later_half", "everything", "custom"]


def _field(
    default: Any, title: str, help_text: str, *, unit: str = "", simple: bool = False, **bounds: Any
) -> Any:
    """Describe a choice once: its name, its sentence, its unit, and whether Simple shows it."""
    return Field(
        default=default,
        title=title,
        description=help_text,
        json_schema_extra={"unit": unit, "simple": simple},
        **bounds,
    )


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class DataChoices(_Section):
    """Where the samples come from and how they are divided."""

    path: str = _field("", "Data", "The folder, table or zip with your samples.", simple=True)
    reader: str = _field(
        "", "Format", "How the data are read; empty recognises the format by itself."
    )
    path_column: str = _field("", "Path column", "The column of a table that names the files.")
    label_column: str = _field("", "Label column", "The column of a table that holds the labels.")
    split_column: str = _field(
        "", "Split column", "The column that says train, validation or test."
    )
    group_column: str = _field(
        "",
        "Group column",
        "Samples of one group (a patient, a field, a case) always stay in the same split.",
    )
    validation_share: float = _field(
        0.15,
        "Validation share",
        "The part kept aside to judge each epoch, where the data bring none.",
        unit="of all samples",
        ge=0.01,
        le=0.5,
    )
    test_share: float = _field(
        0.15,
        "Test share",
        "The part kept locked to judge the final model, where the data bring no splits at all.",
        unit="of all samples",
        ge=0.0,
        le=0.5,
    )


class ModelChoices(_Section):
    """Which pretrained network the run begins with."""

    source: str = _field(
        "starter", "Model", "A catalogue name, a weights file or a folder.", simple=True
    )
    architecture: str = _field(
        "", "Architecture", "What network a weights file belongs to; empty recognises it."
    )
    image_size: int = _field(
        0,
        "Image size",
        "Side of the square that the network sees; 0 keeps what it was pretrained with.",
        unit="pixels",
        ge=0,
        le=1024,
    )


class LayerChoices(_Section):
    """How much of the network may change, and since when."""

    amount: Amount = _field(
        "head_only",
        "How much to retrain",
        "The head alone is fastest and safest with few samples; more layers learn finer differences.",
        simple=True,
    )
    trainable: list[str] = _field(
        [], "Trainable layers", "Names of the modules that may change, for a custom choice."
    )


class OptimiserChoices(_Section):
    """How the network is changed step by step."""

    method: Literal["steps", "solve"] = _field(
        "steps",
        "Method",
        "Small steps along the gradient; or, where the head alone learns, solving it exactly, which"
        " takes seconds. Each epoch of a solution leaves the head a little freer.",
    )
    epochs: int = _field(
        10, "Epochs", "How many times every training sample is seen.", simple=True, ge=1, le=1000
    )
    batch_size: int = _field(
        32, "Batch size", "Samples looked at before each change.", unit="samples", ge=1, le=4096
    )
    learning_rate: float = _field(
        2e-4,
        "Learning rate",
        "How far one step changes the pretrained layers; too large a step destroys what they know.",
        unit="per step",
        gt=0,
        le=100,
    )
    head_learning_rate: float = _field(
        2e-3,
        "Learning rate of the head",
        "The new last layer starts from nothing, so it may take larger steps.",
        unit="per step",
        gt=0,
        le=100,
    )
    weight_decay: float = _field(
        0.05, "Weight decay", "Pulls weights towards zero; guards against overfitting.", ge=0, le=10
    )
    label_smoothing: float = _field(
        0.0,
        "Label smoothing",
        "Trains towards slightly less than full certainty; helps where labels are noisy.",
        ge=0,
        lt=1,
    )
    schedule: Literal["cosine", "linear", "constant"] = _field(
        "cosine", "Schedule", "How the learning rate falls from its peak to the end of the run."
    )
    warmup_share: float = _field(
        0.05,
        "Warm-up",
        "The first part of the run, in which the learning rate rises from zero.",
        unit="of all steps",
        ge=0,
        le=0.5,
    )
    gradient_clip: float = _field(
        1.0, "Gradient limit", "Longer gradients are cut to this length; 0 cuts none.", ge=0
    )
    balance: Literal["none", "weights", "sampler"] = _field(
        "none",
        "Balance classes",
        "Lets rare classes count more: by weight in the loss, or by being drawn more often.",
        simple=True,
    )


class AugmentChoices(_Section):
    """How training samples are varied, so that the network learns what matters."""

    strength: Literal["none", "light", "medium", "strong"] = _field(
        "light",
        "Variation of pictures",
        "Random crops, flips and changes of colour while training.",
        simple=True,
    )
    horizontal_flip: bool = _field(
        True,
        "Mirror pictures",
        "Off where left and right differ in meaning, as with letters or hand signs.",
        simple=True,
    )
    views: int = _field(
        3,
        "Varied views kept",
        "How many varied copies of each sample are computed when frozen layers are computed once.",
        unit="a sample",
        ge=1,
        le=32,
    )


class StopChoices(_Section):
    """When a run ends before its last epoch, and which epoch is kept."""

    early: bool = _field(
        True, "Early stopping", "Ends the run when validation no longer improves.", simple=True
    )
    patience: int = _field(
        4, "Patience", "Epochs without gain before the run ends.", unit="epochs", ge=1, le=1000
    )


class ComputeChoices(_Section):
    """What the run may use of this computer."""

    device: Literal["auto", "cpu", "cuda", "mps"] = _field(
        "auto", "Device", "Where the network runs; auto takes the fastest that works."
    )
    threads: int = _field(
        0, "Processor threads", "0 lets the program choose.", unit="threads", ge=0, le=256
    )
    cache: Literal["auto", "off"] = _field(
        "auto",
        "Compute frozen layers once",
        "Keeps what the frozen layers say about each sample, so that later epochs are fast.",
    )
    cache_limit_mb: int = _field(
        4096, "Room for computed features", "On disk and in memory.", unit="MB", ge=16
    )


class Recipe(_Section):
    """Every choice of one run.

    Raises:
        StudioError: From :func:`load`, :func:`from_values` and :meth:`with_settings`, naming the field.
    """

    task: str = _field("image_classification", "Task", "What the model is taught.")
    preset: Preset = _field(
        "balanced", "Preset", "Quick look, balanced or best; sets the choices below.", simple=True
    )
    seed: int = _field(
        0, "Seed", "The start of all random numbers; the same seed gives the same run.", ge=0
    )
    data: DataChoices = Field(default_factory=DataChoices)
    model: ModelChoices = Field(default_factory=ModelChoices)
    layers: LayerChoices = Field(default_factory=LayerChoices)
    optimiser: OptimiserChoices = Field(default_factory=OptimiserChoices)
    augment: AugmentChoices = Field(default_factory=AugmentChoices)
    stop: StopChoices = Field(default_factory=StopChoices)
    compute: ComputeChoices = Field(default_factory=ComputeChoices)
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

    def toml(self) -> str:
        """Return the recipe as TOML with each field's help and unit above it."""
        lines = ["# A Finetune Studio recipe: every choice of one run.", ""]
        lines += _section_lines(self, "")
        return "\n".join(lines) + "\n"

    def save(self, path: Path) -> None:
        """Write the recipe atomically."""
        write_text(path, self.toml())


def from_values(values: dict[str, Any]) -> Recipe:
    """Check plain values and return the recipe they make."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise StudioError(
            f"The setting {where} cannot be {first.get('input')!r}: {first['msg']}.",
            _hint_for(where),
        ) from error


def load(path: Path) -> Recipe:
    """Read a recipe file; relative paths in it are relative to the file."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudioError(f"There is no recipe at {path}.", "Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudioError(f"{path} is not a recipe: {error}.", "Correct the line named.") from error
    recipe = from_values(values)
    for section, name in ((recipe.data, "path"), (recipe.model, "source")):
        text = getattr(section, name)
        beside = path.parent / text
        if text and not Path(text).is_absolute() and beside.exists():
            setattr(section, name, str(beside.resolve()))
    return recipe


def parse_setting(text: str) -> tuple[str, Any]:
    """Split ``dotted.field=value``; the value is read as TOML, or else as plain text."""
    name, equals, raw = text.partition("=")
    if not equals or not name.strip():
        raise StudioError(
            f"--set {text!r} is not of the form field=value.",
            "For example: --set optimiser.epochs=5",
        )
    try:
        value = tomllib.loads(f"v = {raw.strip()}")["v"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    return name.strip(), value


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
    raise StudioError(f"There is no setting called {dotted!r}.", _hint_for(dotted))


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
        if "enum" in about:
            limits = ["one of " + ", ".join(map(str, about["enum"]))]
        return (
            f"{about['description']} It must be {' and '.join(limits)}."
            if limits
            else str(about["description"])
        )
    near = difflib.get_close_matches(dotted, known, n=3, cutoff=0.4)
    return f"Did you mean {' or '.join(near)}?" if near else f"Known are: {', '.join(known)}."


def _section_lines(section: BaseModel, prefix: str) -> list[str]:
    lines: list[str] = []
    tables: list[tuple[str, Any]] = []
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel | dict):
            tables.append((name, value))
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        unit = f" [{extra['unit']}]" if extra.get("unit") else ""
        lines += [f"# {info.title}{unit}: {info.description}", f"{name} = {_toml_value(value)}"]
    for name, value in tables:
        if isinstance(value, dict):
            if value:
                lines += ["", f"[{prefix}{name}]"]
                lines += [f"{_toml_key(key)} = {_toml_value(item)}" for key, item in value.items()]
        else:
            lines += ["", f"[{prefix}{name}]", *_section_lines(value, f"{prefix}{name}.")]
    return lines


def _toml_key(key: str) -> str:
    return key if key.isidentifier() else json.dumps(key)


def _toml_value(value: Any) -> str:
    """Write one value as TOML; JSON's spelling of texts, numbers and lists is valid TOML."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items())
        return "{" + inner + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
