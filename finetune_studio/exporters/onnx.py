"""ONNX: one file with the network and its last softmax, for onnxruntime and many others."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.exporter import Exporter, Use, use_of
from finetune_studio.core.task import Bundle, Signature, Task

_OPSET = 18
_ONE_PASS = ("image", "text")  # families of networks that answer in one pass
_CLOSE = 1e-3  # a file whose probabilities are further off than this was written wrongly

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
        "tokenizer.json": "cuts texts into tokens (for the package tokenizers, and many others)",
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

    def write(self, bundle: Bundle, signature: Signature | None, folder: Path) -> None:
        """Write and check ``model.onnx``.

        PyTorch has two ways. Tracing takes a second and needs no further package; torch.export takes
        ten times as long and follows networks that tracing gets wrong. What the first writes is asked
        batches of several sizes; where it answers otherwise than the network, the second is taken.

        Raises:
            StudioError: If neither writes this network rightly.
        """
        assert signature is not None
        if "tokenizer.json" in bundle.files:
            (folder / "tokenizer.json").write_bytes(bundle.files["tokenizer.json"])
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


def _fit(outputs: int, labels: Path) -> None:
    count = len(json.loads(labels.read_text(encoding="utf-8")))
    if outputs != count:
        raise ValueError(f"model.onnx has {outputs} outputs for {count} labels")


def _traced(network: torch.nn.Module, signature: Signature, path: Path) -> None:
    """Write by tracing, which is quick and needs no further package."""
    torch.onnx.export(
        network,
        tuple(signature.inputs.values()),
        str(path),
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        dynamic_axes={**signature.dynamic, **_moving(network, signature)},
        opset_version=_OPSET,
        dynamo=False,
    )


def _captured(network: torch.nn.Module, signature: Signature, path: Path) -> None:
    """Write by torch.export, for networks that tracing cannot follow."""
    words = {word for axes in signature.dynamic.values() for word in axes.values()}
    sizes = {word: torch.export.Dim(word) for word in words}
    axes: dict[str, Any] = {
        name: {axis: sizes[word] for axis, word in signature.dynamic.get(name, {}).items()}
        for name in signature.inputs
    }
    shapes = tuple(axes.values())
    torch.onnx.export(
        network,
        tuple(signature.inputs.values()),
        str(path),
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        dynamic_shapes=(shapes,) if _takes_any_number(network) else shapes,
        opset_version=_OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    _without_traces(path)


def _takes_any_number(network: torch.nn.Module) -> bool:
    kinds = [parameter.kind for parameter in inspect.signature(network.forward).parameters.values()]
    return kinds == [inspect.Parameter.VAR_POSITIONAL]


def _without_traces(path: Path) -> None:
    """Take out what torch.export notes for developers: stack traces that name folders of this computer."""
    import onnx

    model = onnx.load(str(path))
    for part in (model.graph, *model.functions, *model.graph.node, *model.graph.value_info):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, str(path))


def _moving(network: torch.nn.Module, signature: Signature) -> dict[str, dict[int, str]]:
    """Return which axes of the outputs grow with the inputs, by the name of each output."""
    words = {axis: word for axes in signature.dynamic.values() for axis, word in axes.items()}
    found: dict[str, dict[int, str]] = {name: {} for name in signature.outputs}
    before = _said(network, signature.inputs)
    for axis, word in words.items():
        after = _said(network, _grown(signature.inputs, axis, 2))
        for name, one, other in zip(signature.outputs, before, after, strict=True):
            sizes = enumerate(zip(one.shape, other.shape, strict=True))
            found[name] |= {place: word for place, (was, is_now) in sizes if was != is_now}
    return found


def _grown(inputs: dict[str, torch.Tensor], axis: int, times: int) -> dict[str, torch.Tensor]:
    return {name: torch.cat([values] * times, axis) for name, values in inputs.items()}


def _said(network: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    answer = network(*inputs.values())
    return answer if isinstance(answer, tuple) else (answer,)


def _check(network: torch.nn.Module, signature: Signature, path: Path) -> None:
    """Raise if the file is not valid, or does not answer other sizes as the network does.

    It is asked one to three samples; where their length may change, also shorter and longer ones.
    """
    import onnx
    import onnxruntime

    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    lengths = {axis for axes in signature.dynamic.values() for axis in axes if axis > 0}
    # A batch of three begins with the two examples and repeats the first.
    given = [
        {name: values[:size] for name, values in _grown(signature.inputs, 0, 2).items()}
        for size in (1, 2, 3)
    ]
    for axis in lengths:
        given += [_grown(given[1], axis, 3)]
        given += [{n: values.narrow(axis, 0, 3) for n, values in given[2].items()}]
    for inputs in given:
        found = session.run(None, {name: values.numpy() for name, values in inputs.items()})
        for ours, theirs in zip(_said(network, inputs), found, strict=True):
            if ours.shape != theirs.shape or not np.allclose(ours.numpy(), theirs, atol=_CLOSE):
                shape = tuple(next(iter(inputs.values())).shape)
                raise ValueError(f"inputs of the shape {shape} are answered otherwise than here")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporters' progress and advice to developers away from the user."""
    nowhere = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        warnings.simplefilter("ignore")
        yield
