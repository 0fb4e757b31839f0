"""The contract of a task: the eight things it says. A task describes; it never loops and never draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from finetune_studio.core.dataset import Dataset, Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Preview
from finetune_studio.core.recipe import refusals

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from finetune_studio.core.blend import Blend
    from finetune_studio.core.recipe import Recipe

Pair = tuple[Sample, Prediction]


class TaskOptions(BaseModel):
    """Settings that only one task has; drawn as a form like the recipe itself."""

    model_config = ConfigDict(extra="forbid")


class View(NamedTuple):
    """Which varied copy of a sample is wanted; its random numbers come from (seed, sample, number)."""

    seed: int
    number: int


@dataclass
class Bundle:
    """A network with everything needed to use it.

    Attributes:
        network: The network itself.
        labels: What its outputs mean.
        processor: How an input is made ready, as plain values that are saved beside the weights.
        architecture: How to build the same network without any weights, as plain values.
        head: Dotted name of the last layer, made new for the user's labels.
        origin: What the network was made from, for people: a catalogue name, a file or a run.
        line: What that was made from in turn, the first first, where it is a run.
        note: A sentence about the classes that such a run knows already.
        files: Files that belong to the processor (a tokenizer), by name; saved beside the weights.
        asked: Samples that are answered in full while a run is judged (see :meth:`Task.asked`).
        recipe: The choices of the run, where the task needs some (augmentation, smoothing, weights).
        class_weights: How much each class counts in the loss, or None.
    """

    network: nn.Module
    labels: Labels
    processor: dict[str, Any]
    architecture: dict[str, Any]
    head: str
    origin: str = ""
    recipe: Recipe | None = None
    class_weights: torch.Tensor | None = None
    line: tuple[str, ...] = ()
    note: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: frozenset[int] | None = None


@dataclass
class Batch:
    """Examples together: ``inputs`` go into the network, ``targets`` into the loss.

    ``inputs`` is a tensor or a dictionary of tensors whose first dimension is the sample; ``samples``
    are the dataset's numbers in the same order.
    """

    inputs: Any
    targets: Any
    samples: list[int] = field(default_factory=list)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on another device."""
        return replace(self, inputs=moved(self.inputs, device), targets=moved(self.targets, device))


