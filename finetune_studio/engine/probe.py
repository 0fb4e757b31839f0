"""Looks at a model before it is trained: its layers, and what a choice of layers means."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core.errors import StudioError
from finetune_studio.engine.estimate import MemoryEstimate, estimate_memory
from finetune_studio.engine.presets import LARGEST_BATCH
from finetune_studio.models import pace, ranks
from finetune_studio.models.node import LayerNode, count, state, ticked
from finetune_studio.models.ranks import Adaptable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.own_run import KnownClasses
    from finetune_studio.core.recipe import ModelChoices, Recipe

__all__ = ["LayerNode", "ModelLook", "look_at_model", "state", "ticked", "trainable_count"]

_AMOUNTS = ("head_only", "last_stage", "later_half", "everything", "adapters")
_KEPT = 4


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a model whatever is retrained of it."""

    root: LayerNode
    head: str
    always: tuple[str, ...]
    architecture: dict[str, Any]
    origin: str
    note: str
    known: KnownClasses | None
    local: bool
    image_size: int
    tokens: int
    stages: tuple[tuple[str, tuple[str, ...]], ...]
    amounts: dict[str, tuple[str, ...]]
    adaptable: tuple[Adaptable, ...]


@dataclass(frozen=True, slots=True)
class ModelLook:
    """A model as the Layers page shows it: plain values alone.

    Attributes:
        root: The network as a tree.
        head: Dotted name of the new last layer.
        architecture: What it is built from, as plain values.
        origin: A catalogue name, a file or a folder.
        note: A sentence about the head that is replaced, or about what a run knows already.
        local: Whether its weights are on this computer.
        image_size: Side of the square that it sees, in pixels; 0 for a text model.
        tokens: How many tokens it reads of a text; 0 for a model that sees pictures.
        stages: Title and module names of each stage, in the order in which they run, the head last.
        amounts: For each choice of how much to retrain, the names of what then learns.
        total: Numbers in the network.
        trainable: Numbers that learn under the recipe's choice, those of adapters among them.
        trainable_names: Names of what learns under the recipe's choice; adapters have none yet.
        memory: What training will take, an estimate.
        adaptable: The layers that can have an adapter.
        adapters: The adapters of the recipe's choice, as an architecture describes them, or None.
        first_memory_mb: What the first epochs take, before layers are unfrozen.
        always: What starts from nothing and so always learns; none if a model keeps its last layer.
    """

    root: LayerNode
    head: str
    architecture: dict[str, Any]
    origin: str
    note: str
    local: bool
    image_size: int
    tokens: int
    stages: tuple[tuple[str, tuple[str, ...]], ...]
    amounts: dict[str, tuple[str, ...]]
    total: int
    trainable: int
    trainable_names: tuple[str, ...]
    memory: MemoryEstimate
    adaptable: tuple[Adaptable, ...] = ()
    adapters: dict[str, Any] | None = None
    first_memory_mb: float = 0.0
    always: tuple[str, ...] = ()

    @property
    def memory_mb(self) -> float:
        """Return the estimated memory of training."""
        return self.memory.total_mb


_seen: OrderedDict[tuple[Any, ...], _Facts] = OrderedDict()


def look_at_model(recipe: Recipe, labels: Labels) -> ModelLook:
    """Return what the recipe's model is and what its choice of layers means.

    The model is looked at once and remembered, so another choice of layers is answered at once.
    Nothing is computed with the network's weights, so a model of the catalogue can be looked at
    before it is downloaded.

    Raises:
        StudioError: If the model cannot be read, or a custom choice names a layer that it has not.
    """
    classes = max(2, len(labels))
    facts = _facts(recipe, classes)
    names = _names(facts, recipe)
    adapters = None
    if recipe.layers.amount == "adapters":
        adapters = ranks.described(recipe.layers, facts.adaptable)
    chosen = adapters["ranks"] if adapters else {}
    added = ranks.counted(chosen, facts.adaptable, dora=recipe.layers.dora)
    first, last = (
        _memory(facts, recipe, learning, chosen)
        for learning in _first_and_last(facts, recipe, names, chosen)
    )
    return ModelLook(
        root=facts.root,
        head=facts.head,
        architecture=facts.architecture,
        origin=facts.origin,
        note=facts.known.note(labels) if facts.known and len(labels) else facts.note,
        local=facts.local,
        image_size=facts.image_size,
        tokens=facts.tokens,
        stages=facts.stages,
        amounts=facts.amounts,
        total=facts.root.parameters,
        trainable=count(facts.root, names) + added,
        trainable_names=names,
        memory=last,
        first_memory_mb=first.total_mb,
        always=facts.always,
        adaptable=facts.adaptable,
        adapters=adapters,
    )


