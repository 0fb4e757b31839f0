"""A learning rate that is too high: the loss jumps, swings, or lies above where it began."""

from __future__ import annotations

import math
from itertools import pairwise

from finetune_studio.core import remedies
from finetune_studio.core.monitor import Course, Epoch, Monitor, Verdict

_OVER_FIRST = 1.5
_JUMP, _LEAST_JUMP = 1.3, 0.1
_SWINGS = 4  # judgements that go up and down in turn
_SWING = 0.25  # of the loss; more where few samples judge
_LEAST_SWING = 0.05


class RateTooHigh(Monitor):
    """Looks at the losses after the warm-up.

    Three signs: an epoch's mean training loss lies far above that of the untrained model; training and
    validation loss have both jumped above their lowest; the validation loss swings up and down while the
    training loss does not fall.
    """

    over = "The loss has calmed down."

    def look(self, course: Course) -> Verdict | None:
        """Return which of the signs is there."""
        warm = float(course.settings.get("optimiser.warmup_share", 0.0)) * course.planned
        epochs = [epoch for epoch in course.epochs if epoch.number > warm]
        if not epochs or not course.by_steps:
            return None
        text = _above_first(course, epochs[-1]) or _jumped(epochs) or _swings(course, epochs)
        if not text:
            return None
        return Verdict(
            "unsteady",
            "warning",
            f"{text} The learning rate is probably too high.",
            epochs[-1].number,
            remedies.rates(course.settings, 0.1, "Take steps a tenth as large"),
        )


def _above_first(course: Course, last: Epoch) -> str:
    if course.first is None or last.training is None:
        return ""
    if last.training < _OVER_FIRST * course.first + _LEAST_JUMP:
        return ""
    return (
        f"After the warm-up the training loss is {last.training:.2f}; before the first step it was"
        f" {course.first:.2f}."
    )


def _jumped(epochs: list[Epoch]) -> str:
    last = epochs[-1]
    before = [e for e in epochs[:-1] if e.training is not None]
    if not before or last.training is None:
        return ""
    trained = min(e.training or 0.0 for e in before)
    judged = min(e.validation for e in before)
    both = _above(last.training, trained) and _above(last.validation, judged)
    if not both:
        return ""
    return f"The training loss jumped from {trained:.2f} to {last.training:.2f} in epoch {last.number:g}."


def _above(now: float, lowest: float) -> bool:
    return now > max(_JUMP * lowest, lowest + _LEAST_JUMP)


def _swings(course: Course, epochs: list[Epoch]) -> str:
    last = epochs[-_SWINGS - 1 :]
    if len(last) <= _SWINGS:
        return ""
    moves = [b.validation - a.validation for a, b in pairwise(last)]
    if any(one * other >= 0 for one, other in pairwise(moves)):
        return ""
    size = sum(map(abs, moves)) / len(moves)
    level = sum(e.validation for e in last) / len(last)
    share = max(_SWING, 1 / math.sqrt(max(1, course.judged_on)))
    first, now = last[0].training, last[-1].training
    falls = first is not None and now is not None and now < 0.9 * first
    if size < max(share * level, _LEAST_SWING) or falls:
        return ""
    return f"The validation loss swings up and down by {size:.2f} from epoch to epoch."
