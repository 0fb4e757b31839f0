"""Summarisation: write a short text that says what a long one says."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from finetune_studio.core.dataset import Sample
from finetune_studio.core.dataset.words import Labels
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Preview, Words
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle, Pair, Signature, Task, TaskOptions, View
from finetune_studio.modality import generate, plain_summaries, rouge, text
from finetune_studio.models import text as texts

_IGNORED = -100  # the target of a place from which nothing is learnt


class Example(NamedTuple):
    """A text made ready; ``target`` is its summary as tokens, empty if it has none."""

    encoded: text.Encoded
    target: list[int]
    sample: int


class Options(TaskOptions):
    """Settings of summarisation."""

    max_length: int = Field(
        512,
        ge=8,
        le=32768,
        title="Longest text",
        description="Longer texts are cut off after so many tokens (pieces of words). Twice the length"
        " takes more than twice the time.",
        json_schema_extra={"unit": "tokens"},
    )
    longest_summary: int = Field(
        128,
        ge=2,
        le=4096,
        title="Longest summary",
        description="Summaries in the data are cut off after so many tokens, and none longer is written.",
        json_schema_extra={"unit": "tokens"},
    )
    shortest_summary: int = Field(
        0,
        ge=0,
        le=1024,
        title="Shortest summary",
        description="No summary ends before so many tokens are written.",
        json_schema_extra={"unit": "tokens"},
    )
    beams: int = Field(
        1,
        ge=1,
        le=16,
        title="Ways tried at once",
        description="1 always writes the likeliest next word; 4 follows the four likeliest beginnings, which"
        " reads a little better and takes about three times as long.",
    )
    generated: int = Field(
        64,
        ge=1,
        le=100_000,
        title="Summaries written to judge an epoch",
        description="Writing takes long, so after each epoch only so many validation texts are summarised;"
        " always the same ones.",
        json_schema_extra={"unit": "texts"},
    )
    prefix: str = Field(
        "auto",
        title="Put before each text",
        description="Some models were pretrained with a word before each text that says what to do; auto"
        " takes what the model brings (“summarize: ” for T5).",
    )


class Summarization(Task):
    """An encoder reads the text, a decoder writes the summary."""

    name = "summarization"
    readers = ("summary_table",)
    models = "seq2seq"
    headline = "rouge_l"
    outside = "ask_summary:Summaries"
    Options = Options
    ragged = True
    varies = False
    fewest_classes = 0

    def load_model(self, recipe: Recipe, labels: Labels) -> Bundle:
        """Return the pretrained encoder and decoder; the last layer is kept.

        Raises:
            StudioError: If the decoder has no places for summaries as long as the recipe allows.
        """
        options = _options(recipe)
        auto = "AutoModelForSeq2SeqLM"
        bundle = texts.load(recipe.model, self.models, auto, labels, recipe.seed, task=self.name)
        bundle.recipe = recipe
        generate.refuse_longer(bundle.network, options.longest_summary)
        text.limit(bundle, options.max_length)
        if options.prefix != "auto":
            bundle.processor["prefix"] = options.prefix
        else:
            bundle.processor.setdefault("prefix", _own_prefix(bundle.architecture["config"]))
        return bundle

    def teaches(self, sample: Sample) -> bool:
        """Whether the text has a summary."""
        return bool(summaries_of(sample)) and bool(str(sample.fields.get("text", "")).strip())

    def labels(self, dataset: Any) -> Labels:  # noqa: ARG002  there are no classes
        """Return no classes."""
        return Labels(())

    def shortened(self, samples: Sequence[Sample]) -> tuple[list[Sample], str]:
        """Return all texts: what stands behind the tokens that are read is not seen."""
        return list(samples), text.NOT_READ

    def shortened_answers(self, samples: Sequence[Sample]) -> tuple[list[str], str, str]:
        """Return the summaries that are learnt: after the longest length nothing of one is learnt."""
        return (
            [said for s in samples for said in summaries_of(s)[:1]],
            "longest_summary",
            "summaries",
        )

    def length(self, sample: Sample) -> int:
        """Return the text's letters."""
        return len(str(sample.fields.get("text", "")))

    def asked(self, samples: Sequence[Sample], recipe: Recipe) -> frozenset[int] | None:
        """Return which samples are summarised to judge an epoch: some, the same ones each time."""
        most = _options(recipe).generated
        if len(samples) <= most:
            return None
        numbers = sorted(sample.id for sample in samples)
        return frozenset(random.Random(recipe.seed).sample(numbers, most))

    def example(
        self,
        sample: Sample,
        bundle: Bundle,
        *,
        view: View | None,  # noqa: ARG002  texts are not varied
        decoded: np.ndarray | None = None,  # noqa: ARG002  nor kept decoded
    ) -> Example:
        """Return the encoded text, and the first of its summaries as tokens."""
        prefix = str(bundle.processor.get("prefix", ""))
        encoded = text.encode(bundle, prefix + text.text_in(sample))
        return Example(encoded, _target(sample, bundle), sample.id)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Return inputs (batch, length) and the summaries' tokens (batch, length), filled up with -100."""
        targets = text.padded_targets([e.target or [_IGNORED] for e in examples])
        return Batch(
            text.together([e.encoded for e in examples]), targets, [e.sample for e in examples]
        )

    def on_device(self, bundle: Bundle, batch: Batch) -> Batch:
        """Give the decoder the summary, moved on by one place, as the network itself moves it."""
        batch.inputs = {**batch.inputs, "decoder_input_ids": _moved_on(bundle, batch.targets)}
        return batch

    def targets(self, samples: Sequence[Sample], bundle: Bundle) -> Tensor:
        """Return what :meth:`collate` puts there."""
        return text.padded_targets([_target(s, bundle) or [_IGNORED] for s in samples])

    def loss(self, bundle: Bundle, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the summaries' tokens."""
        keep = batch.targets != _IGNORED
        scores = _logits(bundle, batch)
        if not bool(keep.any()):
            return scores.sum() * 0.0
        smoothing = bundle.recipe.optimiser.label_smoothing if bundle.recipe else 0.0
        if not bundle.network.training:
            smoothing = 0.0
        return functional.cross_entropy(
            scores[keep].float(), batch.targets[keep], label_smoothing=smoothing
        )

    def weight(self, bundle: Bundle, batch: Batch) -> float:  # noqa: ARG002  one signature for all tasks
        """Return the number of tokens in the summaries."""
        return float((batch.targets != _IGNORED).sum())

    def predict(self, bundle: Bundle, batch: Batch) -> list[Prediction]:
        """Return a summary of each text that is asked for, and how well each own one was foretold."""
        return self.judge(bundle, batch)[0]

    def judge(self, bundle: Bundle, batch: Batch) -> tuple[list[Prediction], Tensor]:
        """Return answers and loss; texts that are not asked for are not summarised."""
        keep = batch.targets != _IGNORED
        losses = functional.cross_entropy(
            _logits(bundle, batch).float().transpose(1, 2),
            batch.targets,
            ignore_index=_IGNORED,
            reduction="none",
        )
        lost, tokens = losses.double().sum(1).tolist(), keep.sum(1).tolist()
        answers = [
            Prediction(sample=number, answer={"loss_sum": sum_, "tokens": count} if count else {})
            for number, sum_, count in zip(batch.samples, lost, tokens, strict=True)
        ]
        asked = [
            place
            for place, number in enumerate(batch.samples)
            if bundle.asked is None or number in bundle.asked
        ]
        for place, said in zip(asked, _written(bundle, batch, asked), strict=True):
            old = answers[place]
            answers[place] = replace(old, label=said, answer={**old.answer, "summary": said})
        return answers, losses[keep].mean() if bool(keep.any()) else losses.sum()

    def score(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Return the mean ROUGE-L, -1 and -2 of the written summaries, and the mean loss of a token.

        Of several references the one that fits best counts.
        """
        found: list[tuple[float, float, float]] = []
        lost, tokens = [], 0
        for sample, answer in pairs:
            if answer.label is not None:
                found.append(rouge.best(str(answer.label), tuple(summaries_of(sample))))
            lost.append(float(answer.answer.get("loss_sum", 0.0)))
            tokens += int(answer.answer.get("tokens", 0))
        means = [math.fsum(part) / len(found) for part in zip(*found, strict=True)] or [0.0] * 3
        names = ("rouge_l", "rouge_1", "rouge_2")
        return {**dict(zip(names, means, strict=True)), "loss": math.fsum(lost) / max(1, tokens)}

    def baseline(self, train: Sequence[Sample], pairs: Iterable[Pair]) -> dict[str, Any]:  # noqa: ARG002  nothing is learnt from the training data
        """Return the ROUGE-L of the better of two simple summaries: the beginning, the longest sentence."""
        known = list(pairs)
        written = [sample for sample, answer in known if answer.label is not None]
        samples = written or [sample for sample, _ in known]
        if not samples:
            return {}
        simple: dict[str, Callable[[str], str]] = {
            f"the first {plain_summaries.LEAD} sentences": plain_summaries.lead,
            "the longest sentence": plain_summaries.longest_sentence,
        }
        scored = {words: _mean(samples, way) for words, way in simple.items()}
        best = max(scored, key=lambda words: scored[words])
        return {"text": best, "metric": "rouge_l", "value": scored[best]}

    def preview(self, sample: Sample, prediction: Prediction | None = None) -> Preview:
        """Return the text, the references, and the written summary if there is one."""
        references = summaries_of(sample)
        marks = [Words(str(sample.fields.get("text", "")), "Text")]
        for number, reference in enumerate(references, start=1):
            title = "Reference" if len(references) == 1 else f"Reference {number}"
            marks.append(Words(reference, title))
        answered = prediction is not None and prediction.label is not None
        said = str(prediction.label) if prediction is not None and answered else ""
        if answered:  # an empty summary too, or it would look as if none had been asked for
            marks.append(Words(said, "Summary"))
        fit = rouge.best(said, tuple(references))[0] if said and references else None
        lines = () if fit is None else (f"ROUGE-L {fit:.2f} against the reference.",)
        return Preview(tuple(marks), references[0] if references else "", said, lines=lines)

    def signature(self, bundle: Bundle) -> Signature:
        """Return texts and the beginnings of summaries in, the scores of each next token out."""
        rows = [text.encode(bundle, words) for words in ("one short text", "another one")]
        inputs = text.together(rows)
        start = torch.full((2, 1), _start(bundle), dtype=torch.long)
        named = {
            "input_ids": inputs["input_ids"],
            "attention_mask": inputs["attention_mask"],
            "decoder_input_ids": start,
        }
        axes = {name: {0: "batch", 1: "length"} for name in named}
        return Signature(_Scores(bundle.network), named, axes, ("scores",))

    def sample_from_input(self, text_or_path: str) -> Sample:
        """Return a text, or the one in the file that is named, as a sample without a summary."""
        return text.sample_of(text_or_path)

    def input_of(self, sample: Sample) -> Any:
        """Return the text, and the summary that is learnt from it, to see how well that is foretold."""
        wanted = summaries_of(sample)[:1]
        return {"text": str(sample.fields.get("text", "")), "summary": "".join(wanted)}

    def blank(self, bundle: Bundle) -> Batch:
        """Return one text of one word."""
        batch = self.collate([Example(text.encode(bundle, "a"), [_start(bundle)], 0)])
        return self.on_device(bundle, batch)


def summaries_of(sample: Sample) -> list[str]:
    """Return the summaries that the data give a text; the first is learnt, all are references."""
    found = sample.fields.get("summaries")
    return [str(one) for one in found if str(one).strip()] if isinstance(found, list) else []


def _mean(samples: Sequence[Sample], way: Callable[[str], str]) -> float:
    scores = [
        rouge.best(way(str(s.fields.get("text", ""))), tuple(summaries_of(s)))[0] for s in samples
    ]
    return math.fsum(scores) / len(scores)


def _options(recipe: Recipe) -> Options:
    found = Summarization.own_options(recipe)
    assert isinstance(found, Options)
    return found


def _own_prefix(config: dict[str, Any]) -> str:
    """Return what a model was pretrained to see before a text that is to be summarised."""
    known = (config.get("task_specific_params") or {}).get("summarization") or {}
    return str(known.get("prefix") or config.get("prefix") or "")


def _target(sample: Sample, bundle: Bundle) -> list[int]:
    found = summaries_of(sample)
    if not found:
        return []
    longest = _options(bundle.recipe).longest_summary if bundle.recipe else 128
    short = replace(bundle, processor=bundle.processor | {"max_length": longest})
    return list(text.tokenizer(short).encode(found[0]).ids)


# --- what the network says ------------------------------------------------------------------------


def _start(bundle: Bundle) -> int:
    """Return the token with which a decoder begins to write."""
    config: Any = bundle.network.config
    found = getattr(config, "decoder_start_token_id", None)
    return int(bundle.processor["pad_id"] if found is None else found)


def _moved_on(bundle: Bundle, targets: Tensor) -> Tensor:
    """Return what stands before each target: the start, then the targets themselves."""
    prepare = getattr(bundle.network, "prepare_decoder_input_ids_from_labels", None)
    if callable(prepare):
        found: Tensor = prepare(labels=targets)
        return found
    moved = targets.roll(1, dims=1)
    moved[:, 0] = _start(bundle)
    return moved.masked_fill(moved == _IGNORED, int(bundle.processor["pad_id"]))


def _logits(bundle: Bundle, batch: Batch) -> Tensor:
    found: Tensor = bundle.network(**batch.inputs, use_cache=False).logits
    return found


def _written(bundle: Bundle, batch: Batch, places: Sequence[int]) -> list[str]:
    """Return the summaries of some texts of a batch."""
    if not places:
        return []
    index = torch.tensor(places, device=batch.targets.device)
    given = {n: batch.inputs[n].index_select(0, index) for n in ("input_ids", "attention_mask")}
    options = _options(bundle.recipe) if bundle.recipe else Options.model_validate({})
    ids = generate.written(
        bundle.network,
        given,
        longest=options.longest_summary,
        shortest=options.shortest_summary,
        beams=options.beams,
    )
    opened = text.tokenizer(bundle)
    return [found.strip() for found in opened.decode_batch(ids.tolist(), skip_special_tokens=True)]


class _Scores(nn.Module):
    """The network as an export sees it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, decoder_input_ids: Tensor
    ) -> Tensor:
        answer = self.network(
            input_ids=input_ids,
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            use_cache=False,
        )
        scores: Tensor = answer.logits
        return scores
