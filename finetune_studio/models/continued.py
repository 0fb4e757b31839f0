"""The trained network of a run of this program as the start of another run."""

from __future__ import annotations

import json
import math
import tomllib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from finetune_studio.core import files
from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.own_run import KnownClasses
from finetune_studio.models import build, lora, tied, weights
from finetune_studio.models.pretrained import Pretrained, processor_for, sized, with_positions

if TYPE_CHECKING:
    from pathlib import Path

    from finetune_studio.core.recipe import ModelChoices

_NOISE = 0.01  # as a new head begins
_ANOTHER = "Choose another run or model."
_TAGGING = "AutoModelForTokenClassification"  # outside, then begin and inside of each class
_TELLING_APART = ("AutoModelForSequenceClassification", _TAGGING)


def from_run(place: Path, choices: ModelChoices, task: str = "") -> Pretrained:
    """Return the best network of a run (``runs/<n>``), with what its last layer knows.

    Raises:
        StudioError: If the run taught another task, has no network yet, or a file is damaged.
    """
    _refuse_other_task(place, task)
    saved = _read_json(place / "model.json")
    if saved.get("architecture", {}).get("auto"):
        return _text(place, saved)
    try:
        labels = Labels(tuple(saved["labels"]["names"]), tuple(saved["labels"].get("ids", ())))
        seen = {**saved["processor"], "image_size": saved["processor"]["crop"]}
        # Its own way of making pictures square is kept: it is what the network knows.
        processor = processor_for(seen, choices) | {"fit": seen.get("fit", "crop")}
        architecture = _for_size(saved["architecture"], choices)
        head = str(saved["head"])
    except (AttributeError, KeyError, TypeError) as error:
        raise StudioError(
            f"{place / 'model.json'} is not complete: {error} is missing.", _ANOTHER
        ) from error
    file, state = _best(place)
    state = _merged(saved["architecture"], state, labels)
    architecture = lora.plain_architecture(architecture)
    line = (*saved.get("line", ()), *([saved["origin"]] if saved.get("origin") else ()))

    def fill(network: nn.Module) -> None:
        fitting = with_positions(state, architecture)
        weights.fit(network, fitting, head=head, file=file, title="the network beside them")

    return Pretrained(
        architecture,
        processor,
        head,
        str(place),
        f"The last layer knows {len(labels):,} classes of an earlier run.",
        fill,
        known=KnownClasses(place, labels),
        rows=(state.get(f"{head}.weight"), state.get(f"{head}.bias")),
        line=line,
    )


def _text(place: Path, saved: dict[str, Any]) -> Pretrained:
    """Return a run's text network with its tokenizer.

    Raises:
        StudioError: If one of the run's files is missing or damaged.
    """
    try:
        labels = Labels(tuple(saved["labels"]["names"]), tuple(saved["labels"].get("ids", ())))
        architecture, head = dict(saved["architecture"]), str(saved["head"])
        processor = dict(saved["processor"])
    except (AttributeError, KeyError, TypeError) as error:
        raise StudioError(
            f"{place / 'model.json'} is not complete: {error} is missing.", _ANOTHER
        ) from error
    from finetune_studio.models.text import tokens

    brought = files.contents(place / "processor")
    if "tokenizer.json" not in brought:
        raise StudioError(f"There is no tokenizer in {place / 'processor'}.", _ANOTHER)
    file, state = _best(place)
    state = _merged(architecture, state, labels)
    architecture = lora.plain_architecture(architecture)
    classes = architecture["auto"] in _TELLING_APART
    # How much of a text is read is a choice of each run.
    processor["max_length"] = tokens.read_at_most(architecture["auto"], processor.get("limit", 0))

    def make(outputs: int, seed: int) -> nn.Module:
        network = build.rebuild(architecture, outputs)
        given = tied.completed(network, state)
        weights.fit(
            network, given, head=head if classes else "", file=file, title="the network beside them"
        )
        if classes:
            build.reset_head(network, head, seed)
        return network

    line = (*saved.get("line", ()), *([saved["origin"]] if saved.get("origin") else ()))
    note = f"The last layer knows {len(labels):,} classes of an earlier run."
    return Pretrained(
        architecture,
        processor,
        head,
        str(place),
        note if classes else "The whole network goes on from an earlier run.",
        lambda _network: None,
        known=KnownClasses(place, labels) if classes else None,
        rows=(state.get(f"{head}.weight"), state.get(f"{head}.bias")),
        line=line,
        make=make,
        files=brought,
    )


