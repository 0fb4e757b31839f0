"""Lets a network keep the answers of its original last layer while it learns a new one.

Li and Hoiem 2016, "Learning without Forgetting": what the network was pretrained with is not there, so the
user's own samples stand in for it. At each step they are answered once more by the network as it was
before the run, with its original last layer; what the network that learns would answer with that layer is
kept near. Unlike in the paper the original last layer itself stays as it is, so that all that was built on
it still fits, and the distance is that of Hinton, Vinyals and Dean 2015: the Kullback-Leibler divergence of
softened answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.engine import before, run
from finetune_studio.engine.features.prefix import first_tensor
from finetune_studio.engine.run.checkpoints import damage_explained, read_tensors, save_tensors
from finetune_studio.models import layers, original
from finetune_studio.models.node import within
from finetune_studio.tasks import CATALOGUE, nouns

if TYPE_CHECKING:
    from finetune_studio.engine.methods import Way

FILE = "original.safetensors"  # the original last layer, so that a run that goes on needs no other file
_SOFT = 2.0  # the temperature at which answers are compared; that of the paper


@dataclass(frozen=True)
class Old:
    """What is known of a run's original network.

    Attributes:
        weight: Of its last layer (class, feature); ``bias`` (class) or None.
        began: The numbers that may move, as they were before the first step, by name.
        title: What the last layer told apart, in words; empty for a run that goes on.
        why: Why there is nothing to keep, in a sentence; the rest is then empty.
    """

    weight: Tensor | None = None
    bias: Tensor | None = None
    began: Mapping[str, Tensor] | None = None
    title: str = ""
    why: str = ""


def known(this: run.Run, bundle: Bundle, recipe: Recipe, moving: Sequence[str]) -> Old | None:
    """Return what the original network was, where its answers are to be kept; None where not.

    It is to be asked for before a checkpoint is restored; a run that goes on has kept it.

    Raises:
        StudioError: If a run that goes on has lost it.
    """
    if not recipe.forgetting.old_answers:
        return None
    if this.checkpoints.get("last"):
        return _kept(this.folder, moving)
    head = _head(recipe)
    made_anew = layers.always(bundle.network, bundle.head)
    places = head is not None and head.together and not head.labels.names
    if head is None or head.name != bundle.head or not made_anew or places:
        return Old(why=_nothing(recipe, keeps=places or not made_anew))
    state = bundle.network.state_dict()
    began = {
        n: state[n].detach().clone() for n in moving if not any(within(n, m) for m in made_anew)
    }
    return Old(head.weight, head.bias, began, head.title)


def keep(folder: Path, old: Old | None) -> None:
    """Write the original last layer into a new run."""
    if old is None or old.weight is None:
        return
    tensors = {"weight": old.weight} | ({} if old.bias is None else {"bias": old.bias})
    save_tensors(Path(folder) / FILE, tensors)


def _kept(folder: Path, moving: Sequence[str]) -> Old:
    """Return what a run wrote down; nothing where it found no old answers when it began."""
    file, began = Path(folder) / FILE, before.kept(folder)
    if not file.is_file():
        return Old(why="no last layer was kept when the run began")
    if not began:
        raise StudioError(
            f"{Path(folder) / before.FILE} is gone, without which this run cannot keep what the original"
            " network answers.",
            "Start a new run with the same recipe.",
        )
    with damage_explained(file):
        layer = read_tensors(file)
    own = {name: began[name] for name in moving if name in began}
    return Old(layer["weight"], layer.get("bias"), own)


def _head(recipe: Recipe) -> original.Head | None:
    facts = CATALOGUE[recipe.task].facts
    family, auto = facts["family"], facts.get("auto", "")
    return original.head_of(recipe.model, family, task=recipe.task, auto=auto)


def _nothing(recipe: Recipe, *, keeps: bool) -> str:
    _, many = nouns(recipe.task)
    why = (
        "it keeps its own last layer, which itself learns"
        if keeps
        else "it brought no last layer of its own that could answer"
    )
    return (
        f"The model has no old answers to your {many} that could be kept: {why}. Pulling weights back to the"
        " pretrained ones, or a blend with the original, works with every model."
    )


def told(old: Old | None, recipe: Recipe, way: Way) -> Iterator[Event]:
    """Say what keeping the original's answers comes to, where it is asked for."""
    if old is None or way.solved or all(part.head for part in way.parts):
        return  # what does nothing beside a head alone is said together with others
    strength = recipe.forgetting.old_answers
    words = (
        f"Beside your classes, the network keeps answering your samples as before with {old.title}; that"
        f" counts {strength:g} times as much. Each step takes about a third longer."
    )
    yield Noted(old.why or words)


