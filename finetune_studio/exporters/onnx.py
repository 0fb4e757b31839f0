"""ONNX: one file with the network and its last softmax, in 32, 16 or 8 bits, for many other programs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from finetune_studio.core.errors import StudioError
from finetune_studio.core.exporter import Exporter, Use, use_of
from finetune_studio.core.task import Bundle, Signature, Task

_ONE_PASS = ("image", "text")  # families of networks that answer in one pass
_FEWEST = 8  # examples below which ranges of numbers are guesses

_LOAD = """session = onnxruntime.InferenceSession(
    str(here / "model.onnx"), providers=["CPUExecutionProvider"]
)
answers = [output.name for output in session.get_outputs()]
network = lambda inputs: dict(zip(answers, session.run(None, inputs)))
outputs = None  # they are those in labels.json"""


class Onnx(Exporter):
    """ONNX in fp32, any number of samples at a time, of any length where they have one."""

    traces = True
    files: ClassVar[dict[str, str]] = {
        "model.onnx": "the network: what makes it ready goes in, one probability a label comes out",
    }

    def accepts(self, task: Task) -> bool:
        """Whether one pass through the network is the answer."""
        return bool(task.outside) and task.models in _ONE_PASS

    def library(self, architecture: dict[str, Any]) -> str:  # noqa: ARG002
        """Return what the Hub calls files for onnxruntime and its like."""
        return "onnx"

    def packages(self, architecture: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """Return what runs the network, whatever it came from."""
        return ["onnxruntime"]

    def loading(self, architecture: dict[str, Any]) -> tuple[str, str]:  # noqa: ARG002
        """Return how onnxruntime is asked."""
        return "import onnxruntime", _LOAD

    def write(
        self,
        bundle: Bundle,  # noqa: ARG002
        signature: Signature | None,
        folder: Path,
        examples: Sequence[dict[str, np.ndarray]] = (),  # noqa: ARG002
    ) -> None:
        """Write and check ``model.onnx``.

        Raises:
            StudioError: If PyTorch has no way of writing this network rightly.
        """
        from finetune_studio.models import graphs

        assert signature is not None
        graphs.write_onnx(signature, folder / "model.onnx")

    def open(self, folder: Path, asked: str) -> Use:
        """Return what answers by ``model.onnx`` in onnxruntime."""
        import onnxruntime

        try:
            session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
            )
            names = [output.name for output in session.get_outputs()]
            labels = folder / "labels.json"
            shape = session.get_outputs()[0].shape
            if labels.is_file() and names[0] == "probabilities" and len(shape) == 2:
                _fit(shape[1], labels)
            return use_of(asked)(
                folder,
                lambda inputs: dict(zip(names, session.run(None, inputs), strict=True)),
                None,
            )
        except Exception as error:
            raise StudioError(
                f"The export {folder} is damaged: {error}.", "Export again."
            ) from error

    def notes(self, bundle: Bundle) -> list[str]:
        """Return what goes into the network and what comes out, for other programs than Python."""
        side = bundle.processor.get("crop")
        if not side:
            return []
        fitted = {
            "whole": "padded to a square with bars of the mean colour, and resized",
            "stretch": "and stretched to a square",
        }.get(bundle.processor.get("fit", "crop"), "resized, and cut to its middle")
        return [
            "## In other programs",
            "",
            f"`model.onnx` takes `pixels`: bytes, (pictures, {side}, {side}, 3), red, green and blue from 0",
            "to 255. It brings them to the range it learnt with by itself. Before, a picture is turned",
            f"upright, {fitted},",
            "as `preprocess.py` does and `preprocessing.json` says in numbers; that stays outside, because",
            "resizing differs from library to library, and a network notices. Out come `probabilities`,",
            "(pictures, labels), in the order of `labels.json`.",
            "",
        ]


class OnnxHalf(Onnx):
    """ONNX with numbers of 16 bits: half the size."""

    exact = False

    def write(
        self,
        bundle: Bundle,
        signature: Signature | None,
        folder: Path,
        examples: Sequence[dict[str, np.ndarray]] = (),
    ) -> None:
        """Write ``model.onnx`` in fp32 first, then with 16 bits.

        Raises:
            StudioError: If this network cannot be written as ONNX.
        """
        from finetune_studio.models import smaller

        with tempfile.TemporaryDirectory() as place:
            super().write(bundle, signature, Path(place), examples)
            smaller.halve(Path(place) / "model.onnx", folder / "model.onnx")


class OnnxInt8(Onnx):
    """ONNX with numbers of 8 bits: a quarter of the size, and faster where the processor is made for it."""

    exact = False
    calibrates = 100

    def write(
        self,
        bundle: Bundle,
        signature: Signature | None,
        folder: Path,
        examples: Sequence[dict[str, np.ndarray]] = (),
    ) -> None:
        """Write ``model.onnx`` in fp32 first, then with 8 bits.

        Raises:
            StudioError: If this network cannot be written as ONNX, or there are too few examples.
        """
        from finetune_studio.models import smaller

        if not bundle.files and len(examples) < _FEWEST:
            raise StudioError(
                f"{len(examples)} training samples are too few to fix the ranges of 8-bit numbers with.",
                "Find the data again on the Data page, or export as ONNX.",
            )
        with tempfile.TemporaryDirectory() as place:
            super().write(bundle, signature, Path(place), examples)
            plain = Path(place) / "model.onnx"
            if bundle.files:  # it reads texts
                smaller.quantise_weights(plain, folder / "model.onnx")
            else:
                smaller.quantise(plain, folder / "model.onnx", examples)


def _fit(outputs: int, labels: Path) -> None:
    count = len(json.loads(labels.read_text(encoding="utf-8")))
    if outputs != count:
        raise ValueError(f"model.onnx has {outputs} outputs for {count} labels")
