"""How a run goes, in one sentence a domain expert can act on; computed from its story alone."""

from __future__ import annotations

from dataclasses import dataclass

from finetune_studio.gui.pages.train.story import Epoch, Story, heading, so_far
from finetune_studio.tasks import better

_RISE = 1.03  # a validation loss 3 % above its lowest counts as risen; less is noise
_PATIENT = 2


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
    if not story.epochs:
        return Verdict(
            "info",
            "Training.",
            "The first judgement on the validation samples comes after epoch 1.",
        )
    return _learning(story)


def _learning(story: Story) -> Verdict:
    last = story.epochs[-1]
    since = overfits_since(story.epochs)
    baseline = story.baseline
    if since is not None:
        return Verdict(
            "warning",
            "Overfitting begins.",
            f"Training loss still falls, but validation loss has risen since epoch {since:g}."
            f" {_best(story)}That epoch is kept.",
        )
    best = story.best
    beaten = best is not None and baseline and better(_task(story), best.score, baseline[1])
    if baseline and last.number >= _PATIENT and not beaten:
        return Verdict(
            "warning",
            "Not better than guessing yet.",
            f"{baseline[0].capitalize()} scores {baseline[1]:.3f}. {_best(story)}".strip(),
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


def overfits_since(epochs: list[Epoch]) -> float | None:
    """Return the epoch since which validation loss rises while training loss falls; None if it does not.

    Two judgements in a row must lie above the lowest validation loss by more than noise, and the
    training loss of the last must lie below that of the lowest.
    """
    if len(epochs) <= _PATIENT:
        return None
    lowest = min(range(len(epochs)), key=lambda place: epochs[place].loss)
    after = epochs[lowest + 1 :]
    if len(after) < _PATIENT or any(
        e.loss < epochs[lowest].loss * _RISE for e in after[-_PATIENT:]
    ):
        return None
    then, now = epochs[lowest].trained, after[-1].trained
    falls = then is not None and now is not None and now < then
    return epochs[lowest].number if falls else None


def _ended(story: Story) -> Verdict:
    end = story.finished
    assert end is not None
    score = end.metrics.get(story.headline, next(iter(end.metrics.values()), None))
    if score is None:
        return Verdict(
            "info", "Stopped.", "Nothing was learnt yet. It can be resumed, or started anew."
        )
    kept = f"{heading(story.headline)} {score:.3f} at epoch {end.best_epoch:g}, which is kept."
    baseline = story.baseline
    beaten = baseline is None or better(_task(story), score, baseline[1])
    against = f" {baseline[0].capitalize()} scores {baseline[1]:.3f}." if baseline else ""
    if end.stopped:
        return Verdict("info", "Stopped.", f"{kept}{against} It can be resumed.")
    if not beaten:
        return Verdict("warning", "Finished, but not better than guessing.", f"{kept}{against}")
    return Verdict("ok", "Finished.", f"{kept}{against}")


def _best(story: Story) -> str:
    best = story.best
    return f"Best so far: {best.score:.3f} at epoch {best.number:g}. " if best else ""


def _task(story: Story) -> str:
    return story.started.task if story.started else ""