class Recalling:
    """Adds to the loss of a batch how far the network's old answers have moved.

    It asks the network itself, with the numbers of before put in their places for the while, so that stored
    activations, blended samples and adapters go the same way in both passes. Batch norms keep their
    statistics then: with those of the batch in hand, the answers that are learnt would be others than those
    that the network gives when it does not learn.

    Args:
        bundle: The network, on its device.
        old: What it was.
        strength: How much old answers count beside the new ones.
    """

    def __init__(self, bundle: Bundle, old: Old, strength: float) -> None:
        assert old.weight is not None
        assert old.began is not None
        self._bundle, self._strength = bundle, strength
        state = bundle.network.state_dict(keep_vars=True)
        self._places = [state[name] for name in old.began]
        self._others = [
            torch.empty_like(state[name].data).copy_(value) for name, value in old.began.items()
        ]  # laid out as the network is, or a run that goes on would add up in another order
        device = next(bundle.network.parameters()).device
        self._weight = old.weight.to(device)
        self._bias = None if old.bias is None else old.bias.to(device)
        self._norms = [m for m in bundle.network.modules() if isinstance(m, _BatchNorm)]
        self._several = bool(bundle.processor.get("several"))

    def loss(self, batch: Batch, compute: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch, which ``compute`` gives, and that with the old answers added."""
        if not self._body_learns():
            plain = compute()
            return plain, plain
        with self._as_before(), torch.no_grad():
            _, features = self._seen(compute)
            wanted = self._answers(features)
        for norm in self._norms:
            norm.training = False
        plain, features = self._seen(compute)
        apart = self._apart(self._answers(features), wanted, _mask(batch, features))
        return plain, plain + self._strength * apart

    def _body_learns(self) -> bool:
        head = self._bundle.head
        parameters = self._bundle.network.named_parameters()
        return any(p.requires_grad and not within(name, head) for name, p in parameters)

    def _seen(self, compute: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        """Return what is computed, and what reached the last layer meanwhile."""
        found: list[Tensor] = []

        def look(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            found.append(first_tensor(args, kwargs))

        head = self._bundle.network.get_submodule(self._bundle.head)
        hook = head.register_forward_pre_hook(look, with_kwargs=True, prepend=True)
        try:
            computed = compute()
        finally:
            hook.remove()
        return computed, found[-1]

    def _answers(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return functional.linear(features.float(), self._weight, self._bias) / _SOFT

    def _apart(self, now: Tensor, wanted: Tensor, mask: Tensor | None) -> Tensor:
        """Return the mean divergence of answers (sample, ..., class) from those wanted, in nats."""
        if self._several:
            cross, likely = functional.binary_cross_entropy_with_logits, wanted.sigmoid()
            each = cross(now, likely, reduction="none") - cross(wanted, likely, reduction="none")
            each = each.sum(-1)
        else:
            before_it, after = wanted.log_softmax(-1), now.log_softmax(-1)
            each = functional.kl_div(after, before_it, reduction="none", log_target=True).sum(-1)
        mean = each.mean() if mask is None else (each * mask).sum() / mask.sum().clamp_min(1)
        return mean * _SOFT**2

    @contextmanager
    def _as_before(self) -> Iterator[None]:
        """Let the network be what it was, as it answers, as long as the context lasts."""
        network = self._bundle.network
        self._swap()
        network.eval()
        try:
            yield
        finally:
            self._swap()
            layers.set_modes(network)

    def _swap(self) -> None:
        for number, place in enumerate(self._places):
            place.data, self._others[number] = self._others[number], place.data


def _mask(batch: Batch, features: Tensor) -> Tensor | None:
    """Return which places of a text are no padding, where the features have places."""
    if features.ndim < 3 or not isinstance(batch.inputs, dict):
        return None
    mask = batch.inputs.get("attention_mask")
    fits = isinstance(mask, Tensor) and mask.shape == features.shape[:-1]
    return mask.float() if fits and mask is not None else None


def made(bundle: Bundle, recipe: Recipe, old: Old | None, *, solved: bool) -> Recalling | None:
    """Return what keeps the original's answers, where the recipe asks for it and there are any."""
    if solved or old is None or old.weight is None:
        return None
    return Recalling(bundle, old, recipe.forgetting.old_answers)
