"""Question answering: which words of a text answer the question, if any do?"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from math import fsum
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from finetune_studio.core.dataset import Dataset, Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Preview, Span, Spans, Words
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle, Pair, Signature, Task, TaskOptions, View
from finetune_studio.modality import answers, reading, text
from finetune_studio.models import text as texts

AUTO = "AutoModelForQuestionAnswering"
ANSWERED, UNANSWERED = "answer", "no answer"
_UNKNOWN = -1


class Example(NamedTuple):
    """A question with its context made ready.

    Attributes:
        context: The text that holds the answer.
        cuts: Its windows, the question before each.
        offsets: Letters of each window's tokens, (tokens, 2), -1 where they are not the context's.
        answers: First and last token of the answer in each window, (windows, 2); 0 where the window does
            not hold it, -1 where the data do not say.
        sample: The sample's number.
    """

    context: str
    cuts: list[text.Encoded]
    offsets: list[np.ndarray]
    answers: np.ndarray
    sample: int


class Options(TaskOptions):
    """Settings of question answering."""

    max_length: int = Field(
        384,
        ge=16,
        le=32768,
        title="Longest window",
        description="A question and a text of more tokens (pieces of words) are read in windows of this"
        " length, each with the question; the best answer of all windows is taken.",
        json_schema_extra={"unit": "tokens"},
    )
    overlap: int = Field(
        128,
        ge=0,
        le=16384,
        title="Overlap of windows",
        description="How much of a window is read again in the next one, so that no answer is cut in two.",
        json_schema_extra={"unit": "tokens"},
    )
    longest_answer: int = Field(
        30,
        ge=1,
        le=1000,
        title="Longest answer",
        description="Longer answers are not considered.",
        json_schema_extra={"unit": "tokens"},
    )


class QuestionAnswering(Task):
    """The span of a text that answers a question, by an encoder that points to its ends."""

    name = "question_answering"
    readers = ("squad", "question_table")
    models = "text"
    headline = "f1"
    outside = "ask_answers:Answers"
    Options = Options
    ragged = True
    varies = False
    fewest_classes = 0

    def load_model(self, recipe: Recipe, labels: Labels) -> Bundle:
        """Return the pretrained encoder with a new head that points to an answer's start and end."""
        bundle = texts.load(recipe.model, self.models, AUTO, labels, recipe.seed, task=self.name)
        bundle.recipe = recipe
        options = _options(recipe)
        text.limit(bundle, options.max_length)
        bundle.processor["overlap"] = options.overlap
        bundle.processor["longest_answer"] = options.longest_answer
        bundle.processor["may_be_none"] = UNANSWERED in labels.names
        return bundle

    def teaches(self, sample: Sample) -> bool:
        """Whether the data say what the answer is, or that there is none."""
        return isinstance(sample.fields.get("answers"), list)

    def labels(self, dataset: Dataset) -> Labels:
        """Return answer and no answer where the training data have both, else nothing."""
        samples = dataset.samples(split="train", usable=True) or dataset.samples(usable=True)
        return Labels(tuple(sorted(self.class_counts(samples))))

    def class_counts(self, samples: Iterable[Sample]) -> Counter[str]:
        """Return how many questions have an answer and how many have none; nothing if all have one."""
        counts = Counter(ANSWERED if _true(s) else UNANSWERED for s in samples if self.teaches(s))
        return counts if counts[UNANSWERED] else Counter()

    def length(self, sample: Sample) -> int:
        """Return the letters of question and context."""
        return sum(len(str(sample.fields.get(name, ""))) for name in ("question", "context"))

    def example(
        self,
        sample: Sample,
        bundle: Bundle,
        *,
        view: View | None,  # noqa: ARG002  texts are not varied
        decoded: np.ndarray | None = None,  # noqa: ARG002  nor kept decoded
    ) -> Example:
        """Return the windows of the context, and where the first of the true answers stands in each."""
        context = text.text_in(sample, "context")
        question = text.text_in(sample, "question")
        windows = reading.cut(bundle, context, int(bundle.processor["overlap"]), question)
        offsets = [window.offsets for window in windows]
        if self.teaches(sample):
            start, end = _place(sample, context)
            found = [answers.tokens_of(letters, start, end) for letters in offsets]
        else:
            found = [(_UNKNOWN, _UNKNOWN)] * len(offsets)
        rows = reading.encoded(bundle, windows)
        return Example(context, rows, offsets, np.array(found, np.int64), sample.id)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Return the windows of all questions, (windows, length).

        Targets: ``answers`` (windows, 2), ``owners`` (windows,) whose questions they are, ``offsets``
        (windows, length, 2) the letters of each token, -1 where it is not the context's, and the
        ``texts`` of the contexts.
        """
        cuts = [row for example in examples for row in example.cuts]
        letters = [window for example in examples for window in example.offsets]
        offsets = np.full((len(letters), max(map(len, letters)), 2), -1, np.int64)
        for row, window in enumerate(letters):
            offsets[row, : len(window)] = window
        owners = [number for number, e in enumerate(examples) for _ in e.cuts]
        targets = {
            "answers": torch.from_numpy(np.concatenate([e.answers for e in examples])),
            "owners": torch.tensor(owners),
            "offsets": torch.from_numpy(offsets),
            "texts": [e.context for e in examples],
        }
        return Batch(text.together(cuts), targets, [e.sample for e in examples])

    def targets(self, samples: Sequence[Sample], bundle: Bundle) -> Any:
        """Return what :meth:`collate` puts there."""
        return self.collate([self.example(s, bundle, view=None) for s in samples]).targets

    def loss(self, bundle: Bundle, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the answers' ends, over windows."""
        return _loss(*_scores(bundle, batch), batch)

    def unheeded(self, bundle: Bundle) -> list[str]:
        """Say that neither answers nor their places are smoothed or weighed."""
        choices = bundle.recipe.optimiser if bundle.recipe else None
        found = []
        if choices and choices.label_smoothing:
            found.append(
                "Label smoothing does nothing here: an answer has a place in its text, and no class."
            )
        if choices and choices.balance == "weights":
            found.append(
                "Weights do not balance questions, which have no classes. Where some have no answer, the"
                " sampler does: it draws answered and unanswered ones equally often."
            )
        return found

    def weight(self, bundle: Bundle, batch: Batch) -> float:  # noqa: ARG002
        """Return the number of windows of which the answer is known."""
        return float((batch.targets["answers"][:, 0] >= 0).sum())

    def predict(self, bundle: Bundle, batch: Batch) -> list[Prediction]:
        """Return the best answer to each question over all its windows."""
        return _answers(bundle, *_scores(bundle, batch), batch)

    def judge(self, bundle: Bundle, batch: Batch) -> tuple[list[Prediction], Tensor]:
        """Return answers and loss from one pass through the network."""
        starts, ends = _scores(bundle, batch)
        return _answers(bundle, starts, ends, batch), _loss(starts, ends, batch)

    def score(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Return mean F1 and exact match over questions, as SQuAD's script counts them, from 0 to 1."""
        found = [_fit(str(answer.label or ""), tuple(_true(sample))) for sample, answer in pairs]
        return {
            "f1": fsum(one[0] for one in found) / max(1, len(found)),
            "exact_match": fsum(one[1] for one in found) / max(1, len(found)),
        }

    def baseline(self, train: Sequence[Sample], pairs: Iterable[Pair]) -> dict[str, Any]:  # noqa: ARG002
        """Return the F1 of the sentence that shares most words with the question."""
        found = []
        for sample, _ in pairs:
            question, context = (str(sample.fields.get(n, "")) for n in ("question", "context"))
            found.append((sample, Prediction(answers.likeliest_sentence(question, context))))
        return {
            "text": "answering with the sentence most like the question",
            "metric": "f1",
            "value": self.score(found)["f1"],
        }

    def preview(self, sample: Sample, prediction: Prediction | None = None) -> Preview:
        """Return question and context, with the true answer and the model's marked."""
        words = [
            Words(str(sample.fields.get(name, "")), title)
            for name, title in (("question", "Question"), ("context", "Context"))
        ]
        true = _true(sample)
        truth = (true[0] if true else UNANSWERED) if self.teaches(sample) else ""
        places = [(int(a["start"]), len(a["text"])) for a in sample.fields.get("answers") or []]
        marked = tuple(Span(s, s + n, ANSWERED) for s, n in sorted(set(places)) if n)
        if prediction is None:
            return Preview((*words, Spans(marked)), truth)
        about = prediction.answer
        said = str(prediction.label or UNANSWERED)
        certainty = about.get("certainty", prediction.probabilities.get(said))
        found: tuple[Span, ...] = ()
        if about.get("text"):
            found = (Span(int(about["start"]), int(about["end"]), ANSWERED, certainty),)
        return Preview((*words, Spans(marked), Spans(found, said=True)), truth, said, certainty)

    def signature(self, bundle: Bundle) -> Signature:
        """Return encoded questions with contexts in, scores of each token as start and as end out."""
        names = list(bundle.processor["inputs"])
        rows = [("who came", "one short text"), ("when", "another one")]
        cuts = [reading.cut(bundle, context, 0, question)[0] for question, context in rows]
        inputs = text.together(reading.encoded(bundle, cuts))
        return Signature(
            _Ends(bundle.network, names),
            {name: inputs[name] for name in names},
            {name: {0: "batch", 1: "length"} for name in names},
            ("start_scores", "end_scores"),
        )

    def sample_from_input(self, text_or_path: str) -> Sample:
        """Return a question and its context as a sample, from JSON or a file of it.

        Raises:
            StudioError: If there is no such file, or it does not hold a question and a context.
        """
        sample = text.sample_of(text_or_path)
        try:
            fields = answers.asked_in(sample.fields["text"])
        except ValueError as error:
            raise StudioError(
                f"There is no question with its context in {_short(text_or_path)}",
                'Write it as {"question": "...", "context": "..."}, or name a file of that.',
            ) from error
        return Sample(0, sample.path, None, None, "", fields=fields)

    def input_of(self, sample: Sample) -> Any:
        """Return question and context."""
        return {name: sample.fields.get(name, "") for name in ("question", "context")}

    def blank(self, bundle: Bundle) -> Batch:
        """Return one question of one word, about one word."""
        sample = Sample(0, "", None, None, "", fields={"question": "a", "context": "a"})
        return self.collate([self.example(sample, bundle, view=None)])


class _Ends(nn.Module):
    """The network as an export sees it: scores of each token as start and as end, (batch, length) each."""

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._names = tuple(names)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network(**dict(zip(self._names, inputs, strict=True)))
        return found.start_logits, found.end_logits


def _options(recipe: Recipe) -> Options:
    found = QuestionAnswering.own_options(recipe)
    assert isinstance(found, Options)
    return found


def _short(given: str) -> str:
    return f"{given[:60]}…" if len(given) > 60 else f"{given}."


def _true(sample: Sample) -> list[str]:
    """Return the answers that the data give; none where the question has none."""
    return [str(a["text"]) for a in sample.fields.get("answers") or [] if str(a["text"]).strip()]


@functools.lru_cache(maxsize=32768)  # an interval scores the same answers hundreds of times
def _fit(said: str, truths: tuple[str, ...]) -> tuple[float, float]:
    """Return F1 and exact match of an answer."""
    return answers.f1(said, truths), answers.exact_match(said, truths)


def _place(sample: Sample, context: str) -> tuple[int, int]:
    """Return first letter and letter after the last of the first answer; (0, 0) for no answer.

    Raises:
        StudioError: If it does not stand where the data say.
    """
    if not _true(sample):
        return 0, 0
    first = next(a for a in sample.fields["answers"] if str(a["text"]).strip())
    start, words = int(first["start"]), str(first["text"])
    if start < 0 or context[start : start + len(words)] != words:
        raise StudioError(
            f"{sample.place}: the answer {words!r} does not stand at letter {start} of its context.",
            "Correct the place or the answer on the Data page, or exclude the sample.",
        )
    return start, start + len(words)


def _scores(bundle: Bundle, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the scores of each token as start and as end, (windows, length) each."""
    starts, ends = reading.said(bundle.network, batch.inputs, ["start_logits", "end_logits"])
    hidden = batch.inputs["attention_mask"] == 0
    return starts.masked_fill(hidden, -1e4), ends.masked_fill(hidden, -1e4)


def _loss(starts: Tensor, ends: Tensor, batch: Batch) -> Tensor:
    places = batch.targets["answers"]
    each = [
        functional.cross_entropy(scores, places[:, column], reduction="sum", ignore_index=_UNKNOWN)
        for column, scores in enumerate((starts, ends))
    ]
    found: Tensor = (each[0] + each[1]) / (2 * (places[:, 0] >= 0).sum().clamp(min=1))
    return found


def _answers(bundle: Bundle, starts: Tensor, ends: Tensor, batch: Batch) -> list[Prediction]:
    owners = batch.targets["owners"].cpu().numpy()
    offsets = batch.targets["offsets"].cpu().numpy()
    lengths = batch.inputs["attention_mask"].sum(1).cpu().numpy()
    first, last = (scores.detach().cpu().numpy() for scores in (starts, ends))
    found = []
    for number, context in enumerate(batch.targets["texts"]):
        rows = [(row, lengths[row]) for row in np.flatnonzero(owners == number)]
        best = answers.best(
            [first[row, :length] for row, length in rows],
            [last[row, :length] for row, length in rows],
            [offsets[row, :length] for row, length in rows],
            longest=int(bundle.processor["longest_answer"]),
            may_be_none=bool(bundle.processor["may_be_none"]),
        )
        sample = batch.samples[number] if batch.samples else None
        found.append(_named(context, best, sample))
    return found


def _named(context: str, best: answers.Found, sample: int | None) -> Prediction:
    """Return the answer as it stands in the context, without spaces around it."""
    said = context[best.start : best.end] if best.start >= 0 else ""
    start = best.start + len(said) - len(said.lstrip())
    said = said.strip()
    about = {
        "text": said,
        "start": start if said else -1,
        "end": start + len(said) if said else -1,
        "certainty": best.certainty,
    }
    return Prediction(said, sample=sample, answer=about)
