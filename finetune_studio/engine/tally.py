"""Counts, for whatever names its answers give, how often each name is found and how often it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.task import Pair
from finetune_studio.insights.per_class import ClassScore

Named = set[tuple[str, str]]


def true_names(sample: Sample) -> Named:
    """Return what the data name in a sample, each with the place where it is named.

    The one class of a sample has no place, each of several classes its own, a span that of its letters.
    """
    fields = sample.fields
    if isinstance(fields.get("spans"), list):
        return {(f"{start}-{end}", str(kind)) for start, end, kind, *_ in fields["spans"]}
    if isinstance(fields.get("labels"), list):
        return {(str(name), str(name)) for name in fields["labels"]}
    return {("", sample.label)} if sample.label is not None else set()


def said_names(sample: Sample, answer: Prediction) -> Named:
    """Return what the model names in a sample, in the same way."""
    if isinstance(answer.answer.get("spans"), list):
        return {(f"{start}-{end}", str(kind)) for start, end, kind, *_ in answer.answer["spans"]}
    if isinstance(answer.answer.get("labels"), list):
        return {(str(name), str(name)) for name in answer.answer["labels"]}
    return {("", str(answer.label))} if sample.label is not None else set()


def one_each(pairs: Sequence[Pair]) -> bool:
    """Whether each sample has one class and each answer names one."""
    return bool(pairs) and all(s.label is not None and "labels" not in a.answer for s, a in pairs)


def scores(pairs: Sequence[Pair]) -> list[ClassScore]:
    """Return each name that occurs, in the order of the names; none where answers name nothing."""
    truth: Counter[str] = Counter()
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    taken: Counter[tuple[str, str]] = Counter()
    for sample, answer in pairs:
        true, named = true_names(sample), said_names(sample, answer)
        truth.update(name for _, name in true)
        said.update(name for _, name in named)
        right.update(name for _, name in true & named)
        others = dict(named - true)
        taken.update((name, others[place]) for place, name in true - named if place in others)
    return [_score(name, truth, said, right, taken) for name in sorted({*truth, *said})]


def _score(
    name: str,
    truth: Counter[str],
    said: Counter[str],
    right: Counter[str],
    taken: Counter[tuple[str, str]],
) -> ClassScore:
    wrong = [(count, other) for (true, other), count in taken.items() if true == name]
    times, taken_for = max(wrong, default=(0, ""))
    return ClassScore(
        name,
        truth[name],
        right[name] / said[name] if said[name] else 0.0,
        right[name] / truth[name] if truth[name] else 0.0,
        2 * right[name] / (truth[name] + said[name]),
        taken_for,
        times,
    )
