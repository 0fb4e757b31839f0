"""How much memory and time a run will take, before it starts; every number here is an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from finetune_studio.engine.presets import suited_to
from finetune_studio.models.node import count, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.models.node import LayerNode

_MB = 2**20
_FLOAT = 4  # bytes of a number
_TRIAL_BATCH = 8
_TRIAL_S = 1.5


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Memory in MB: the numbers of the network, and what learning adds to them."""

    weights_mb: float
    gradients_mb: float
    optimiser_mb: float
    activations_mb: float

    @property
    def total_mb(self) -> float:
        """Return all of it together."""
        return self.weights_mb + self.gradients_mb + self.optimiser_mb + self.activations_mb


def estimate_memory(
    root: LayerNode, names: Sequence[str], batch_size: int, *, copies: int = 2
) -> MemoryEstimate:
    """Return the memory that training takes if the named layers learn.

    What the way back needs was counted once, for one sample, from what autograd saves when
    everything learns; a choice pays for the layers from its first learning one on. Frozen layers
    before it only hold what goes in and out of the largest of them.

    Args:
        root: The network, as :func:`probe.look_at_model` gives it.
        names: What learns.
        batch_size: Samples a step.
        copies: Numbers that the optimiser keeps for each number that learns (AdamW: two).
    """
    learning = count(root, names) * _FLOAT / _MB
    return MemoryEstimate(
        weights_mb=root.parameters * _FLOAT / _MB,
        gradients_mb=learning,
        optimiser_mb=learning * copies,
        activations_mb=_activations(root, names) * batch_size / _MB,
    )


def _activations(root: LayerNode, names: Sequence[str]) -> float:
    """Return the bytes that one sample's way through the network holds at its fullest."""
    nodes = sorted((n for n in root.walk() if n.order >= 0), key=lambda n: n.order)
    owning = [n for n in nodes if n.tables]
    first = next((n.order for n in owning if _learns(n, names)), nodes[-1].order if nodes else 0)
    leaves = [n for n in nodes if not n.children]
    kept = sum(n.saved_bytes for n in nodes if n.order >= first)
    # The first learning layer also keeps what comes in, which was counted to the one before it.
    coming_in = next((_output_bytes(n) for n in reversed(leaves) if n.order < first), 0)
    passing = max((_output_bytes(n) for n in leaves), default=0)
    return kept + coming_in + 2 * passing


def _learns(node: LayerNode, names: Sequence[str]) -> bool:
    prefix = f"{node.name}." if node.name else ""
    return any(within(prefix + table, n) for table, _ in node.tables for n in names)


def _output_bytes(node: LayerNode) -> int:
    size = _FLOAT if node.shape else 0
    for side in node.shape or ():
        size *= side
    return size


# --- time -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """Seconds, from a short trial with blank pictures on this computer.

    Attributes:
        first_epoch_s: The first epoch, in which the frozen layers are computed for every sample.
        epoch_s: Each further epoch.
        cached: Whether frozen layers are computed only once, so that further epochs are shorter.
    """

    first_epoch_s: float
    epoch_s: float
    cached: bool

    def total_s(self, epochs: int) -> float:
        """Return the seconds of that many epochs."""
        return self.first_epoch_s + self.epoch_s * max(0, epochs - 1)


def seconds_per_epoch(recipe: Recipe, labels: Labels, samples: int) -> TimeEstimate:
    """Try a few steps on blank pictures; return what an epoch of so many samples will take.

    Takes one to ten seconds itself, so it belongs into a worker. Reading and varying the pictures
    is not counted, nor is validation.

    Raises:
        StudioError: If the recipe's model is not there.
    """
    import torch

    from finetune_studio.engine import device as devices
    from finetune_studio.engine.probe import look_at_model
    from finetune_studio.models import layers, zoo

    look = look_at_model(recipe, labels)
    device = devices.choose(recipe.compute.device).torch
    network = zoo.rebuild(look.architecture, max(2, len(labels))).to(device)
    layers.set_trainable(network, look.trainable_names)
    layers.set_modes(network)
    batch = min(recipe.optimiser.batch_size or suited_to(samples), _TRIAL_BATCH)
    pixels = torch.zeros(batch, 3, look.image_size, look.image_size, device=device)
    whole, frozen = _trial(network, pixels, _first_learning(look.root, look.trainable_names))
    whole, frozen = whole * samples / batch, frozen * samples / batch
    if recipe.compute.cache == "off" or frozen == 0.0:
        return TimeEstimate(whole, whole, cached=False)
    views = recipe.augment.views if recipe.augment.strength != "none" else 1
    return TimeEstimate(frozen * views + (whole - frozen), whole - frozen, cached=True)


def _first_learning(root: LayerNode, names: Sequence[str]) -> str:
    """Return the name of the first module to run that learns; empty if nothing frozen runs before."""
    owning = sorted((n for n in root.walk() if n.order >= 0 and n.tables), key=lambda n: n.order)
    place = next((i for i, n in enumerate(owning) if _learns(n, names)), 0)
    return owning[place].name if place else ""


def _trial(network: nn.Module, pixels: Tensor, first: str) -> tuple[float, float]:
    """Return the seconds of a whole step, and of the part before the first module that learns."""
    import torch

    marks: list[float] = []

    def reached(_module: nn.Module, _args: object) -> None:
        marks.append(_now(pixels))

    found: list[tuple[float, float]] = []
    hook = network.get_submodule(first).register_forward_pre_hook(reached)
    try:
        began = _now(pixels)
        while len(found) < 5 and (len(found) < 2 or _now(pixels) - began < _TRIAL_S):
            marks.clear()
            network.zero_grad(set_to_none=True)
            started = _now(pixels)
            with torch.enable_grad():
                network(pixels).logsumexp(1).mean().backward()
            found.append((_now(pixels) - started, marks[0] - started if marks and first else 0.0))
    finally:
        hook.remove()
    return min(found[1:])


def _now(pixels: Tensor) -> float:
    """Return the time, when the device has done all that it was asked."""
    import time

    import torch

    if pixels.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter()
