"""Calibration, thresholds, slices and labels in plain sentences, for window, terminal and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from finetune_studio.core.shares import fine, whole
from finetune_studio.core.words import NAMES

if TYPE_CHECKING:
    from finetune_studio.core.label_doubts import LabelDoubt
    from finetune_studio.engine.calibrating import Look
    from finetune_studio.engine.label_errors import Rescored
    from finetune_studio.insights.slices import Slice
    from finetune_studio.insights.thresholds import Best, Fair
    from finetune_studio.insights.unlike import TurnedAway


FEWEST_CERTAIN = 20  # answers below which nothing is said about certainty


def calibration(look: Look) -> str:
    """Return how far certainty is off, in a sentence."""
    if not look.count:
        return "These answers come without a certainty, so there is nothing to calibrate."
    if look.count < FEWEST_CERTAIN:
        many = "answer has" if look.count == 1 else "answers have"
        return (
            f"Only {look.count:,} {many} a certainty: too few to say how far it is off. At least"
            f" {FEWEST_CERTAIN} validation samples are needed."
        )
    bounds = ""
    if look.interval:
        bounds = f" (95 % interval {fine(look.interval[0])} to {fine(look.interval[1])})"
    surest = max(look.bins_now, key=lambda one: one.count)
    example = (
        f"When it says about {whole(surest.certainty)}, it is right {whole(surest.right)} of the time"
        f" ({surest.count:,} answers)."
    )
    first = f"Its certainty is off by {fine(look.error)} on average{bounds}."
    if look.decision.temperature != 1:
        after = look.decision.calibration.get("error_after", look.error_now)
        first = (
            f"Its certainty was off by {fine(look.error)} on average; with temperature"
            f" {look.decision.temperature:.2f} it is off by {fine(after)}, tried on answers that the"
            " temperature was not fitted to."
        )
    return f"{first} {example}"


def offer(look: Look) -> str:
    """Return what calibrating would do, or why it is not offered."""
    if look.outdated:
        return "The run has gone on since it was calibrated; calibrate it again."
    if look.decision.temperature != 1:
        return "Which answer is likeliest never changes by this; only how certain it sounds."
    if look.pairs and not any(answer.probabilities for _, answer in look.pairs):
        return "A temperature is found only where an answer has a probability for each class."
    if look.scaling.reason:
        return look.scaling.reason
    found = look.scaling
    way = "less" if found.temperature > 1 else "more"
    told = f"A temperature of {found.temperature:.2f} would make it {way} certain"
    if found.after < found.before:
        return f"{told} and the error {fine(found.after)}."
    return (
        f"{told}. Probabilities would fit better (log-loss {found.loss_before:.2f} to"
        f" {found.loss_after:.2f}); on {found.samples:,} samples the error itself shows no gain."
    )


def turned_away(found: TurnedAway) -> str:
    """Return what turning inputs away means, in a sentence."""
    if found.reason:
        return found.reason
    if not found.ids:
        return "Every input gets an answer, however unlike the training data it is."
    return (
        "Inputs that are less like any training sample than these are answered “none of these”, on Try and"
        " by exports made from now on."
        f" Of your own, {fine(found.share)} would be turned away"
        f" ({len(found.ids):,} of the validation samples)."
    )


def counts(name: str, threshold: float, missed: int, falsely: int, positives: int) -> str:
    """Return what a threshold gives, in a sentence."""
    return (
        f"From {level(threshold)} on it says {name}: {missed:,} of {positives:,} missed,"
        f" {falsely:,} false {'alarm' if falsely == 1 else 'alarms'}."
    )


def level(threshold: float) -> str:
    """Return a threshold with two digits that say something: ``0.25``, ``0.00031``."""
    return f"{threshold:.2f}" if threshold >= 0.01 or not threshold else f"{threshold:.2g}"


def best(found: Best, fair: Fair | None, ratio: float) -> str:
    """Return what the cheapest threshold saves on samples that it was not chosen by, in a sentence."""
    times = f"{ratio:g} {'time' if ratio == 1 else 'times'}"
    told = f"If a miss costs {times} a false alarm, {level(found.threshold)} is cheapest."
    if fair is None:
        return f"{told} There are too few samples to try it on others than it was chosen by."
    saved = fair.cost_at_half - fair.cost
    part = whole(abs(saved) / fair.cost_at_half) if fair.cost_at_half else ""
    if saved > 0:
        verdict = f"that is {part} cheaper than 0.50"
    elif saved < 0 and part:
        verdict = f"that is {part} dearer than 0.50, so 0.50 may serve as well"
    else:
        verdict = "that is no cheaper than 0.50"
    return f"{told} {fairly(fair)[:-1]}; {verdict}."


def fairly(fair: Fair) -> str:
    """Return what a threshold gives on samples that it was not chosen by, in a sentence."""
    alarms = "alarm" if round(fair.falsely) == 1 else "alarms"
    return (
        f"On samples that it was not chosen by (a fifth each time), about {round(fair.missed):,} are"
        f" missed, with about {round(fair.falsely):,} false {alarms}."
    )


_NO_MEANS = ("entity_f1", "macro_f1")  # scores that are no mean over samples


def slices(found: Sequence[Slice], metric: str, tried: int) -> str:
    """Return whether any part of the data is worse, in a sentence."""
    worse = [one for one in found if one.worse]
    small = sum(one.small for one in found)
    few = f" {small:,} more are too small to judge (below 10)." if small else ""
    if not found:
        return "Nothing is known of these samples that could part them."
    if not tried:
        return "Every part of these samples is too small to judge (below 10 samples)."
    name = NAMES.get(metric, metric.replace("_", " "))
    if metric in _NO_MEANS:
        few += (
            " Here each sample counts by itself, so that parts do not add up to the score of all."
        )
    if not worse:
        return f"None of {tried:,} parts is worse in {name} than chance explains.{few}"
    one = worse[0]
    return (
        f"{len(worse):,} of {tried:,} parts {'is' if len(worse) == 1 else 'are'} worse than chance"
        f" explains, allowing for the number tried. Worst: {one.column} {one.value}, {one.score:.2f}"
        f" ({one.low:.2f} to {one.high:.2f}) against {one.rest:.2f} elsewhere.{few}"
    )


def labels(found: Sequence[LabelDoubt] | None, locked: int = 0) -> str:
    """Return how many labels are likely wrong, in a sentence; ``locked`` test samples were not looked at."""
    if found is None:
        return (
            "A small head learns from four fifths of your samples and is asked about the last fifth, five"
            " times over. Where it is sure of another class than the label, the label may be wrong."
        )
    count = sum(doubt.suspected for doubt in found)
    left = (
        f" The {locked:,} test samples were not looked at: they stay locked until you open the test set."
        if locked
        else ""
    )
    if not count:
        return f"None of {len(found):,} labels looks wrong.{left}"
    return (
        f"{count:,} of {len(found):,} labels are likely wrong. Relabel with L, leave out with X, or mark"
        f" for review with R; Ctrl+Z takes it back.{left}"
    )


def confused(found: Sequence[LabelDoubt]) -> Mapping[str, frozenset[int]]:
    """Return suspected samples by what is called what, the commonest first."""
    heaps: dict[str, set[int]] = {}
    for doubt in found:
        if doubt.suspected:
            heaps.setdefault(f"{doubt.label} → {doubt.suggested}", set()).add(doubt.sample)
    ordered = sorted(heaps.items(), key=lambda item: -len(item[1]))
    return {name: frozenset(ids) for name, ids in ordered}


def rescored(found: Rescored) -> str:
    """Return what corrections do, in a sentence."""
    if not found.corrections and not found.judging:
        return "Nothing was corrected since the labels were looked at."
    aside = _aside(found)
    if not found.corrections:
        return (
            f"{aside} A quick head is right in {fine(found.after)} of {found.samples:,} validation samples"
            f" ({found.seconds:.1f} s)."
        )
    what = _counted(found.corrections, "correction")
    verdict = (
        "too few to tell the two apart"
        if found.chance >= 0.05
        else ("better" if found.gained > found.lost else "worse")
    )
    changed = f"{_counted(found.gained, 'sample')} gained, {found.lost:,} lost"
    told = (
        f"With {what}, a quick head is right in {fine(found.after)} of {found.samples:,} validation"
        f" samples, without {'it' if found.corrections == 1 else 'them'} in {fine(found.before)}: {changed},"
        f" {verdict} ({found.seconds:.1f} s)."
    )
    return f"{told} {aside}".strip()


def _aside(found: Rescored) -> str:
    """Return what is to be said of corrections to samples that nothing is learnt from."""
    if not found.judging:
        return ""
    what = f"{found.judging:,}{' more' if found.corrections else ''} correction"
    if found.judging == 1:
        return f"{what} was made to a sample that judges the model: nothing is learnt from it."
    return f"{what}s were made to samples that judge the model: nothing is learnt from them."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
