"""How strongly each part of a network is pulled, and how far it has moved from its pretrained weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from finetune_studio.core.task import Bundle
from finetune_studio.engine import before
from finetune_studio.models import layers
from finetune_studio.models.node import within

_HELD = (
    64 * 2**20
)  # bytes of pretrained weights that are held in memory; more are read when they are needed


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a network that is shown as a whole; ``new`` if it began from nothing."""

    stage: str
    name: str
    new: bool


# --- plain functions on tensors -------------------------------------------------------------------


def length(tensors: Sequence[Tensor]) -> float:
    """Return the length of tensors taken as one vector: the root of the sum of all squares."""
    if not tensors:
        return 0.0
    norms = torch._foreach_norm([_exact(tensor) for tensor in tensors])
    return float(torch.linalg.vector_norm(torch.stack(list(norms))))


def distance(now: Sequence[Tensor], start: Sequence[Tensor]) -> float:
    """Return how far tensors lie from others of the same shapes, taken as one vector each."""
    if not now:
        return 0.0
    there = [_exact(s.to(n.device)) for n, s in zip(now, start, strict=True)]
    return length(torch._foreach_sub([_exact(n) for n in now], there))


def _exact(tensor: Tensor) -> Tensor:
    found = tensor.detach()
    return found if found.dtype == torch.float32 else found.float()


def relative_drift(
    now: Mapping[str, Tensor], start: Mapping[str, Tensor], names: Iterable[str]
) -> float | None:
    """Return how far the named tensors have moved, relative to their length then; None if there are none.

    0 is where they were; 1 is as far as they were long.
    """
    known = [name for name in names if name in start and name in now]
    size = length([start[name] for name in known])
    if not known or size == 0.0:
        return None
    return distance([now[n] for n in known], [start[n] for n in known]) / size


# --- the parts of a network -----------------------------------------------------------------------


def parts_of(bundle: Bundle) -> list[Part]:
    """Return the parts of a network in the order in which they run, with the stage each belongs to."""
    network = bundle.network
    heads = layers.always(network, bundle.head)
    compiled, network._compiled_call_impl = network._compiled_call_impl, None
    try:  # one input goes through the network as it was written
        stages = layers.stages(network, bundle.head)
    finally:
        network._compiled_call_impl = compiled
    return [
        Part(title, name, new=any(within(name, head) for head in heads))
        for title, names in stages
        for name in names
    ]


class Heat:
    """Measures the parts of one network, of which the pretrained weights are known.

    Args:
        bundle: The network.
        folder: Its run, which keeps them (``before.py``).
    """

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self._network = bundle.network
        self.parts = parts_of(bundle)
        self._folder = folder
        self._held: Mapping[str, Tensor] | None = None
        self._sizes: dict[str, float] = {}
        self._all = dict(bundle.network.named_parameters())
        self._known: tuple[list[bool], dict[Part, list[tuple[str, nn.Parameter]]]] = ([], {})
        self.gradients: dict[str, float] = {}  # by part, of the last step that was felt

    def feel(self, scale: float = 1.0) -> None:
        """Remember how long the gradients are now, part by part; they are ``scale`` times too long."""
        found = {}
        for part, parameters in self._learning().items():
            pulled = [p.grad for _, p in parameters if p.grad is not None]
            if pulled:
                found[part.name] = length(pulled) / scale
        self.gradients = found

    def rows(self) -> list[dict[str, Any]]:
        """Return each part with its gradient and its drift, as plain values."""
        start, learning = self._start(), self._learning()
        return [self._row(part, learning.get(part, []), start) for part in self.parts]

    def _learning(self) -> dict[Part, list[tuple[str, nn.Parameter]]]:
        """Return what learns now, by part."""
        now = [p.requires_grad for p in self._all.values()]
        if now != self._known[0]:
            found: dict[Part, list[tuple[str, nn.Parameter]]] = {}
            for name, parameter in self._all.items():
                if not parameter.requires_grad:
                    continue
                part = next((p for p in self.parts if within(name, p.name)), None)
                if part is not None:
                    found.setdefault(part, []).append((name, parameter))
            self._known = now, found
        return self._known[1]

    def _row(
        self, part: Part, learning: list[tuple[str, nn.Parameter]], start: Mapping[str, Tensor]
    ) -> dict[str, Any]:
        drift, size = (None, None) if part.new else self._moved(learning, start)
        return {
            "stage": part.stage,
            "name": part.name,
            "learn": sum(p.numel() for _, p in learning),
            "gradient": finite(self.gradients.get(part.name)),
            "drift": finite(drift),
            "size": finite(size),
        }

    def _moved(
        self, learning: list[tuple[str, nn.Parameter]], start: Mapping[str, Tensor]
    ) -> tuple[float | None, float | None]:
        """Return the drift of weights that learn, or of the layers that adapters change, and their length."""
        own = [(n, p) for n, p in learning if n in start and ".lora_" not in n]
        moved, size = 0.0, 0.0
        if own:
            moved = distance([p for _, p in own], [start[name] for name, _ in own])
            size = self._length_of(tuple(name for name, _ in own), start)
        for name in {n.partition(".lora_")[0] for n, _ in learning if ".lora_" in n}:
            added, below = self._adapted(name)
            moved, size = math.hypot(moved, added), math.hypot(size, below)
        return (moved / size, size) if size else (None, None)

    def _length_of(self, names: tuple[str, ...], start: Mapping[str, Tensor]) -> float:
        key = "\n".join(names)
        if key not in self._sizes:
            self._sizes[key] = length([start[name] for name in names])
        return self._sizes[key]

    def _adapted(self, name: str) -> tuple[float, float]:
        """Return how much a layer's adapter adds to its weight, and the length of that (0 if unknown).

        The product of both small matrices is as long as the trace of two tiny ones says.
        """
        module: Any = self._network.get_submodule(name)
        weight = module.base_layer.weight
        try:
            down = module.lora_A["default"].weight.detach().float().flatten(1)
            up = module.lora_B["default"].weight.detach().float().flatten(1)
            scale = float(module.scaling["default"])
        except (AttributeError, KeyError, TypeError):
            return 0.0, 0.0
        if not weight.is_floating_point():
            return 0.0, 0.0
        squared = float(((up.T @ up) * (down @ down.T)).sum())
        if name not in self._sizes:
            self._sizes[name] = length([weight])
        return scale * math.sqrt(max(0.0, squared)), self._sizes[name]

    def _start(self) -> Mapping[str, Tensor]:
        """Return the pretrained weights: held where they are small, else read one by one."""
        if self._held is None:
            kept = before.Kept(self._folder)
            self._held = kept
            if kept.bytes <= _HELD:
                device = next(self._network.parameters()).device
                # A copy: a tensor as it was read holds a map of the file of its own for as long as it lives.
                self._held = {name: kept[name].to(device, copy=True) for name in kept}
        return self._held


def finite(value: float | None) -> float | None:
    """Return a number that JSON knows, with six digits; None in place of one that it does not."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def in_all(rows: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """Return the length of the whole gradient, and the drift of all that is not new and learns."""
    pulled = [row["gradient"] for row in rows if row["gradient"] is not None]
    moved = [(row["drift"], row["size"]) for row in rows if row["drift"] is not None]
    size = math.hypot(*(own for _, own in moved))
    drift = math.hypot(*(share * own for share, own in moved)) / size if size else None
    return finite(math.hypot(*pulled) if pulled else None), finite(drift)
