"""Plateau: validation has not improved for as many epochs as the user's patience."""

from __future__ import annotations

from finetune_studio.core.monitor import Action, Course, Monitor, Verdict

_LEAST = 2


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


class Standstill(Monitor):
    """Says that nothing is gained any more, before early stopping ends the run, or where it is off."""

    over = "Validation improves again."

    def look(self, course: Course) -> Verdict | None:
        """Return since when nothing is gained."""
        if not course.epochs:
            return None
        last, best = course.epochs[-1], course.best
        early = bool(course.settings.get("stop.early", True))
        if best is None or last.without_gain < max(_LEAST, course.patience - 1):
            return None
        left = max(0, course.patience - last.without_gain)
        rest = max(0, round(course.planned - last.number))
        ends = f"After {left} more the run ends by itself" if left and rest else "The run ends here"
        if not early and rest:
            ends = f"{rest} more will hardly help"
        return Verdict(
            "no gain",
            "info",
            f"Nothing was gained for {last.without_gain} epochs. {ends}; epoch {best.number:g} is kept.",
            best.number,
            None if early else Action("End runs that no longer gain", {"stop.early": True}),
        )
