"""Finds the longest frozen part of any network, and runs the rest from stored activations.

No surgery: in replay, the module at the boundary is given the stored activation, the modules before it
at the same level pass their input through, and whatever lies above runs on a dummy batch of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from finetune_studio.core.task import Batch, Bundle, Task
from finetune_studio.models import layers

_RANDOM = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


class _Reached(Exception):  # noqa: N818  no error: the signal that the boundary has its input
    """Ends a forward pass at the boundary."""


class FrozenPrefix:
    """The part of a network before ``boundary``, which no training step changes.

    Args:
        network: The whole network, its trainable parameters marked and its modes set.
        boundary: Dotted name of the module whose input is stored.
        skipped: Names of the modules that pass their input through in replay.
        answers: What those of them that answer with more than a tensor said to the blank.
    """

    def __init__(
        self, network: nn.Module, boundary: str, skipped: list[str], answers: dict[str, Any]
    ) -> None:
        self.network = network
        self.boundary = boundary
        self._module = network.get_submodule(boundary)
        self._skipped = skipped
        self._answers = answers
        self.stored: Tensor | None = None
        self._shape: torch.Size | None = None

    def shape_each(self, task: Task, bundle: Bundle, blank: Callable[[], Batch]) -> torch.Size:
        """Return the shape of what is stored of one sample, seen of a blank the first time."""
        if self._shape is None:
            self._shape = self.compute(task, bundle, blank()).shape[1:]
        return self._shape

    def compute(self, task: Task, bundle: Bundle, batch: Batch) -> Tensor:
        """Run the prefix alone; return the boundary's input, (batch, ...)."""
        caught: list[Tensor] = []

        def catch(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            caught.append(first_tensor(args, kwargs))
            raise _Reached

        hook = self._module.register_forward_pre_hook(catch, with_kwargs=True, prepend=True)
        try:
            with torch.no_grad():
                task.predict(bundle, batch)
        except _Reached:
            pass
        finally:
            hook.remove()
        return caught[0].detach()

    @contextmanager
    def replaying(self) -> Iterator[None]:
        """Run the network from :attr:`stored` as long as the context lasts."""

        def give(
            _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            assert self.stored is not None
            stored = self.stored
            return with_first_tensor(args, kwargs, lambda _: stored)

        modules = [(name, self.network.get_submodule(name)) for name in self._skipped]
        before = [module.__dict__.get("forward") for _, module in modules]
        # Before what else looks at the boundary's input, as what leaves out or blends does.
        hook = self._module.register_forward_pre_hook(give, with_kwargs=True, prepend=True)
        try:
            for name, module in modules:
                module.forward = _passing(self._answers.get(name))
            yield
        finally:
            hook.remove()
            for (_, module), own in zip(modules, before, strict=True):
                module.__dict__.pop("forward", None)
                if own is not None:  # one that recomputes its activations
                    module.forward = own


def _passing(answer: Any) -> Any:
    """Return a forward that gives its input on, in the form in which the module answers."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        value = args[0] if args else next(iter(kwargs.values()))
        if answer is None:
            return value
        return (value,) if isinstance(answer, tuple) else answer

    return forward


def first_tensor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Return the first tensor among what a module is given."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            return value
    raise TypeError("the module at the boundary takes no tensor")


def with_first_tensor(
    args: tuple[Any, ...], kwargs: dict[str, Any], change: Callable[[Tensor], Tensor]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a module is given, its first tensor changed."""
    for index, value in enumerate(args):
        if isinstance(value, Tensor):
            return (*args[:index], change(value), *args[index + 1 :]), kwargs
    for name, value in kwargs.items():
        if isinstance(value, Tensor):
            return args, {**kwargs, name: change(value)}
    raise TypeError("the module at the boundary takes no tensor")


class _Trace:
    """Which modules one forward pass called, in order, and what they said if it was not a tensor."""

    def __init__(self, task: Task, bundle: Bundle) -> None:
        self._network = bundle.network
        self.order: list[str] = []
        self.called: set[str] = set()
        self.answers: dict[str, Any] = {}
        hooks = []
        for name, module in bundle.network.named_modules():
            hooks.append(module.register_forward_pre_hook(self._before(name)))
            hooks.append(module.register_forward_hook(self._after(name)))
        bundle.network.eval()  # norms must not learn from the blank
        try:
            with torch.no_grad():
                task.predict(bundle, task.blank(bundle).to(_device(bundle.network)))
        finally:
            for hook in hooks:
                hook.remove()
            layers.set_modes(bundle.network)

    def _before(self, name: str) -> Any:
        def hook(*_: Any) -> None:
            if name not in self.called:
                self.called.add(name)
                self.order.append(name)

        return hook

    def _after(self, name: str) -> Any:
        def hook(_: nn.Module, __: Any, answer: Any) -> None:
            if not isinstance(answer, Tensor):
                self.answers[name] = answer

        return hook

    def children(self, parent: str) -> list[str]:
        """Return the called modules right below ``parent``, through containers that are not called."""
        return [n for n in self.order if n != parent and self._called_parent(n) == parent]

    def learns_itself(self, parent: str) -> bool:
        """Whether a module uses numbers that learn without calling a module for them.

        They are its own, or of a module that is never called, as a table that all layers look into.
        """
        return any(
            parameter.requires_grad and self._called_parent(name) == parent
            for name, parameter in self._network.named_parameters(remove_duplicate=False)
        )

    def _called_parent(self, name: str) -> str:
        while name:
            name = name.rpartition(".")[0]
            if name in self.called:
                return name
        return ""


def find_prefixes(task: Task, bundle: Bundle) -> list[FrozenPrefix]:
    """Return the frozen prefixes of a network, the longest first; none if the first module learns.

    Later ones are to be tried where an earlier one does not replay exactly, as inside a residual
    block of which only the second half learns. Of ragged inputs only what has no places any more is kept,
    so there it is also looked for inside a head that first picks one token, as RoBERTa's does.
    """
    network = bundle.network
    trace = _Trace(task, bundle)
    found: list[FrozenPrefix] = []
    parent = ""
    while True:
        children = trace.children(parent)
        learns = [_learns(network.get_submodule(name)) for name in children]
        if not any(learns) or trace.learns_itself(parent):
            break
        index = first = learns.index(True)
        whole = all(p.requires_grad for p in network.get_submodule(children[first]).parameters())
        while whole and index and _is_random(network.get_submodule(children[index - 1])):
            index -= 1  # what is random in training must stay on the computed side
        boundary = children[index]
        if _something_before(network, trace, boundary):
            found.append(FrozenPrefix(network, boundary, children[:index], trace.answers))
        if whole and not task.ragged:
            break
        parent = children[first]
    return list(reversed(found))


def _something_before(network: nn.Module, trace: _Trace, boundary: str) -> bool:
    """Whether any module with parameters runs before the boundary; else there is nothing to save."""
    before = trace.order[: trace.order.index(boundary)]
    return any(
        next(network.get_submodule(name).parameters(recurse=False), None) is not None
        for name in before
        if name and not boundary.startswith(f"{name}.")
    )


def _is_random(module: nn.Module) -> bool:
    return isinstance(module, _RANDOM) and module.training and module.p > 0


def _learns(module: nn.Module) -> bool:
    return any(p.requires_grad for p in module.parameters())


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
