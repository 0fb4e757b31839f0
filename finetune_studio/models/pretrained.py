"""Finds what a recipe's model choice means: how to build it, how to feed it, and its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.models import build, hub, trace, weights, zoo

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from finetune_studio.core.catalogue import Entry
    from finetune_studio.core.own_run import KnownClasses
    from finetune_studio.core.recipe import ModelChoices


_SMALLEST = 32  # pixels; these networks halve a picture five times


@dataclass(frozen=True)
class Pretrained:
    """A pretrained network before it is built.

    Attributes:
        architecture: What :func:`build.rebuild` needs.
        processor: What ``modality.preprocess.prepare`` needs.
        head: Dotted name of the layer that is made anew.
        origin: Where the weights come from, for people.
        note: A sentence about the head that is replaced.
        fill: Puts the pretrained weights into a network, all but the head.
        local: Whether the weights are on this computer.
        known: The classes that its last layer knows, where it is a run of this program.
        rows: Its own last layer's weight (class, feature) and bias (class), where these are at hand.
        classes: What that layer's outputs mean, where the model says so.
        whole: Returns the network with its own last layer, where that must be loaded first.
        line: What it was itself begun from, the first first.
        make: Returns the whole network with its weights and so many outputs, new layers from the
            seed; None where ``fill`` puts the weights into a network built before.
        files: Files of its tokenizer, by name.
    """

    architecture: dict[str, Any]
    processor: dict[str, Any]
    head: str
    origin: str
    note: str
    fill: Callable[[nn.Module], None]
    local: bool = True
    known: KnownClasses | None = None
    rows: tuple[Tensor | None, Tensor | None] = (None, None)
    line: tuple[str, ...] = ()
    make: Callable[[int, int], nn.Module] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    whole: Callable[[], nn.Module] | None = None


def find(
    choices: ModelChoices,
    family: str,
    *,
    task: str = "",
    auto: str = "",
    weights_needed: bool = True,
) -> Pretrained:
    """Return what the choice stands for.

    Args:
        choices: A catalogue name, a weights file or a folder, and the image size.
        family: What the task needs, for example ``image``.
        task: The task's name, which a run must have been taught too; empty for any.
        auto: The class of transformers that a text task needs; empty for pictures.
        weights_needed: Off to look at a model of the catalogue that was not downloaded yet.

    Raises:
        StudioError: If there is no such model here, or its files are damaged or of another kind.
    """
    if auto:
        from finetune_studio.models import text

        return text.find(choices, family, auto, task=task, weights_needed=weights_needed)
    found = _find(choices, family, task, weights_needed=weights_needed)
    if found.architecture.get("auto"):
        raise StudioError(
            f"The model {choices.source} reads texts, not pictures.",
            "Choose a model made for image classification.",
        )
    if choices.image_size:
        _refuse_wrong_size(found, choices.image_size)
    return found


def _refuse_wrong_size(found: Pretrained, size: int) -> None:
    """Refuse an image size with which the network cannot run, found by sending shapes through it."""
    with torch.device("meta"):
        network = build.rebuild(found.architecture, 2)
        seen = trace.trace(network, torch.zeros(1, 3, size, size))
    if "" not in seen.shapes:
        raise StudioError(
            f"This model cannot see pictures of {size} pixels.",
            "Set model.image_size to 0 to keep what it was pretrained with.",
        )


def _find(choices: ModelChoices, family: str, task: str, *, weights_needed: bool) -> Pretrained:
    source = Path(choices.source).expanduser()
    if choices.source in zoo.CATALOGUE:
        row = zoo.CATALOGUE[choices.source]
        return _from_row(row, family, choices, weights_needed=weights_needed)
    if source.is_file():
        return _from_file(source, choices)
    if source.is_dir():
        from finetune_studio.models import folder

        return folder.find(source, choices, task)
    if source.suffix or "/" in choices.source or "\\" in choices.source:
        raise StudioError(
            f"There is no model at {choices.source}.",
            "Check the path, or choose a model of the catalogue.",
        )
    raise not_offered(choices.source)


def not_offered(name: str) -> StudioError:
    """Return the error for a name that is neither in the catalogue nor a place."""
    try:
        zoo.CATALOGUE[name]
    except StudioError as error:
        return StudioError(error.message, f"{error.hint} A weights file or a folder will also do.")
    raise AssertionError(name)


def _from_row(
    row: Entry, family: str, choices: ModelChoices, *, weights_needed: bool
) -> Pretrained:
    if row.facts["family"] != family:
        raise StudioError(
            f"{row.title} is made for {row.facts['family']} tasks, not for {family}.",
            f"Choose one of: {', '.join(r.name for r in zoo.CATALOGUE.family(family))}.",
        )
    file = hub.local(row)
    if file is None and (weights_needed or "card" in row.facts):
        raise hub.absent(row)
    card = hub.card(row) if "card" in row.facts else None
    builder = card["builder"] if card else row.facts["architecture"]
    architecture = build.describe(builder, card["kwargs"] if card else sized(builder, choices))
    processor = processor_for(row.facts, choices)
    if file is None:
        return _promised(row, architecture, processor)
    return _with_state(weights.read(file), file, architecture, processor, row.name)


def _promised(row: Entry, architecture: dict[str, Any], processor: dict[str, Any]) -> Pretrained:
    """Return a model that can be looked at and not yet be used."""

    def fill(_network: nn.Module) -> None:
        raise hub.absent(row)

    note = hub.absent(row).message
    head = architecture["head"]
    return Pretrained(architecture, processor, head, row.name, note, fill, local=False)


def _from_file(file: Path, choices: ModelChoices) -> Pretrained:
    from finetune_studio.models import recognise

    state = weights.read(file)
    builder = recognise.builder_of(file, state, choices.architecture)
    seen = recognise.preprocessing(builder, state)
    architecture = build.describe(builder, sized(builder, choices, seen["image_size"]))
    return _with_state(state, file, architecture, processor_for(seen, choices), str(file))


def _with_state(
    state: weights.State,
    file: Path,
    architecture: dict[str, Any],
    processor: dict[str, Any],
    origin: str,
) -> Pretrained:
    head = architecture["head"]
    title = str(architecture["builder"]).rpartition(".")[2]

    def fill(network: nn.Module) -> None:
        fitting = with_positions(state, architecture)
        weights.fit(network, fitting, head=head, file=file, title=title)

    note = weights.about_head(state, head)
    rows = (state.get(f"{head}.weight"), state.get(f"{head}.bias"))
    return Pretrained(architecture, processor, head, origin, note, fill, rows=rows)


def with_positions(state: weights.State, architecture: dict[str, Any]) -> weights.State:
    """Return the state with a vision transformer's table of positions brought to the image size."""
    if "encoder.pos_embedding" not in state:
        return state
    size = architecture["kwargs"].get("image_size", 224)
    from torchvision.models.vision_transformer import interpolate_embeddings

    patch = int(architecture["builder"].rpartition("_")[2])
    return dict(interpolate_embeddings(size, patch, dict(state)))


