"""Which words spoke for an answer: integrated gradients of a text network, word by word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Preview, Span, Spans, Words
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.modality.lettered import Lettered, by_word
from finetune_studio.models import alike
from finetune_studio.models.shuffling import shuffled

_STEPS = (16, 32, 64, 128)  # tried in turn until the weights account for the score
_MOST = 20_000  # tokens times steps: a long text gets fewer steps, so that nobody waits for minutes
_CLOSE = 0.05  # by which share of the score's change they may miss it
_NEAR = 0.02  # by how much they may miss it where it hardly changes
_AT_ONCE = 8  # steps that go through the network together
_FAINT = 0.02  # of the strongest word: weights below are not shown
_SHUFFLES = 2  # networks with shuffled weights that the words are compared with
_FEW_STEPS = (16,)  # for the check, which looks at the order of words alone
# Words below which an order may be chance: two random orders of 6 words agree with a third by more than
# ``alike.SAME`` in 2.5 of 100 cases, those of 10 in 0.4 (60,000 drawn).
_FEWEST = 10
Heat = tuple[tuple[int, int, float], ...]

Score = Callable[[Any], Tensor]


@dataclass(frozen=True)
class Attribution:
    """How much each token counted for a score.

    Attributes:
        weights: Of each token, float64 (tokens,); they add up to ``change`` but for a small error.
        score: What the network gives the text.
        empty: What it gives the same text with every token but the special ones taken away.
        steps: In how many steps the way from one to the other was gone.
    """

    weights: np.ndarray
    score: float
    empty: float
    steps: int

    @property
    def change(self) -> float:
        """Return by how much the text changes the score."""
        return self.score - self.empty

    @property
    def complete(self) -> bool:
        """Whether the weights account for the whole change, but for a twentieth of it."""
        missed = abs(float(self.weights.sum()) - self.change)
        return missed <= max(_CLOSE * abs(self.change), _NEAR)

    @property
    def sentence(self) -> str:
        """Return the check of completeness in words."""
        total = float(self.weights.sum())
        told = f"The words change the score by {self.change:+.2f}, and their weights add up to {total:+.2f}"
        return f"{told}." if self.complete else f"{told}: only a rough picture."


def attribute(
    bundle: Bundle,
    inputs: dict[str, Tensor],
    target: int | Score,
    kept: Sequence[bool] = (),
    tries: Sequence[int] = _STEPS,
) -> Attribution:
    """Return how much each token spoke for an output.

    Integrated gradients (Sundararajan et al. 2017) over the embeddings of the tokens, from those of the
    padding token to those of the text. The weights must add up to the difference of the scores; more
    steps are taken until they do.

    Args:
        bundle: A network in evaluation mode.
        inputs: One text, as the network takes it: int64 (1, tokens) by name.
        target: The number of a class, or what makes a score (texts,) of the network's answer.
        kept: Which tokens stay as they are in the empty text, such as those that mark its start.
        tries: In how many steps the way is gone; the next where the weights do not account for the score.

    Raises:
        StudioError: If the network has no embeddings of tokens.
    """
    from captum.attr import LayerIntegratedGradients

    network = bundle.network
    layer = embeddings(network)
    ids = inputs["input_ids"]
    names = [name for name in inputs if name != "input_ids"]
    blank = _blank(bundle, ids, kept)
    score = _class_score(target) if isinstance(target, int) else target

    def forward(tokens: Tensor, *others: Tensor) -> Tensor:
        answer = network(input_ids=tokens, **dict(zip(names, others, strict=True)))
        return score(answer)

    others = tuple(inputs[name] for name in names)
    with torch.no_grad():
        full = float(forward(ids, *others))
        empty = float(_replaced(layer, layer(blank), lambda: forward(ids, *others)))
    found = Attribution(np.zeros(ids.shape[1]), full, empty, 0)
    for steps in tries:
        with torch.enable_grad():
            weights = LayerIntegratedGradients(forward, layer).attribute(
                ids,
                blank,
                additional_forward_args=others or None,
                n_steps=steps,
                internal_batch_size=_AT_ONCE,
            )
        each = weights.detach().double().sum(-1)[0].cpu().numpy()
        found = Attribution(each, full, empty, steps)
        if found.complete or 2 * steps * ids.shape[1] > _MOST:
            break
    return found


def embeddings(network: nn.Module) -> nn.Module:
    """Return the module that turns numbers of tokens into vectors.

    Raises:
        StudioError: If there is none.
    """
    for part in network.modules():
        asked = getattr(part, "get_input_embeddings", None)
        if asked is not None:
            try:
                found = asked()
            except (NotImplementedError, AttributeError):
                continue
            if isinstance(found, nn.Module):
                return found
    tables = [part for part in network.modules() if isinstance(part, nn.Embedding)]
    if not tables:
        raise StudioError(
            "This model has no embeddings of words, so it cannot be said which words counted.",
            "Look at its answers alone.",
        )
    return max(tables, key=lambda table: table.num_embeddings)


def _class_score(number: int) -> Score:
    def score(answer: Any) -> Tensor:
        found = answer if isinstance(answer, Tensor) else answer.logits
        assert isinstance(found, Tensor)
        return found[:, number]

    return score


def _blank(bundle: Bundle, ids: Tensor, kept: Sequence[bool]) -> Tensor:
    blank = torch.full_like(ids, int(bundle.processor.get("pad_id") or 0))
    stays = torch.zeros_like(ids, dtype=torch.bool)
    if kept:
        stays[0] = torch.tensor(list(kept), device=ids.device)
    return torch.where(stays, ids, blank)


def _replaced(layer: nn.Module, vectors: Tensor, call: Callable[[], Tensor]) -> Tensor:
    """Call the network with other embeddings than those of its tokens."""
    hook = layer.register_forward_hook(lambda *_: vectors)
    try:
        return call()
    finally:
        hook.remove()


# --- from tokens to words of a sample --------------------------------------------------------------


def explained(
    bundle: Bundle,
    sample: Sample,
    batch: Batch,  # noqa: ARG001  windows and padding are the task's; here one text is read on its own
    answer: Prediction,
    wanted: str | Span | None,
) -> Preview:
    """Return the sample's texts with heat on the words that spoke for an answer.

    Args:
        bundle: The network.
        sample: Has a ``text``, or a ``question`` and its ``context``.
        batch: Not needed.
        answer: What the model says.
        wanted: A class, or a place in the text (the context); None takes the model's own answer.
    """
    asked, text = _texts(sample)
    place = _place(answer, wanted)
    shown = Lettered(bundle, text, asked, place)
    target, about = _target(bundle, shown, answer, wanted, place)
    found = attribute(bundle, shown.inputs, target, shown.special)
    marks: list[Words | Spans] = []
    if asked is not None:
        marks.append(Words(asked, "Question"))
    marks.append(Words(text, "Context" if asked is not None else ""))
    heat = _heats([mark.text for mark in marks if isinstance(mark, Words)], shown, found.weights)
    marks = [Words(m.text, m.title, h) for m, h in zip(marks, heat, strict=True)]  # type: ignore[union-attr]  # words alone
    if place is not None:
        marks.append(Spans((place,)))  # a bracket, which leaves the heat its colour
    said = str(answer.label or "")
    lines = (f"Which words speak for {about}", found.sentence, *shown.notes)
    certainty = answer.probabilities.get(said)
    return Preview(tuple(marks), sample.label or "", said, certainty, lines)


def _texts(sample: Sample) -> tuple[str | None, str]:
    """Return the question, where there is one, and the text."""
    asked = sample.fields.get("question")
    text = str(sample.fields.get("context" if asked is not None else "text", ""))
    return (str(asked) if asked is not None else None), text


def _place(answer: Prediction, wanted: str | Span | None) -> Span | None:
    """Return the place that is asked about; None for a class of the whole text, or for no answer."""
    if isinstance(wanted, Span):
        return wanted
    about = answer.answer
    if wanted is None and about.get("spans"):
        first = max(about["spans"], key=lambda span: span[3] if len(span) > 3 else 0.0)
        return Span(int(first[0]), int(first[1]), str(first[2]))
    if wanted is None and about.get("text"):
        return Span(int(about["start"]), int(about["end"]), "answer")
    return None


# --- whether it explains anything -------------------------------------------------------------------


def checked(
    bundle: Bundle,
    sample: Sample,
    batch: Batch,  # noqa: ARG001  the checks share one signature
    answer: Prediction,
    wanted: str | Span | None,
) -> str:
    """Return in a sentence whether the tint depends on what the network has learnt.

    The randomisation test of Adebayo et al. (2018), as for pictures: networks with the same weights in
    other places tint the same text, and the order of its words by weight is compared.
    """
    asked, text = _texts(sample)
    place = _place(answer, wanted)
    shown = Lettered(bundle, text, asked, place)
    target, _ = _target(bundle, shown, answer, wanted, place)
    own = _sizes(bundle, shown, text, target)
    if len(own) < _FEWEST:
        return ""
    agreements = []
    for seed in range(_SHUFFLES):
        other = replace(bundle, network=shuffled(bundle.network, seed))
        agreements.append(alike.order(own, _sizes(other, shown, text, target)))
    return sentence(float(np.mean(agreements)))


def sentence(agreement: float) -> str:
    """Return what an agreement with shuffled networks means."""
    return alike.sentence(agreement, "tints nearly the same words", "tint other words", "tint")


def _sizes(bundle: Bundle, shown: Lettered, text: str, target: int | Score) -> np.ndarray:
    """Return how much each word of a text counted that was read, for or against."""
    found = attribute(bundle, shown.inputs, target, shown.special, _FEW_STEPS)
    offsets = shown.offsets(shown.last)
    end = max((end for _, end in offsets), default=0)
    begin = min((start for start, end in offsets if end > start), default=0)
    words = by_word(text, offsets, found.weights.tolist())
    return np.array([abs(w) for s, e, w in words if e > begin and s < end])


def _heats(parts: Sequence[str], shown: Lettered, weights: np.ndarray) -> list[Heat]:
    """Return the words' weights of each text, from -1 to 1: shares of the strongest word of all."""
    summed = [by_word(text, shown.offsets(n), weights.tolist()) for n, text in enumerate(parts)]
    top = max((abs(weight) for words in summed for _, _, weight in words), default=0.0) or 1.0
    return [
        tuple((s, e, weight / top) for s, e, weight in words if abs(weight) > _FAINT * top)
        for words in summed
    ]


