"""How much memory and time a run will take, before it starts; every number here is an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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

    What the way back needs was counted once, for one sample, from what autograd saves when everything
    learns; a choice pays for the layers from its first learning one on. Frozen layers before it only
    hold what goes in and out of the largest of them.

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
    kept = sum(n.saved_bytes for n in nodes if n.order >= first)
    passing = max((_output_bytes(n) for n in nodes if not n.children), default=0)
    return kept + 2 * passing


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
        first_epoch_s: The first epoch, in which frozen layers are computed for every sample.
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
    """Try a few steps on blank pictures and return what an epoch of ``samples`` samples will take.

    Takes two to ten seconds itself. Reading and varying the pictures is not counted.

    Raises:
        StudioError: If the recipe's model is not there.
    """
    from finetune_studio.engine import device as devices
    from finetune_studio.engine.probe import look_at_model
    from finetune_studio.models import layers, zoo

    look = look_at_model(recipe, labels)
    device = devices.choose(recipe.compute.device).torch
    network = zoo.rebuild(look.architecture, max(2, len(labels))).to(device)
    layers.set_trainable(network, look.trainable_names)
    layers.set_modes(network)
    batch = min(recipe.optimiser.batch_size, _TRIAL_BATCH)
    import torch

    pixels = torch.zeros(batch, 3, look.image_size, look.image_size, device=device)
    step = _timed(lambda: _learn(network, pixels)) / batch
    with torch.inference_mode():
        forward = _timed(lambda: network(pixels)) / batch
    cached = recipe.compute.cache == "auto" and recipe.layers.amount == "head_only"
    if not cached:
        return TimeEstimate(step * samples, step * samples, cached=False)
    head = max(0.0, step - forward) * samples
    views = recipe.augment.views if recipe.augment.strength != "none" else 1
    return TimeEstimate(forward * samples * views + head, head, cached=True)


def _learn(network: nn.Module, pixels: Tensor) -> None:
    network.zero_grad(set_to_none=True)
    network(pixels).logsumexp(1).mean().backward()


def _timed(work: object) -> float:
    """Return the seconds that some work takes, the shortest of a few tries after a first one."""
    import time

    import torch

    assert callable(work)
    found: list[float] = []
    began = time.perf_counter()
    while len(found) < 4 and (len(found) < 2 or time.perf_counter() - began < _TRIAL_S):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        found.append(time.perf_counter() - started)
    return min(found[1:])
