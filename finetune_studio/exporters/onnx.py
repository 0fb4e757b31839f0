"""ONNX: one file with the network and its last softmax, for onnxruntime and many others."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.exporter import Exporter
from finetune_studio.core.task import Bundle, Signature

_OPSET = 18

_PREDICT = '''"""What do these pictures show? python predict.py FILE... (onnxruntime, numpy, pillow)"""
import json, pathlib, sys
import onnxruntime, preprocess

here = pathlib.Path(__file__).resolve().parent
names = json.loads((here / "labels.json").read_text("utf-8"))
seen = json.loads((here / "preprocessing.json").read_text("utf-8"))
model = onnxruntime.InferenceSession(here / "model.onnx", providers=["CPUExecutionProvider"])
look = lambda path: preprocess.ready(path, seen)[None]
ask = lambda pixels: model.run(None, {"pixels": pixels})[0][0]

if __name__ == "__main__":
    failed = 0
    for path in sys.argv[1:]:
        try:
            shares = ask(look(path))
            print(path, names[shares.argmax()], f"{shares.max():.4f}", sep="\\t")
        except (OSError, ValueError, SyntaxError) as error:
            failed = 1
            print(f"{path}: {error}", file=sys.stderr)
    sys.exit(failed)
'''


class Onnx(Exporter):
    """ONNX in fp32, any number of pictures at a time."""

    predict = _PREDICT
    files: ClassVar[dict[str, str]] = {
        "model.onnx": "the network: normalised pixels in, one probability a label out",
        "predict.py": "answers files: python predict.py photo.jpg (needs onnxruntime, numpy, pillow)",
    }

    def write(self, bundle: Bundle, signature: Signature, folder: Path) -> None:  # noqa: ARG002
        """Write and check ``model.onnx``.

        Raises:
            StudioError: If neither of PyTorch's two exporters can write this network.
        """
        path = folder / "model.onnx"
        network = signature.network.eval()
        errors: list[str] = []
        for export in (_traced, _captured):
            try:
                with _silence():
                    export(network, signature, path)
                    _check(path)
            except Exception as error:  # noqa: BLE001  the exporters raise anything; the other is tried
                errors.append(
                    f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                )
            else:
                return
        raise StudioError(
            f"This network cannot be written as ONNX ({'; '.join(errors)}).",
            "Use the Hugging Face folder instead.",
        )

    def open(self, folder: Path) -> Callable[[str], Prediction]:
        """Return a function that answers by ``model.onnx`` in onnxruntime."""
        import onnxruntime

        from finetune_studio.modality import image, preprocess

        try:
            model = onnxruntime.InferenceSession(
                folder / "model.onnx", providers=["CPUExecutionProvider"]
            )
            names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
            seen = json.loads((folder / "preprocessing.json").read_text(encoding="utf-8"))
        except Exception as error:
            raise StudioError(
                f"The export {folder} is damaged: {error}.", "Export again."
            ) from error

        def answer(path: str) -> Prediction:
            picture = image.read(path, max(int(seen["resize"]), int(seen["crop"])))
            shares = model.run(None, {"pixels": preprocess.prepare(picture, seen)[None]})[0][0]
            pairs = sorted(zip(names, shares.tolist(), strict=True), key=lambda pair: -pair[1])
            return Prediction(pairs[0][0], dict(pairs), input=path)

        return answer


def _traced(network: torch.nn.Module, signature: Signature, path: Path) -> None:
    """Write by tracing, which is quick and needs no further package."""
    torch.onnx.export(
        network,
        tuple(signature.inputs.values()),
        str(path),
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        dynamic_axes={**signature.dynamic, **{name: {0: "batch"} for name in signature.outputs}},
        opset_version=_OPSET,
        dynamo=False,
    )


def _captured(network: torch.nn.Module, signature: Signature, path: Path) -> None:
    """Write by torch.export, for networks that tracing cannot follow."""
    axes: dict[str, Any] = {
        name: {
            axis: torch.export.Dim(word) for axis, word in signature.dynamic.get(name, {}).items()
        }
        for name in signature.inputs
    }
    torch.onnx.export(
        network,
        tuple(signature.inputs.values()),
        str(path),
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        dynamic_shapes=tuple(axes.values()),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _check(path: Path) -> None:
    import onnx

    onnx.checker.check_model(str(path), full_check=True)


@contextlib.contextmanager
def _silence() -> Any:
    """Keep the exporters' progress and advice to developers away from the user."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
