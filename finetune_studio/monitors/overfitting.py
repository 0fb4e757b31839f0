"""Overfitting: the validation loss rises while the training loss falls; samples are learnt by heart."""

from __future__ import annotations

import math

from finetune_studio.core import remedies
from finetune_studio.core.monitor import Action, Course, Epoch, Monitor, Verdict

_IN_A_ROW = 2
_NOISE = 0.03  # a rise of the validation loss by 3 % is noise, and with few samples more than that
_NOISE_OF_ONE = 0.3
_LEAST = 0.02  # a rise by less is no matter, however small the loss is
_STRONG = 1.5


class Overfitting(Monitor):
    """Compares the last judgements with the lowest validation loss (Prechelt 1998).

    It speaks when the last two lie above the lowest by more than the noise to be expected of so many
    samples, while the training loss has fallen since; and again when the loss is half as high again.
    A head that is solved is left freer from epoch to epoch on purpose, so that there it is silent.
    """

    over = "The validation loss is down again: no longer overfitting."

    def look(self, course: Course) -> Verdict | None:
        """Return since when the validation loss rises."""
        epochs = [epoch for epoch in course.epochs if math.isfinite(epoch.validation)]
        if not course.by_steps or len(epochs) <= _IN_A_ROW:
            return None
        place = min(range(len(epochs)), key=lambda n: epochs[n].validation)
        lowest, after = epochs[place], epochs[place + 1 :]
        if len(after) < _IN_A_ROW or not _falls(lowest, after[-1]):
            return None
        bar = lowest.validation * (1 + rise_of_noise(course.judged_on))
        bar = max(bar, lowest.validation + _LEAST)
        if any(epoch.validation < bar for epoch in after[-_IN_A_ROW:]):
            return None
        last = after[-1]
        strong = last.validation > _STRONG * lowest.validation + _LEAST and not last.best
        kept = course.best
        keeps = f" Epoch {kept.number:g} is kept." if kept is not None else ""
        return Verdict(
            "strong" if strong else "begins",
            "warning",
            f"Since epoch {lowest.number:g} the validation loss rises ({lowest.validation:.2f} to"
            f" {last.validation:.2f}) while the training loss falls: the model"
            f" {'learns' if strong else 'begins to learn'} the samples by heart.{keeps}",
            lowest.number,
            _action(course),
        )


def rise_of_noise(samples: int) -> float:
    """Return the relative rise of a loss that so many samples may show by chance."""
    return _NOISE + _NOISE_OF_ONE / math.sqrt(max(1, samples))


def _falls(then: Epoch, now: Epoch) -> bool:
    return then.training is not None and now.training is not None and now.training < then.training


def _action(course: Course) -> Action | None:
    fewer = remedies.fewer_layers(course.settings)
    return fewer or remedies.restraint(course.settings, varies=course.varies)
