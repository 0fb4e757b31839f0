"""Lets activations that cut off at both ends keep only their result for the way back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function


def keep_results(network: nn.Module) -> None:
    """Let each ReLU6 (or other Hardtanh) of a network keep its result in place of what it was given.

    PyTorch keeps the input, and of one that works in place a copy of it, although the result says as
    much: it lies on an end exactly where the input lay on it or beyond. What comes next keeps the result
    anyway, so that nothing is left to keep; in a MobileNetV2 that is a third of what an
    image takes while all of it learns. The numbers are the same, bit by bit.
    """
    for module in network.modules():
        if found := _FRUGAL.get(type(module)):
            module.__class__ = found


class _Clipped(Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, low: float, high: float, inplace: bool) -> Tensor:
        ctx.ends = low, high
        if inplace:
            ctx.mark_dirty(given)
            result = nn.functional.hardtanh_(given, low, high)
        else:
            result = nn.functional.hardtanh(given, low, high)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (result,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, result, *ctx.ends), None, None, None


class _Frugal(nn.Hardtanh):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  as PyTorch names it
        """Clip the input; where nothing goes back, or a compiler looks on, as PyTorch does it."""
        plain = torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None
        if plain or not (torch.is_grad_enabled() and input.requires_grad):
            return super().forward(input)
        clipped: Tensor = _Clipped.apply(input, self.min_val, self.max_val, self.inplace)
        return clipped


# Named as what they are: the layer tree shows the names of classes.
class ReLU6(_Frugal, nn.ReLU6):
    """A ReLU6 that keeps its result."""


class Hardtanh(_Frugal):
    """A Hardtanh that keeps its result."""


_FRUGAL: dict[type[nn.Module], type[nn.Module]] = {nn.ReLU6: ReLU6, nn.Hardtanh: Hardtanh}
