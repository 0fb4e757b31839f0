"""What the Inspect page says: figures turned into plain sentences, testable without a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from finetune_studio.core.events import Evaluated, Prediction
from finetune_studio.core.task import Pair
from finetune_studio.core.words import NAMES, figure
from finetune_studio.gui.pages.inspect.sorting import Heap, Sorting
from finetune_studio.gui.widgets.class_table import ClassRow
from finetune_studio.tasks import CATALOGUE, nouns

# A 95 % interval wider than this tells little about which of two models is better.
_WIDE = 0.15
_FEW_IN_CLASS = 5

ORDERS = (
    ("most_wrong", "Most wrong"),
    ("least_sure", "Least sure"),
    ("best", "Most surely right"),
    ("doubtful", "Likely wrong label"),
    ("random", "Mixed"),
)


LESS_IS_BETTER = ("perplexity", "loss")
_MEANINGS = {
    "macro_f1": "every class counts the same, however small",
    "exact_match": "the share of answers that are right to the letter, but for case and articles",
    "precision": "of what the model says, the share that is right",
    "rouge_1": "words that the summary shares with the reference",
    "rouge_2": "pairs of words that the summary shares with the reference",
    "token_accuracy": "the share of tokens that the model would have written itself",
}


_TEXT_ORDERS = {
    "answers": {"most_wrong": "Most wrong", "least_sure": "Least sure", "best": "Most right"},
    "entities": {"most_wrong": "Most errors", "least_sure": "Least sure", "best": "Fewest errors"},
    "closeness": {"most_wrong": "Worst", "least_sure": "Least sure", "best": "Best"},
}
_HEAPS = {
    "entities": "What became of the names",
    "answers": "What became of the questions",
    "confusion": "What became of the texts",
}


def orders(sorter: str, *, doubt: bool, labels: bool = False) -> list[tuple[str, str]]:
    """Return in which orders samples can be shown: a value and what it is called.

    Args:
        sorter: The insight that sorts the answers.
        doubt: Whether it is known how unsure the model was.
        labels: Whether it is known which labels are likely wrong.
    """
    titles = _TEXT_ORDERS.get(sorter, {})
    known = {"least_sure": doubt, "doubtful": labels}
    return [(value, titles.get(value, text)) for value, text in ORDERS if known.get(value, True)]


def heaps_heading(sorter: str, task: str, headline: str) -> str:
    """Return what stands over the list of what became of samples."""
    if sorter == "closeness":
        return f"{metric_name(headline)} of the {called(task)[1]}"
    return _HEAPS.get(sorter, "What became of the samples")


@dataclass(frozen=True, slots=True)
class Headline:
    """What one card says: a figure, a name before and a range behind it, and a sentence."""

    figure: str
    sentence: str
    aside: str = ""
    tip: str = ""
    name: str = ""


def metric_name(metric: str) -> str:
    """Return how a score is called at the top of a card."""
    name = NAMES.get(metric, metric.replace("_", " "))
    return name[:1].upper() + name[1:]


def headline(scored: Evaluated) -> Headline:
    """Return the first score with its interval and what it must beat."""
    name, value = next(iter(scored.metrics.items()), ("", 0.0))
    bounds = scored.intervals.get(name)
    aside = f"{figure(bounds[0])} to {figure(bounds[1])}" if bounds else ""
    tip = (
        f"With other samples of the same kind, the {NAMES.get(name, name)} would lie between"
        f" {figure(bounds[0])} and {figure(bounds[1])} in 95 of 100 cases."
        if bounds
        else ""
    )
    return Headline(figure(value), _beats(scored, name, value, bounds), aside, tip)


def in_short(name: str, value: float) -> str:
    """Return a score in a few words, for the rail."""
    return f"{metric_name(name)} {figure(value)}"


def _beats(scored: Evaluated, name: str, value: float, bounds: list[float] | None) -> str:
    """Return how a score stands beside the simplest answer's; of perplexity, less is better."""
    base = scored.baseline
    if not base:
        return ""
    text = str(base["text"])
    simplest = f"{text} {figure(base['value'])}"
    turn = -1 if name in LESS_IS_BETTER else 1
    doubtful = min((turn * bound for bound in bounds), default=0.0) if bounds else turn * value
    if turn * value <= turn * base["value"]:
        return f"No better than {simplest}."
    if doubtful <= turn * base["value"]:
        return f"Not clearly better than {simplest}."
    return f"{text[:1].upper()}{text[1:]} would give {figure(base['value'])}."


