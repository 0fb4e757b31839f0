"""Finds what a recipe's model choice means for a text task: a folder, a row, or an earlier run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from finetune_studio.core import own_run
from finetune_studio.core.errors import StudioError
from finetune_studio.models import hub, repository, zoo
from finetune_studio.models.pretrained import Pretrained, not_offered
from finetune_studio.models.text import networks, tokens

if TYPE_CHECKING:
    from torch import Tensor, nn

    from finetune_studio.core.catalogue import Entry
    from finetune_studio.core.recipe import ModelChoices

_AGAIN = "Download or copy the folder again."


def find(
    choices: ModelChoices,
    family: str,
    auto: str,
    *,
    task: str = "",
    weights_needed: bool = True,
) -> Pretrained:
    """Return what the choice stands for.

    Args:
        choices: A catalogue name, a folder, or the name of a repository that lies in Hugging Face's
            own cache.
        family: What the task needs: ``text``, ``seq2seq`` or ``causal``.
        auto: The class of transformers, for example ``AutoModelForTokenClassification``.
        task: The task's name, which a run must have been taught too; empty for any.
        weights_needed: Off to look at a model of the catalogue that was not downloaded yet.

    Raises:
        StudioError: If there is no such model here, or its files are damaged or of another kind.
    """
    place = Path(choices.source).expanduser()
    if choices.source in zoo.CATALOGUE:
        row = zoo.CATALOGUE[choices.source]
        return _from_row(row, family, auto, weights_needed=weights_needed)
    if place.is_dir():
        return from_folder(own_run.found_at(place), auto, task, choices)
    if place.is_file():
        raise StudioError(
            f"{place} is a single file; a text model is a folder with its tokenizer.",
            "Choose the folder that holds config.json, model.safetensors and tokenizer.json.",
        )
    known = repository.cached(choices.source) if choices.source.count("/") == 1 else None
    if known is not None:
        return from_folder(known, auto, origin=choices.source)
    if place.suffix or "/" in choices.source or "\\" in choices.source:
        raise StudioError(
            f"There is no model at {choices.source}.",
            "Check the path, or choose a model of the catalogue.",
        )
    raise not_offered(choices.source)


def _from_row(row: Entry, family: str, auto: str, *, weights_needed: bool) -> Pretrained:
    if row.facts["family"] != family:
        raise StudioError(
            f"{row.title} is made for {row.facts['family']} tasks, not for {family}.",
            f"Choose one of: {', '.join(r.name for r in zoo.CATALOGUE.family(family))}.",
        )
    place = hub.local(row)
    if place is not None:
        return from_folder(place, auto, origin=row.name)
    if weights_needed or "config" not in row.facts:
        raise hub.absent(row)
    return _promised(row, auto)


def _promised(row: Entry, auto: str) -> Pretrained:
    """Return a model that can be looked at and not yet be used."""

    def make(_classes: int, _seed: int) -> nn.Module:
        raise hub.absent(row)

    architecture = _architecture(row.facts["config"], auto, str(row.facts.get("pooling", "")))
    architecture |= {"untied": row.facts["untied"]} if "untied" in row.facts else {}
    network = _shape_of(architecture, row.title)
    longest = row.facts.get("max_length", 512)
    seen = {"max_length": longest, "limit": longest, "inputs": networks.inputs_of(network)}
    note = hub.absent(row).message
    head = networks.head_of(network)
    return Pretrained(architecture, seen, head, row.name, note, _nothing, local=False, make=make)


def from_folder(
    place: Path, auto: str, task: str = "", choices: ModelChoices | None = None, origin: str = ""
) -> Pretrained:
    """Return the text network that lies in a folder.

    Raises:
        StudioError: If there is none, it is of another kind, or a file is missing or damaged.
    """
    if (place / "model.json").is_file() and choices is not None:
        from finetune_studio.models import continued

        found = continued.from_run(place, choices, task)
        if found.architecture.get("auto") != auto:
            raise StudioError(
                f"The run {place} learnt another task than this one.",
                "Choose a run of the same task, or a model of the catalogue.",
            )
        return found
    if not (place / "config.json").is_file():
        raise StudioError(
            f"There is no model in the folder {place}: neither config.json nor model.json is in it.",
            "Choose the folder that holds config.json, model.safetensors and tokenizer.json.",
        )
    values = _read_json(place / "config.json")
    if "builder" in values:
        raise StudioError(
            f"The model in {place} classifies pictures, not texts.", "Choose a text model."
        )
    networks.refuse_other_kinds(place, values, auto)
    names = _weight_names(place)
    architecture = _architecture(values, auto, _pooling(place, values, auto, names))
    network = _shape_of(architecture, str(place / "config.json"))
    files = tokens.read(place)
    seen = tokens.processor(files, network, auto, place)
    _know_padding(architecture["config"], seen, auto)
    head = networks.head_of(network)

    def make(outputs: int, seed: int) -> nn.Module:
        return networks.loaded(place, architecture, outputs, seed)

    classes = _own_classes(values, auto, architecture)

    def original() -> nn.Module:
        return networks.loaded(place, architecture, len(classes), 0, own_head=True)

    return Pretrained(
        architecture,
        seen,
        head,
        origin or str(place),
        _note(values, auto),
        _nothing,
        make=make,
        files=files,
        classes=classes,
        rows=_own_rows(place, head, values, auto),
        whole=original if classes and auto == networks.CLASSIFY else None,
    )


def _own_classes(
    values: dict[str, Any], auto: str, architecture: dict[str, Any]
) -> tuple[str, ...]:
    """Return the classes that a folder's own last layer tells apart; none where it brings no such layer."""
    kind = auto.removeprefix("AutoModel")
    whole = any(kind in name for name in values.get("architectures") or ())
    named = values.get("id2label")
    if auto not in (networks.CLASSIFY, networks.TAG) or architecture["pooling"] or not whole:
        return ()
    if not isinstance(named, dict):
        return ("0", "1")  # transformers' own default
    return tuple(str(named[key]) for key in sorted(named, key=int))


