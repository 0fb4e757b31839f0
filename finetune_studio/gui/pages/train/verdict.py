"""How a run goes, in one sentence a domain expert can act on; computed from its story alone."""

from __future__ import annotations

from dataclasses import dataclass

from finetune_studio.core.words import figure
from finetune_studio.gui.pages.train.story import Story, heading, plain, so_far
from finetune_studio.tasks import better

_PATIENT = 2
# What is said of a run as long as a monitor sees something; its own sentence stands below.
_WORDS = {
    "divergence": "Diverging.",
    "rate_too_high": "Unsteady.",
    "leakage": "The scores may be too good.",
    "overfitting": "Overfitting.",
    "forgetting": "Forgetting.",
    "underfitting": "Hardly learning.",
    "never_predicted": "A class is never named.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A level (ok, info, warning, bad), its word, and what it means."""

    level: str
    word: str
    text: str


def verdict(story: Story, *, at_work: bool) -> Verdict:
    """Return how the run goes.

    Args:
        story: What happened so far.
        at_work: Whether it runs now; a run that neither works nor ended was interrupted.
    """
    if story.failed:
        return Verdict("bad", "Training ended with an error.", story.failed)
    if story.finished is not None:
        return _ended(story)
    return _at_work(story) if at_work else _interrupted(story)


def _interrupted(story: Story) -> Verdict:
    return Verdict(
        "warning",
        "This run did not come to its end.",
        f"{_best(story)}Resume goes on from its last checkpoint.",
    )


def _at_work(story: Story) -> Verdict:
    if story.paused:
        return Verdict("info", "Paused.", f"{_best(story)}Continue goes on with the next step.")
    if story.started is None:
        return Verdict("info", "Getting ready.", so_far(story))
    if story.rolled_back:
        return Verdict("warning", "Unstable.", story.rolled_back)
    if story.is_final:
        return Verdict("info", "Learning from all samples.", _UNJUDGED)
    if not story.epochs:
        return Verdict(
            "info",
            "Training.",
            "The first judgement on the validation samples comes after epoch 1.",
        )
    return _learning(story)


def _learning(story: Story) -> Verdict:
    last = story.epochs[-1]
    baseline = story.baseline
    best = story.best
    beaten = best is not None and baseline and better(_task(story), best.score, baseline[1])
    flattering = ("leakage",) if baseline and not beaten else ()
    worst = story.alarm(*(name for name in _WORDS if name not in flattering))
    if worst is not None and worst.severity != "info":
        kept = f"{_best(story)}That epoch is kept." if story.best else ""
        return Verdict(worst.severity, _WORDS[worst.monitor], kept)
    if baseline and last.number >= _PATIENT and not beaten:
        return Verdict(
            "warning",
            "Not better than the simplest answer yet.",
            f"{against(story)} {_best(story)}".strip(),
        )
    if last.best:
        return Verdict("ok", "Learning well.", f"Validation still improves. {_best(story)}".strip())
    epochs = "1 epoch" if story.without_gain == 1 else f"{story.without_gain} epochs"
    end = f" It ends after {story.patience} without gain." if story.patience else ""
    slow = story.without_gain >= _PATIENT
    word = "Slowing down." if slow else "Learning."
    return Verdict(
        "info" if slow else "ok", word, f"No gain for {epochs}. {_best(story).strip()}{end}"
    )


def _ended(story: Story) -> Verdict:
    end = story.finished
    assert end is not None
    score = end.metrics.get(story.headline, next(iter(end.metrics.values()), None))
    if score is None:
        return Verdict(
            "info", "Stopped.", "Nothing was learnt yet. It can be resumed, or started anew."
        )
    kept = f"{heading(story.headline)} {figure(score)} at epoch {end.best_epoch:g}, which is kept."
    if story.is_final:
        kept = (
            f"It learnt from all samples for {end.best_epoch:g} epochs. {heading(story.headline)}"
            f" {figure(score)} is the score of the folds before it, on samples that they had not seen."
        )
    baseline = story.baseline
    beaten = baseline is None or better(_task(story), score, baseline[1])
    told = f"{kept} {against(story)}".strip()
    if end.stopped:
        return Verdict("info", "Stopped.", f"{told} It can be resumed.")
    if not beaten:
        return Verdict("warning", "Finished, but not better than the simplest answer.", told)
    leak = story.alarm("leakage")
    if leak is not None and leak.severity != "info":
        return Verdict(leak.severity, "Finished, but the scores may be too good.", told)
    return Verdict("ok", "Finished.", told)


_UNJUDGED = (
    "Nothing is left to judge this final model with; the folds before it say what it reaches."
)


def against(story: Story) -> str:
    """Return what the simplest answer is and scores, in a sentence; nothing where it is not known."""
    found = story.baseline
    return f"The simplest answer, {found[0]}, scores {figure(found[1])}." if found else ""


def _best(story: Story) -> str:
    best = story.best
    if best is None:
        return ""
    return f"Best so far: {plain(story.headline)} {figure(best.score)} at epoch {best.number:g}. "


def _task(story: Story) -> str:
    return story.started.task if story.started else ""