def _target(
    bundle: Bundle,
    shown: Lettered,
    answer: Prediction,
    wanted: str | Span | None,
    place: Span | None,
) -> tuple[int | Score, str]:
    """Return whose score is explained, and what that is in words."""
    with torch.inference_mode():
        out = bundle.network(**shown.inputs)
    if hasattr(out, "start_logits"):
        return _ends(shown, place)
    logits = out if isinstance(out, Tensor) else out.logits
    if logits.ndim == 3:
        if place is None:
            raise StudioError(
                "The model names nothing in this text.", "Choose a text with a name in it."
            )
        return _tags(bundle, shown, logits[0], place)
    name = wanted if isinstance(wanted, str) else next(iter(answer.probabilities), "")
    outputs = [n for n, known in enumerate(bundle.labels.names) if known == name]
    return max(outputs, key=lambda number: float(logits[0, number])), f"“{name}”"


def _ends(shown: Lettered, place: Span | None) -> tuple[Score, str]:
    tokens = shown.tokens(place) if place is not None else []
    first, last = (tokens[0], tokens[-1]) if tokens else (0, 0)

    def score(answer: Any) -> Tensor:
        total = answer.start_logits[:, first] + answer.end_logits[:, last]
        assert isinstance(total, Tensor)
        return total

    return score, "this answer" if tokens else "“no answer”"


def _tags(bundle: Bundle, shown: Lettered, logits: Tensor, place: Span) -> tuple[Score, str]:
    """Return the mean score of a name's words for the tags of its type that suit them best."""
    words = shown.word_ids
    tokens = [n for n in shown.tokens(place) if n == 0 or words[n] != words[n - 1]]
    names = bundle.labels.names
    if not tokens or place.name not in names:
        raise StudioError(
            f"The model knows no {place.name!r} at this place.", "Choose another name in the text."
        )
    kinds = logits.shape[-1]
    number = names.index(place.name)
    # Outside comes first, then begin and inside of each type.
    outputs = [1 + 2 * number, 2 + 2 * number] if kinds == 2 * len(names) + 1 else [number]
    best = [max(outputs, key=lambda tag, n=n: float(logits[n, tag])) for n in tokens]  # type: ignore[misc]  # n is bound

    def score(answer: Any) -> Tensor:
        found = answer if isinstance(answer, Tensor) else answer.logits
        total: Tensor = found[:, tokens, best].mean(1)
        return total

    return score, f"{place.name} here"
