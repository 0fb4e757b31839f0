"""What every classification shares: targets, loss, answers, and the network as an export sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.task import Bundle
from finetune_studio.modality import mixing


def target(sample: Sample, labels: Labels) -> int:
    """Return the place of the sample's class among the outputs; -1 (as the loss ignores) if none."""
    if sample.label_id in labels.ids:
        return labels.ids.index(sample.label_id)
    return labels.names.index(sample.label) if sample.label in labels.names else -1


def logits(network: nn.Module, inputs: Any) -> Tensor:
    """Return (batch, classes), whether the network answers as torchvision or as transformers do."""
    answer = network(**inputs) if isinstance(inputs, dict) else network(inputs)
    found = answer if isinstance(answer, Tensor) else answer.logits
    assert isinstance(found, Tensor)
    return found


def smoothing(bundle: Bundle) -> float:
    """Return how far targets are kept from full certainty: while learning, as the recipe says."""
    if bundle.recipe is None or not bundle.network.training:
        return 0.0
    return bundle.recipe.optimiser.label_smoothing


def cross_entropy(bundle: Bundle, scores: Tensor, targets: Any) -> Tensor:
    """Return the mean loss, with label smoothing and class weights as the recipe says.

    The targets of blended samples (a ``mixing.Mixture``) count by their shares.
    """
    if isinstance(targets, Tensor):
        return _cross_entropy(bundle, scores, targets, "mean")
    lost = torch.zeros((), device=scores.device)
    for share, some in targets.parts():
        lost = lost + share * _cross_entropy(bundle, scores, some, "sum")
    return lost / max(weight(bundle, targets), 1e-12)


def _cross_entropy(bundle: Bundle, scores: Tensor, targets: Tensor, reduction: str) -> Tensor:
    if not bundle.network.training and not bool((targets >= 0).any()):
        return scores.sum() * 0.0  # judged by classes that it was not taught: a mean of nothing
    return functional.cross_entropy(
        scores,
        targets,
        weight=bundle.class_weights,
        label_smoothing=smoothing(bundle),
        ignore_index=-1,
        reduction=reduction,
    )


def weight(bundle: Bundle, targets: Any) -> float:
    """Return the sum of the samples' class weights; unlabelled ones count nothing."""
    return sum(share * _weight(bundle, some) for share, some in mixing.parts_of(targets))


def _weight(bundle: Bundle, targets: Tensor) -> float:
    known = targets[targets >= 0]
    if bundle.class_weights is None:
        return float(known.numel())
    return float(bundle.class_weights[known].sum())


def answers(bundle: Bundle, scores: Tensor, samples: Sequence[int]) -> list[Prediction]:
    """Return the most likely class of each row of scores, and the probabilities of all."""
    shares = functional.softmax(scores.detach(), dim=1).cpu().numpy()
    return _named(bundle.labels, shares, samples)


def _named(labels: Labels, shares: np.ndarray, samples: Sequence[int]) -> list[Prediction]:
    numbers: Sequence[int | None] = samples or [None] * len(shares)
    found = []
    for row, number in zip(shares, numbers, strict=True):
        ordered = probabilities(labels, row)
        found.append(Prediction(next(iter(ordered)), ordered, sample=number))
    return found


def probabilities(labels: Labels, shares: np.ndarray) -> dict[str, float]:
    """Return probabilities by name, the largest first; classes merged since the run add theirs up."""
    summed: dict[str, float] = {}
    for name, share in zip(labels.names, shares.tolist(), strict=True):
        summed[name] = summed.get(name, 0.0) + share
    return dict(sorted(summed.items(), key=lambda item: -item[1]))


class Probabilities(nn.Module):
    """The network as an export sees it: probabilities under today's class names.

    Args:
        network: Answers scores, (batch, classes).
        labels: Its classes; those that share a name today add up.
        names: The names of its inputs where it takes several; empty for one tensor.
        several: Whether a sample may have several classes, whose probabilities then stand alone.
    """

    def __init__(
        self,
        network: nn.Module,
        labels: Labels,
        names: Sequence[str] = (),
        *,
        several: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self._names = tuple(names)
        self._several = several
        kept = list(dict.fromkeys(labels.names))
        self.merge: Tensor | None
        if len(kept) < len(labels.names):
            matrix = torch.zeros(len(labels.names), len(kept))
            for row, name in enumerate(labels.names):
                matrix[row, kept.index(name)] = 1.0
            self.register_buffer("merge", matrix)
        else:
            self.merge = None

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return (batch, classes), from 0 to 1."""
        given = dict(zip(self._names, inputs, strict=True)) if self._names else inputs[0]
        scores = logits(self.network, given)
        shares = scores.sigmoid() if self._several else functional.softmax(scores, dim=1)
        return shares if self.merge is None else (shares @ self.merge).clamp(max=1.0)
