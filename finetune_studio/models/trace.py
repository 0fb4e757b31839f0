"""One blank input sent through a network without computing anything: what runs when, and its shapes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Trace:
    """What one pass through a network showed, by module name.

    Attributes:
        order: Modules in the order in which they were first entered.
        shapes: The shape of each module's output, the batch first; missing where it gives no tensor.
        saved: Bytes that each module itself keeps for the way back, for the whole batch.
    """

    order: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    saved: dict[str, int] = field(default_factory=dict)


def blank(network: nn.Module, batch: int = 1, size: int = 0) -> Tensor:
    """Return grey pictures of the size that a network expects (224 pixels where any will do)."""
    config = getattr(network, "config", None)
    own = getattr(network, "image_size", None) or getattr(config, "image_size", None)
    side = size or (own if isinstance(own, int) else 224)
    return torch.zeros(batch, 3, side, side, device="meta")


def trace(network: nn.Module, inputs: Any) -> Trace:
    """Send inputs through a network in evaluation mode and return what ran.

    Nothing is computed: parameters and inputs are replaced by shapes alone. Networks that cannot run so
    are really run.
    """
    found = Trace()
    with _evaluating(network), torch.no_grad(), _watched(network, found):
        try:
            _run(network, inputs, as_shapes=True)
        except (NotImplementedError, RuntimeError, TypeError, ValueError):
            found.order.clear()
            found.shapes.clear()
            _run(network, inputs, as_shapes=False)
    return found


def _run(network: nn.Module, inputs: Any, *, as_shapes: bool) -> None:
    device = "meta" if as_shapes else next(network.parameters()).device
    moved = _moved(inputs, device)
    args, kwargs = ((), moved) if isinstance(moved, dict) else ((moved,), {})
    if as_shapes:
        torch.func.functional_call(network, shapes_of(network), args, kwargs)
    else:
        network(*args, **kwargs)


def shapes_of(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's parameters and buffers as tensors that have a shape and no values."""
    tensors = [*network.named_parameters(), *network.named_buffers()]
    return {name: torch.empty_like(value, device="meta") for name, value in tensors}


def _moved(inputs: Any, device: Any) -> Any:
    if isinstance(inputs, dict):
        return {name: _moved(value, device) for name, value in inputs.items()}
    if inputs.device.type == "meta" and torch.device(device).type != "meta":
        return torch.zeros_like(inputs, device=device)
    return inputs.to(device)


@contextlib.contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode for a while; every module returns to its own mode."""
    before = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


@contextlib.contextmanager
def _watched(network: nn.Module, found: Trace) -> Iterator[None]:
    handles = []
    for name, module in network.named_modules():

        def entered(_module: nn.Module, _args: Any, name: str = name) -> None:
            if name not in found.shapes and name not in found.order:
                found.order.append(name)

        def left(_module: nn.Module, _args: Any, output: Any, name: str = name) -> None:
            tensor = first_tensor(output)
            if tensor is not None and name not in found.shapes:
                found.shapes[name] = tuple(tensor.shape)

        handles += [module.register_forward_pre_hook(entered), module.register_forward_hook(left)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def first_tensor(output: Any) -> Tensor | None:
    """Return the first tensor in whatever a module gave back."""
    if isinstance(output, Tensor):
        return output
    values = output.values() if hasattr(output, "values") else output
    if not isinstance(output, dict | list | tuple) and not hasattr(output, "values"):
        return None
    return next((found for v in values if (found := first_tensor(v)) is not None), None)