def _own_rows(
    place: Path, head: str, values: dict[str, Any], auto: str
) -> tuple[Tensor | None, Tensor | None]:
    """Return weight and bias of the last layer with which a folder marks words or finds answers."""
    from safetensors import safe_open

    kind = auto.removeprefix("AutoModel")
    whole = any(kind in name for name in values.get("architectures") or ())
    if auto not in (networks.TAG, networks.ANSWER) or not whole:
        return None, None
    found: dict[str, Tensor] = {}
    for file in sorted(place.glob("model*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            for part in ("weight", "bias"):
                if f"{head}.{part}" in opened.keys():  # noqa: SIM118  it is no dictionary
                    found[part] = opened.get_tensor(f"{head}.{part}")
    return found.get("weight"), found.get("bias")


def _architecture(values: dict[str, Any], auto: str, pooling: str) -> dict[str, Any]:
    config = {name: value for name, value in values.items() if name not in networks.LEFT_OUT}
    return {"library": "transformers", "auto": auto, "config": config, "pooling": pooling}


def _nothing(_network: nn.Module) -> None:
    """Leave the network as it is: it came with its weights."""


def _know_padding(config: dict[str, Any], seen: dict[str, Any], auto: str) -> None:
    """Tell a language model that classifies what its padding is, so that it finds the last token."""
    if auto == networks.CLASSIFY and config.get("pad_token_id") is None:
        config["pad_token_id"] = seen["pad_id"]


def _shape_of(architecture: dict[str, Any], place: str) -> nn.Module:
    """Return the network without any numbers, for its names and shapes.

    Raises:
        StudioError: If the settings make no network.
    """
    try:
        with torch.device("meta"):
            return networks.build(architecture, 2)
    except (AttributeError, TypeError, ValueError, ZeroDivisionError) as error:
        why = str(error).splitlines()[0] if str(error) else repr(error)
        raise StudioError(f"The settings in {place} make no network: {why}.", _AGAIN) from error


def _pooling(place: Path, values: dict[str, Any], auto: str, names: set[str]) -> str:
    """Return ``mean`` for sentence-embedding models, and where a pooler would have to be made up.

    A pooler inside the body that the weights lack would be random, and its input too long to keep.
    """
    if auto != networks.CLASSIFY:
        return ""
    if _is_mean_pooled(place):
        return "mean"
    network = _shape_of(_architecture(values, auto, ""), str(place / "config.json"))
    body = getattr(network, getattr(network, "base_model_prefix", ""), None)
    pooler = getattr(body, "pooler", None)
    return "mean" if pooler is not None and not any("pooler." in n for n in names) else ""


def _is_mean_pooled(place: Path) -> bool:
    file = place / "modules.json"
    if not file.is_file():
        return False
    try:
        parts = json.loads(file.read_text(encoding="utf-8"))
        paths = [str(p["path"]) for p in parts if str(p["type"]).endswith("Pooling")]
        own = [_read_json(place / path / "config.json") for path in paths]
    except (KeyError, TypeError, ValueError) as error:
        raise StudioError(f"{file} cannot be read: {error}.", _AGAIN) from error
    return any(
        settings.get("pooling_mode_mean_tokens") or settings.get("pooling_mode") == "mean"
        for settings in own
    )


def _weight_names(place: Path) -> set[str]:
    """Return the names of all tensors in a folder, read without the tensors themselves.

    Raises:
        StudioError: If there are no weights in the one form that is read, or they are damaged.
    """
    from safetensors import SafetensorError, safe_open

    files = sorted(place.glob("model*.safetensors"))
    if not files:
        other = [f.name for f in (*place.glob("pytorch_model*.bin"), *place.glob("*.h5"))]
        if other:
            raise StudioError(
                f"{place} holds its weights only as {other[0]}, which could hold program code.",
                "Choose a copy with model.safetensors, or convert it once with save_pretrained of"
                " transformers.",
            )
        raise StudioError(f"There are no weights in {place}: model.safetensors is missing.", _AGAIN)
    found: set[str] = set()
    for file in files:
        try:
            with safe_open(file, framework="pt") as opened:
                found |= set(opened.keys())
        except (SafetensorError, OSError, ValueError) as error:
            raise StudioError(
                f"{file} ({file.stat().st_size:,} bytes) is damaged or was cut short.", _AGAIN
            ) from error
    return found


def _note(values: dict[str, Any], auto: str) -> str:
    if auto in (networks.REWRITE, networks.WRITE):
        return "The model keeps its own last layer, which says the next word."
    whole = any(auto.removeprefix("AutoModel") in n for n in values.get("architectures") or ())
    classes = len(values.get("id2label") or {}) or 2
    if not whole:
        return "The folder brings no last layer; a new one is made for your data."
    if auto == networks.ANSWER:
        return "The last layer in the folder finds answers already, but a new one is made."
    return (
        f"The last layer for {classes:,} classes in the folder is left out;"
        " a new one is made for your classes."
    )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudioError(f"{file} cannot be read: {error}.", _AGAIN) from error
    if not isinstance(found, dict):
        raise StudioError(f"{file} holds no settings.", _AGAIN)
    return found
