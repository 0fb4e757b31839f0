"""Entities: which names in texts were found, missed, invented, or given a wrong type or wrong borders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Span
from finetune_studio.core.task import Pair

FOUND, TYPE, BORDERS, MISSED, INVENTED = "found", "type", "borders", "missed", "invented"
KINDS = (MISSED, INVENTED, TYPE, BORDERS, FOUND)


@dataclass(frozen=True, slots=True)
class Find:
    """What became of one name: what the data mark (``truth``) and what the model said, where there is one.

    Attributes:
        kind: ``found`` (start, end and type are right), ``type`` (another type, the same place or one that
            overlaps), ``borders`` (the right type, but it begins or ends elsewhere), ``missed``,
            ``invented``.
    """

    kind: str
    truth: Span | None
    said: Span | None

    @property
    def start(self) -> int:
        """Return the letter at which it begins."""
        return min(span.start for span in (self.truth, self.said) if span is not None)

    @property
    def types(self) -> set[str]:
        """Return the types that are named."""
        return {span.name for span in (self.truth, self.said) if span is not None}


@dataclass(frozen=True, slots=True)
class TypeScore:
    """One type: how many names the data mark, how many the model names, how many of them are right."""

    name: str
    truth: int
    said: int
    right: int

    @property
    def precision(self) -> float:
        """Return the share of what the model names that is right, from 0 to 1."""
        return self.right / self.said if self.said else 0.0

    @property
    def recall(self) -> float:
        """Return the share of what the data mark that was found, from 0 to 1."""
        return self.right / self.truth if self.truth else 0.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of the two."""
        both = self.truth + self.said
        return 2 * self.right / both if both else 0.0


def true_spans(sample: Sample) -> list[Span]:
    """Return the names that the data mark in a text."""
    return [Span(int(s[0]), int(s[1]), str(s[2])) for s in sample.fields.get("spans") or []]


def said_spans(answer: Prediction) -> list[Span]:
    """Return the names that the model finds."""
    return [
        Span(int(s[0]), int(s[1]), str(s[2]), float(s[3]) if len(s) > 3 else None)
        for s in answer.answer.get("spans") or []
    ]


def finds(pair: Pair) -> list[Find]:
    """Return what became of each name of a text, in the order of their places.

    Each name counts once: exact ones are matched first, then those that overlap most.
    """
    truth, said = true_spans(pair[0]), said_spans(pair[1])
    found: list[Find] = []
    for true in list(truth):
        same = next((s for s in said if _key(s) == _key(true)), None)
        if same is not None:
            found.append(Find(FOUND, true, same))
            truth.remove(true)
            said.remove(same)
    near = [(shared, t, s) for t in truth for s in said if (shared := _shared(t, s)) > 0]
    near.sort(key=lambda item: (-item[0], item[1].start, item[2].start))
    for _, true, other in near:
        if true in truth and other in said:
            kind = BORDERS if true.name == other.name else TYPE
            found.append(Find(kind, true, other))
            truth.remove(true)
            said.remove(other)
    found += [Find(MISSED, true, None) for true in truth]
    found += [Find(INVENTED, None, other) for other in said]
    return sorted(found, key=lambda find: find.start)


def per_type(pairs: Iterable[Pair]) -> list[TypeScore]:
    """Return each type that occurs, in the order of the names; only exact finds count as right."""
    truth: Counter[str] = Counter()
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for sample, answer in pairs:
        true, named = {_key(s) for s in true_spans(sample)}, {_key(s) for s in said_spans(answer)}
        truth.update(name for _, _, name in true)
        said.update(name for _, _, name in named)
        right.update(name for _, _, name in true & named)
    return [TypeScore(n, truth[n], said[n], right[n]) for n in sorted({*truth, *said})]


def first_error(found: Sequence[Find]) -> int | None:
    """Return the letter at which the first error stands; None where all is right."""
    return next((find.start for find in found if find.kind != FOUND), None)


def _key(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.name


def _shared(one: Span, other: Span) -> int:
    return min(one.end, other.end) - max(one.start, other.start)
