"""The pretrained networks on offer, and how one becomes a network for the user's own labels."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from finetune_studio.core import settings
from finetune_studio.core.catalogue import Catalogue, Entry
from finetune_studio.core.task import Bundle
from finetune_studio.models import hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.recipe import ModelChoices

_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


class Models(Catalogue):
    """The catalogue of models; each look says anew whether a row's weights are on this computer."""

    def __iter__(self) -> Iterator[Entry]:
        return (_placed(row) for row in super().__iter__())

    def __getitem__(self, name: str) -> Entry:
        return _placed(super().__getitem__(name))

    def family(self, family: str) -> list[Entry]:
        """Return the rows that suit one kind of task, best first."""
        return [row for row in self if row.facts["family"] == family]


def _placed(row: Entry) -> Entry:
    facts = row.facts | (_from_card(row) if "card" in row.facts else {})
    if facts["family"] != "image":
        facts |= _memory(int(facts["parameters"]))
    return replace(row, facts=facts | {"local": hub.local(row) is not None})


def _memory(parameters: int) -> dict[str, int]:
    """Return the memory in MB that training takes at least, beside what a batch of texts needs.

    All numbers: the weights, a gradient and the optimiser's two averages, 4 bytes each. LoRA: the
    weights, and the same four for adapters of about a hundredth of their number.
    """
    return {
        "memory_full_mb": round(parameters * 16 / 2**20),
        "memory_lora_mb": round(parameters * (4 + 0.16) / 2**20),
    }


def _from_card(row: Entry) -> dict[str, Any]:
    """Return what a starter's own card says; nothing where the starter is not there."""
    card = hub.card(row)
    if card is None:
        return {}
    file = hub.local(row)
    seen = card["preprocessing"]
    return {
        "architecture": card["builder"].rpartition(".")[2],
        "licence": card["licence"],
        "parameters": card["parameters"],
        "pretrained_on": "; ".join(part["name"] for part in card.get("data", ())),
        "size_mb": round(file.stat().st_size / 2**20, 1) if file else 0.0,
        "image_size": seen["crop"],
        "resize": seen["resize"],
        "interpolation": seen["interpolation"],
        "mean": seen["mean"],
        "std": seen["std"],
    }


def _read(path: Path) -> list[Entry]:
    """Return the rows of models.toml, which describes its own fields."""
    rows = []
    for values in tomllib.loads(path.read_text(encoding="utf-8"))["model"]:
        named = {key: values.pop(key) for key in ("name", "title", "summary")}
        builder = values.get("architecture")
        where = f"torchvision.models:{builder}" if builder else "torchvision.models:ResNet"
        if values["family"] != "image":
            rows.append(Entry(**named, where="transformers:AutoModel", facts=_empty() | values))
            continue
        rows.append(Entry(**named, where=where, facts=_empty() | _IMAGENET | values))
    return rows


def _empty() -> dict[str, Any]:
    return {"architecture": "", "licence": "", "size_mb": 0.0, "parameters": 0, "image_size": 0}


CATALOGUE = Models("model", _read(settings.resources() / "models.toml"))


def load(
    choices: ModelChoices, family: str, labels: Labels, seed: int, *, task: str = ""
) -> Bundle:
    """Return a pretrained network whose last layer is new, for these labels.

    The network of an earlier run keeps the rows of the classes that are still there.

    Args:
        choices: Where the network comes from: a catalogue name, a weights file or a folder.
        family: What the task needs, for example ``image``.
        labels: The classes; their number is the size of the new head.
        seed: Where the head's first weights come from.
        task: The task's name, which a run must have been taught too; empty for any.

    Raises:
        StudioError: If the weights are not on this computer, damaged or of another network.
    """
    from finetune_studio.models import build, pretrained

    found = pretrained.find(choices, family, task=task)
    network = build.rebuild(found.architecture, len(labels))
    found.fill(network)
    build.reset_head(network, found.head, seed)
    made = Bundle(network, labels, found.processor, found.architecture, found.head, found.origin)
    if found.known is not None:
        from finetune_studio.models import continued

        continued.keep_rows(network, found, labels, seed)
        made.note, made.line = found.known.note(labels), found.line
    return made


def rebuild(architecture: dict[str, Any], classes: int) -> nn.Module:
    """Return the network that an architecture describes, its weights random.

    Raises:
        StudioError: If this version does not know the architecture.
    """
    from finetune_studio.models import build

    return build.rebuild(architecture, classes)
