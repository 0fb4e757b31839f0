"""Divergence: the loss is no number any more, or has grown far beyond where it began."""

from __future__ import annotations

import math

from finetune_studio.core import remedies
from finetune_studio.core.monitor import Course, Monitor, Verdict

_LAST_TRY = 3  # times a run goes back; then it ends


class Divergence:
    """Watches the training loss; a run in trouble goes back to its last good epoch.

    Args:
        factor: How many times the first loss is still taken for noise.
        first: The first loss, when a run goes on.
    """

    def __init__(self, factor: float = 20.0, first: float | None = None) -> None:
        self._factor = factor
        self.first = first

    def trouble(self, loss: float) -> str:
        """Return what is wrong with this mean loss, in words; empty if nothing is."""
        if not math.isfinite(loss):
            return "The loss is no number any more: the steps were too large."
        if self.first is None:
            self.first = max(loss, 1e-3)
        if loss > self._factor * self.first:
            return f"The loss grew from {self.first:.2f} to {loss:.2f}: the steps were too large."
        return ""

    def judged(self, loss: float) -> str:
        """Return what is wrong with the loss on the validation samples; empty if nothing is.

        It may lie far above a training loss that is small already, which is overfitting and no accident.
        """
        if not math.isfinite(loss):
            return "The loss is no number any more: the steps were too large."
        first = max(self.first or 0.0, 1.0)
        if loss > self._factor * first:
            return f"The loss grew from {first:.2f} to {loss:.2f}: the steps were too large."
        return ""


class Diverging(Monitor):
    """Says that a run went back because it diverged, and that the next one should take smaller steps."""

    def look(self, course: Course) -> Verdict | None:
        """Return how often and since when the run had to go back."""
        if not course.rollbacks:
            return None
        times, (epoch, _) = len(course.rollbacks), course.rollbacks[0]
        last = times >= _LAST_TRY
        often = "" if times == 1 else f" {times} times" if times > 2 else " twice"
        return Verdict(
            "again and again" if last else "went back",
            "bad" if last else "warning",
            f"Training came apart in epoch {epoch:g}: the steps were too large. The run went back{often}"
            " to its last good epoch and halved the learning rate.",
            epoch,
            remedies.rates(course.settings, 0.1, "Take steps a tenth as large"),
        )
