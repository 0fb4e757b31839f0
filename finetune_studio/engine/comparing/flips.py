"""Which validation samples one run answers rightly and another wrongly, and whether that proves anything."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from finetune_studio.core.errors import StudioError
from finetune_studio.core.preview import Span
from finetune_studio.core.task import Pair
from finetune_studio.engine.comparing.runs import Compared
from finetune_studio.insights import answers, entities, several, sorter
from finetune_studio.modality.answers import normalised
from finetune_studio.tasks import nouns

WON, LOST, APART, ALIKE = "won", "lost", "apart", "alike"
KINDS = (
    WON,
    LOST,
    APART,
    ALIKE,
)  # wrong before and right now, the other way round, wrong both times
_PROVEN = 0.05


@dataclass(frozen=True, slots=True)
class Answering:
    """How a task's answers are right or wrong: what is true, and what a model says, as plain values."""

    truth: Callable[[Pair], Hashable]
    said: Callable[[Pair], Hashable]


@dataclass(frozen=True, slots=True)
class Flips:
    """Two runs' answers to the same samples.

    Attributes:
        first: The number of the run that is taken as the earlier one.
        second: The number of the other.
        both_right: How many samples both answer rightly.
        of: The numbers of the other samples by kind: ``won`` (wrong in the first run, right in the
            second), ``lost`` (the other way round), ``apart`` (both wrong, and not alike), ``alike``
            (both give the same wrong answer).
        left_out: Why samples are not compared, in words, and how many.
        chance: The probability of so large a difference if the two are equally good (:func:`mcnemar`).
    """

    first: int
    second: int
    both_right: int = 0
    of: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    left_out: tuple[tuple[str, int], ...] = ()
    chance: float = 1.0

    @property
    def compared(self) -> int:
        """Return how many samples both answered."""
        return self.both_right + sum(len(ids) for ids in self.of.values())


def flips(first: Compared, second: Compared, before: Sequence[Pair], now: Sequence[Pair]) -> Flips:
    """Compare two runs' answers, sample by sample, under the labels of today.

    Samples that only one run answered are left out, those that one of them learnt from, and those of
    a class that one of them does not know: none of these say which run is better.

    Args:
        first: The one run.
        second: The other.
        before: The first run's samples and answers.
        now: The second run's.

    Raises:
        StudioError: If answers of this task are not right or wrong, or there is none to compare.
    """
    how = answering(first.task, [*before, *now])
    known = {pair[0].id: pair for pair in before}
    left: dict[str, int] = {}
    pairs: list[tuple[Pair, Pair]] = []
    lone = {*known} ^ {pair[0].id for pair in now}
    for pair in now:
        other = known.get(pair[0].id)
        if other is None:
            continue
        why = _why_not(first, second, other, pair)
        if why:
            left[why] = left.get(why, 0) + 1
        else:
            pairs.append((other, pair))
    if lone:
        left["were answered by one of the two runs only"] = len(lone)
    if not pairs:
        raise StudioError(
            f"{first.title} and {second.title} have no validation {nouns(first.task)[1]} in common"
            " that can be compared.",
            "The data were divided anew between the two. Train both with the data as they are now.",
        )
    return _sorted(first, second, pairs, how, tuple(left.items()))


def answering(task: str, pairs: Sequence[Pair]) -> Answering:
    """Return how a task's answers are right or wrong, by the insight that sorts them.

    Raises:
        StudioError: If they are more or less good, but not right or wrong, as summaries are.
    """
    kind = sorter(task)
    if kind == "confusion" and several.has_several(pairs):
        kind = "several"
    if kind not in _ANSWERING:
        raise StudioError(
            "What these models write is better or worse, not right or wrong, so no answer flips from one"
            " to the other.",
            "Compare the scores in the table above.",
        )
    return _ANSWERING[kind]


