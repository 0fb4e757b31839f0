"""Divergence: the loss is no number any more, or has grown far beyond where it began."""

from __future__ import annotations

import math


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
