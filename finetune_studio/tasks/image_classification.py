"""Image classification: which of the user's classes does a picture belong to?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Picture, Preview
from finetune_studio.core.recipe import AugmentChoices, Recipe
from finetune_studio.core.task import Batch, Bundle, Pair, Signature, Task, View
from finetune_studio.modality import image
from finetune_studio.models import zoo

Example = tuple[np.ndarray, int, int]


class ImageClassification(Task):
    """One class a picture, by a network with one output a class."""

    name = "image_classification"
    readers = ("image_folder", "image_table")
    models = "image"
    headline = "accuracy"

    def load_model(self, recipe: Recipe, labels: Labels) -> Bundle:
        """Return the pretrained network with a new head for these labels."""
        bundle = zoo.load(recipe.model, self.models, labels, recipe.seed, task=self.name)
        bundle.recipe = recipe
        return bundle

    def decoded(self, sample: Sample, bundle: Bundle, *, varied: bool) -> np.ndarray:
        """Return the picture upright and as small as the network allows, uint8 (height, width, 3)."""
        if varied and _variation(bundle):
            return image.working(sample.path, bundle.processor)
        return image.seen(sample.path, bundle.processor)

    def example(
        self,
        sample: Sample,
        bundle: Bundle,
        *,
        view: View | None,
        decoded: np.ndarray | None = None,
    ) -> Example:
        """Return (uint8 (side, side, 3), target, sample number); the target is -1 if unlabelled."""
        if decoded is None:
            decoded = self.decoded(sample, bundle, varied=view is not None)
        target = _target(sample, bundle.labels)
        choices = _variation(bundle)
        if view is None or choices is None:
            return decoded, target, sample.id
        pixels = image.varied(
            decoded,
            bundle.processor,
            view=view,
            sample=sample.id,
            strength=choices.strength,
            flip=choices.horizontal_flip,
        )
        return pixels, target, sample.id

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Return uint8 inputs (batch, 3, side, side), channels last in memory, and targets (batch,)."""
        pixels = torch.from_numpy(np.stack([e[0] for e in examples])).permute(0, 3, 1, 2)
        return Batch(pixels, torch.tensor([e[1] for e in examples]), [e[2] for e in examples])

    def on_device(self, bundle: Bundle, batch: Batch) -> Batch:
        """Normalise the pictures: float32 (batch, 3, side, side), channels last in memory."""
        batch.inputs = image.normalised(batch.inputs, bundle.processor)
        return batch

    def targets(self, samples: Sequence[Sample], bundle: Bundle) -> Tensor:
        """Return the number of each sample's class, (batch,)."""
        return torch.tensor([_target(sample, bundle.labels) for sample in samples])

    def loss(self, bundle: Bundle, batch: Batch) -> Tensor:
        """Return the cross-entropy, with smoothing and class weights as the recipe says."""
        return _cross_entropy(bundle, logits(bundle.network, batch.inputs).float(), batch.targets)

    def weight(self, bundle: Bundle, batch: Batch) -> float:
        """Return the sum of the samples' class weights; unlabelled ones count nothing."""
        known = batch.targets[batch.targets >= 0]
        if bundle.class_weights is None:
            return float(known.numel())
        return float(bundle.class_weights[known].sum())

    def predict(self, bundle: Bundle, batch: Batch) -> list[Prediction]:
        """Return the most likely class of each picture and the probabilities of all."""
        return _answers(bundle, logits(bundle.network, batch.inputs).float(), batch.samples)

    def judge(self, bundle: Bundle, batch: Batch) -> tuple[list[Prediction], Tensor]:
        """Return answers and loss from one pass through the network."""
        scores = logits(bundle.network, batch.inputs).float()
        answers = _answers(bundle, scores, batch.samples)
        return answers, _cross_entropy(bundle, scores, batch.targets)

    def score(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Return accuracy and macro-F1 (the mean over classes that occur of each class's F1)."""
        right: Counter[str] = Counter()
        truth: Counter[str] = Counter()
        said: Counter[str] = Counter()
        for sample, prediction in pairs:
            truth[str(sample.label)] += 1
            said[str(prediction.label)] += 1
            right[str(sample.label)] += sample.label == prediction.label
        total = truth.total()
        if not total:
            return {"accuracy": 0.0, "macro_f1": 0.0}
        scores = [2 * right[name] / (truth[name] + said[name]) for name in {*truth, *said}]
        # fsum: a set has another order in each process, and a run must score the same in all.
        return {"accuracy": right.total() / total, "macro_f1": fsum(scores) / len(scores)}

    def baseline(self, train: Sequence[Sample], pairs: Iterable[Pair]) -> dict[str, Any]:
        """Return the accuracy of always naming the training split's largest class."""
        largest = Counter(sample.label for sample in train).most_common(1)
        if not largest:
            return {}
        name = largest[0][0]
        hits = [sample.label == name for sample, _ in pairs]
        value = sum(hits) / len(hits) if hits else 0.0
        return {"text": f"always saying {name}", "metric": "accuracy", "value": value}

    def preview(self, sample: Sample, prediction: Prediction | None = None) -> Preview:
        """Return the picture, with what the model said beside it."""
        said = str(prediction.label) if prediction and prediction.label is not None else ""
        certainty = prediction.probabilities.get(said) if prediction else None
        return Preview((Picture(sample.path),), sample.label or "", said, certainty)

    def signature(self, bundle: Bundle) -> Signature:
        """Return normalised pixels in, probabilities out."""
        side = int(bundle.processor["crop"])
        return Signature(
            _Probabilities(bundle.network, bundle.labels),
            {"pixels": torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))},
            {"pixels": {0: "batch"}},
            ("probabilities",),
        )

    def sample_from_input(self, text: str) -> Sample:
        """Return the picture at that path as a sample without a label."""
        path = os.path.expanduser(text)  # noqa: PTH111  a Path raises on texts too long for a name
        if not os.path.isfile(path):  # noqa: PTH113
            raise StudioError(f"There is no picture at {text}.", "Check the path.")
        return Sample(0, str(Path(path).resolve()), None, None, "")

    def blank(self, bundle: Bundle) -> Batch:
        """Return one grey picture."""
        side = int(bundle.processor["crop"])
        return Batch(torch.zeros(1, 3, side, side), torch.zeros(1, dtype=torch.long), [0])


