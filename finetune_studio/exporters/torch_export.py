"""torch.export: the network as one .pt2 file, which PyTorch runs without the code it was made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from finetune_studio.core.errors import StudioError
from finetune_studio.core.exporter import Exporter, Use, use_of
from finetune_studio.core.task import Bundle, Signature, Task

_ONE_PASS = ("image", "text")  # families of networks that answer in one pass

_LOAD = """harmless.refuse_code(here / "model.pt2")  # torch would run what a stranger put there
program = torch.export.load(here / "model.pt2")
names = json.loads((here / "outputs.json").read_text("utf-8"))
model = program.module()
outputs = None  # they are those in labels.json


@torch.inference_mode()
def network(inputs):
    said = model(*(torch.tensor(values) for values in inputs.values()))
    said = said if isinstance(said, tuple) else (said,)
    return {name: value.numpy() for name, value in zip(names, said)}


"""


class TorchExport(Exporter):
    """A graph with its weights for people who go on in PyTorch: to compile it, or to take it apart."""

    traces = True
    files: ClassVar[dict[str, str]] = {
        "model.pt2": "the network as torch.export keeps it: graph and weights",
        "outputs.json": "what its outputs are called",
        "harmless.py": "refuses a model.pt2 that holds more than numbers and a graph",
    }

    def accepts(self, task: Task) -> bool:
        """Whether one pass through the network is the answer."""
        return bool(task.outside) and task.models in _ONE_PASS

    def library(self, architecture: dict[str, Any]) -> str:  # noqa: ARG002
        """Return the Hub's word for PyTorch."""
        return "pytorch"

    def packages(self, architecture: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """Return what runs the network, whatever it came from."""
        return ["torch"]

    def loading(self, architecture: dict[str, Any]) -> tuple[str, str]:  # noqa: ARG002
        """Return how torch alone runs it."""
        return "import json\nimport torch\nimport harmless", _LOAD

    def write(
        self,
        bundle: Bundle,  # noqa: ARG002
        signature: Signature | None,
        folder: Path,
        examples: Sequence[dict[str, np.ndarray]] = (),  # noqa: ARG002
    ) -> None:
        """Write and check ``model.pt2``.

        Raises:
            StudioError: If torch.export cannot follow this network.
        """
        from finetune_studio.models import graphs, harmless

        assert signature is not None
        graphs.write_program(signature, folder / "model.pt2")
        code = Path(str(harmless.__file__)).with_suffix(".py").read_text(encoding="utf-8")
        (folder / "harmless.py").write_text(code, encoding="utf-8")
        (folder / "outputs.json").write_text(json.dumps(signature.outputs), encoding="utf-8")

    def notes(self, bundle: Bundle) -> list[str]:  # noqa: ARG002
        """Return what must be known of such files from elsewhere."""
        return [
            "## Files from elsewhere",
            "",
            "`torch.export.load` runs what a stranger put into a .pt2 file. `predict.py` therefore reads",
            "`model.pt2` as text first and refuses one that holds more than numbers and a graph; programs",
            "of your own can do the same with `harmless.refuse_code`. The Python files in a folder that",
            "somebody sent you are programs themselves: run them only if you trust the sender. Finetune",
            "Studio, which you can ask instead (`finetune-studio predict FOLDER FILE`), runs none of them.",
            "",
        ]

    def open(self, folder: Path, asked: str) -> Use:
        """Return what answers by ``model.pt2``.

        Raises:
            StudioError: If the file is damaged, or holds more than numbers and a graph.
        """
        import torch

        from finetune_studio.models import harmless

        try:
            harmless.refuse_code(folder / "model.pt2")
            model: Any = torch.export.load(folder / "model.pt2").module()
            names = json.loads((folder / "outputs.json").read_text(encoding="utf-8"))

            @torch.inference_mode()
            def network(inputs: dict[str, Any]) -> dict[str, Any]:
                said = model(*(torch.tensor(values) for values in inputs.values()))
                said = said if isinstance(said, tuple) else (said,)
                return {name: value.numpy() for name, value in zip(names, said, strict=True)}

            return use_of(asked)(folder, network, None)
        except Exception as error:
            raise StudioError(
                f"The export {folder} is damaged: {error}.", "Export again."
            ) from error
