"""Token classification: which words of a text name something, and what of the user's types is it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from finetune_studio.core.dataset import Dataset, Labels, Sample
from finetune_studio.core.dataset.words import natural
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Preview, Span, Spans, Words
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle, Pair, Signature, Task, TaskOptions, View
from finetune_studio.modality import reading, tags, text
from finetune_studio.models import text as texts

AUTO = "AutoModelForTokenClassification"


class Example(NamedTuple):
    """A text made ready.

    Attributes:
        text: The text itself.
        cuts: Its windows.
        words: First letter and letter after the last of each word, (words, 2).
        homes: Window and token at which each word is read, (words, 2).
        tags: The number of each word's tag, (words,); -100 where nothing is learnt.
        sample: The sample's number.
    """

    text: str
    cuts: list[text.Encoded]
    words: np.ndarray
    homes: np.ndarray
    tags: np.ndarray
    sample: int


class Options(TaskOptions):
    """Settings of token classification."""

    max_length: int = Field(
        256,
        ge=8,
        le=32768,
        title="Longest window",
        description="Texts of more tokens (pieces of words) are read in windows of this length, which are"
        " put together again: nothing is cut off.",
        json_schema_extra={"unit": "tokens"},
    )
    overlap: int = Field(
        64,
        ge=0,
        le=16384,
        title="Overlap of windows",
        description="How much of a window is read again in the next one, so that each word is seen with"
        " words on both sides.",
        json_schema_extra={"unit": "tokens"},
    )


class TokenClassification(Task):
    """Names in a text, by an encoder that says of each word whether a name begins or goes on there."""

    name = "token_classification"
    readers = ("conll", "span_lines")
    models = "text"
    counted = "name"
    headline = "entity_f1"
    outside = "ask_spans:Names"
    Options = Options
    ragged = True
    varies = False
    fewest_classes = 1

    def load_model(self, recipe: Recipe, labels: Labels) -> Bundle:
        """Return the pretrained encoder with a new head: outside, and begin and inside of each type."""
        bundle = texts.load(recipe.model, self.models, AUTO, labels, recipe.seed, task=self.name)
        bundle.recipe = recipe
        options = _options(recipe)
        text.limit(bundle, options.max_length)
        bundle.processor["overlap"] = options.overlap
        return bundle

    def teaches(self, sample: Sample) -> bool:
        """Whether the data say what is named in the text, which may be nothing."""
        return isinstance(sample.fields.get("spans"), list)

    def labels(self, dataset: Dataset) -> Labels:
        """Return the types found in the training split, or in all samples before they are divided."""
        samples = dataset.samples(split="train", usable=True) or dataset.samples(usable=True)
        return Labels(tuple(sorted(self.class_counts(samples), key=natural)))

    def class_counts(self, samples: Iterable[Sample]) -> Counter[str]:
        """Return how many names of each type there are."""
        return Counter(kind for sample in samples for _, _, kind in _true(sample))

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
        """Return the text's windows and words, each with its tag."""
        written = text.text_in(sample)
        cuts = reading.cut(bundle, written, int(bundle.processor["overlap"]))
        words = tags.words(written, split=bool(sample.fields.get("split_words")))
        homes = tags.homes(words, [window.offsets for window in cuts])
        if self.teaches(sample):
            numbers = tags.tags_of(words, _true(sample), bundle.labels.names)
        else:
            numbers = np.full(len(words), tags.UNKNOWN, np.int64)
        return Example(written, reading.encoded(bundle, cuts), words, homes, numbers, sample.id)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Return the windows of all texts, (windows, length), and the words that are read in them.

        Targets, for all words in turn: ``tags`` (words,), ``homes`` (words, 2) the row and the column of
        the inputs, ``letters`` (words, 2), ``owners`` (words,) whose texts they are, and the ``texts``.
        Words without a token, such as control signs, are left out.
        """
        cuts = [row for example in examples for row in example.cuts]
        kept = [example.homes[:, 0] >= 0 for example in examples]
        first = np.cumsum([0, *(len(example.cuts) for example in examples)])
        homes = [e.homes[k] + [row, 0] for e, k, row in zip(examples, kept, first, strict=False)]
        pairs = list(zip(examples, kept, strict=True))
        targets = {
            "tags": _joined([e.tags[k] for e, k in pairs]),
            "homes": _joined(homes),
            "letters": _joined([e.words[k] for e, k in pairs]),
            "owners": _joined([np.full(k.sum(), n, np.int64) for n, k in enumerate(kept)]),
            "texts": [e.text for e in examples],
        }
        return Batch(text.together(cuts), targets, [example.sample for example in examples])

    def targets(self, samples: Sequence[Sample], bundle: Bundle) -> Any:
        """Return what :meth:`collate` puts there."""
        return self.collate([self.example(s, bundle, view=None) for s in samples]).targets

    def loss(self, bundle: Bundle, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the words' tags."""
        return _loss(bundle, _scores(bundle, batch), batch.targets["tags"])

    def weight(self, bundle: Bundle, batch: Batch) -> float:
        """Return how many words something is learnt from, weighted as the loss weighs them."""
        return float(_weights(bundle, batch.targets["tags"]).sum())

    def predict(self, bundle: Bundle, batch: Batch) -> list[Prediction]:
        """Return what is named in each text, each name with how sure it is."""
        return _answers(bundle, _scores(bundle, batch), batch)

    def judge(self, bundle: Bundle, batch: Batch) -> tuple[list[Prediction], Tensor]:
        """Return answers and loss from one pass through the network."""
        scores = _scores(bundle, batch)
        return _answers(bundle, scores, batch), _loss(bundle, scores, batch.targets["tags"])

    def score(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Return F1, precision and recall of names, over all texts together, and F1 of each type.

        A name counts as found if start, end and type are right, as conlleval counts (Tjong Kim Sang and
        De Meulder 2003).
        """
        right: Counter[str] = Counter()
        truth: Counter[str] = Counter()
        named: Counter[str] = Counter()
        for sample, prediction in pairs:
            true, found = set(_true(sample)), set(_said(prediction))
            truth.update(kind for _, _, kind in true)
            named.update(kind for _, _, kind in found)
            right.update(kind for _, _, kind in true & found)
        every = (right.total(), named.total(), truth.total())
        scores = {
            "entity_f1": _f1(*every),
            "precision": right.total() / max(1, named.total()),
            "recall": right.total() / max(1, truth.total()),
        }
        kinds = sorted({*truth, *named}, key=natural)
        if len(kinds) > 1:
            scores |= {f"f1_{kind}": _f1(right[kind], named[kind], truth[kind]) for kind in kinds}
        return scores

    def baseline(self, train: Sequence[Sample], pairs: Iterable[Pair]) -> dict[str, Any]:
        """Return the F1 of marking the names that the training split holds, wherever they occur."""
        known = tags.Dictionary((_written(sample), _true(sample)) for sample in train)
        found = [(s, Prediction(answer={"spans": known.find(*_written(s))})) for s, _ in pairs]
        return {
            "text": "marking the names known from training",
            "metric": "entity_f1",
            "value": self.score(found)["entity_f1"],
        }

    def preview(self, sample: Sample, prediction: Prediction | None = None) -> Preview:
        """Return the text with the names in it, and those that the model finds."""
        written = str(sample.fields.get("text", ""))
        marks: list[Words | Spans] = [Words(written)]
        if self.teaches(sample):
            marks.append(Spans(tuple(Span(*span) for span in _true(sample))))
        truth = in_words(written, _true(sample)) or "nothing named" * self.teaches(sample)
        if prediction is None:
            return Preview(tuple(marks), truth)
        spans = prediction.answer.get("spans", [])
        marks.append(Spans(tuple(Span(*span) for span in spans), said=True))
        said = str(prediction.label or "nothing named")
        return Preview(tuple(marks), truth, said, prediction.probabilities.get(said))

    def signature(self, bundle: Bundle) -> Signature:
        """Return encoded texts in, and of each token the probabilities of the tags out."""
        names = list(bundle.processor["inputs"])
        cuts = [reading.cut(bundle, words, 0)[0] for words in ("one short text", "another one")]
        inputs = text.together(reading.encoded(bundle, cuts))
        return Signature(
            _Probabilities(bundle.network, names),
            {name: inputs[name] for name in names},
            {name: {0: "batch", 1: "length"} for name in names},
            ("probabilities",),
        )

    def sample_from_input(self, text_or_path: str) -> Sample:
        """Return a text, or the one in the file that is named, as a sample without names."""
        return text.sample_of(text_or_path)

    def input_of(self, sample: Sample) -> Any:
        """Return the text; where its words are what lies between spaces, that too."""
        written = sample.fields.get("text", "")
        return (
            {"text": written, "split_words": True} if sample.fields.get("split_words") else written
        )

    def blank(self, bundle: Bundle) -> Batch:
        """Return one text of one word."""
        sample = Sample(0, "", None, None, "", fields={"text": "a"})
        return self.collate([self.example(sample, bundle, view=None)])


class _Probabilities(nn.Module):
    """The network as an export sees it: probabilities of the tags, (batch, length, tags)."""

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._names = tuple(names)

    def forward(self, *inputs: Tensor) -> Tensor:
        found = self.network(**dict(zip(self._names, inputs, strict=True))).logits
        return functional.softmax(found, dim=-1)


def in_words(written: str, spans: Iterable[Sequence[Any]]) -> str:
    """Return names as a person reads them: ``Disease: a; b | Gene: c``."""
    found: dict[str, list[str]] = {}
    for start, end, kind, *_ in spans:
        found.setdefault(kind, []).append(" ".join(written[start:end].split()))
    return " | ".join(f"{kind}: {'; '.join(found[kind])}" for kind in sorted(found, key=natural))


def _options(recipe: Recipe) -> Options:
    found = TokenClassification.own_options(recipe)
    assert isinstance(found, Options)
    return found


def _written(sample: Sample) -> tuple[str, bool]:
    """Return a sample's text, and whether its words are what lies between single spaces."""
    return str(sample.fields.get("text", "")), bool(sample.fields.get("split_words"))


def _true(sample: Sample) -> list[tuple[int, int, str]]:
    """Return the names that the data mark."""
    return [(int(s[0]), int(s[1]), str(s[2])) for s in sample.fields.get("spans") or []]


def _said(prediction: Prediction) -> list[tuple[int, int, str]]:
    return [(int(s[0]), int(s[1]), str(s[2])) for s in prediction.answer.get("spans", [])]


def _f1(right: int, named: int, truth: int) -> float:
    return 2 * right / (named + truth) if named + truth else 0.0


def _joined(parts: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))


