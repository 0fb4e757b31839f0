"""Plateau: validation has not improved for as many epochs as the user's patience."""

from __future__ import annotations


class Plateau:
    """Counts epochs without gain and says when to stop early (Prechelt 1998).

    Args:
        patience: Epochs without gain before the run ends.
        without_gain: Epochs already counted, when a run goes on.
    """

    def __init__(self, patience: int, without_gain: int = 0) -> None:
        self.patience = patience
        self.without_gain = without_gain

    def add(self, *, gained: bool) -> bool:
        """Count one epoch; return whether patience has run out."""
        self.without_gain = 0 if gained else self.without_gain + 1
        return self.without_gain >= self.patience
