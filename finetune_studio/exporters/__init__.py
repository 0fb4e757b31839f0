"""Formats in which a model leaves the app: one file a format."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from finetune_studio.core.catalogue import Catalogue, Entry, plain
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.exporter import Use

CATALOGUE = Catalogue(
    "exporter",
    [
        Entry(
            "onnx",
            "ONNX",
            "One file that runs almost anywhere: servers, phones, web pages, other programs.",
            "finetune_studio.exporters.onnx:Onnx",
            {"exact": True, "needs": ["onnxruntime"], "size": 1.0, "speed": "as here"},
        ),
        Entry(
            "onnx_int8",
            "ONNX, 8 bits",
            "A quarter of the size and usually faster; a few answers may change.",
            "finetune_studio.exporters.onnx:OnnxInt8",
            {"exact": False, "needs": ["onnxruntime"], "size": 0.27, "speed": "faster"},
        ),
        Entry(
            "onnx_fp16",
            "ONNX, 16 bits",
            "Half the size, for graphics processors and phones; a processor may be slower with it.",
            "finetune_studio.exporters.onnx:OnnxHalf",
            {
                "exact": False,
                "needs": ["onnxruntime"],
                "size": 0.5,
                "speed": "slower",
            },
        ),
        Entry(
            "huggingface",
            "Hugging Face folder",
            "Weights as safetensors with their settings, for people who go on in Python.",
            "finetune_studio.exporters.huggingface:HuggingFace",
            {"exact": True, "needs": ["torch", "safetensors"], "size": 1.0, "speed": "as here"},
        ),
        Entry(
            "torch_export",
            "PyTorch export (.pt2)",
            "One file for PyTorch alone, without the code of the network: to compile it or go on with it.",
            "finetune_studio.exporters.torch_export:TorchExport",
            {"exact": True, "needs": ["torch"], "size": 1.0, "speed": "as here"},
        ),
        Entry(
            "openvino",
            "OpenVINO",
            "For programs on computers with Intel's processors and graphics.",
            "finetune_studio.exporters.openvino:OpenVino",
            {"exact": True, "needs": ["openvino"], "size": 1.0, "speed": "fast on Intel"},
        ),
        Entry(
            "huggingface_adapter",
            "Adapter only (peft)",
            "Only what an adapter (LoRA) learnt: a few megabytes that go beside the original model.",
            "finetune_studio.exporters.huggingface_adapter:HuggingFaceAdapter",
            {"exact": True, "needs": ["peft", "transformers", "torch"], "speed": "as here"},
        ),
    ],
)


# Formats that people ask for and that cannot be written, with the reason.
ELSEWHERE = (
    Entry(
        "coreml",
        "Core ML",
        "Apple's format for iPhones and Macs.",
        facts={
            "missing": (
                "Core ML files run on Apple's systems only. None can be proven here, and what is not proven"
                " is not handed over."
                if sys.platform != "darwin"
                else "Its converter, coremltools, has not been tried with this program's PyTorch yet."
            )
        },
    ),
    Entry(
        "litert",
        "LiteRT",
        "Google's format for Android and small devices, formerly TensorFlow Lite.",
        facts={
            "missing": (
                "Its converter, litert-torch, needs an older PyTorch than this program's, so that the two"
                " cannot be installed together."
            )
        },
    ),
)


def listed() -> list[Entry]:
    """Return every format, those that cannot be written here with the reason under ``missing``."""
    rows = []
    for row in CATALOGUE:
        missing = row.load()().missing()
        rows.append(replace(row, facts={**row.facts, "missing": missing}) if missing else row)
    return [*rows, *ELSEWHERE]


def row_called(name: str) -> Entry:
    """Return a format by its name.

    Raises:
        StudioError: If there is none, or it cannot be written.
    """
    for row in ELSEWHERE:
        if row.name == plain(name):
            raise StudioError(
                f"{row.title} cannot be written. {row.facts['missing']}", "Choose another format."
            )
    return CATALOGUE[name]


def opened(folder: Path) -> Use:
    """Return what answers by an export's own files.

    Raises:
        StudioError: If the folder is no export of this program, or a part of it is missing.
    """
    try:
        about = json.loads((Path(folder) / "export.json").read_text(encoding="utf-8"))
        kind = CATALOGUE.load(about["format"])
        asked = str(about.get("asked", "ask_pictures:Pictures"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudioError(
            f"{folder} is neither a run nor an export.",
            "Give a folder PROJECT/runs/<number> or PROJECT/exports/<name>.",
        ) from error
    use: Use = kind().open(Path(folder), asked)
    return use


def open_export(folder: Path) -> Callable[[str], Prediction]:
    """Return a function that answers one input by an export's own files.

    Raises:
        StudioError: If the folder is no export of this program, or a part of it is missing.
    """
    use = opened(folder)

    def answer(text: str) -> Prediction:
        try:
            said = use.ask(use.look(use.read(text)))
        except Exception as error:  # what is damaged makes decoders raise anything at all
            raise StudioError(
                f"{_shown(text)} cannot be read: {use.why(text, error)}.", "Try another one."
            ) from error
        return Prediction(said["label"], said["probabilities"], text, answer=said["answer"])

    return answer


def _shown(text: str) -> str:
    return text if len(text) < 200 else f"{text[:200]}…"
