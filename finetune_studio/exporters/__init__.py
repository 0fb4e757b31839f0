"""Formats in which a model leaves the app: one file a format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from finetune_studio.core.catalogue import Catalogue, Entry
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction

CATALOGUE = Catalogue(
    "exporter",
    [
        Entry(
            "onnx",
            "ONNX",
            "One file that runs almost anywhere: servers, phones, web pages, other programs.",
            "finetune_studio.exporters.onnx:Onnx",
            {"exact": True, "needs": ["onnxruntime", "numpy", "pillow"]},
        ),
        Entry(
            "huggingface",
            "Hugging Face folder",
            "Weights as safetensors with their settings, for people who go on in Python.",
            "finetune_studio.exporters.huggingface:HuggingFace",
            {"exact": True, "needs": ["torch", "safetensors", "numpy", "pillow"]},
        ),
    ],
)


def open_export(folder: Path) -> Callable[[str], Prediction]:
    """Return a function that answers one input by an export's own files.

    Raises:
        StudioError: If the folder is no export of this program, or a part of it is missing.
    """
    try:
        about = json.loads((Path(folder) / "export.json").read_text(encoding="utf-8"))
        kind = CATALOGUE.load(about["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudioError(
            f"{folder} is neither a run nor an export.",
            "Give a folder PROJECT/runs/<number> or PROJECT/exports/<name>.",
        ) from error
    answer: Callable[[str], Prediction] = kind().open(Path(folder))
    return answer
