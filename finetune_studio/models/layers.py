"""A network as a tree of layers, and which of them learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from finetune_studio.models import trace
from finetune_studio.models.stages import names_for, stages

__all__ = ["LayerNode", "groups", "names_for", "set_modes", "set_trainable", "stages", "tree"]


@dataclass(frozen=True, slots=True)
class LayerNode:
    """One module of a network, as plain values.

    Attributes:
        name: Its dotted name; empty for the network itself.
        kind: What it is, in plain words.
        class_name: What its class is called.
        shape: What it gives out for one sample, without the batch; None if that is no single tensor.
        own: Numbers that it holds itself.
        parameters: Numbers that it and everything below it hold.
        depth: 0 for the network itself.
        children: The modules inside it.
        is_head: Whether it is the new last layer, or lies in it.
    """

    name: str
    kind: str
    class_name: str
    shape: tuple[int, ...] | None
    own: int
    parameters: int
    depth: int
    children: tuple[LayerNode, ...] = ()
    is_head: bool = False


def tree(network: nn.Module, inputs: Any, head: str = "") -> LayerNode:
    """Return the network as a tree, its shapes found by sending ``inputs`` through it."""
    seen = trace.trace(network, inputs)
    return _node(network, "", 0, head, seen)


def _node(module: nn.Module, name: str, depth: int, head: str, seen: trace.Trace) -> LayerNode:
    children = tuple(
        _node(child, f"{name}.{part}" if name else part, depth + 1, head, seen)
        for part, child in module.named_children()
    )
    own = sum(p.numel() for p in module.parameters(recurse=False))
    shape = seen.shapes.get(name)
    return LayerNode(
        name,
        _kind(module),
        type(module).__name__,
        shape[1:] if shape else None,
        own,
        own + sum(child.parameters for child in children),
        depth,
        children,
        bool(head) and (name == head or name.startswith(f"{head}.")),
    )


def _kind(module: nn.Module) -> str:
    return type(module).__name__


def set_trainable(network: nn.Module, names: Sequence[str]) -> None:
    """Let the named modules (and single parameters) learn, and freeze everything else."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(any(_within(name, chosen) for chosen in names))


def _within(name: str, module: str) -> bool:
    return not module or name == module or name.startswith(f"{module}.")


def set_modes(network: nn.Module) -> None:
    """Put what learns into training mode and everything else into evaluation mode.

    A frozen batch norm so keeps its statistics, and a frozen block its dropout still. A module without
    parameters (dropout, activation) trains if the nearest module around it that has parameters learns,
    and if something before it learns: what lies before all learning stays exactly as in evaluation.
    """
    started = False

    def visit(module: nn.Module, *, learning: bool) -> None:
        nonlocal started
        parameters = list(module.parameters())
        if parameters:
            learning = any(p.requires_grad for p in parameters)
            module.training = learning
            started = started or any(p.requires_grad for p in module.parameters(recurse=False))
        else:
            module.training = learning and started
        for child in module.children():
            visit(child, learning=learning)

    visit(network, learning=False)


def groups(network: nn.Module, head: str) -> dict[str, list[nn.Parameter]]:
    """Return the parameters that learn, in four groups for the optimiser.

    ``head`` and ``body`` are decayed; ``head_no_decay`` and ``body_no_decay`` are not: norms, biases,
    scales of channels, and tables of positions.
    """
    found: dict[str, list[nn.Parameter]] = {
        name: [] for name in ("head", "head_no_decay", "body", "body_no_decay")
    }
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            part = "head" if _within(name, head) else "body"
            found[part if _decays(name, parameter) else f"{part}_no_decay"].append(parameter)
    return found


def _decays(name: str, parameter: nn.Parameter) -> bool:
    flat = parameter.numel() == max(parameter.shape, default=1)
    return not flat and "pos_embed" not in name and "position" not in name