def second(scored: Evaluated, task: str = "") -> Headline:
    """Return the second score, or where there is none the number of samples."""
    names = shown_scores(scored)
    how_many = samples(scored.samples, task, "validation")
    doubt = too_few(scored, task)
    if len(names) < 2:
        many = samples(2, task, "validation").removeprefix("2 ")
        return Headline(f"{scored.samples:,}", doubt or f"Scored on the {many}.")
    value = scored.metrics[names[1]]
    meaning = _MEANINGS.get(names[1], "")
    said = f"{meaning[:1].upper()}{meaning[1:]}; {how_many}." if meaning else f"{how_many}."
    bounds = scored.intervals.get(names[1])
    aside = f"{figure(bounds[0])} to {figure(bounds[1])}" if bounds else ""
    return Headline(figure(value), doubt or said, aside, said)


def too_few(scored: Evaluated, task: str = "") -> str:
    """Return a warning where there are too few samples to tell models apart; empty if not."""
    name = next(iter(scored.metrics), "")
    bounds = scored.intervals.get(name)
    if not bounds or bounds[1] - bounds[0] <= _WIDE * max(1.0, scored.metrics[name]):
        return ""
    few = f"Only {samples(scored.samples, task, 'validation')}"
    if name in LESS_IS_BETTER:
        return f"{few}: small differences may be chance."
    return f"{few}: differences below {bounds[1] - bounds[0]:.2f} may be chance."


def shown_scores(scored: Evaluated) -> list[str]:
    """Return the names of the scores that are shown on cards; a loss says little to people."""
    return [name for name in scored.metrics if name != "loss"]


def weakest(rows: Sequence[ClassRow]) -> ClassRow | None:
    """Return the class found least often; classes with a handful of samples only if all are such."""
    known = [row for row in rows if row.recall is not None]
    large = [row for row in known if row.count >= _FEW_IN_CLASS] or known
    return min(large, key=lambda row: (row.recall or 0.0, -row.count), default=None)


def weakest_class(rows: Sequence[ClassRow], task: str = "") -> Headline:
    """Return the weakest class, the share of it that is found, and what it is taken for.

    Classes without a validation sample are told: the weakest may be among them.
    """
    found = _weakest_class(rows, task)
    absent = [row.name for row in rows if not row.count]
    if not absent or len(absent) == len(rows):
        return found
    which = absent[0] if len(absent) == 1 else f"{len(absent):,} classes"
    told = f"No validation {called(task)[0]} is of {which}."
    names = f"{told} {', '.join(absent)}".removesuffix(f" {which}")
    return replace(found, sentence=f"{found.sentence} {told}", tip=f"{found.tip} {names}".strip())


def _weakest_class(rows: Sequence[ClassRow], task: str) -> Headline:
    row = weakest(rows)
    one, many = called(task)
    if row is None or row.recall is None:
        return Headline("–", f"There are no labelled validation {many}.")
    if row.hits == row.count:
        return Headline("none", f"Every validation {one} was recognised.")
    if not row.times:  # a type of names, or one of several classes
        sentence = f"{row.hits:,} of {row.count:,} found; {row.said:,} were said to be {row.name}."
        return Headline(f"{row.recall:.2f}", sentence, tip=sentence, name=row.name)
    often = f"{row.times:,} {_plural('time', row.times)}"
    sentence = f"Taken for {row.taken_for} {often} of {row.count:,}."
    tip = f"{row.hits:,} of {row.count:,} {row.name} samples were recognised (recall)."
    return Headline(f"{row.recall:.2f}", sentence, tip=tip, name=row.name)