def _scores(bundle: Bundle, batch: Batch) -> Tensor:
    """Return the scores of each word's tags, at the token where it is read: (words, tags)."""
    (found,) = reading.said(bundle.network, batch.inputs, ["logits"])
    homes = batch.targets["homes"]
    return found[homes[:, 0], homes[:, 1]]


def _weights(bundle: Bundle, numbers: Tensor) -> Tensor:
    """Return how much each word counts; those from which nothing is learnt count nothing.

    Where the recipe balances classes, words of a name count by its type, and others one.
    """
    known = (numbers >= 0).float()
    if bundle.class_weights is None:
        return known
    one = torch.ones(1, device=numbers.device)
    table = torch.cat([one, bundle.class_weights.repeat_interleave(2)])
    return known * table[numbers.clamp(min=0)]


def _loss(bundle: Bundle, scores: Tensor, numbers: Tensor) -> Tensor:
    smoothing = bundle.recipe.optimiser.label_smoothing if bundle.recipe else 0.0
    each = functional.cross_entropy(
        scores,
        numbers,
        reduction="none",
        ignore_index=tags.UNKNOWN,
        label_smoothing=smoothing if bundle.network.training else 0.0,
    )
    weights = _weights(bundle, numbers)
    return (each * weights).sum() / weights.sum().clamp(min=1e-6)


def _answers(bundle: Bundle, scores: Tensor, batch: Batch) -> list[Prediction]:
    shares = functional.softmax(scores.detach(), dim=1).cpu().numpy()
    letters, owners = (batch.targets[name].cpu().numpy() for name in ("letters", "owners"))
    answers = []
    for number, written in enumerate(batch.targets["texts"]):
        mine = owners == number
        found = tags.decode(shares[mine])
        spans = tags.spans_of(letters[mine], found, shares[mine], bundle.labels.names)
        sample = batch.samples[number] if batch.samples else None
        label = in_words(written, spans)
        answers.append(Prediction(label, sample=sample, answer={"spans": spans}))
    return answers
