"""A network as a graph for other programs: followed with example inputs, and asked again to be sure."""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Signature
from finetune_studio.models import harmless

_OPSET = 18
_CLOSE = 1e-3  # a file whose probabilities are further off than this was written wrongly

Ask = Callable[[dict[str, np.ndarray]], list[np.ndarray]]


def write_onnx(signature: Signature, path: Path) -> None:
    """Write and check an ONNX file in fp32.

    PyTorch has two ways. Tracing takes a second and needs no further package; torch.export takes
    ten times as long and follows networks that tracing gets wrong. What the first writes is asked
    batches of several sizes; where it answers otherwise than the network, the second is taken.

    Raises:
        StudioError: If neither writes this network rightly.
    """
    signature.network.eval()
    errors: list[str] = []
    for export in (_traced, _captured):
        try:
            with silence(), torch.no_grad():
                export(signature, path)
                _check_onnx(signature, path)
        except Exception as error:  # noqa: BLE001  the exporters raise anything; the other is tried
            path.unlink(missing_ok=True)
            errors.append(_in_a_line(error))
        else:
            return
    raise StudioError(
        f"This network cannot be written as ONNX ({'; '.join(errors)}).",
        "Use the Hugging Face folder instead.",
    )


def write_program(signature: Signature, path: Path) -> None:
    """Write and check a ``.pt2`` file, which torch loads without the code of the network.

    Raises:
        StudioError: If torch.export cannot follow this network.
    """
    signature.network.eval()
    try:
        with silence(), torch.no_grad():
            program = torch.export.export(
                signature.network,
                tuple(signature.inputs.values()),
                dynamic_shapes=_shapes(signature, bounded=True),
            )
            _forget_the_code(program)
            torch.export.save(program, path)
            harmless.refuse_code(path)  # what is not opened again here is not handed over
            again: Any = torch.export.load(path).module()
            check(signature, lambda inputs: _outputs(again, inputs))
    except Exception as error:
        path.unlink(missing_ok=True)
        raise StudioError(
            f"torch.export cannot follow this network ({_in_a_line(error)}).",
            "Use ONNX or the Hugging Face folder instead.",
        ) from error


def check(signature: Signature, ask: Ask) -> None:
    """Raise if what was written does not answer other sizes as the network does.

    It is asked one to three samples; where their length may change, also shorter and longer ones.

    Raises:
        ValueError: If it answers otherwise.
    """
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
        found = ask({name: values.numpy() for name, values in inputs.items()})
        for ours, theirs in zip(_said(signature.network, inputs), found, strict=True):
            if ours.shape != theirs.shape or not np.allclose(ours.numpy(), theirs, atol=_CLOSE):
                shape = tuple(next(iter(inputs.values())).shape)
                raise ValueError(f"inputs of the shape {shape} are answered otherwise than here")


def _in_a_line(error: Exception) -> str:
    first = str(error).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *first])


def _traced(signature: Signature, path: Path) -> None:
    """Write by tracing, which is quick and needs no further package."""
    torch.onnx.export(
        signature.network,
        tuple(signature.inputs.values()),
        str(path),
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        dynamic_axes={**signature.dynamic, **_moving(signature)},
        opset_version=_OPSET,
        dynamo=False,
    )


def _captured(signature: Signature, path: Path) -> None:
    """Write by torch.export, for networks that tracing cannot follow."""
    torch.onnx.export(
        signature.network,
        tuple(signature.inputs.values()),
        str(path),
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        dynamic_shapes=_shapes(signature),
        opset_version=_OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    _without_traces(path)


def _shapes(signature: Signature, *, bounded: bool = False) -> tuple[Any, ...]:
    """Return which axes change, as torch.export wants it said.

    ``bounded`` lets it find the bounds of lengths by itself: a network has a place for so many tokens only.
    """
    words = {word: axis for axes in signature.dynamic.values() for axis, word in axes.items()}
    sizes: dict[str, Any] = {
        word: torch.export.Dim.AUTO if bounded and axis > 0 else torch.export.Dim(word)
        for word, axis in sorted(words.items())
    }
    shapes = tuple(
        {axis: sizes[word] for axis, word in signature.dynamic.get(name, {}).items()}
        for name in signature.inputs
    )
    return (shapes,) if _takes_any_number(signature.network) else shapes


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


def _forget_the_code(program: Any) -> None:
    """Take the same out of a program that torch keeps."""
    for module in program.graph_module.modules():
        for node in getattr(getattr(module, "graph", None), "nodes", ()):
            for note in ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node"):
                node.meta.pop(note, None)


def _moving(signature: Signature) -> dict[str, dict[int, str]]:
    """Return which axes of the outputs grow with the inputs, by the name of each output."""
    words = {axis: word for axes in signature.dynamic.values() for axis, word in axes.items()}
    found: dict[str, dict[int, str]] = {name: {} for name in signature.outputs}
    before = _said(signature.network, signature.inputs)
    for axis, word in words.items():
        after = _said(signature.network, _grown(signature.inputs, axis, 2))
        for name, one, other in zip(signature.outputs, before, after, strict=True):
            sizes = enumerate(zip(one.shape, other.shape, strict=True))
            found[name] |= {place: word for place, (was, is_now) in sizes if was != is_now}
    return found


def _grown(inputs: dict[str, torch.Tensor], axis: int, times: int) -> dict[str, torch.Tensor]:
    return {name: torch.cat([values] * times, axis) for name, values in inputs.items()}


def _said(network: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    answer = network(*inputs.values())
    return answer if isinstance(answer, tuple) else (answer,)


def _outputs(network: Any, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    answer = network(*(torch.from_numpy(values) for values in inputs.values()))
    return [part.numpy() for part in (answer if isinstance(answer, tuple) else (answer,))]


def _check_onnx(signature: Signature, path: Path) -> None:
    """Raise if the file is not valid, or does not answer as the network does."""
    import onnx
    import onnxruntime

    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    check(signature, lambda inputs: list(session.run(None, inputs)))


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep the exporters' progress and advice to developers away from the user."""
    nowhere = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        warnings.simplefilter("ignore")
        yield
