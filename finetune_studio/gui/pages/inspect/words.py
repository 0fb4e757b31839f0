"""What the Inspect page says: figures turned into plain sentences, testable without a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finetune_studio.core.events import Evaluated, Prediction
from finetune_studio.core.task import Pair
from finetune_studio.core.words import NAMES
from finetune_studio.gui.widgets.class_table import ClassRow

# A 95 % interval wider than this tells little about which of two models is better.
_WIDE = 0.15
_FEW_IN_CLASS = 5

ORDERS = (
    ("most_wrong", "Most wrong"),
    ("least_sure", "Least sure"),
    ("best", "Most surely right"),
)


@dataclass(frozen=True, slots=True)
class Headline:
    """What one card says: a figure, a name before and a range behind it, and a sentence."""

    figure: str
    sentence: str
    aside: str = ""
    tip: str = ""
    name: str = ""


def percent(share: float) -> str:
    """Return a share as whole percent, never rounding doubt or hope away: ``92 %``, ``> 99 %``."""
    if 0.995 <= share < 1:
        return "> 99 %"
    if 0 < share < 0.005:
        return "< 1 %"
    return f"{share:.0%}".replace("%", " %")


def metric_name(metric: str) -> str:
    """Return how a score is called at the top of a card."""
    name = NAMES.get(metric, metric.replace("_", " "))
    return name[:1].upper() + name[1:]


def headline(scored: Evaluated) -> Headline:
    """Return the first score with its interval and what it must beat."""
    name, value = next(iter(scored.metrics.items()), ("", 0.0))
    bounds = scored.intervals.get(name)
    aside = f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""
    tip = (
        f"With other samples of the same kind, the {NAMES.get(name, name)} would lie between"
        f" {bounds[0]:.3f} and {bounds[1]:.3f} in 95 of 100 cases."
        if bounds
        else ""
    )
    return Headline(f"{value:.3f}", _beats(scored, value, bounds), aside, tip)


def _beats(scored: Evaluated, value: float, bounds: list[float] | None) -> str:
    base = scored.baseline
    if not base:
        return ""
    simplest = f"{base['text']} {base['value']:.3f}"
    low = bounds[0] if bounds else value
    if value <= base["value"]:
        return f"No better than {simplest}."
    if low <= base["value"]:
        return f"Not clearly better than {simplest}."
    text = str(base["text"])
    return f"{text[:1].upper()}{text[1:]} would give {base['value']:.3f}."


def second(scored: Evaluated) -> Headline:
    """Return the second score, or where there is none the number of samples."""
    names = list(scored.metrics)
    how_many = f"{scored.samples:,} validation {_plural('sample', scored.samples)}"
    doubt = too_few(scored)
    if len(names) < 2:
        return Headline(f"{scored.samples:,}", doubt or "Scored on the validation samples.")
    value = scored.metrics[names[1]]
    meaning = "every class counts the same, however small" if names[1] == "macro_f1" else ""
    said = f"{meaning[:1].upper()}{meaning[1:]}; {how_many}." if meaning else f"{how_many}."
    return Headline(f"{value:.3f}", doubt or said, tip=said)


def too_few(scored: Evaluated) -> str:
    """Return a warning where there are too few samples to tell models apart; empty if not."""
    name = next(iter(scored.metrics), "")
    bounds = scored.intervals.get(name)
    if not bounds or bounds[1] - bounds[0] <= _WIDE:
        return ""
    return (
        f"Only {scored.samples:,} validation {_plural('sample', scored.samples)}: differences below"
        f" {bounds[1] - bounds[0]:.2f} may be chance."
    )


def weakest(rows: Sequence[ClassRow]) -> ClassRow | None:
    """Return the class found least often; classes with a handful of samples only if all are such."""
    known = [row for row in rows if row.recall is not None]
    large = [row for row in known if row.count >= _FEW_IN_CLASS] or known
    return min(large, key=lambda row: (row.recall or 0.0, -row.count), default=None)


def weakest_class(rows: Sequence[ClassRow]) -> Headline:
    """Return the weakest class, the share of it that is found, and what it is taken for."""
    row = weakest(rows)
    if row is None or row.recall is None:
        return Headline("–", "There are no labelled validation samples.")
    if row.hits == row.count:
        return Headline("none", "Every validation sample was recognised.")
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


def test_card(test: TestLook) -> Headline:
    """Return what the card of the test split says."""
    if not test.samples:
        return Headline(
            "none", "These data have no test split; the validation figures are the only ones."
        )
    if test.scored is None:
        opened = f" Opened {times(test.opened)} in this project." if test.opened else ""
        return Headline("locked", f"{test.samples:,} samples kept for the end.{opened}")
    shown = headline(test.scored)
    often = (
        "Opened once."
        if test.opened <= 1
        else f"Opened {times(test.opened)}: each look makes it prove less."
    )
    return Headline(
        shown.figure, f"{test.scored.samples:,} samples. {often}", shown.aside, shown.tip
    )


def is_right(pair: Pair) -> bool:
    """Whether the model says what the user labelled."""
    return pair[0].label == str(pair[1].label)


def certainty(pair: Pair) -> float:
    """Return the probability of what the model says."""
    return pair[1].probabilities.get(str(pair[1].label), 0.0)


def gallery_heading(truth: str, said: str, count: int) -> str:
    """Return what the gallery shows, in words: ``longsleeve said to be shirt: 9``."""
    if truth and truth == said:
        return f"{truth}, recognised: {count:,}"
    if truth and said:
        return f"{truth} said to be {said}: {count:,}"
    if truth:
        return f"All that are truly {truth}: {count:,}"
    if said:
        return f"All said to be {said}: {count:,}"
    return f"All validation samples: {count:,}"


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


def samples(count: int) -> str:
    """Return ``1 sample`` or ``2,345 samples``."""
    return f"{count:,} {_plural('sample', count)}"
