"""Where pretrained weights lie on this computer, and fetching them when the user asks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from finetune_studio.core import settings
from finetune_studio.core.catalogue import Entry
from finetune_studio.core.errors import StudioError


def local(entry: Entry) -> Path | None:
    """Return the file with a row's weights, or None if it is not on this computer.

    Looked for in this program's folder and in the one that torchvision itself fills.
    """
    if "card" in entry.facts:
        described = card(entry)
        if described is None:
            return None
        file = _card_file(entry).with_name(described["weights"])
        return file if file.is_file() else None
    for folder in (folder_of_models(), _torch_folder()):
        file = folder / entry.facts["file"]
        if file.is_file():
            return file
    return None


def folder_of_models() -> Path:
    """Return the folder that fetched weights are kept in."""
    return settings.load().cache_folder / "models"


def _torch_folder() -> Path:
    """Return where torchvision keeps what other programs of this user have fetched."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch"))
    return home / "hub" / "checkpoints"


def card(entry: Entry) -> dict[str, Any] | None:
    """Return the card of a starter that lies inside the program; None if it is not there."""
    try:
        return dict(json.loads(_card_file(entry).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _card_file(entry: Entry) -> Path:
    return settings.resources() / str(entry.facts["card"])


def absent(entry: Entry) -> StudioError:
    """Return the error for a model whose weights are not on this computer."""
    if "card" in entry.facts:
        return StudioError(
            f"The model {entry.title!r} should lie inside the program, but its file is missing.",
            "Install Finetune Studio again, or choose another model.",
        )
    return StudioError(
        f"The weights of {entry.title} are not on this computer ({entry.facts['size_mb']} MB).",
        "Download them on the Model page, or choose the starter, which works offline.",
    )
