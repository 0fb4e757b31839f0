"""A class that is never named: the model gives it to no validation sample."""

from __future__ import annotations

from finetune_studio.core.monitor import Action, Course, Monitor, Verdict

_LEAST = 3  # samples of a class that must have been missed
_EARLIEST = 3  # epochs
_SHARE = 0.5  # of the plan
_IN_A_ROW = 2
_SHOWN = 3


class NeverPredicted(Monitor):
    """Looks for classes that were named in neither of the last two judgements."""

    over = "Every class is named now."

    def look(self, course: Course) -> Verdict | None:
        """Return which classes are never named."""
        last = course.epochs[-_IN_A_ROW:]
        if len(last) < _IN_A_ROW or last[-1].number < max(_EARLIEST, _SHARE * course.planned):
            return None
        always = set.intersection(*(set(epoch.never) for epoch in last))
        missed = {n: c for n, c in last[-1].never.items() if n in always and c >= _LEAST}
        if not missed:
            return None
        ordered = sorted(missed, key=lambda name: -missed[name])
        names = ", ".join(repr(name) for name in ordered[:_SHOWN])
        more = f" and {len(missed) - _SHOWN} more" if len(missed) > _SHOWN else ""
        one = len(missed) == 1
        which = f"The class {names} is" if one else f"The classes {names}{more} are"
        count = sum(missed.values())
        return Verdict(
            ", ".join(sorted(missed)),
            "warning",
            f"{which} never named, though {count:,} validation samples"
            f" {'have it' if one else 'have them'}.",
            last[0].number,
            _action(course),
        )


def _action(course: Course) -> Action:
    if course.settings.get("optimiser.balance", "none") == "none":
        return Action("Let rare classes count more", {"optimiser.balance": "weights"})
    return Action("Look at the classes", page="data")