def times(count: int) -> str:
    """Return ``once``, ``twice`` or ``9 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


@dataclass(frozen=True, slots=True)
class TestLook:
    """What is known of the test split: how many samples, how often it was opened, its scores."""

    samples: int
    opened: int = 0
    scored: Evaluated | None = None


def test_card(test: TestLook, task: str = "") -> Headline:  # noqa: PT028  about a split, no test
    """Return what the card of the test split says."""
    if not test.samples:
        return Headline(
            "none", "These data have no test split; the validation figures are the only ones."
        )
    if test.scored is None:
        opened = f" Opened {times(test.opened)} in this project." if test.opened else ""
        kept = samples(test.samples, task)
        return Headline("locked", f"{kept} kept for the end.{opened}")
    shown = headline(test.scored)
    often = (
        "Opened once."
        if test.opened <= 1
        else f"Opened {times(test.opened)}: each look makes it prove less."
    )
    return Headline(
        shown.figure, f"{samples(test.scored.samples, task)}. {often}", shown.aside, shown.tip
    )


def is_right(pair: Pair) -> bool:
    """Whether the model says what the user labelled."""
    return pair[0].label == str(pair[1].label)


def certainty(pair: Pair) -> float:
    """Return the probability of what the model says."""
    return pair[1].probabilities.get(str(pair[1].label), 0.0)


def gallery_heading(truth: str, said: str, count: int, task: str = "") -> str:
    """Return what the gallery shows, in words: ``longsleeve said to be shirt: 9``."""
    if truth and truth == said:
        return f"{truth}, recognised: {count:,}"
    if truth and said:
        return f"{truth} said to be {said}: {count:,}"
    if truth:
        return f"All that are truly {truth}: {count:,}"
    if said:
        return f"All said to be {said}: {count:,}"
    return f"All validation {called(task)[1]}: {count:,}"


def shares(prediction: Prediction, most: int = 5) -> list[tuple[str, float, str]]:
    """Return the likeliest answers as rows of a bar list; the rest together as the last."""
    known = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    rows = [(name, share, f"{share:.2f}") for name, share in known[:most]]
    rest = known[most:]
    if len(rest) == 1:
        rows.append((rest[0][0], rest[0][1], f"{rest[0][1]:.2f}"))
    elif rest:
        left = sum(share for _, share in rest)
        rows.append((f"{len(rest)} others", left, f"{left:.2f}"))
    return rows


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def called(task: str) -> tuple[str, str]:
    """Return what one sample and several are called on this page: pictures are samples here."""
    is_text = task in CATALOGUE and CATALOGUE[task].facts.get("inputs") == "texts"
    return nouns(task) if is_text else ("sample", "samples")


def samples(count: int, task: str = "", split: str = "") -> str:
    """Return ``1 sample``, ``2,345 texts`` or ``12 validation questions``."""
    one, many = called(task)
    return " ".join(part for part in (f"{count:,}", split, one if count == 1 else many) if part)


def weak_spot(sorter: str, sorting: Sorting, scored: Evaluated, task: str) -> tuple[str, Headline]:
    """Return what is weakest, and what that is called: a class, a type, an error, or a third score."""
    if sorting.rows:
        title = "Weakest type" if sorter == "entities" else "Weakest class"
        return title, weakest_class(sorting.rows, task)
    if sorter == "answers":
        return "Commonest error", commonest_error(sorting.heaps, task)
    names = shown_scores(scored)
    if len(names) > 2:
        meaning = _MEANINGS.get(names[2], "")
        return metric_name(names[2]), Headline(
            figure(scored.metrics[names[2]]),
            f"{meaning[:1].upper()}{meaning[1:]}." if meaning else "",
        )
    return f"Validation {called(task)[1]}", Headline(
        f"{scored.samples:,}", "The scores are taken from these."
    )


def commonest_error(heaps: Sequence[Heap], task: str) -> Headline:
    """Return what goes wrong most often, where there are no classes to be weak."""
    errors = [heap for heap in heaps if heap.name not in ("right", "found", "none")]
    if not errors:
        return Headline("none", "Nothing went wrong.")
    worst = max(errors, key=lambda heap: heap.count)
    return Headline(
        f"{worst.count:,}", f"{worst.title}: {worst.tip or samples(len(worst.ids), task)}"
    )
