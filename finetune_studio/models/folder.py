"""A pretrained network from a folder: of Hugging Face, or an export or run of this program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from finetune_studio.core import own_run
from finetune_studio.core.errors import StudioError
from finetune_studio.models import build as building
from finetune_studio.models import library, weights
from finetune_studio.models.node import within
from finetune_studio.models.pretrained import Pretrained, processor_for
from finetune_studio.models.quiet import quiet

if TYPE_CHECKING:
    from pathlib import Path

    from finetune_studio.core.recipe import ModelChoices

_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def find(place: Path, choices: ModelChoices, task: str = "") -> Pretrained:
    """Return the network that lies in a folder; of a project, its only trained run.

    Raises:
        StudioError: If there is none, or it is not made for pictures, or needs code of its own, or
            is a run of another task.
    """
    place = own_run.found_at(place)
    if (place / "model.json").is_file():
        from finetune_studio.models import continued

        return continued.from_run(place, choices, task)
    if (place / "config.json").is_file():
        values = _read_json(place / "config.json")
        if "builder" in values:
            return _from_export(place, values, choices)
        return _from_hugging_face(place, values, choices)
    raise StudioError(
        f"There is no model in the folder {place}: neither config.json nor model.json is in it.",
        "Choose the folder that holds config.json and model.safetensors, or a weights file.",
    )


# --- Hugging Face ---------------------------------------------------------------------------------


def build(config: dict[str, Any], classes: int) -> nn.Module:
    """Return the network that a configuration of transformers describes, with random weights."""
    with quiet():
        library.load()
        from transformers import AutoModelForImageClassification

        made = AutoModelForImageClassification.from_config(_config(config, classes))
    assert isinstance(made, nn.Module)
    # Every network here maps pixels to one number a class, whichever library it is from.
    made.register_forward_hook(_logits_alone)
    return made


def _logits_alone(_network: nn.Module, _args: Any, output: Any) -> Tensor:
    found = output if isinstance(output, Tensor) else output.logits
    assert isinstance(found, Tensor)
    return found


def _config(values: dict[str, Any], classes: int) -> Any:
    library.load()
    from transformers import CONFIG_MAPPING

    kind = str(values.get("model_type"))
    if kind not in CONFIG_MAPPING:
        raise StudioError(
            f"This version does not know networks of the kind {kind!r}.",
            "Models that bring program code of their own are never run; choose another model.",
        )
    return CONFIG_MAPPING[kind].from_dict(values, num_labels=classes)


def _from_hugging_face(place: Path, values: dict[str, Any], choices: ModelChoices) -> Pretrained:
    values = {name: value for name, value in values.items() if name != "auto_map"}
    _refuse_other_tasks(place, values)
    processor = _processor(place, values, choices)
    if choices.image_size and "image_size" in values:
        values["image_size"] = choices.image_size
    architecture = {"library": "transformers", "config": values}
    old = len(values.get("id2label") or {}) or 2
    whole = any("ForImageClassification" in name for name in values.get("architectures") or ())
    try:
        with torch.device("meta"):
            head = building.head_of(build(values, old), old)
    except (AttributeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise StudioError(
            f"The settings in {place / 'config.json'} make no network: {error}.",
            "Download or copy the folder again.",
        ) from error

    def fill(network: nn.Module) -> None:
        network.load_state_dict(_load(place, values, head, network).state_dict())

    def original() -> nn.Module:
        network = build(values, old)
        fill(network)
        return network

    return Pretrained(
        architecture,
        processor,
        head,
        str(place),
        _note(old if whole else 0),
        fill,
        classes=names_of(values),
        whole=original if whole else None,
    )


def names_of(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes in a config.json, in the order of the outputs."""
    named = values.get("id2label")
    if not isinstance(named, dict):
        return ()
    return tuple(str(named[key]) for key in sorted(named, key=int))


def _note(classes: int) -> str:
    if not classes:
        return "The folder brings no last layer; a new one is made for your classes."
    return (
        f"The last layer for {classes:,} classes in the folder is left out;"
        " a new one is made for your classes."
    )


def _refuse_other_tasks(place: Path, values: dict[str, Any]) -> None:
    library.load()
    from transformers import CONFIG_MAPPING, MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING

    kind = values.get("model_type")
    if (
        kind in CONFIG_MAPPING
        and CONFIG_MAPPING[kind] not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
    ):
        raise StudioError(
            f"The model in {place} is of the kind {kind!r}, which does not classify pictures.",
            "Choose a model made for image classification.",
        )


