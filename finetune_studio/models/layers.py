"""A network as a tree of layers, and which of them learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from finetune_studio.models import stages as stages_
from finetune_studio.models import tied, trace
from finetune_studio.models.kinds import kind_of
from finetune_studio.models.node import LayerNode, within
from finetune_studio.models.stages import always, names_for, stages
from finetune_studio.models.text import parts as text_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


__all__ = [
    "LayerNode",
    "always",
    "decays",
    "keep_statistics",
    "names_for",
    "refuse_unknown",
    "set_modes",
    "set_trainable",
    "stages",
    "tree",
]


def tree(network: nn.Module, inputs: Any, head: str = "") -> LayerNode:
    """Return the network as a tree, its shapes found by sending ``inputs`` through it.

    Args:
        network: The network; nothing of it changes.
        inputs: A tensor or a dictionary of tensors; they may be of the device ``meta``.
        head: Dotted name of the layer that is marked as the head.
    """
    seen = trace.trace(network, inputs, saved=True)
    return _Walk(network, head, seen).node(network, "", 0)


class _Walk:
    """Makes nodes of modules; what a network uses under two names counts where it is named first."""

    def __init__(self, network: nn.Module, head: str, seen: trace.Trace) -> None:
        self.seen = seen
        texts = trace.reads_texts(network)
        self.heads = [head, *always(network, head)] if head else []
        self.titles = text_parts.titles(network) if texts else {}
        self.second = tied.second_names(network)

    def node(self, module: nn.Module, name: str, depth: int) -> LayerNode:
        """Return a module and all below it."""
        children = tuple(
            self.node(child, f"{name}.{part}" if name else part, depth + 1)
            for part, child in module.named_children()
        )
        owned = [(n, p.numel()) for n, p in module.named_parameters(recurse=False)]
        tables = tuple(t for t in owned if f"{name}.{t[0]}" not in self.second)
        own = sum(size for _, size in tables)
        shape = self.seen.shapes.get(name)
        return LayerNode(
            name,
            self._kind(module, name, shared=len(tables) < len(owned)),
            type(module).__name__,
            shape[1:] if shape else None,
            own,
            own + sum(child.parameters for child in children),
            depth,
            children,
            is_head=any(within(name, head) for head in self.heads),
            tables=tables,
            order=self.seen.place.get(name, -1),
            saved_bytes=self.seen.saved.get(name, 0),
        )

    def _kind(self, module: nn.Module, name: str, *, shared: bool) -> str:
        if not name:
            return "The whole network"
        kind = self.titles.get(name) or kind_of(module)
        return f"{kind} (the same numbers as the embeddings)" if shared else kind


def set_trainable(network: nn.Module, names: Sequence[str]) -> None:
    """Let the named modules (and single parameters) learn, and freeze everything else.

    A parameter with two names, as a language model's first and last table, learns if either is named.
    """
    learning = {
        id(parameter)
        for name, parameter in network.named_parameters(remove_duplicate=False)
        if any(within(name, chosen) for chosen in names)
    }
    for parameter in network.parameters():
        if parameter.is_floating_point():  # what lies in 4 bits cannot learn
            parameter.requires_grad_(id(parameter) in learning)


def refuse_unknown(network: nn.Module, names: Iterable[str], setting: str) -> None:
    """Refuse names of modules or parameters that the network does not have.

    Raises:
        StudioError: Naming the setting and what there is.
    """
    known = {name for name, _ in network.named_modules()}
    known |= {name for name, _ in network.named_parameters()}
    stages_.refuse_unknown(names, known, setting)


def keep_statistics(network: nn.Module) -> None:
    """Let all batch norms go by the statistics that they have, also where they learn.

    Their scales and shifts may change all the same. What a small batch of varied pictures has for mean
    and spread then no longer disturbs the learning, and a sample is seen in training as it is in use.
    The choice is the module's own, so that copies of the network keep it; :func:`set_modes` follows it.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            module.keeps_statistics = True  # type: ignore[assignment]  # no tensor and no module


def set_modes(network: nn.Module) -> None:
    """Put what learns into training mode and everything else into evaluation mode.

    A frozen batch norm so keeps its statistics, as does one that was told to, and a frozen block its
    dropout still. A module
    without parameters (dropout, activation) trains if the nearest module around it that has
    parameters learns, and if something before it learns; what lies before all learning stays just
    as in evaluation.
    """
    holding, learning = set[nn.Module](), set[nn.Module]()  # with parameters below; that learn

    def look(module: nn.Module) -> None:
        own = list(module.parameters(recurse=False))
        children = list(module.children())
        for child in children:
            look(child)
        if own or not holding.isdisjoint(children):
            holding.add(module)
        if any(p.requires_grad for p in own) or not learning.isdisjoint(children):
            learning.add(module)

    started = False

    def visit(module: nn.Module, *, inside_learning: bool) -> None:
        nonlocal started
        if module in holding:
            inside_learning = module in learning
            module.training = inside_learning and not getattr(module, "keeps_statistics", False)
            started = started or any(p.requires_grad for p in module.parameters(recurse=False))
        else:
            module.training = inside_learning and started
        for child in module.children():
            visit(child, inside_learning=inside_learning)

    look(network)
    visit(network, inside_learning=False)


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay is for a parameter: not for norms, biases, scales and tables of positions."""
    flat = parameter.numel() == max(parameter.shape, default=1)
    return not flat and "pos_embed" not in name and "position" not in name
