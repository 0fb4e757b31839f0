"""Language models: reply to a conversation, or go on with a text, as the user's examples do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from finetune_studio.modality import chat, generate, packing, talks, text, wordcount
from finetune_studio.modality.chat import Tokens
from finetune_studio.models import text as texts

_LARGEST_LOSS = 50.0  # a mean loss above this gives a perplexity that is no number any more
_WHOLE = 0.7  # tokens a word at least; the first token of each piece is not foretold
_JUDGED = 2048  # learnt tokens whose scores exist at once where nothing is learnt
_TITLES = {"system": "Instructions", "user": "User", "assistant": "Assistant"}


class Example(NamedTuple):
    """A sample made ready.

    Attributes:
        sequences: Its conversation, or the pieces of its text.
        sample: Its number.
        asks: Whether it ends with a question, so that a reply is to be written.
        pad: What fills rows up.
        width: Places of the widest row; 0 where each sequence gets a row of its own.
    """

    sequences: tuple[Tokens, ...]
    sample: int
    asks: bool
    pad: int
    width: int


class Options(TaskOptions):
    """Settings of language models."""

    max_length: int = Field(
        512,
        ge=8,
        le=131072,
        title="Longest conversation",
        description="Of longer conversations the oldest turns are left out; longer texts are cut into"
        " pieces of so many tokens (pieces of words).",
        json_schema_extra={"unit": "tokens"},
    )
    packing: bool = Field(
        default=True,
        title="Pack conversations",
        description="Several conversations share a row of the network without seeing each other, so that"
        " hardly any time is spent on padding. Networks that cannot do so are padded.",
    )
    prompts: bool = Field(
        default=False,
        title="Learn questions, too",
        description="Also learns to write what the user and the instructions say. Off, only what the"
        " assistant says is learnt.",
    )
    longest_reply: int = Field(
        256,
        ge=1,
        le=8192,
        title="Longest reply",
        description="How many tokens a reply has at most when you try the model.",
        json_schema_extra={"unit": "tokens"},
    )


class CausalLm(Task):
    """The next token, learnt where the assistant speaks, or in all of a plain text."""

    name = "causal_lm"
    readers = ("chat_lines", "chat_table", "plain_text")
    models = "causal"
    headline = "perplexity"
    outside = "ask_chat:Replies"
    Options = Options
    less_is_better = True
    ragged = True
    varies = False
    fewest_classes = 0

    def load_model(self, recipe: Recipe, labels: Labels) -> Bundle:
        """Return the pretrained language model, which keeps its last layer."""
        options = _options(recipe)
        auto = "AutoModelForCausalLM"
        bundle = texts.load(recipe.model, self.models, auto, labels, recipe.seed, task=self.name)
        bundle.recipe = recipe
        text.limit(bundle, options.max_length)
        bundle.processor |= {"prompts": options.prompts, "packing": options.packing}
        bundle.processor["positions"] = generate.positions(bundle.network)
        notes = [bundle.note, *_with_template(bundle), *_packed_if_possible(bundle)]
        bundle.note = " ".join(filter(None, notes))
        return bundle

    def teaches(self, sample: Sample) -> bool:
        """Whether the assistant says something, or there is a text."""
        return talks.teaches(sample)

    def left_out(self, samples: Sequence[Sample]) -> list[str]:
        """Return which conversations end with words that nobody answers."""
        return talks.unanswered(samples)

    def shortened(self, samples: Sequence[Sample]) -> tuple[list[Sample], str]:
        """Return the conversations; longer texts are cut into pieces of which nothing is lost."""
        return [
            s for s in samples if talks.messages_of(s)
        ], "their oldest turns, or the beginning of an only question, are left out"

    def labels(self, dataset: Any) -> Labels:  # noqa: ARG002  there are no classes
        """Return no classes."""
        return Labels(())

    def length(self, sample: Sample) -> int:
        """Return the letters of the conversation or text."""
        return len(talks.text_of(sample)) + sum(
            len(m["content"]) for m in talks.messages_of(sample)
        )

    def example(
        self,
        sample: Sample,
        bundle: Bundle,
        *,
        view: View | None,  # noqa: ARG002  texts are not varied
        decoded: np.ndarray | None = None,  # noqa: ARG002  nor kept decoded
    ) -> Example:
        """Return the sample's tokens, and which of them are learnt."""
        sequences, asks = talks.encoded(sample, bundle)
        seen = bundle.processor
        width = int(seen["max_length"]) if seen.get("packing") and not asks else 0
        return Example(sequences, sample.id, asks, int(seen["pad_id"]), width)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Return rows of tokens, shared by several samples where that is possible.

        The targets are ``next``, the token after each place where it is learnt, and ``owner``, whose
        place it is: the sample's place in the batch, -1 for padding.
        """
        sequences = [(n, tokens) for n, e in enumerate(examples) for tokens in e.sequences]
        width = min(e.width for e in examples)
        pad = examples[0].pad
        rows = packing.packed(sequences, width, pad) if width else packing.padded(sequences, pad)
        asks = torch.tensor([e.asks for e in examples])
        targets = {"next": rows.targets, "owner": rows.owners, "asks": asks}
        return Batch(
            packing.inputs(rows, together=bool(width)), targets, [e.sample for e in examples]
        )

    def targets(self, samples: Sequence[Sample], bundle: Bundle) -> dict[str, Tensor]:
        """Return what :meth:`collate` puts there."""
        found = self.collate([self.example(s, bundle, view=None) for s in samples]).targets
        assert isinstance(found, dict)
        return found

    def loss(self, bundle: Bundle, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the learnt tokens."""
        scores, true, _ = _learnt(bundle, batch)
        if not len(true):
            return scores.sum() * 0.0
        smoothing = bundle.recipe.optimiser.label_smoothing if bundle.recipe else 0.0
        if not bundle.network.training:
            smoothing = 0.0
        return functional.cross_entropy(scores.float(), true, label_smoothing=smoothing)

    def weight(self, bundle: Bundle, batch: Batch) -> float:  # noqa: ARG002  one signature for all tasks
        """Return the number of learnt tokens."""
        return float((batch.targets["next"] != packing.IGNORED).sum())

    def predict(self, bundle: Bundle, batch: Batch) -> list[Prediction]:
        """Return how well each sample was foretold, and a reply where one is asked for."""
        return self.judge(bundle, batch)[0]

    def judge(self, bundle: Bundle, batch: Batch) -> tuple[list[Prediction], Tensor]:
        """Return answers and loss from one pass through the network."""
        losses, right, owner = _judged(bundle, batch)
        count = len(batch.samples)
        sums = [
            _summed(values, owner, count) for values in (losses, torch.ones_like(losses), right)
        ]
        answers = [
            Prediction(
                sample=number, answer={"loss_sum": lost, "tokens": int(tokens), "right": int(hit)}
            )
            for number, lost, tokens, hit in zip(batch.samples, *sums, strict=True)
        ]
        for place in torch.nonzero(batch.targets["asks"]).flatten().tolist():
            answers[place] = _replied(bundle, batch, place, answers[place])
        return answers, losses.mean() if len(losses) else losses.sum()

    def score(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Return perplexity, token accuracy and the mean loss of a token, over all learnt tokens."""
        lost, tokens, right = [], 0, 0
        for _, answer in pairs:
            lost.append(float(answer.answer.get("loss_sum", 0.0)))
            tokens += int(answer.answer.get("tokens", 0))
            right += int(answer.answer.get("right", 0))
        if not tokens:
            worst = math.exp(_LARGEST_LOSS)  # never the best of several
            return {"perplexity": worst, "token_accuracy": 0.0, "loss": _LARGEST_LOSS}
        loss = math.fsum(lost) / tokens
        return {
            "perplexity": math.exp(min(loss, _LARGEST_LOSS)),
            "token_accuracy": right / tokens,
            "loss": loss,
        }

    def baseline(self, train: Sequence[Sample], pairs: Iterable[Pair]) -> dict[str, Any]:
        """Return the perplexity of words by how often they occur in the training data.

        It is told for each of the network's tokens, so that both can be compared; without answers it is
        not known how many there are. What has clearly fewer tokens than words was not read whole, and is
        left out.
        """
        counts = wordcount.Counts(said for sample in train for said in talks.learnt_texts(sample))
        nats, tokens = 0.0, 0
        for sample, answer in pairs:
            known, learnt = int(answer.answer.get("tokens", 0)), talks.learnt_texts(sample)
            if known and known >= _WHOLE * sum(len(said.split()) for said in learnt):
                tokens += known
                nats += sum(map(counts.surprise, learnt))
        if not tokens:
            return {}
        value = math.exp(min(nats / tokens, _LARGEST_LOSS))
        return {
            "text": "guessing words by how often they occur",
            "metric": "perplexity",
            "value": value,
        }

    def preview(self, sample: Sample, prediction: Prediction | None = None) -> Preview:
        """Return the turns of the conversation, and the reply if there is one."""
        turns = [
            Words(m["content"], _TITLES.get(m["role"], m["role"]))
            for m in talks.messages_of(sample)
        ]
        if not turns:
            turns = [Words(talks.text_of(sample))]
        answer = prediction.answer if prediction else {}
        if answer.get("reply") is not None:
            turns.append(Words(str(answer["reply"]), "Reply"))
        lines = [_how_well(answer)] if answer.get("tokens") else []
        said = str(prediction.label) if prediction and prediction.label is not None else ""
        truth = next(
            (m["content"] for m in reversed(talks.messages_of(sample)) if talks.answers(m)), ""
        )
        return Preview(tuple(turns), truth, said, lines=tuple(lines))

    def signature(self, bundle: Bundle) -> Signature:
        """Return tokens in, the scores of each next token out."""
        ids = torch.tensor([[0, 1, 2, 1], [1, 2, 0, 2]]) % _vocabulary(bundle)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        axes = {name: {0: "batch", 1: "length"} for name in inputs}
        return Signature(_Scores(bundle.network), inputs, axes, ("scores",))

    def sample_from_input(self, text_or_path: str) -> Sample:
        """Return a question, or the one in a file, as a conversation that waits for a reply.

        A list of messages in JSON is taken as the conversation so far.
        """
        found = text.sample_of(text_or_path)
        asked = talks.conversation_in(found.fields["text"])
        return replace(found, fields={"messages": asked})

    def input_of(self, sample: Sample) -> Any:
        """Return the messages, or the text."""
        return talks.said_in(sample) or talks.text_of(sample)

    def blank(self, bundle: Bundle) -> Batch:
        """Return one text of two tokens."""
        width = int(bundle.processor["max_length"]) if bundle.processor.get("packing") else 0
        tokens = Tokens([int(bundle.processor["pad_id"])] * 2, [True, True])
        return self.collate([Example((tokens,), 0, asks=False, pad=tokens.ids[0], width=width)])


def _options(recipe: Recipe) -> Options:
    found = CausalLm.own_options(recipe)
    assert isinstance(found, Options)
    return found


def _with_template(bundle: Bundle) -> Iterator[str]:
    """Give the tokenizer a plain template if it has none, and say so."""
    if not talks.template_of(bundle).own:
        bundle.files["chat_template.jinja"] = chat.PLAIN.encode()
        yield (
            "The model's tokenizer brings no chat template, so conversations are written as"
            " “User: … Assistant: …”; the template goes with the model when it is exported."
        )


def _packed_if_possible(bundle: Bundle) -> Iterator[str]:
    if not bundle.processor["packing"]:
        return
    bundle.processor["packing"] = packing.possible(bundle.network, _vocabulary(bundle))
    if not bundle.processor["packing"]:
        yield "Conversations cannot share a row of this network, so shorter ones are padded."


def _vocabulary(bundle: Bundle) -> int:
    config: Any = bundle.network.config
    return int(config.get_text_config().vocab_size)


# --- what the network says ------------------------------------------------------------------------


def _learnt(bundle: Bundle, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return scores (token, vocabulary), the true tokens and their samples, of learnt places alone.

    The last layer is only asked there: its answers for all places would take most of the memory.
    """
    keep = batch.targets["next"] != packing.IGNORED
    with packing.asked_at(bundle.network, bundle.head, keep):
        found = bundle.network(**batch.inputs, use_cache=False).logits
    scores = found if found.ndim == 2 else found[keep]
    return scores, batch.targets["next"][keep], batch.targets["owner"][keep]


def _judged(bundle: Bundle, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return each learnt token's loss, whether it is foretold, and its sample, a few rows at a time.

    The scores of a large vocabulary for every token of a batch would fill the memory.
    """
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for rows in packing.few_at_once(batch.targets["next"], _JUDGED):
        some = Batch(
            {name: values[rows] for name, values in batch.inputs.items()},
            {name: batch.targets[name][rows] for name in ("next", "owner")},
            batch.samples,
        )
        scores, true, owner = _learnt(bundle, some)
        for start in range(0, max(1, len(true)), _JUDGED):
            part, wanted = scores[start : start + _JUDGED].float(), true[start : start + _JUDGED]
            losses = functional.cross_entropy(part, wanted, reduction="none")
            found.append((losses, part.argmax(-1) == wanted, owner[start : start + _JUDGED]))
        del scores
    losses, right, owner = (torch.cat(parts) for parts in zip(*found, strict=True))
    return losses, right, owner


def _summed(values: Tensor, owner: Tensor, count: int) -> list[float]:
    sums = torch.zeros(count, dtype=torch.float64, device=owner.device)
    found: list[float] = sums.index_add_(0, owner, values.double()).tolist()
    return found


def _replied(bundle: Bundle, batch: Batch, place: int, answer: Prediction) -> Prediction:
    """Return the answer with the likeliest reply."""
    ids = batch.inputs["input_ids"][batch.targets["owner"] == place].tolist()
    opened = talks.opened_tokenizer(bundle)
    longest = _options(bundle.recipe).longest_reply if bundle.recipe else 256
    ends = chat.ends(opened, talks.template_of(bundle))
    reply = ""
    for written in generate.texts(opened, generate.stream(bundle.network, ids, ends, longest)):
        reply = written
    reply = reply.strip()
    return replace(answer, label=reply, answer={**answer.answer, "reply": reply})


def _how_well(answer: Mapping[str, Any]) -> str:
    tokens = int(answer["tokens"])
    loss = float(answer["loss_sum"]) / tokens
    right = int(answer.get("right", 0)) / tokens
    return f"Perplexity {math.exp(min(loss, _LARGEST_LOSS)):.2f}; {right:.0%} of {tokens:,} tokens foretold."


class _Scores(nn.Module):
    """The network as an export sees it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        answer = self.network(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
        scores: Tensor = answer.logits
        return scores
