"""The same few validation samples, whose answers are followed from epoch to epoch."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from finetune_studio.core.dataset import Sample
from finetune_studio.core.splits import rarest
from finetune_studio.core.task import Pair, Task
from finetune_studio.engine import tally

MOST = 12
_LETTERS = 120
_WHOLE = ("accuracy", "exact_match")  # scores that say of a single answer whether it is right


def chosen(
    task: Task, samples: Sequence[Sample], seed: int, asked: frozenset[int] | None = None
) -> list[Sample]:
    """Return up to twelve samples: of each class in turn, drawn from the seed, in the data's order.

    Args:
        task: Says which classes a sample has.
        samples: The validation samples.
        seed: The recipe's.
        asked: Numbers of the samples that are answered in full; None for all.
    """
    usable = [s for s in samples if asked is None or s.id in asked]
    rng = random.Random(f"followed/{seed}")
    kinds = rarest([tuple(task.class_counts([sample])) for sample in usable])
    heaps: dict[str, list[Sample]] = defaultdict(list)
    for sample, kind in zip(usable, kinds, strict=True):
        heaps[kind].append(sample)
    turns = [rng.sample(heap, len(heap)) for _, heap in sorted(heaps.items())]
    rng.shuffle(turns)
    found: list[Sample] = []
    for place in range(max(map(len, turns), default=0)):
        found += [heap[place] for heap in turns if place < len(heap)]
        if len(found) >= MOST:
            break
    return sorted(found[:MOST], key=lambda sample: sample.id)


def answers(task: Task, pairs: Sequence[Pair], numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return what the model says to each of these samples, as plain values."""
    known = {sample.id: (sample, said) for sample, said in pairs}
    return [_answer(task, known[number]) for number in numbers if number in known]


def _answer(task: Task, pair: Pair) -> dict[str, Any]:
    sample, said = pair
    scores = task.score([pair])
    score = scores.get(task.headline)
    certainty = said.answer.get("certainty", said.probabilities.get(str(said.label)))
    written = said.answer.get("reply") or said.answer.get("summary") or said.label
    preview = task.preview(sample)
    return {
        "id": sample.id,
        "answer": _short(written),
        "certainty": round(float(certainty), 4) if certainty is not None else None,
        "right": _right(pair, scores),
        "score": round(score, 4) if score is not None and math.isfinite(score) else None,
        "truth": _short(preview.truth),
    }


def _right(pair: Pair, scores: dict[str, float]) -> bool | None:
    """Return whether an answer is right; None where it is only more or less close."""
    truth = tally.true_names(pair[0])
    listed = any(isinstance(pair[0].fields.get(name), list) for name in ("spans", "labels"))
    if truth or listed:
        return truth == tally.said_names(*pair)
    name = next((name for name in _WHOLE if name in scores), None)
    return scores[name] == 1.0 if name else None


def never_said(pairs: Sequence[Pair]) -> dict[str, int]:
    """Return the names that stand in the data and in no answer, with how many samples have them."""
    truth: Counter[str] = Counter()
    said: set[str] = set()
    for sample, answer in pairs:
        truth.update({name for _, name in tally.true_names(sample)})
        said.update(name for _, name in tally.said_names(sample, answer))
    return {name: count for name, count in sorted(truth.items()) if name not in said}


def _short(text: Any) -> str:
    flat = " ".join(str("" if text is None else text).split())
    return flat if len(flat) <= _LETTERS else f"{flat[: _LETTERS - 1].rstrip()}…"
