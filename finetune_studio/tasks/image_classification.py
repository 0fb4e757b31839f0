"""Image classification: which of the user's classes does a picture belong to?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finetune_studio.core import scores
from finetune_studio.core.blend import Blend
from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Picture, Preview
from finetune_studio.core.recipe import AugmentChoices, Recipe
from finetune_studio.core.task import Batch, Bundle, Pair, Signature, Task, View
from finetune_studio.modality import classes, image, mixing, pixels
from finetune_studio.models import zoo

Example = tuple[np.ndarray, int, int]


class ImageClassification(Task):
    """One class a picture, by a network with one output a class."""

    name = "image_classification"
    readers = ("image_folder", "image_table")
    models = "image"
    headline = "accuracy"
    outside = "ask_pictures:Pictures"

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
        target = classes.target(sample, bundle.labels)
        choices = _variation(bundle)
        if view is None or choices is None:
            return decoded, target, sample.id
        seen = image.varied(
            decoded,
            bundle.processor,
            view=view,
            sample=sample.id,
            strength=choices.strength,
            flip=choices.horizontal_flip,
        )
        return seen, target, sample.id

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Return uint8 inputs (batch, 3, side, side), channels last in memory, and targets (batch,)."""
        seen = torch.from_numpy(np.stack([e[0] for e in examples])).permute(0, 3, 1, 2)
        return Batch(seen, torch.tensor([e[1] for e in examples]), [e[2] for e in examples])

    def on_device(self, bundle: Bundle, batch: Batch) -> Batch:
        """Normalise the pictures: float32 (batch, 3, side, side), channels last in memory."""
        batch.inputs = image.normalised(batch.inputs, bundle.processor)
        return batch

    def targets(self, samples: Sequence[Sample], bundle: Bundle) -> Tensor:
        """Return the number of each sample's class, (batch,)."""
        return torch.tensor([classes.target(sample, bundle.labels) for sample in samples])

    def mixed(self, bundle: Bundle, targets: Tensor, blend: Blend) -> mixing.Mixture:  # noqa: ARG002
        """Return the classes of pictures that are blended in pairs."""
        return mixing.targets(targets, blend)

    def loss(self, bundle: Bundle, batch: Batch) -> Tensor:
        """Return the cross-entropy, with smoothing and class weights as the recipe says."""
        return classes.cross_entropy(
            bundle, classes.logits(bundle.network, batch.inputs).float(), batch.targets
        )

    def weight(self, bundle: Bundle, batch: Batch) -> float:
        """Return the sum of the samples' class weights; unlabelled ones count nothing."""
        return classes.weight(bundle, batch.targets)

    def predict(self, bundle: Bundle, batch: Batch) -> list[Prediction]:
        """Return the most likely class of each picture and the probabilities of all."""
        return classes.answers(
            bundle, classes.logits(bundle.network, batch.inputs).float(), batch.samples
        )

    def judge(self, bundle: Bundle, batch: Batch) -> tuple[list[Prediction], Tensor]:
        """Return answers and loss from one pass through the network."""
        found = classes.logits(bundle.network, batch.inputs).float()
        answers = classes.answers(bundle, found, batch.samples)
        return answers, classes.cross_entropy(bundle, found, batch.targets)

    def score(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Return accuracy and macro-F1 (the mean over classes that occur of each class's F1)."""
        return scores.single((str(s.label), str(answer.label)) for s, answer in pairs)

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
        """Return bytes of pictures in, (batch, side, side, 3), and probabilities out."""
        side = int(bundle.processor["crop"])
        made = torch.Generator().manual_seed(0)
        return Signature(
            pixels.FromBytes(
                classes.Probabilities(bundle.network, bundle.labels), bundle.processor
            ),
            {"pixels": torch.randint(256, (2, side, side, 3), dtype=torch.uint8, generator=made)},
            {"pixels": {0: "batch"}},
            ("probabilities",),
            pixels.INSIDE,
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