def _first_and_last(
    facts: _Facts, recipe: Recipe, names: Sequence[str], chosen: Mapping[str, int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what learns in the first epoch of a run, and what in its last."""
    epochs = recipe.optimiser.epochs
    learning = pace.learning(facts.root, names, chosen)
    parts = pace.phases(pace.begins(recipe.layers, facts.stages, learning, epochs), epochs)
    return parts[0][1], parts[-1][1]


def _memory(
    facts: _Facts, recipe: Recipe, learning: Sequence[str], chosen: Mapping[str, int]
) -> MemoryEstimate:
    """Return the memory while these learn, the layers with adapters beside them among them."""
    beside = {name: chosen[name] for name in learning if name in chosen}
    names = [name for name in learning if name not in beside]
    added = ranks.counted(beside, facts.adaptable, dora=recipe.layers.dora)
    batch = recipe.optimiser.batch_size or LARGEST_BATCH
    return estimate_memory(
        facts.root, names, batch, copies=_copies(recipe), beside=tuple(beside), added=added
    )


def _copies(recipe: Recipe) -> int:
    """Return how many numbers are kept for each that learns: two moments, an average, its starts."""
    choices = recipe.regularise
    starts = (choices.towards_pretrained > 0) + (recipe.forgetting.old_answers > 0)
    return 2 + (choices.averaging > 0) + starts


def trainable_count(look: ModelLook, names: Sequence[str]) -> int:
    """Return how many numbers learn if the named modules and parameters do."""
    return count(look.root, names)


def _names(facts: _Facts, recipe: Recipe) -> tuple[str, ...]:
    if recipe.layers.amount != "custom":
        return facts.amounts[recipe.layers.amount]
    from finetune_studio.models.stages import with_head

    known = {node.name for node in facts.root.walk()} | {name for name, _ in facts.root.owned()}
    return tuple(with_head(recipe.layers.trainable, facts.always, known))


def _facts(recipe: Recipe, classes: int) -> _Facts:
    choices, most = recipe.model, _most_tokens(recipe)
    key = (choices.model_dump_json(), recipe.task, classes, most, _stamp(choices.source))
    found = _seen.get(key)
    if found is None:
        found = _look(choices, recipe.task, classes, most)
        _seen[key] = found
        while len(_seen) > _KEPT:
            _seen.popitem(last=False)
    _seen.move_to_end(key)
    return found


def _stamp(source: str) -> tuple[float, ...]:
    """Return what changes when a model's file or folder does."""
    from finetune_studio.models import hub, zoo

    known = source in zoo.CATALOGUE
    place = hub.local(zoo.CATALOGUE[source]) if known else Path(source).expanduser()
    if place is None or not place.exists():
        return ()
    inside = sorted(place.iterdir()) if place.is_dir() else [place]
    return tuple(file.stat().st_mtime for file in inside)


def _most_tokens(recipe: Recipe) -> int:
    """Return how many tokens of a text the recipe reads at most; 0 where it sets no limit."""
    from finetune_studio.tasks import CATALOGUE

    try:
        options = CATALOGUE.load(recipe.task).own_options(recipe)
    except StudioError:  # the form says so; the model can be looked at all the same
        return 0
    return int(getattr(options, "max_length", 0))


def _look(choices: ModelChoices, task: str, classes: int, most: int) -> _Facts:
    import torch

    from finetune_studio.models import build, layers, lora, pretrained, trace
    from finetune_studio.tasks import CATALOGUE

    wanted = CATALOGUE[task].facts
    found = pretrained.find(
        choices,
        wanted["family"],
        task=task,
        auto=wanted.get("auto", ""),
        weights_needed=False,
    )
    with torch.device("meta"):
        network: nn.Module = build.rebuild(found.architecture, classes)
    side, tokens = int(found.processor.get("crop", 0)), int(found.processor.get("max_length", 0))
    tokens = min(tokens, most or tokens)
    inputs = trace.blank(network, 2, side or tokens)
    return _Facts(
        root=layers.tree(network, inputs, found.head),
        head=found.head,
        always=tuple(layers.always(network, found.head)),
        architecture=found.architecture,
        origin=found.origin,
        note=found.note,
        known=found.known,
        local=found.local,
        image_size=side,
        tokens=tokens,
        stages=tuple((t, tuple(names)) for t, names in layers.stages(network, found.head)),
        amounts={a: tuple(layers.names_for(a, network, found.head)) for a in _AMOUNTS},
        adaptable=tuple(lora.adaptable(network, found.head)),
    )
