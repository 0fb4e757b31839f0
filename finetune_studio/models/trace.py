"""One blank input sent through a network without computing: what runs when, and its shapes."""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKENS = 128  # of a text, where nothing is known of the texts
_CANNOT = (NotImplementedError, RuntimeError, TypeError, ValueError)


@dataclass
class Trace:
    """What one pass through a network showed, by module name.

    Attributes:
        place: When each module was first entered, counted from 0.
        shapes: The shape of each module's output, the batch first; missing where it is no tensor.
        saved: Bytes that each module itself keeps for the way back, for one sample.
    """

    place: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    saved: dict[str, int] = field(default_factory=dict)

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """Return a module's output shape; of a list that never runs itself, its last member's."""
        inside = [n for n in self.shapes if n.startswith(f"{name}.")]
        last = max(inside, key=lambda n: self.place.get(n, -1), default="")
        return self.shapes.get(name, self.shapes.get(last))

    def place_of(self, name: str) -> int | None:
        """Return when a module was entered; of a list that never runs, its first member."""
        inside = [p for n, p in self.place.items() if n.startswith(f"{name}.")]
        return self.place.get(name, min(inside, default=None))


def blank(network: nn.Module, batch: int = 1, size: int = 0) -> Any:
    """Return inputs that have a shape and no values, as large as a network expects.

    Pictures where any size will do have 224 pixels a side; of texts it is a dictionary, by default
    with 128 tokens a text or as many as the network can see.
    """
    if reads_texts(network):
        return _blank_texts(network, batch, size)
    config = getattr(network, "config", None)
    own = getattr(network, "image_size", None) or getattr(config, "image_size", None)
    side = size or (own if isinstance(own, int) else 224)
    return torch.zeros(batch, 3, side, side, device="meta")


def reads_texts(network: nn.Module) -> bool:
    """Whether a network takes numbers of tokens."""
    return "input_ids" in inspect.signature(network.forward).parameters


def _blank_texts(network: nn.Module, batch: int, length: int) -> dict[str, Tensor]:
    from finetune_studio.models.text.networks import inputs_of, longest

    length = length or min(_TOKENS, longest(network) or _TOKENS)
    names = inputs_of(network)
    if getattr(network.config, "is_encoder_decoder", False):
        names = [*names, "decoder_input_ids"]
    make = {"attention_mask": torch.ones}
    return {
        name: make.get(name, torch.zeros)(batch, length, dtype=torch.int64, device="meta")
        for name in names
    }


class _Answered(TorchDispatchMode):
    """Answers with one whenever a network asks for a value of a tensor that has none.

    Networks of transformers ask whether a mask holds any padding; so it holds none.
    """

    def __torch_dispatch__(self, asked: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if asked is torch.ops.aten._local_scalar_dense.default and args[0].device.type == "meta":
            return args[0].dtype is torch.bool or 1
        return asked(*args, **(kwargs or {}))


def trace(network: nn.Module, inputs: Any, *, saved: bool = False) -> Trace:
    """Send inputs through a network and return what ran; the network stays as it is.

    Nothing is computed: parameters and inputs are replaced by shapes alone. Networks that cannot
    run so are really run; what learning would keep in memory (``saved``) is then not known.
    """
    found = Trace()
    with _modes_kept(network), _watched(network, found):
        network.eval()
        try:
            with torch.no_grad():
                _run(network, moved(inputs, "meta"), shapes_of(network))
        except _CANNOT:
            found.place.clear()
            found.shapes.clear()
            device = next(network.parameters()).device
            if device.type != "meta":
                with torch.no_grad():
                    _run(network, moved(inputs, device))
            return found
    if saved:
        found.saved = saved_bytes(network, inputs)
    return found


def saved_bytes(network: nn.Module, inputs: Any) -> dict[str, int]:
    """Return the bytes that each module keeps of one sample for the way back if all of it learns.

    Counted from what autograd really saves; parameters and what is saved twice count once.
    """
    state = shapes_of(network)
    for name, parameter in network.named_parameters():
        state[name].requires_grad_(parameter.is_floating_point())
    counted = {value.untyped_storage()._cdata for value in state.values()}
    batch = moved(inputs, "meta")
    samples = len(next(iter(batch.values())) if isinstance(batch, dict) else batch)
    found: dict[str, int] = {}
    kept: list[Tensor] = []  # so that no address is used twice
    inside: list[str] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in counted:
            counted.add(storage._cdata)
            kept.append(tensor)
            name = inside[-1] if inside else ""
            found[name] = found.get(name, 0) + storage.nbytes() // samples
        return tensor

    def enter(name: str) -> None:
        inside.append(name)

    with _modes_kept(network), _entered(network, enter, inside.pop):
        network.train()
        watch = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
        with contextlib.suppress(*_CANNOT), torch.enable_grad(), watch:
            _run(network, batch, state)
    return found


def _run(network: nn.Module, inputs: Any, state: dict[str, Tensor] | None = None) -> None:
    args, kwargs = ((), inputs) if isinstance(inputs, dict) else ((inputs,), {})
    if state is None:
        network(*args, **kwargs)
    else:
        with _Answered():
            torch.func.functional_call(network, state, args, kwargs)


def shapes_of(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's parameters and buffers as tensors that have a shape and no values."""
    tensors = [*network.named_parameters(), *network.named_buffers()]
    return {name: torch.empty_like(value, device="meta").detach() for name, value in tensors}


def moved(inputs: Any, device: Any) -> Any:
    """Return inputs on a device; what had no values becomes zeros, and a mask ones."""
    if isinstance(inputs, dict):
        found = {name: moved(value, device) for name, value in inputs.items()}
        if "attention_mask" in found and inputs["attention_mask"].device.type == "meta":
            found["attention_mask"] = torch.ones_like(found["attention_mask"])
        return found
    if inputs.device.type == "meta" and torch.device(device).type != "meta":
        return torch.zeros_like(inputs, device=device)
    return inputs.to(device)


@contextlib.contextmanager
def _modes_kept(network: nn.Module) -> Iterator[None]:
    """Let every module return to its own mode afterwards."""
    before = {module: module.training for module in network.modules()}
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


@contextlib.contextmanager
def _watched(network: nn.Module, found: Trace) -> Iterator[None]:
    """Write down when each module is entered and what it gives out."""
    handles = []
    for name, module in network.named_modules():

        def entered(_module: nn.Module, _args: Any, name: str = name) -> None:
            found.place.setdefault(name, len(found.place))

        def left(_module: nn.Module, _args: Any, output: Any, name: str = name) -> None:
            tensor = first_tensor(output)
            if tensor is not None:
                found.shapes.setdefault(name, tuple(tensor.shape))

        handles += [module.register_forward_pre_hook(entered), module.register_forward_hook(left)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def _entered(network: nn.Module, enter: Any, leave: Any) -> Iterator[None]:
    """Call ``enter`` with a module's name when it begins to run and ``leave`` when it has ended."""

    def left(_module: nn.Module, _args: Any, _output: Any) -> None:
        leave()

    handles = []
    for name, module in network.named_modules():

        def entered(_module: nn.Module, _args: Any, name: str = name) -> None:
            enter(name)

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
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, list | tuple):
        return next((found for v in output if (found := first_tensor(v)) is not None), None)
    return None
