"""ONNX: one file with the network and its last softmax, for onnxruntime and many others."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.exporter import Exporter
from finetune_studio.core.task import Bundle, Signature

_OPSET = 18
_CLOSE = 1e-3  # a file whose probabilities are further off than this was written wrongly

_PREDICT = '''"""Which label do these pictures have? python predict.py FILE... (onnxruntime, numpy, pillow)"""
import json, pathlib, sys
import onnxruntime, preprocess

here = pathlib.Path(__file__).resolve().parent
names = json.loads((here / "labels.json").read_text("utf-8"))
seen = json.loads((here / "preprocessing.json").read_text("utf-8"))
model = onnxruntime.InferenceSession(str(here / "model.onnx"), providers=["CPUExecutionProvider"])
look = lambda path: preprocess.ready(path, seen)[None]
ask = lambda pixels: model.run(None, {"pixels": pixels})[0][0]

if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    failed = 0
    for path in sys.argv[1:] or sys.exit(__doc__):
        try:
            shares = ask(look(path))
            print(path, names[shares.argmax()], f"{shares.max():.4f}", sep="\\t")
        except Exception as error:  # a damaged picture can raise anything; the others are still asked
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

    def library(self, architecture: dict[str, Any]) -> str:  # noqa: ARG002
        """Return what the Hub calls files for onnxruntime and its like."""
        return "onnx"

    def packages(self, architecture: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """Return what ``predict.py`` imports, whatever the network came from."""
        return ["onnxruntime", "numpy", "pillow"]

    def write(self, bundle: Bundle, signature: Signature, folder: Path) -> None:  # noqa: ARG002
        """Write and check ``model.onnx``.

        PyTorch has two ways. Tracing takes a second and needs no further package; torch.export takes
        ten times as long and follows networks that tracing gets wrong. What the first writes is asked
        batches of several sizes; where it answers otherwise than the network, the second is taken.

        Raises:
            StudioError: If neither writes this network rightly.
        """
        path = folder / "model.onnx"
        network = signature.network.eval()
        errors: list[str] = []
        for export in (_traced, _captured):
            try:
                with _silence(), torch.no_grad():
                    export(network, signature, path)
                    _check(network, signature, path)
            except Exception as error:  # noqa: BLE001  the exporters raise anything; the other is tried
                path.unlink(missing_ok=True)
                first = str(error).strip().splitlines()[:1]
                errors.append(": ".join([type(error).__name__, *first]))
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
            names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
            seen = json.loads((folder / "preprocessing.json").read_text(encoding="utf-8"))
            model = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
            )
            outputs = model.get_outputs()[0].shape[-1]
            if outputs != len(names):
                raise ValueError(f"model.onnx has {outputs} outputs for {len(names)} labels")
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
        opset_version=_OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    _without_traces(path)


def _without_traces(path: Path) -> None:
    """Take out what torch.export notes for developers: stack traces that name folders of this computer."""
    import onnx

    model = onnx.load(str(path))
    for part in (model.graph, *model.functions, *model.graph.node, *model.graph.value_info):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, str(path))


def _check(network: torch.nn.Module, signature: Signature, path: Path) -> None:
    """Raise if the file is not valid, or does not answer batches of one to three as the network does."""
    import onnx
    import onnxruntime

    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for size in (1, 2, 3):
        # A batch of three begins with the two examples and repeats the first.
        several = {
            name: torch.cat([values, values])[:size] for name, values in signature.inputs.items()
        }
        expected = network(*several.values())
        outputs = expected if isinstance(expected, tuple) else (expected,)
        found = session.run(None, {name: values.numpy() for name, values in several.items()})
        for ours, theirs in zip(outputs, found, strict=True):
            if ours.shape != theirs.shape or not np.allclose(ours.numpy(), theirs, atol=_CLOSE):
                raise ValueError(f"a batch of {size} is answered otherwise than by the network")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporters' progress and advice to developers away from the user."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
