"""A run's answers sorted by what became of them, as the task's insight sees it; testable without a window."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from finetune_studio.core.preview import Grid
from finetune_studio.core.task import Pair
from finetune_studio.gui.widgets.class_table import ClassRow
from finetune_studio.insights import answers, closeness, entities, several, worst
from finetune_studio.insights.confusion import confusion
from finetune_studio.insights.per_class import per_class

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Heap:
    """Samples of which the same became: a title, how often it happened, which samples they are.

    ``count`` may be more than there are samples: a text may have several names that were missed.
    """

    name: str
    title: str
    count: int
    ids: frozenset[int]
    tip: str = ""


@dataclass(frozen=True)
class Sorting:
    """Everything that filters and orders the gallery.

    Attributes:
        grid: Which class is taken for which, where each sample has one class.
        rows: How well each class or type is told apart.
        heaps: Samples by what became of them, where there is no grid.
        of_rows: The samples of each row.
        wrong: How wrong each answer is, for the order; more is worse.
        doubt: How unsure the model was, for the order.
        scores: Each sample's own scores.
        labels: How much speaks for each sample's label, below 0 against it; empty if that is not known.
    """

    grid: Grid | None = None
    rows: Sequence[ClassRow] = ()
    heaps: Sequence[Heap] = ()
    of_rows: Mapping[str, frozenset[int]] = field(default_factory=dict)
    wrong: Mapping[int, float] = field(default_factory=dict)
    doubt: Mapping[int, float] = field(default_factory=dict)
    scores: Mapping[int, Scores] = field(default_factory=dict)
    labels: Mapping[int, float] = field(default_factory=dict)

    def ordered(self, pairs: Sequence[Pair], order: str) -> list[Pair]:
        """Return samples in an order; those of which it is not known how they stand in it come last.

        Orders are ``most_wrong``, ``least_sure``, ``best``, ``doubtful`` (labels that are likely wrong
        first) and ``random`` (the same each time).
        """
        if order == "random":
            return sorted(pairs, key=lambda pair: pair[0].id * 2654435761 % 2**32)
        if order == "doubtful":
            return sorted(pairs, key=lambda pair: self.labels.get(pair[0].id, 2.0))
        by = self.doubt if order == "least_sure" else self.wrong
        known = [pair for pair in pairs if pair[0].id in by]
        rest = [pair for pair in pairs if pair[0].id not in by]
        found = sorted(known, key=lambda pair: -by[pair[0].id])
        return (found[::-1] if order == "best" else found) + rest

    @property
    def has_doubt(self) -> bool:
        """Whether it is known how unsure the model was."""
        return bool(self.doubt)


def sort_out(
    sorter: str, pairs: Sequence[Pair], score: Callable[[Iterable[Pair]], Mapping[str, float]]
) -> Sorting:
    """Return the answers of a run sorted by the insight that suits its task.

    Args:
        sorter: The name of the insight; empty where none suits.
        pairs: Samples with their answers.
        score: The task's own scores.
    """
    made = {
        "confusion": _classes,
        "entities": _entities,
        "answers": _answers,
        "closeness": _closeness,
    }
    return made[sorter](pairs, score) if sorter in made else Sorting()


def class_rows(pairs: Sequence[Pair], grid: Grid) -> list[ClassRow]:
    """Return one row a class: how many samples, how many found, what it is taken for."""
    place = {name: index for index, name in enumerate(grid.rows)}
    return [
        ClassRow(
            score.name,
            score.samples,
            int(grid.values[:, place[score.name]].sum()),
            int(grid.values[place[score.name], place[score.name]]),
            score.taken_for,
            score.times,
        )
        for score in per_class(pairs)
    ]


def with_absent(rows: Sequence[ClassRow], names: Iterable[str]) -> list[ClassRow]:
    """Return the rows with one for each further name that no sample has and no answer gives.

    Without rows there are no classes to be told apart, and nothing is added.
    """
    known = {row.name for row in rows}
    return [*rows, *(ClassRow(name, 0, 0, 0) for name in names if rows and name not in known)]


# --- one class or several a sample -----------------------------------------------------------------


def _classes(pairs: Sequence[Pair], score: object) -> Sorting:  # noqa: ARG001  sorters share one signature
    if several.has_several(pairs):
        return _several(pairs)
    grid = confusion(pairs)
    of_rows = _gathered((str(s.label), s.id) for s, _ in pairs)
    return Sorting(
        grid,
        class_rows(pairs, grid),
        (),
        of_rows,
        {pair[0].id: worst.wrong_by(pair) for pair in pairs},
        {pair[0].id: -worst.margin(pair) for pair in pairs},
    )


_SEVERAL = {
    several.MISSED: ("Some left out", "The model names only some of the text's classes."),
    several.INVENTED: ("Some too many", "The model names all of the text's classes, and others."),
    several.BOTH: ("Left out and too many", "Some classes are missing, and others are too many."),
    several.RIGHT: ("All right", "The model names exactly the text's classes."),
}


def _several(pairs: Sequence[Pair]) -> Sorting:
    ids = _gathered((several.kind(pair), pair[0].id) for pair in pairs)
    wrong = {p[0].id: float(len(several.true_names(p) ^ several.said_names(p))) for p in pairs}
    rows = [
        ClassRow(name, truth, said, right) for name, truth, said, right in several.per_name(pairs)
    ]
    return Sorting(
        None,
        rows,
        _heaps(_SEVERAL, ids, {kind: len(found) for kind, found in ids.items()}),
        _gathered((name, p[0].id) for p in pairs for name in several.true_names(p)),
        wrong,
        {p[0].id: -_nearest_half(p) for p in pairs},
    )


def _nearest_half(pair: Pair) -> float:
    """Return how far the most doubtful class is from even odds."""
    return min((abs(share - 0.5) for share in pair[1].probabilities.values()), default=0.5)


# --- names in texts ----------------------------------------------------------------------------------

_ENTITIES = {
    entities.MISSED: ("Missed", "The data mark a name, and the model says nothing there."),
    entities.INVENTED: ("Invented", "The model names something where the data mark nothing."),
    entities.TYPE: ("Wrong type", "The model finds the name and takes it for another type."),
    entities.BORDERS: ("Wrong borders", "The type is right; the name begins or ends elsewhere."),
    entities.FOUND: ("Found", "Start, end and type are right."),
}


def _entities(pairs: Sequence[Pair], score: object) -> Sorting:  # noqa: ARG001  sorters share one signature
    found = {pair[0].id: entities.finds(pair) for pair in pairs}
    counts: dict[str, int] = defaultdict(int)
    for finds in found.values():
        for find in finds:
            counts[find.kind] += 1
    ids = _gathered((find.kind, number) for number, finds in found.items() for find in finds)
    rows = [ClassRow(row.name, row.truth, row.said, row.right) for row in entities.per_type(pairs)]
    errors = {n: [f for f in finds if f.kind != entities.FOUND] for n, finds in found.items()}
    sure = {pair[0].id: _least_sure(pair) for pair in pairs}
    return Sorting(
        None,
        rows,
        _heaps(_ENTITIES, ids, counts),
        _gathered((kind, n) for n, finds in found.items() for f in finds for kind in f.types),
        {number: float(len(wrong)) for number, wrong in errors.items()},
        {number: -share for number, share in sure.items() if share is not None},
    )


def _least_sure(pair: Pair) -> float | None:
    known = [s.certainty for s in entities.said_spans(pair[1]) if s.certainty is not None]
    return min(known, default=None)


# --- answers to questions ----------------------------------------------------------------------------

_ANSWERS = {
    answers.WRONG: ("Wrong answer", "Not a word of the answer fits."),
    answers.MISSED: ("No answer given", "There is an answer, and the model says there is none."),
    answers.INVENTED: (
        "Answered, though there is none",
        "The text holds no answer, and the model gives one.",
    ),
    answers.PARTLY: ("Partly right", "Some words of the answer fit."),
    answers.RIGHT: ("Right", "The answer is one of the right ones, but for case and articles."),
    answers.NONE: ("Rightly no answer", "The text holds no answer, and the model says so."),
}


def _answers(
    pairs: Sequence[Pair], score: Callable[[Iterable[Pair]], Mapping[str, float]]
) -> Sorting:
    scores = {pair[0].id: dict(score([pair])) for pair in pairs}
    kinds = {
        p[0].id: answers.kind(
            p, scores[p[0].id].get("exact_match", 0.0), scores[p[0].id].get("f1", 0.0)
        )
        for p in pairs
    }
    ids = _gathered((kind, number) for number, kind in kinds.items())
    sure = {pair[0].id: answers.certainty(pair) for pair in pairs}
    return Sorting(
        heaps=_heaps(_ANSWERS, ids, {kind: len(found) for kind, found in ids.items()}),
        # The surer a wrong answer, the more it pays to look at it.
        wrong={n: 1 - own.get("f1", 0.0) + 0.1 * sure[n] for n, own in scores.items()},
        doubt={n: -share for n, share in sure.items()} if any(sure.values()) else {},
        scores=scores,
    )


# --- what a model writes -----------------------------------------------------------------------------


def _closeness(
    pairs: Sequence[Pair], score: Callable[[Iterable[Pair]], Mapping[str, float]]
) -> Sorting:
    written = [pair for pair in pairs if "summary" in pair[1].answer]
    judged = written or [pair for pair in pairs if pair[1].answer.get("tokens")]
    scores = {pair[0].id: dict(score([pair])) for pair in judged}
    name = next((n for own in scores.values() for n in own), "")
    values = {n: own[name] for n, own in scores.items() if name in own}
    less = name == "perplexity"
    edges = closeness.PERPLEXITY_EDGES if less else closeness.ROUGE_EDGES
    found = closeness.ranges(values, edges)
    heaps = [
        Heap(f"{part.low:g}", _range_title(part), len(part.ids), frozenset(part.ids))
        for part in (found[::-1] if less else found)
    ]
    return Sorting(
        heaps=heaps,
        wrong={n: value if less else -value for n, value in values.items()},
        scores=scores,
    )


def _range_title(part: closeness.Range) -> str:
    if math.isinf(part.high):
        return f"{part.low:g} or more"
    return f"{part.low:g} to {part.high:g}"


def _heaps(
    titles: Mapping[str, tuple[str, str]],
    ids: Mapping[str, frozenset[int]],
    counts: Mapping[str, int],
) -> list[Heap]:
    return [
        Heap(kind, title, counts.get(kind, 0), ids.get(kind, frozenset()), tip)
        for kind, (title, tip) in titles.items()
        if ids.get(kind) or kind in ("right", "found")
    ]


def _gathered(entries: Iterable[tuple[str, int]]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for name, number in entries:
        found[name].add(number)
    return {name: frozenset(numbers) for name, numbers in found.items()}