def _load(place: Path, values: dict[str, Any], head: str, network: nn.Module) -> nn.Module:
    """Return a second network with the folder's weights and a head of the first one's size."""
    from safetensors import SafetensorError

    library.load()
    from transformers import AutoModelForImageClassification

    last = network.get_submodule(head)
    assert isinstance(last, nn.Linear)
    try:
        with quiet():
            loaded, told = AutoModelForImageClassification.from_pretrained(
                str(place),
                config=_config(values, last.out_features),
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise StudioError(
            f"The weights in {place} cannot be read: {str(error).splitlines()[0]}",
            "The folder must hold the whole model as .safetensors; download or copy it again.",
        ) from error
    _refuse_gaps(place, head, told)
    assert isinstance(loaded, nn.Module)
    return loaded


def _refuse_gaps(place: Path, head: str, told: dict[str, Any]) -> None:
    """Refuse a folder whose weights leave a part of the network random, other than its head."""
    missing = [k for k in told["missing_keys"] if not within(k, head)]
    other = [k[0] for k in told["mismatched_keys"] if not within(k[0], head)]
    if other and any("position" in name for name in other):
        raise StudioError(
            f"The model in {place} works only with the image size that it was pretrained with.",
            "Set model.image_size to 0 to keep that.",
        )
    if missing or other:
        lacking = sorted([*missing, *other])
        raise StudioError(
            f"The weights in {place} do not belong to its config.json: {len(lacking)} parts are"
            f" missing or of another shape ({', '.join(lacking[:5])}).",
            "Download or copy the folder again.",
        )


def _processor(place: Path, values: dict[str, Any], choices: ModelChoices) -> dict[str, Any]:
    """Return how the folder's own settings make a picture ready."""
    file = place / "preprocessor_config.json"
    own = (_read_json(file) if file.is_file() else {}) or {}
    size, crop = _side(own.get("size")), _side(own.get("crop_size"))
    if not own or not size:
        crop = _side(values.get("image_size")) or 224
        size = round(crop * 256 / 224)
    elif not own.get("do_center_crop", crop is not None) or not crop:
        crop = size
        # ConvNeXt's own way: enlarge first, so that the crop cuts a border off.
        size = round(size / own["crop_pct"]) if own.get("crop_pct") and size < 384 else size
    scale = 1.0 if own.get("do_rescale", True) else 255.0
    plain = not own.get("do_normalize", True)
    seen = {
        "image_size": crop,
        "resize": max(size, crop),
        "mean": [0.0] * 3 if plain else _three(own, "image_mean", scale),
        "std": [1.0 / scale] * 3 if plain else _three(own, "image_std", scale),
        "interpolation": _FILTERS.get(own.get("resample", 2), "bilinear"),
    }
    return processor_for(seen, choices)


def _three(own: dict[str, Any], name: str, scale: float) -> list[float]:
    found = own.get(name) or _IMAGENET[name]
    listed = found if isinstance(found, list) else [found] * 3
    return [float(value) / scale for value in listed]


def _side(size: Any) -> int | None:
    """Return one side in pixels from any of the ways in which folders write a size."""
    if isinstance(size, dict):
        size = size.get("shortest_edge") or size.get("height")
    if isinstance(size, list) and size:
        size = size[0]
    return int(size) if isinstance(size, int | float) and size > 0 else None


# --- an export of this program -----------------------------------------------------------------------


def _from_export(place: Path, values: dict[str, Any], choices: ModelChoices) -> Pretrained:
    """Return the network of a torchvision kind that this program exported."""
    try:
        head = str(values["head"])
        architecture = {
            "library": "torchvision",
            "builder": str(values["builder"]),
            "kwargs": dict(values.get("kwargs", {})),
            "head": head,
        }
        names = tuple(map(str, values["labels"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _incomplete(place / "config.json", error) from error
    processor = _processor(place, values, choices)
    return _ours(place, architecture, head, names, processor)


def _incomplete(file: Path, error: Exception) -> StudioError:
    return StudioError(f"{file} is not complete: {error} is missing.", "Choose another model.")


def _ours(
    place: Path,
    architecture: dict[str, Any],
    head: str,
    names: tuple[str, ...],
    processor: dict[str, Any],
) -> Pretrained:
    files = sorted(place.glob("*.safetensors"))
    if not files:
        raise StudioError(f"There are no weights in {place}.", "Copy the whole folder again.")
    state = {name: value for file in files for name, value in weights.read(file).items()}

    def fill(network: nn.Module) -> None:
        weights.fit(network, state, head=head, file=files[-1], title="the network beside them")

    rows = (state.get(f"{head}.weight"), state.get(f"{head}.bias"))
    note = _note(len(names))
    return Pretrained(
        architecture, processor, head, str(place), note, fill, rows=rows, classes=names
    )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudioError(
            f"{file} cannot be read: {error}.", "Download or copy the folder again."
        ) from error
    if not isinstance(found, dict):
        raise StudioError(f"{file} holds no settings.", "Download or copy the folder again.")
    return found