def _variation(bundle: Bundle) -> AugmentChoices | None:
    """Return how pictures are varied, None if they are not."""
    choices = bundle.recipe.augment if bundle.recipe else None
    return choices if choices and choices.strength != "none" else None


def _target(sample: Sample, labels: Labels) -> int:
    """Return the place of the sample's class among the outputs; -1 (as cross-entropy ignores) if none."""
    if sample.label_id in labels.ids:
        return labels.ids.index(sample.label_id)
    return labels.names.index(sample.label) if sample.label in labels.names else -1


def logits(network: nn.Module, pixels: Tensor) -> Tensor:
    """Return (batch, classes), whether the network answers as torchvision or as transformers do."""
    answer = network(pixels)
    found = answer if isinstance(answer, Tensor) else answer.logits
    assert isinstance(found, Tensor)
    return found


def _cross_entropy(bundle: Bundle, scores: Tensor, targets: Tensor) -> Tensor:
    smoothing = bundle.recipe.optimiser.label_smoothing if bundle.recipe else 0.0
    return functional.cross_entropy(
        scores,
        targets,
        weight=bundle.class_weights,
        label_smoothing=smoothing if bundle.network.training else 0.0,
        ignore_index=-1,
    )


def _answers(bundle: Bundle, scores: Tensor, samples: list[int]) -> list[Prediction]:
    shares = functional.softmax(scores.detach(), dim=1).cpu().numpy()
    numbers: Sequence[int | None] = samples or [None] * len(shares)
    names = bundle.labels.names
    return [_answer(names, row, n) for row, n in zip(shares, numbers, strict=True)]


def _answer(names: tuple[str, ...], shares: np.ndarray, number: int | None) -> Prediction:
    """Order the probabilities; classes that were merged since the run add theirs up."""
    summed: dict[str, float] = {}
    for name, share in zip(names, shares.tolist(), strict=True):
        summed[name] = summed.get(name, 0.0) + share
    ordered = dict(sorted(summed.items(), key=lambda item: -item[1]))
    return Prediction(next(iter(ordered)), ordered, sample=number)


class _Probabilities(nn.Module):
    """The network as an export sees it: probabilities under today's class names."""

    def __init__(self, network: nn.Module, labels: Labels) -> None:
        super().__init__()
        self.network = network
        names = list(dict.fromkeys(labels.names))
        self.merge: Tensor | None
        if len(names) < len(labels.names):
            matrix = torch.zeros(len(labels.names), len(names))
            for row, name in enumerate(labels.names):
                matrix[row, names.index(name)] = 1.0
            self.register_buffer("merge", matrix)
        else:
            self.merge = None

    def forward(self, pixels: Tensor) -> Tensor:
        shares = functional.softmax(logits(self.network, pixels), dim=1)
        return shares if self.merge is None else shares @ self.merge