def mcnemar(won: int, lost: int) -> float:
    """Return the probability of so uneven a split, or a more uneven one, by chance.

    The exact test of McNemar (1947) in its binomial form: samples that both runs answer alike say
    nothing; of the others each is won or lost with even odds if the runs are equally good. Dietterich
    (1998) recommends it for two classifiers that were trained once.
    """
    count = won + lost
    term = total = 1
    for step in range(min(won, lost)):
        term = term * (count - step) // (step + 1)
        total += term
    return min(1.0, 2 * total / int(2**count))


def sentence(found: Flips, called: tuple[str, str] = ("sample", "samples")) -> str:
    """Return in a sentence which of the two runs is right more often, and whether that proves anything.

    ``called`` is what one sample and several are called.
    """
    one_, many = called
    won, lost = (len(found.of.get(kind, ())) for kind in (WON, LOST))
    one, other = f"Run {found.second}", f"run {found.first}"
    if not won and not lost:
        return (
            f"{one} and {other} are right on the same {found.both_right:,} of"
            f" {found.compared:,} {many}."
        )
    what = one_ if won == 1 else many
    text = (
        f"{one} is right on {won:,} {what} where {other} is wrong, and wrong on {lost:,} where"
        f" {other} is right: "
    )
    if found.chance >= _PROVEN:
        return f"{text}too few to tell the two apart."
    better = one.lower() if won > lost else other
    return (
        f"{text}{better} is better. Were they equally good, so large a difference would come up in"
        f" {_often(found.chance)}."
    )


# --- how ------------------------------------------------------------------------------------------


def _names(spans: Sequence[Span]) -> Hashable:
    return frozenset((span.start, span.end, span.name) for span in spans)


def _true_answers(pair: Pair) -> Hashable:
    return tuple(sorted({normalised(text) for text in answers.true_answers(pair[0])}))


def _said_answer(pair: Pair) -> Hashable:
    """Return an answer; one of the true ones stands for all of them, since each is right."""
    truths, said = _true_answers(pair), normalised(answers.said_answer(pair))
    assert isinstance(truths, tuple)
    return truths if said in truths or (not said and not truths) else said


_ANSWERING: dict[str, Answering] = {
    "confusion": Answering(lambda pair: str(pair[0].label), lambda pair: str(pair[1].label)),
    "several": Answering(
        lambda pair: frozenset(several.true_names(pair)),
        lambda pair: frozenset(several.said_names(pair)),
    ),
    "entities": Answering(
        lambda pair: _names(entities.true_spans(pair[0])),
        lambda pair: _names(entities.said_spans(pair[1])),
    ),
    "answers": Answering(_true_answers, _said_answer),
}


def _why_not(first: Compared, second: Compared, before: Pair, now: Pair) -> str:
    """Return why a sample says nothing about two runs; empty if it does."""
    sample = now[0]
    for run in (first, second):
        if sample.id in run.trained_on:
            return f"were learnt from by {run.title.lower()}"
    for run, (_, answer) in ((first, before), (second, now)):
        shares = answer.probabilities
        if sample.label is not None and shares and sample.label not in shares:
            return f"are of a class that {run.title.lower()} does not know"
    return ""


def _sorted(
    first: Compared,
    second: Compared,
    pairs: Sequence[tuple[Pair, Pair]],
    how: Answering,
    left_out: tuple[tuple[str, int], ...],
) -> Flips:
    of: dict[str, list[int]] = {kind: [] for kind in KINDS}
    both = 0
    for before, now in pairs:
        was, is_ = (how.said(pair) == how.truth(pair) for pair in (before, now))
        if was and is_:
            both += 1
        elif was or is_:
            of[WON if is_ else LOST].append(now[0].id)
        else:
            of[ALIKE if how.said(before) == how.said(now) else APART].append(now[0].id)
    return Flips(
        first.number,
        second.number,
        both,
        {kind: tuple(ids) for kind, ids in of.items()},
        left_out,
        mcnemar(len(of[WON]), len(of[LOST])),
    )


def _often(chance: float) -> str:
    for base in (100, 1000, 10_000):
        if chance * base >= 1:
            return f"{round(chance * base):,} of {base:,} comparisons"
    return "less than 1 of 10,000 comparisons"
