"""Four lights in words: does the run learn, overfit, forget, diverge? Computed from its story alone."""

from __future__ import annotations

from finetune_studio.gui.pages.train.story import Story
from finetune_studio.gui.pages.train.verdict import against
from finetune_studio.gui.widgets.lamps import Lamp
from finetune_studio.tasks import better

_PATIENT = 2
_LEARNING = (
    "Whether the validation score rises, stands above the simplest answer, and can be trusted."
)
_OVERFITTING = (
    "Overfitting is learning samples by heart: the training loss falls, the validation loss rises."
)
_FORGETTING = (
    "Forgetting is losing what the pretrained layers knew. The number says how far their weights have"
    " moved, relative to their size. It is a rough sign, and a small one proves nothing: weights that moved"
    " by half a percent have changed 8 of 10 answers of a network. The Forgetting tab of Inspect measures"
    " what it still knows."
)
_DIVERGING = (
    "A run diverges when its steps are too large: the loss jumps, swings or grows without end."
)


def lights(story: Story) -> list[Lamp]:
    """Return the four lights, in their order."""
    return [
        Lamp("Learning", *_learning(story), f"{_LEARNING} {against(story)}".strip()),
        Lamp("Overfitting", *_overfitting(story), _OVERFITTING),
        Lamp("Forgetting", *_forgetting(story), _FORGETTING),
        Lamp("Diverging", *_diverging(story), _DIVERGING),
    ]


def _learning(story: Story) -> tuple[str, str]:
    if leak := story.alarm("leakage"):
        return (leak.severity, "in doubt") if leak.severity != "info" else ("ok", "yes, very well")
    if not story.epochs:
        return "", "not judged yet"
    stuck = story.alarm("underfitting")
    if stuck is not None and stuck.severity != "info":
        return stuck.severity, "hardly"
    if story.alarm("never_predicted"):
        return "warning", "not every class"
    return _by_score(story)


def _by_score(story: Story) -> tuple[str, str]:
    best, base = story.best, story.baseline
    task = story.started.task if story.started else ""
    late = story.epochs[-1].number >= _PATIENT
    if best and base and late and not better(task, best.score, base[1]):
        return "warning", "not enough"
    if story.without_gain >= _PATIENT and story.finished is None:
        return "info", "no longer"
    return "ok", "yes"


def _overfitting(story: Story) -> tuple[str, str]:
    found = story.alarm("overfitting")
    if found is not None:
        return found.severity, f"since epoch {found.since:g}"
    return ("ok", "no") if len(story.epochs) > _PATIENT else ("", "not known yet")


def _forgetting(story: Story) -> tuple[str, str]:
    drift = story.heat.drift if story.heat is not None else None
    if found := story.alarm("forgetting"):
        return found.severity, f"likely: moved {percent(drift or 0.0)}"
    if story.heat is None:
        return "", "not known yet" if not story.epochs else "not measured"
    if drift is None:
        return "ok", "no: head alone"
    return "info", f"moved {percent(drift)}"  # how much that costs only a measurement says


def _diverging(story: Story) -> tuple[str, str]:
    if found := story.alarm("divergence"):
        return found.severity, "it did: went back"
    if found := story.alarm("rate_too_high"):
        return found.severity, "unsteady"
    return ("ok", "no") if story.epochs else ("", "not known yet")


def percent(share: float) -> str:
    """Return a drift as people read it: 0.034 is 3.4 %, and less than a tenth of a percent is < 0.1 %."""
    if share < 0.001:
        return "< 0.1 %" if share > 0 else "0 %"
    return f"{share:.1%}".replace("%", " %") if share < 0.1 else f"{share:.0%}".replace("%", " %")
