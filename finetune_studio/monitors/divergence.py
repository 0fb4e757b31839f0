"""Divergence: the loss is no number any more, or has grown far beyond where it began."""

from __future__ import annotations

import math


class Divergence:
    """Watches the training loss; a run in trouble goes back to its last good epoch.

    Args:
        factor: How many times the first loss is still taken for noise.
    """

    def __init__(self, factor: float = 20.0) -> None:
        self._factor = factor
        self._first: float | None = None

    def trouble(self, loss: float) -> str:
        """Return what is wrong with this mean loss, in words; empty if nothing is."""
        if not math.isfinite(loss):
            return "The loss is no number any more: the steps were too large."
        if self._first is None:
            self._first = max(loss, 1e-3)
        if loss > self._factor * self._first:
            return f"The loss grew from {self._first:.2f} to {loss:.2f}: the steps were too large."
        return ""
