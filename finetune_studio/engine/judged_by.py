"""What a run's scores rest on, in words: samples it had not seen, the folds before it, the best of many."""

from __future__ import annotations

from finetune_studio.core import study
from finetune_studio.engine.run import Run


def unseen(run: Run) -> str:
    """Return what is said of the samples that a run is judged by, after a comma."""
    if _by_folds(run):
        return "each asked of a model of the cross-validation before it that had not learnt from it"
    return "which it never learnt from"


def judging_split(run: Run) -> str:
    """Return the split whose samples were judged: of a final model all that it learnt from, by the folds."""
    return "train" if _by_folds(run) else "validation"


def how_chosen(run: Run) -> str:
    """Return in how far the scores are too good, as a sentence."""
    if _by_folds(run):
        return (
            "The scores are those of models like this one that had learnt from a part of the samples; how"
            " many epochs it learns was chosen by the same scores, so they are a little too good."
        )
    if study.mark_of(run.folder).get("kind") == study.TRIAL:
        return (
            "It is the best of several trials, picked by the validation samples, so the score there is"
            " flattered."
        )
    return "The best epoch was chosen by the validation samples, so the score there is a little too good."


def _by_folds(run: Run) -> bool:
    return study.mark_of(run.folder).get("kind") == study.FINAL
