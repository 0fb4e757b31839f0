"""Leakage: validation samples that the model has seen in training, or a score too good to be true."""

from __future__ import annotations

from finetune_studio.core.monitor import Action, Course, Monitor, Verdict

_LEAST = 2  # copies, and at least 2 % of the samples; fewer are no matter
_SHARE, _MANY = 0.02, 0.2
_PERFECT = 0.99
_ENOUGH = 30  # samples without which a perfect score means little


class Leakage(Monitor):
    """Knows how many validation samples are copies of training samples, and looks at the first score.

    A score that is nearly perfect after the first epoch may be honest where classes are easy to tell
    apart, so that it is only worth a look.
    """

    def look(self, course: Course) -> Verdict | None:
        """Return that copies were found, or that the first epoch is nearly perfect."""
        copies, judged = course.copies or 0, course.judged_on
        since = course.epochs[0].number if course.epochs else 0.0
        if judged and copies >= max(_LEAST, _SHARE * judged):
            many = copies > _MANY * judged
            return Verdict(
                "many copies" if many else "copies",
                "bad" if many else "warning",
                f"{copies:,} of {judged:,} validation samples stand in training too: the scores show how"
                " well those are remembered, not how well new ones are told apart.",
                0.0,
                Action("Go to the copies on Data", page="data"),
            )
        return self._too_good(course, since)

    @staticmethod
    def _too_good(course: Course, since: float) -> Verdict | None:
        if not course.epochs or course.less_is_better or course.judged_on < _ENOUGH:
            return None
        first = course.epochs[0]
        gain = course.gain(first.score)
        if first.number > 1 or first.score < _PERFECT or gain is None or gain < _PERFECT / 2:
            return None
        known = "No copy to the letter was found; " if course.copies is not None else ""
        return Verdict(
            "too good",
            "info",
            f"Nearly perfect after the first epoch ({first.score:.3f}): the classes are easy to tell"
            f" apart, or validation is not independent of training. {known or ''}"
            f"{'l' if known else 'L'}ook at Health for near copies and groups.",
            since,
            Action("Look at Health", page="data"),
        )
