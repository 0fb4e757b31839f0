"""The last layer that a pretrained network came with, and the classes that it told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from finetune_studio.core.dataset import Labels
from finetune_studio.models import layers

if TYPE_CHECKING:
    from torch import Tensor

    from finetune_studio.core.recipe import ModelChoices
    from finetune_studio.models.pretrained import Pretrained

_IMAGENET = 1000
_TAG, _ANSWER = "AutoModelForTokenClassification", "AutoModelForQuestionAnswering"


@dataclass(frozen=True)
class Head:
    """A last layer of before.

    Attributes:
        name: Its dotted name in the network.
        weight: (class, feature); ``bias`` (class) or None.
        labels: What its outputs mean, numbered where their names are not known; none where it tells no
            classes apart.
        title: What it told apart, in words.
        together: Whether its outputs only say something put together by the task, as tags of words and
            places of answers do; they then lie as the task's own do.
    """

    name: str
    weight: Tensor
    bias: Tensor | None
    labels: Labels
    title: str
    together: bool = False

    def put_on(self, network: nn.Module) -> None:
        """Give a network this last layer, in the place of the one it has."""
        old = network.get_submodule(self.name)
        layer = nn.Linear(self.weight.shape[1], self.weight.shape[0], bias=self.bias is not None)
        with torch.no_grad():
            layer.weight.copy_(self.weight)
            if self.bias is not None:
                layer.bias.copy_(self.bias)
        device = next((p.device for p in old.parameters()), torch.device("cpu"))
        network.set_submodule(self.name, layer.to(device).eval())


def head_of(choices: ModelChoices, family: str, *, task: str = "", auto: str = "") -> Head | None:
    """Return the last layer that a model brings, where it is a single one for classes; else None.

    Raises:
        StudioError: If the model is not there or damaged.
    """
    from finetune_studio.models import pretrained

    found = pretrained.find(choices, family, task=task, auto=auto)
    return of(found)


def of(found: Pretrained) -> Head | None:
    """Return the last layer of a model that was found."""
    weight, bias = found.rows
    if weight is None and found.whole is not None:
        weight, bias = _rows(found.whole(), found.head)
    if weight is None or weight.ndim != 2:
        return None
    if found.architecture.get("auto") in (_TAG, _ANSWER):
        return _in_texts(found, weight, bias)
    labels, title = _named(found, len(weight))
    return Head(found.head, weight.float(), None if bias is None else bias.float(), labels, title)


def _in_texts(found: Pretrained, weight: Tensor, bias: Tensor | None) -> Head | None:
    """Return a last layer that marks words or finds answers, its outputs in the order of the task's own."""
    weight, bias = weight.float(), None if bias is None else bias.float()
    if found.architecture["auto"] == _ANSWER:
        return Head(found.head, weight, bias, Labels(()), "its own last layer", together=True)
    if found.known is not None:
        labels, order = found.known.labels, list(range(len(weight)))
    else:
        types, order = _tags_in_order(found.classes)
        labels = Labels(types)
    if len(order) != len(weight) or len(order) != 1 + 2 * len(labels):
        return None
    title = f"the {len(labels):,} types of names that it knew"
    taken = weight[order], None if bias is None else bias[order]
    return Head(found.head, *taken, labels, title, together=True)


def _tags_in_order(tags: tuple[str, ...]) -> tuple[tuple[str, ...], list[int]]:
    """Return the types of names and where their tags lie: outside, then begin and inside of each.

    Nothing where the tags are not those of the scheme IOB2 (Tjong Kim Sang and Veenstra 1999).
    """
    places = {tag: place for place, tag in enumerate(tags)}
    types = tuple(sorted({tag[2:] for tag in tags if tag[:2] in ("B-", "I-")}))
    wanted = ["O", *(f"{part}-{kind}" for kind in types for part in "BI")]
    if not types or set(wanted) != set(tags):
        return (), []
    return types, [places[tag] for tag in wanted]


def _rows(network: nn.Module, head: str) -> tuple[Tensor | None, Tensor | None]:
    layer = network.get_submodule(head)
    if not isinstance(layer, nn.Linear) or len(set(layers.always(network, head))) > 1:
        return (
            None,
            None,
        )  # a layer before it is made anew too, so that it would be given other numbers
    return layer.weight.detach(), None if layer.bias is None else layer.bias.detach()


def _named(found: Pretrained, count: int) -> tuple[Labels, str]:
    """Return what the outputs mean: a run's classes, a folder's own, ImageNet's, or their numbers."""
    if found.known is not None:
        return found.known.labels, f"the {count:,} classes of the run that it was begun from"
    own = found.classes
    if len(own) == count:
        return Labels(tuple(own)), f"the {count:,} classes that the model came with"
    if count == _IMAGENET and found.architecture.get("library") == "torchvision":
        from torchvision.models._meta import _IMAGENET_CATEGORIES

        return Labels(_distinct(_IMAGENET_CATEGORIES)), "the 1,000 classes of ImageNet"
    return Labels(tuple(str(number) for number in range(count))), f"{count:,} classes without names"


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Return names of which each occurs once: ImageNet has two cranes and two maillots."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)
