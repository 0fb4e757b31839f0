"""How much memory and time a run will take, before it starts; every number here is an estimate."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune_studio.engine.presets import suited_to
from finetune_studio.models import pace
from finetune_studio.models.node import count, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch import nn

    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.engine.probe import ModelLook
    from finetune_studio.models.node import LayerNode

_MB = 2**20
_FLOAT = 4  # bytes of a number
_TRIAL_BATCH = 8
_TRIAL_S = 1.5
_TOKENS = 128  # of a text in a trial
_FRESH_S = 300.0  # for so long what was measured is taken again
_MOST_TRIED = 4  # stretches of a run with gradual unfreezing


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
    root: LayerNode,
    names: Sequence[str],
    batch_size: int,
    *,
    copies: int = 2,
    beside: Sequence[str] = (),
    added: int = 0,
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
        beside: Layers that stay as they are, with adapters that learn beside them.
        added: Numbers that those adapters hold together.
    """
    learning = (count(root, names) + added) * _FLOAT / _MB
    return MemoryEstimate(
        weights_mb=(root.parameters + added) * _FLOAT / _MB,
        gradients_mb=learning,
        optimiser_mb=learning * copies,
        activations_mb=_activations(root, [*names, *beside]) * batch_size / _MB,
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
class Stretch:
    """Epochs in which the same layers learn: how many, and the seconds of the first and each other one."""

    epochs: int
    first_epoch_s: float
    epoch_s: float


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """Seconds, from a short trial with blank pictures or texts on this computer.

    Attributes:
        first_epoch_s: The first epoch, in which the frozen layers are computed for every sample.
        epoch_s: Each further epoch, when all learns that ever does.
        cached: Whether frozen layers are computed only once, so that further epochs are shorter.
        stretches: With gradual unfreezing, what the epochs take one stretch after the other.
    """

    first_epoch_s: float
    epoch_s: float
    cached: bool
    stretches: tuple[Stretch, ...] = ()

    def total_s(self, epochs: int) -> float:
        """Return the seconds of that many epochs; more than were planned are like the last ones."""
        total, left = 0.0, epochs
        for part in self.stretches or (Stretch(epochs, self.first_epoch_s, self.epoch_s),):
            count = min(part.epochs, left)
            if count:
                total += part.first_epoch_s + part.epoch_s * (count - 1)
            left -= count
        return total + max(0, left) * self.epoch_s


def seconds_per_epoch(recipe: Recipe, labels: Labels, samples: int) -> TimeEstimate:
    """Try a few steps on blank inputs; return what an epoch of so many samples will take.

    Takes one to ten seconds itself, so it belongs into a worker. Reading and varying the pictures
    is not counted, nor is validation. Texts are taken to have 128 tokens, or as many as the model
    reads where that is less: the time goes about with the length, which is not known here. Where
    layers are unfrozen step by step, some of the steps are tried and those between them reckoned.

    Raises:
        StudioError: If the recipe's model is not there.
    """
    from finetune_studio.engine import device as devices
    from finetune_studio.engine.probe import look_at_model
    from finetune_studio.models import layers, trace, zoo

    look = look_at_model(recipe, labels)
    device = devices.choose(recipe.compute.device).torch
    batch = min(recipe.optimiser.batch_size or suited_to(samples), _TRIAL_BATCH)
    size = look.image_size or min(look.tokens, _TOKENS)
    classes = max(2, len(labels))
    planned = _planned(look, recipe)
    tried = sorted({round(n * (len(planned) - 1) / (_MOST_TRIED - 1)) for n in range(_MOST_TRIED)})
    about = (recipe.model.model_dump_json(), recipe.task, classes, str(device), batch, size)
    keeps = recipe.layers.keep_statistics
    network: nn.Module | None = None
    found: dict[int, tuple[float, float, bool]] = {}
    for place in tried:
        names = planned[place][1]
        key = (*about, str(look.adapters), names, keeps)
        if (known := _known(key)) is None:
            if network is None:
                beside = {"adapters": look.adapters} if look.adapters else {}
                network = zoo.rebuild(look.architecture | beside, classes).to(device)
                if keeps:
                    layers.keep_statistics(network)
            _let_learn(network, look, names)
            blank = trace.moved(trace.blank(network, batch, size), device)
            first = _first_learning(look.root, names)
            known = _trial(network, blank, first, _TRIAL_S / len(tried))
            _measured[key] = (time.monotonic(), known)
        found[place] = known
    parts = [
        _stretch(epochs, _between(found, place), samples / batch, recipe, look)
        for place, (epochs, _) in enumerate(planned)
    ]
    stretches = tuple(part for part, _ in parts) if len(parts) > 1 else ()
    return TimeEstimate(parts[0][0].first_epoch_s, parts[-1][0].epoch_s, parts[-1][1], stretches)


_measured: dict[tuple[Any, ...], tuple[float, tuple[float, float, bool]]] = {}


def _known(key: tuple[Any, ...]) -> tuple[float, float, bool] | None:
    """Return what was measured of the same steps a short while ago, as while bars are dragged."""
    now = time.monotonic()
    for old in [k for k, (when, _) in _measured.items() if now - when > _FRESH_S]:
        del _measured[old]
    return _measured[key][1] if key in _measured else None


def _planned(look: ModelLook, recipe: Recipe) -> list[tuple[int, tuple[str, ...]]]:
    """Return for how many epochs what learns, one stretch of the run after the other."""
    epochs = recipe.optimiser.epochs
    names = pace.learning(look.root, look.trainable_names, _beside(look))
    return pace.phases(pace.begins(recipe.layers, look.stages, names, epochs), epochs)


def _beside(look: ModelLook) -> dict[str, int]:
    """Return the layers with adapters beside them."""
    return dict(look.adapters["ranks"]) if look.adapters else {}


def _let_learn(network: nn.Module, look: ModelLook, names: Sequence[str]) -> None:
    from finetune_studio.models import layers, lora

    beside = [name for name in names if name in _beside(look)]
    adapters = [n for n in lora.names(network) if any(within(n, module) for module in beside)]
    layers.set_trainable(network, [*(n for n in names if n not in beside), *adapters])
    layers.set_modes(network)


def _between(
    found: Mapping[int, tuple[float, float, bool]], place: int
) -> tuple[float, float, bool]:
    """Return what was measured of a stretch, or what lies between its neighbours' measures."""
    if place in found:
        return found[place]
    low = max(n for n in found if n < place)
    high = min(n for n in found if n > place)
    share = (place - low) / (high - low)
    whole, frozen = (found[low][n] + share * (found[high][n] - found[low][n]) for n in range(2))
    return whole, frozen, found[high][2]


def _stretch(
    epochs: int, seconds: tuple[float, float, bool], steps: float, recipe: Recipe, look: ModelLook
) -> tuple[Stretch, bool]:
    """Return what a stretch of epochs takes, and whether its frozen layers are computed only once."""
    whole, frozen, places = seconds[0] * steps, seconds[1] * steps, seconds[2]
    kept = not (look.tokens and places)  # of texts only what has no places any more is kept
    if recipe.compute.cache == "off" or frozen == 0.0 or not kept:
        return Stretch(epochs, whole, whole), False
    views = recipe.augment.views if recipe.augment.strength != "none" else 1
    return Stretch(epochs, frozen * views + (whole - frozen), whole - frozen), True


def _first_learning(root: LayerNode, names: Sequence[str]) -> str:
    """Return the name of the first module to run that learns; empty if nothing frozen runs before."""
    owning = sorted((n for n in root.walk() if n.order >= 0 and n.tables), key=lambda n: n.order)
    place = next((i for i, n in enumerate(owning) if _learns(n, names)), 0)
    return owning[place].name if place else ""


def _trial(network: nn.Module, inputs: Any, first: str, most_s: float) -> tuple[float, float, bool]:
    """Return the seconds of a whole step, and of the part before the first module that learns.

    Also whether what reaches that module still has places (tokens, or height and width).
    """
    import torch

    from finetune_studio.models import trace

    marks: list[float] = []
    ranks: list[int] = []

    def reached(_module: nn.Module, args: object, kwargs: object) -> None:
        marks.append(_now(device))
        given = trace.first_tensor(args)
        given = trace.first_tensor(kwargs) if given is None else given
        ranks.append(0 if given is None else given.ndim)

    device = next(network.parameters()).device
    found: list[tuple[float, float]] = []
    hook = network.get_submodule(first).register_forward_pre_hook(reached, with_kwargs=True)
    try:
        began = _now(device)
        while len(found) < 5 and (len(found) < 2 or _now(device) - began < most_s):
            marks.clear()
            network.zero_grad(set_to_none=True)
            started = _now(device)
            with torch.enable_grad():
                answer = network(**inputs) if isinstance(inputs, dict) else network(inputs)
                scores = trace.first_tensor(answer)
                assert scores is not None
                scores.logsumexp(-1).mean().backward()
            found.append((_now(device) - started, marks[0] - started if marks and first else 0.0))
    finally:
        hook.remove()
    return *min(found[1:]), max(ranks, default=0) > 2


def _now(device: torch.device) -> float:
    """Return the time, when the device has done all that it was asked."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
