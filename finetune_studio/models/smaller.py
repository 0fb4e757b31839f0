"""ONNX files made smaller: numbers of 16 bits, or of 8 bits whose ranges training samples show."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from finetune_studio.models.graphs import silence

# What is computed in 8 bits: where the work is, and what lies between. Without the bends (Clip, Relu) every
# layer would go back to 32 bits, over a range far too wide: 3.8 points and all of the speed (measured).
_STATIC = [
    *("Conv", "MatMul", "Gemm", "Add", "Clip", "Relu", "Concat"),
    *("GlobalAveragePool", "AveragePool", "MaxPool"),
]
# The table of words (Gather) stays: in 8 bits five answers in a hundred changed instead of one (measured).
_DYNAMIC = ["MatMul", "Gemm"]


def halve(source: Path, target: Path) -> None:
    """Write the file with weights and activations of 16 bits; inputs and outputs stay as they are.

    Softmax and what a norm sums up keep 32 bits, as mixed-precision training does (Micikevicius et al. 2018).
    """
    import onnx
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    kept = [*DEFAULT_OP_BLOCK_LIST, "Softmax", "Sigmoid", "LayerNormalization", "ReduceMean", "Pow"]
    model = onnx.load(str(source))
    with silence():
        made = convert_float_to_float16(
            model,
            keep_io_types=True,
            op_block_list=kept,
            node_block_list=_before_the_network(model),
        )
    onnx.save(made, str(target))


def _before_the_network(model: Any) -> list[str]:
    """Return the names of the steps that make bytes of pictures ready: 16 bits would round them."""
    import onnx

    if model.graph.input[0].type.tensor_type.elem_type != onnx.TensorProto.UINT8:
        return []
    names = []
    for node in model.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            break
        names.append(node.name)
    return names


def quantise(source: Path, target: Path, examples: Sequence[dict[str, np.ndarray]]) -> None:
    """Write the file with numbers of 8 bits, their ranges fixed by what examples put through it.

    Activations are unsigned and have a scale each, weights signed with one a channel (Jacob et al. 2018;
    Krishnamoorthi 2018).
    """
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as place, silence():
        plain = Path(place) / "plain.onnx"
        quant_pre_process(str(source), str(plain), skip_symbolic_shape=True)
        quantize_static(
            str(plain),
            str(target),
            _Examples(examples),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_STATIC,
            per_channel=True,
            reduce_range=False,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def quantise_weights(source: Path, target: Path) -> None:
    """Write the file with weights of 8 bits; activations get theirs while it is asked, from their own range.

    Networks that read texts have single activations far beyond the others, which a range fixed before
    must cut off or spread over (Bondarenko et al. 2021).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as place, silence():
        plain = Path(place) / "plain.onnx"
        quant_pre_process(str(source), str(plain), skip_symbolic_shape=True)
        quantize_dynamic(
            str(plain),
            str(target),
            op_types_to_quantize=_DYNAMIC,
            per_channel=True,
            reduce_range=False,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )


class _Examples:
    """Hands the quantiser one example after the other."""

    def __init__(self, examples: Sequence[dict[str, np.ndarray]]) -> None:
        self._left: Iterator[dict[str, Any]] = iter(examples)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next example, or None at the end."""
        return next(self._left, None)
