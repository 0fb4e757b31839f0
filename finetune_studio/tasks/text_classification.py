"""Text classification: which of the user's classes does a text belong to, or which several?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from finetune_studio.core import scores
from finetune_studio.core.blend import Blend
from finetune_studio.core.dataset import Dataset, Labels, Sample
from finetune_studio.core.dataset.words import natural
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Preview, Words
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle, Pair, Signature, Task, TaskOptions, View
from finetune_studio.modality import classes, mixing, text
from finetune_studio.models import text as texts

_LIKELY = 0.5  # from this probability on, one of several classes counts as named


class Example(NamedTuple):
    """A text made ready; ``target`` is a class's place, or 0 and 1 for each of several."""

    encoded: text.Encoded
    target: int | list[float]
    sample: int


class Options(TaskOptions):
    """Settings of text classification."""

    max_length: int = Field(
        256,
        ge=8,
        le=32768,
        title="Longest text",
        description="Longer texts are cut off after so many tokens (pieces of words). Twice the length"
        " takes more than twice the time.",
        json_schema_extra={"unit": "tokens"},
    )


class TextClassification(Task):
    """One class a text, or several, by an encoder with one output a class."""

    name = "text_classification"
    readers = ("text_table", "text_folder")
    models = "text"
    headline = "macro_f1"
    outside = "ask_classes:Classes"
    Options = Options
    ragged = True
    varies = False

    def load_model(self, recipe: Recipe, labels: Labels) -> Bundle:
        """Return the pretrained encoder with a new head for these labels."""
        auto = "AutoModelForSequenceClassification"
        bundle = texts.load(recipe.model, self.models, auto, labels, recipe.seed, task=self.name)
        bundle.recipe = recipe
        text.limit(bundle, _options(recipe).max_length)
        # Classes that were read from lists have no numbers in the project: a text may have several.
        bundle.processor["several"] = bool(labels.names) and not labels.ids
        return bundle

    def teaches(self, sample: Sample) -> bool:
        """Whether the text has a class, or a list of them, which may be empty."""
        return sample.label is not None or isinstance(sample.fields.get("labels"), list)

    def labels(self, dataset: Dataset) -> Labels:
        """Return the dataset's classes, or those in the lists of classes of its training split."""
        samples = [s for s in dataset.samples(usable=True) if self.teaches(s)]
        if not any("labels" in s.fields for s in samples):
            return dataset.labels()
        # A class in a list that no training text has cannot be learnt, and its texts have others.
        learnt = [s for s in samples if s.split == "train"] or samples
        return Labels(tuple(sorted(self.class_counts(learnt), key=natural)))

    def class_counts(self, samples: Iterable[Sample]) -> Counter[str]:
        """Return how often each class occurs."""
        return Counter(name for sample in samples for name in _true(sample))

    def shortened(self, samples: Sequence[Sample]) -> tuple[list[Sample], str]:
        """Return all texts: what stands behind the tokens that are read is not seen."""
        return list(samples), text.NOT_READ

    def length(self, sample: Sample) -> int:
        """Return the text's letters."""
        return len(str(sample.fields.get("text", "")))

    def example(
        self,
        sample: Sample,
        bundle: Bundle,
        *,
        view: View | None,  # noqa: ARG002  texts are not varied
        decoded: np.ndarray | None = None,  # noqa: ARG002  nor kept decoded
    ) -> Example:
        """Return the encoded text with its target and its sample's number."""
        encoded = text.encode(bundle, text.text_in(sample))
        return Example(encoded, _target(sample, bundle), sample.id)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Return inputs (batch, length) and targets: (batch,), or (batch, classes) for several."""
        inputs = text.together([e.encoded for e in examples])
        return Batch(
            inputs, torch.tensor([e.target for e in examples]), [e.sample for e in examples]
        )

    def targets(self, samples: Sequence[Sample], bundle: Bundle) -> Tensor:
        """Return what :meth:`collate` puts there."""
        return torch.tensor([_target(sample, bundle) for sample in samples])

    def mixed(self, bundle: Bundle, targets: Tensor, blend: Blend) -> mixing.Mixture:  # noqa: ARG002
        """Return the classes of texts that are blended in pairs: what their encoder says of them is."""
        return mixing.targets(targets, blend)

    def loss(self, bundle: Bundle, batch: Batch) -> Tensor:
        """Return the cross-entropy; of several classes the mean over all of them."""
        return _loss(bundle, classes.logits(bundle.network, batch.inputs).float(), batch.targets)

    def weight(self, bundle: Bundle, batch: Batch) -> float:
        """Return the sum of the samples' class weights."""
        if bundle.processor.get("several"):
            return float(len(batch.samples))
        return classes.weight(bundle, batch.targets)

    def predict(self, bundle: Bundle, batch: Batch) -> list[Prediction]:
        """Return the most likely class of each text, or all likely ones where there may be several."""
        return _answers(bundle, classes.logits(bundle.network, batch.inputs).float(), batch.samples)

    def judge(self, bundle: Bundle, batch: Batch) -> tuple[list[Prediction], Tensor]:
        """Return answers and loss from one pass through the network."""
        found = classes.logits(bundle.network, batch.inputs).float()
        return _answers(bundle, found, batch.samples), _loss(bundle, found, batch.targets)

    def score(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Return macro-F1 and accuracy; several classes are accurate if all of them are."""
        found = scores.several((_true(sample), _said(answer)) for sample, answer in pairs)
        return {"macro_f1": found["macro_f1"], "accuracy": found["accuracy"]}

    def baseline(self, train: Sequence[Sample], pairs: Iterable[Pair]) -> dict[str, Any]:
        """Return the macro-F1 of always naming the training split's largest class."""
        largest = self.class_counts(train).most_common(1)
        if not largest:
            return {}
        name = largest[0][0]
        found = scores.several((_true(sample), (name,)) for sample, _ in pairs)
        return {
            "text": f"always saying {name}",
            "metric": "macro_f1",
            "value": found["macro_f1"],
        }

    def preview(self, sample: Sample, prediction: Prediction | None = None) -> Preview:
        """Return the text, with what the model said beside it."""
        said = str(prediction.label) if prediction and prediction.label is not None else ""
        certainty = prediction.probabilities.get(said) if prediction else None
        words = Words(str(sample.fields.get("text", "")))
        return Preview((words,), ", ".join(_true(sample)), said, certainty)

    def signature(self, bundle: Bundle) -> Signature:
        """Return encoded texts in, probabilities out."""
        names = list(bundle.processor["inputs"])
        rows = [text.encode(bundle, words) for words in ("one short text", "another one")]
        inputs = text.together(rows)
        several = bool(bundle.processor.get("several"))
        network = classes.Probabilities(bundle.network, bundle.labels, names, several=several)
        return Signature(
            network,
            {name: inputs[name] for name in names},
            {name: {0: "batch", 1: "length"} for name in names},
            ("probabilities",),
        )

    def sample_from_input(self, text_or_path: str) -> Sample:
        """Return a text, or the one in the file that is named, as a sample without a label."""
        return text.sample_of(text_or_path)

    def input_of(self, sample: Sample) -> Any:
        """Return the text."""
        return sample.fields.get("text", "")

    def blank(self, bundle: Bundle) -> Batch:
        """Return one text of one word."""
        inputs = text.together([text.encode(bundle, "a")])
        several = bundle.processor.get("several")
        one = torch.zeros(1, len(bundle.labels)) if several else torch.zeros(1, dtype=torch.long)
        return Batch(inputs, one, [0])


def _options(recipe: Recipe) -> Options:
    found = TextClassification.own_options(recipe)
    assert isinstance(found, Options)
    return found


def _true(sample: Sample) -> tuple[str, ...]:
    """Return the classes that the data give a sample."""
    listed = sample.fields.get("labels")
    if isinstance(listed, list):
        return tuple(map(str, listed))
    return (sample.label,) if sample.label is not None else ()


def _said(answer: Prediction) -> tuple[str, ...]:
    if "labels" in answer.answer:
        return tuple(answer.answer["labels"])
    return (str(answer.label),) if answer.label is not None else ()


def _target(sample: Sample, bundle: Bundle) -> int | list[float]:
    if not bundle.processor.get("several"):
        return classes.target(sample, bundle.labels)
    true = _true(sample)
    return [float(name in true) for name in bundle.labels.names]


def _loss(bundle: Bundle, found: Tensor, targets: Any) -> Tensor:
    if not bundle.processor.get("several"):
        return classes.cross_entropy(bundle, found, targets)
    lost = torch.zeros((), device=found.device)
    for share, true in mixing.parts_of(targets):
        lost = lost + share * _each_class(bundle, found, true)
    return lost


def _each_class(bundle: Bundle, found: Tensor, true: Tensor) -> Tensor:
    """Return the mean loss over all classes; smoothing takes yes and no a little towards a half."""
    smoothing = classes.smoothing(bundle)
    wanted = true * (1.0 - smoothing) + 0.5 * smoothing if smoothing else true
    return functional.binary_cross_entropy_with_logits(
        found, wanted, pos_weight=bundle.class_weights
    )


def _answers(bundle: Bundle, found: Tensor, samples: list[int]) -> list[Prediction]:
    if not bundle.processor.get("several"):
        return classes.answers(bundle, found, samples)
    shares = found.detach().sigmoid().cpu().numpy()
    numbers: Sequence[int | None] = samples or [None] * len(shares)
    return [
        several_named(classes.probabilities(bundle.labels, row), number)
        for row, number in zip(shares, numbers, strict=True)
    ]


def several_named(shares: dict[str, float], number: int | None = None) -> Prediction:
    """Return the answer that names every class which is more likely than not."""
    named = [name for name, share in shares.items() if share >= _LIKELY]
    return Prediction(", ".join(named), shares, sample=number, answer={"labels": named})
