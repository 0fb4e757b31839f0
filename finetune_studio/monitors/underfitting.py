"""Underfitting: the model hardly learns at all, or it still improves when its time is up."""

from __future__ import annotations

from finetune_studio.core import remedies, shares
from finetune_studio.core.monitor import Action, Course, Epoch, Monitor, Verdict

_EARLIEST = 3  # epochs
_SHARE = 0.25  # of the plan
_FELL = 0.05  # a loss that fell by less than 5 % since the first epoch has hardly fallen
_FELL_WRITING = 0.01  # the loss of a pretrained language model falls little however well it learns
_LITTLE = 0.25  # of the way from the simplest answer to a perfect one
_STILL_FALLS = 0.03
# Of the length of the pretrained weights. Who moves them so far and learns nothing takes no small steps: at
# a rate of 1e-6 the starter's weights moved by 0.01 % in four epochs, at 1e-3 by 5 %; a MobileNetV2 that a
# rate of 3e-3 had destroyed in its first epoch by 4 %, and ten times larger steps would not have mended it.
_MOVED = 0.01


class Underfitting(Monitor):
    """Compares the losses with those of the first epoch, and the last judgement with the one before."""

    over = "The loss falls now: the model learns."

    def look(self, course: Course) -> Verdict | None:
        """Return that hardly anything is learnt, or that the run ends too early."""
        epochs = course.epochs
        if len(epochs) < _EARLIEST or not course.by_steps:
            return None
        first, last = epochs[0], epochs[-1]
        enough = last.number >= max(_EARLIEST, _SHARE * course.planned)
        if enough and _stands(first, last, course):
            if (last.drift or 0.0) >= _MOVED:
                return _destroyed(first, last, course)
            return Verdict(
                "stuck",
                "warning",
                f"After {last.number:g} epochs the training loss has hardly fallen"
                f" ({first.training or first.validation:.2f} to {last.training or last.validation:.2f})"
                f"{_beside(course, last)}: the model learns too slowly, or too little of it may change.",
                first.number,
                _more(course),
            )
        if _unfinished(course, epochs[-2], last):
            longer = min(1000, 2 * course.planned)
            return Verdict(
                "unfinished",
                "info",
                f"The last epoch is the best one and the validation loss still falls"
                f" ({epochs[-2].validation:.2f} to {last.validation:.2f}): more epochs would help.",
                last.number,
                Action(f"Train {longer} epochs", {"optimiser.epochs": longer}),
            )
        return None


def _destroyed(first: Epoch, last: Epoch, course: Course) -> Verdict:
    """Return that the weights move and nothing is learnt: larger steps would only make it worse."""
    return Verdict(
        "destroyed",
        "warning",
        f"After {last.number:g} epochs the training loss has hardly fallen{_beside(course, last)}, though the"
        f" pretrained layers have moved by {shares.whole(last.drift or 0.0)} of their size: the steps are"
        " probably so large that they destroy what the model knew. Or the labels do not follow from the"
        " samples.",
        first.number,
        remedies.rates(course.settings, 0.1, "Take steps a tenth as large"),
    )


def _stands(first: Epoch, last: Epoch, course: Course) -> bool:
    gain = course.gain(last.score)
    if gain is not None and gain >= _LITTLE:
        return False
    least = _FELL_WRITING if course.less_is_better else _FELL
    then, now = first.training, last.training
    trained = then is None or now is None or now > then * (1 - least)
    return trained and last.validation > first.validation * (1 - least)


def _beside(course: Course, last: Epoch) -> str:
    if course.baseline is None or course.less_is_better:
        return ""
    return (
        f", and the score is {last.score:.2f} where the simplest answer has {course.baseline:.2f}"
    )


def _unfinished(course: Course, before: Epoch, last: Epoch) -> bool:
    ends = last.number >= course.planned > 0
    falls = last.validation < before.validation * (1 - _STILL_FALLS)
    return ends and last.best and falls and before.best


def _more(course: Course) -> Action | None:
    faster = remedies.rates(course.settings, 10.0, "Take steps ten times as large")
    head_only = course.settings.get("layers.amount") == "head_only"
    rate = float(course.settings.get("optimiser.head_learning_rate", 0.0))
    if head_only and rate >= 1e-3:  # the steps are large enough; the head alone cannot do it
        return remedies.more_layers(course.settings)
    return faster