def _merged(
    architecture: dict[str, Any], state: dict[str, Tensor], labels: Labels
) -> dict[str, Tensor]:
    """Return a run's tensors as those of a plain network, where it learnt adapters."""
    if not architecture.get("adapters"):
        return state
    return lora.merged_state(build.rebuild(architecture, len(labels)), state)


def keep_rows(network: nn.Module, found: Pretrained, labels: Labels, seed: int) -> None:
    """Let the classes that the run knew keep their rows of the last layer.

    Classes merged since share the mean of their rows, lifted so that their probabilities about add
    up. A new class begins at the mean of all rows, where it neither wins nor loses; only differences
    between rows count.
    """
    weight, bias = found.rows
    layer = network.get_submodule(found.head)
    assert isinstance(layer, nn.Linear)
    if found.known is None or weight is None or weight.shape[1:] != layer.weight.shape[1:]:
        return
    outputs = found.known.outputs_for(labels)
    if not any(outputs):
        return
    if found.architecture.get("auto") == _TAGGING:
        outputs = [
            [0],
            *([part + 2 * place for place in row] for row in outputs for part in (1, 2)),
        ]
    offsets = torch.zeros(len(weight)) if bias is None else bias
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for row, places in enumerate(outputs):
            chosen = places or list(range(len(weight)))
            layer.weight[row] = weight[chosen].mean(0)
            if not places:
                layer.weight[row] += torch.randn(weight.shape[1], generator=rng) * _NOISE
            if layer.bias is not None:
                lift = math.log(len(places)) if places else 0.0
                layer.bias[row] = offsets[chosen].mean() + lift


def _refuse_other_task(place: Path, task: str) -> None:
    """Refuse a run that taught something else; one without a recipe was taken out of its project."""
    file = place / "recipe.toml"
    if not task or not file.is_file():
        return
    try:
        taught = str(tomllib.loads(file.read_text(encoding="utf-8")).get("task", task))
    except (OSError, ValueError) as error:
        raise StudioError(f"{file} is damaged: {error}.", _ANOTHER) from error
    if taught != task:
        raise StudioError(
            f"The run {place} learnt {taught.replace('_', ' ')}, as {file.name} in it says, and"
            f" not {task.replace('_', ' ')}.",
            "Choose a run of the same task, or a model of the catalogue.",
        )


def _for_size(architecture: dict[str, Any], choices: ModelChoices) -> dict[str, Any]:
    """Return the network for another image size, where it must know it."""
    builder = str(architecture.get("builder", ""))
    if not choices.image_size or not builder.startswith("vit_"):
        return architecture
    others = {k: v for k, v in architecture.get("kwargs", {}).items() if k != "image_size"}
    return {**architecture, "kwargs": others | sized(builder, choices)}


def _best(place: Path) -> tuple[Path, dict[str, Tensor]]:
    """Return the best weights and the file that holds what learnt.

    Where the last checkpoint is damaged and the one before it is still there, that one is taken.
    """
    index = place / "checkpoints" / "index.json"
    if not index.is_file():
        file = place / "model.safetensors"  # a run handed on as one file
        if not file.is_file():
            raise StudioError(
                f"There are no weights in {place} yet.", "Let the run train for an epoch at least."
            )
        return file, weights.read_own(file)
    named = _read_json(index)
    state = weights.read_own(place / "frozen.safetensors")
    names = [str(named[key]) for key in ("best", "before") if named.get(key)]
    for name in names:
        file = place / "checkpoints" / name / "best.safetensors"
        try:
            return file, state | weights.read_own(file)
        except StudioError:
            if name == names[-1]:
                raise
    raise StudioError(f"{index} names no checkpoint.", _ANOTHER)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudioError(f"{file} cannot be read: {error}.", _ANOTHER) from error
    if not isinstance(found, dict):
        raise StudioError(f"{file} holds no settings.", _ANOTHER)
    return found