def moved(value: Any, device: torch.device | str) -> Any:
    """Return a tensor, or tensors in lists and dictionaries, on another device."""
    if isinstance(value, dict):
        return {name: moved(item, device) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(moved(item, device) for item in value)
    return value.to(device, non_blocking=True) if hasattr(value, "to") else value


@dataclass(frozen=True)
class Signature:
    """What an exporter must know: example inputs, their names and changing axes, and the outputs' names.

    ``inputs`` maps a name to a tensor with at least two samples; ``dynamic`` maps a name to
    ``{axis: what it counts}``. ``network`` is the module to trace: it maps the inputs to the outputs
    that a user of the export sees (probabilities, for example). ``inside`` is what an export's
    ``preprocessing.json`` says of what that module does by itself.
    """

    network: nn.Module
    inputs: dict[str, torch.Tensor]
    dynamic: dict[str, dict[int, str]]
    outputs: tuple[str, ...]
    inside: dict[str, Any] = field(default_factory=dict)


_USUAL = {
    "text": "AutoModelForSequenceClassification",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "causal": "AutoModelForCausalLM",
}


class Task(ABC):
    """What a model can be taught. One file in ``tasks/``, one row in its catalogue.

    Class attributes:
        name: The catalogue name.
        readers: Dataset formats it accepts, best guess first.
        models: The family of catalogue rows that suit it.
        network: The class of transformers that its network has, where the family has several.
        headline: The score that picks the best checkpoint; more is better unless ``less_is_better``.
        Options: Its own settings.
        ragged: Whether inputs differ in length: batches then gather samples of similar length, and
            only activations without places are computed once and kept.
        varies: Whether training samples can be varied at random.
        counted: What :meth:`class_counts` counts, in a word.
        fewest_classes: How many classes the data must have; 0 where the task has none.
        outside: How its models are asked in an export, ``file:class`` of ``modality/`` (see
            :class:`finetune_studio.core.exporter.Use`); empty where they cannot leave the app.
    """

    name: ClassVar[str]
    readers: ClassVar[tuple[str, ...]]
    models: ClassVar[str]
    network: ClassVar[str] = ""
    headline: ClassVar[str]
    Options: ClassVar[type[TaskOptions]] = TaskOptions
    less_is_better: ClassVar[bool] = False
    ragged: ClassVar[bool] = False
    varies: ClassVar[bool] = True
    counted: ClassVar[str] = "sample"
    fewest_classes: ClassVar[int] = 2
    outside: ClassVar[str] = ""

    @classmethod
    def network_class(cls) -> str:
        """Return the class of transformers that the task's network has; empty for pictures."""
        return cls.network or _USUAL.get(cls.models, "")

    @classmethod
    def own_options(cls, recipe: Recipe) -> TaskOptions:
        """Return this task's own settings from a recipe.

        Raises:
            StudioError: If there is no such setting, or its value does not fit.
        """
        try:
            return cls.Options.model_validate(recipe.options)
        except ValidationError as error:
            first = error.errors()[0]
            known = ", ".join(f"options.{name}" for name in cls.Options.model_fields)
            raise StudioError(
                f"The setting options.{'.'.join(map(str, first['loc']))} does not fit {cls.name}:"
                f" {refusals.why(first)}.",
                f"Known are: {known}." if known else "This task has no settings of its own.",
            ) from error

    def teaches(self, sample: Sample) -> bool:
        """Whether the sample holds what is learnt, so that it can train and judge."""
        return sample.label is not None

    def shortened(self, samples: Sequence[Sample]) -> tuple[list[Sample], str]:  # noqa: ARG002
        """Return the samples of which a part is not read where they are too long, and which part."""
        return [], ""

    def shortened_answers(self, samples: Sequence[Sample]) -> tuple[list[str], str, str]:  # noqa: ARG002
        """Return what is learnt to be written where that is cut, the option that says how long, and a noun.

        The option counts tokens, and the noun says what several such texts are called. Empty, as by
        default, where nothing that is learnt is cut.
        """
        return [], "", ""

    def left_out(self, samples: Sequence[Sample]) -> list[str]:  # noqa: ARG002
        """Return, as sentences, which parts of samples that do teach are not learnt; by default all is."""
        return []

    def labels(self, dataset: Dataset) -> Labels:
        """Return the classes that the network tells apart, found in the usable samples."""
        return dataset.labels()

    def class_counts(self, samples: Iterable[Sample]) -> Counter[str]:
        """Return how often each class occurs in samples; nothing where the task has no classes."""
        return Counter(sample.label for sample in samples if sample.label is not None)

    def better(self, score: float, known: float) -> bool:
        """Whether a headline score is better than another."""
        return score < known if self.less_is_better else score > known

    def length(self, sample: Sample) -> int:  # noqa: ARG002
        """Return about how long a sample's input is, in any unit; only asked where it is ragged."""
        return 0

    def asked(self, samples: Sequence[Sample], recipe: Recipe) -> frozenset[int] | None:  # noqa: ARG002
        """Return which samples are answered in full when an epoch is judged, by number; None for all.

        Where answering takes long, as writing a summary does, the others give only their loss.
        """
        return None

    @abstractmethod
    def load_model(self, recipe: Recipe, labels: Labels) -> Bundle:
        """Return the pretrained network with a new head for these labels."""

    def decoded(self, sample: Sample, bundle: Bundle, *, varied: bool) -> np.ndarray | None:  # noqa: ARG002
        """Return the slow part of an example that is the same in every view, as uint8 (h, w, c).

        The engine may keep it on disk and hand it to :meth:`example`, which must then give the same
        numbers as without. None, as by default, means that there is nothing worth keeping. ``varied``
        is for the views of training; without, it is as for evaluation.

        Raises:
            StudioError: If the sample cannot be read; it is then set aside.
        """
        return None

    @abstractmethod
    def example(
        self,
        sample: Sample,
        bundle: Bundle,
        *,
        view: View | None,
        decoded: np.ndarray | None = None,
    ) -> Any:
        """Make one sample ready; ``view`` None means as for evaluation.

        ``decoded`` is what :meth:`decoded` said of this sample, if it is at hand. This may run in
        another process, where ``bundle`` has no network; what it returns should be small.

        Raises:
            StudioError: If the sample cannot be read; it is then set aside.
        """

    @abstractmethod
    def collate(self, examples: Sequence[Any]) -> Batch:
        """Put examples together; :meth:`on_device` then makes them what the network takes."""

    def on_device(self, bundle: Bundle, batch: Batch) -> Batch:  # noqa: ARG002
        """Finish a collated batch where the network is, a whole batch at a time; by default it is."""
        return batch

    @abstractmethod
    def targets(self, samples: Sequence[Sample], bundle: Bundle) -> Any:
        """Return what :meth:`collate` would put into ``Batch.targets``, without reading any input."""

    def mixed(self, bundle: Bundle, targets: Any, blend: Blend) -> Any:  # noqa: ARG002
        """Return the targets of a batch whose samples are blended, each with its counterpart.

        The counterpart lies as far from the batch's other end. None, as by default, means that samples of
        this kind cannot be blended. :meth:`loss` and :meth:`weight` must take what is returned here.
        """
        return None

    def unheeded(self, bundle: Bundle) -> list[str]:  # noqa: ARG002
        """Return, as sentences, which choices of the bundle's recipe come to nothing in this task."""
        return []

    @abstractmethod
    def loss(self, bundle: Bundle, batch: Batch) -> torch.Tensor:
        """Return the mean loss of a batch, a scalar that can be differentiated."""

    def weight(self, bundle: Bundle, batch: Batch) -> float:  # noqa: ARG002
        """Return how much the mean loss of a batch counts beside that of another part of the same step.

        By default as much as it has samples; a loss that weighs classes or counts words says otherwise.
        """
        return float(len(batch.samples))

    @abstractmethod
    def predict(self, bundle: Bundle, batch: Batch) -> list[Prediction]:
        """Return exactly one answer a sample."""

    def judge(self, bundle: Bundle, batch: Batch) -> tuple[list[Prediction], torch.Tensor]:
        """Return the answers to a batch and its mean loss.

        A task that gets both from one pass through the network says so here.
        """
        return self.predict(bundle, batch), self.loss(bundle, batch)

    @abstractmethod
    def score(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Return the scores of answers, the headline first; reads an iterator once."""

    @abstractmethod
    def baseline(self, train: Sequence[Sample], pairs: Iterable[Pair]) -> dict[str, Any]:
        """Return the score of the simplest possible answer: ``{"text", "metric", "value"}``."""

    @abstractmethod
    def preview(self, sample: Sample, prediction: Prediction | None = None) -> Preview:
        """Return the sample as a picture, with the answer beside it if there is one."""

    @abstractmethod
    def signature(self, bundle: Bundle) -> Signature:
        """Return what an exporter must know."""

    @abstractmethod
    def sample_from_input(self, text: str) -> Sample:
        """Return a sample for something the user tries out: a file's path, or the text itself.

        Raises:
            StudioError: If there is no such file.
        """

    def input_of(self, sample: Sample) -> Any:
        """Return what an export is asked of this sample, as plain values: by default its file's path."""
        return sample.path

    @abstractmethod
    def blank(self, bundle: Bundle) -> Batch:
        """Return a batch of one empty example, for probing shapes."""
