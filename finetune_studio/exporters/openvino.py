"""OpenVINO: Intel's format and runtime, quick on Intel's processors and graphics."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from finetune_studio.core.errors import StudioError
from finetune_studio.core.exporter import Exporter, Use, use_of
from finetune_studio.core.task import Bundle, Signature, Task

_ONE_PASS = ("image", "text")  # families of networks that answer in one pass

# The package beside it would send statistics of use to its makers; without it, openvino sends nothing.
_TELLTALE = "openvino_telemetry"
_HEAD = f'import sys\n\nsys.modules["{_TELLTALE}"] = None  # it would send statistics of use\nimport openvino'

# Half precision, which the runtime takes by itself where the processor has it, would change answers.
_LOAD = """model = openvino.Core().compile_model(
    here / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
)
# An output may also be called as the step whose values it hands on, which is longer.
names = [min(output.get_names(), key=len) for output in model.outputs]
network = lambda inputs: dict(zip(names, model(inputs).values()))
outputs = None  # they are those in labels.json"""


class OpenVino(Exporter):
    """A graph and its weights as two files."""

    traces = True
    files: ClassVar[dict[str, str]] = {
        "model.xml": "how the network is built: what makes it ready goes in, probabilities come out",
        "model.bin": "its weights",
    }

    def missing(self) -> str:
        """Say that the package is not there, if it is not."""
        if importlib.util.find_spec("openvino") is None:
            return "The package openvino is not installed here (pip install openvino)."
        return ""

    def accepts(self, task: Task) -> bool:
        """Whether one pass through the network is the answer."""
        return bool(task.outside) and task.models in _ONE_PASS

    def library(self, architecture: dict[str, Any]) -> str:  # noqa: ARG002
        """Return the Hub's word for it."""
        return "openvino"

    def packages(self, architecture: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """Return what runs the network, whatever it came from."""
        return ["openvino"]

    def loading(self, architecture: dict[str, Any]) -> tuple[str, str]:  # noqa: ARG002
        """Return how its runtime is asked."""
        return _HEAD, _LOAD

    def write(
        self,
        bundle: Bundle,  # noqa: ARG002
        signature: Signature | None,
        folder: Path,
        examples: Sequence[dict[str, np.ndarray]] = (),  # noqa: ARG002
    ) -> None:
        """Write the network by way of ONNX, in fp32.

        Raises:
            StudioError: If this network cannot be written.
        """
        from finetune_studio.models import graphs

        openvino = _runtime()
        assert signature is not None
        with tempfile.TemporaryDirectory() as place, graphs.silence():
            graphs.write_onnx(signature, Path(place) / "model.onnx")
            model = openvino.Core().read_model(str(Path(place) / "model.onnx"))
            openvino.save_model(model, str(folder / "model.xml"), compress_to_fp16=False)

    def open(self, folder: Path, asked: str) -> Use:
        """Return what answers by the two files.

        Raises:
            StudioError: If the runtime is not there, or the files are damaged.
        """
        if missing := self.missing():
            raise StudioError(missing, "Install it, or use the export elsewhere.")
        openvino = _runtime()
        try:
            model = openvino.Core().compile_model(
                folder / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
            )
            names = [min(output.get_names(), key=len) for output in model.outputs]
            return use_of(asked)(
                folder,
                lambda inputs: dict(zip(names, model(inputs).values(), strict=True)),
                None,
            )
        except Exception as error:
            raise StudioError(
                f"The export {folder} is damaged: {error}.", "Export again."
            ) from error


def _runtime() -> Any:
    """Return the package openvino, imported so that it opens no connection."""
    sys.modules.setdefault(_TELLTALE, None)  # type: ignore[arg-type]
    import openvino

    return openvino