def processor_for(seen: dict[str, Any], choices: ModelChoices) -> dict[str, Any]:
    """Return how a picture is made ready; another size keeps the share that the crop cuts off."""
    crop = choices.image_size or int(seen["image_size"])
    resize = round(int(seen["resize"]) * crop / int(seen["image_size"]))
    return {
        "resize": max(resize, crop),
        "crop": crop,
        "mean": list(seen["mean"]),
        "std": list(seen["std"]),
        "interpolation": seen["interpolation"],
        "fit": choices.fit,
    }


def sized(builder: str, choices: ModelChoices, own: int = 224) -> dict[str, Any]:
    """Return keyword arguments for another image size, where the network must know it."""
    size = choices.image_size or own
    if size < _SMALLEST:
        raise StudioError(
            f"The image size of {size} pixels is too small.",
            f"Set model.image_size to {_SMALLEST} or more.",
        )
    if size == 224 or not builder.startswith("vit_"):
        return {}
    patch = int(builder.rpartition("_")[2])
    if size % patch:
        near = max(patch, round(size / patch) * patch)
        raise StudioError(
            f"This vision transformer sees pictures in patches of {patch} pixels,"
            f" and {size} pixels cannot be divided so.",
            f"Set model.image_size to {near}, or to 0 to keep what it was pretrained with.",
        )
    return {"image_size": size}
