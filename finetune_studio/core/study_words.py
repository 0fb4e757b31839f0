"""Events of studies in plain words: the terminal prints them, the window's log shows them."""

from __future__ import annotations

from typing import Any

from finetune_studio.core import study_events as events
from finetune_studio.core.recipe import fields
from finetune_studio.core.words import duration, score_name, scores, sentence

__all__ = ["sentence", "settings_in_words", "spread_in_words"]


def settings_in_words(settings: dict[str, Any]) -> str:
    """Return what a recipe changes: ``Learning rate 0.0006, How much to retrain last stage``."""
    known = fields()
    parts = []
    for name, value in settings.items():
        shown = value.replace("_", " ") if isinstance(value, str) else f"{value:.2g}"
        parts.append(f"{known.get(name, {}).get('title', name)} {shown}")
    return ", ".join(parts)


def spread_in_words(mean: dict[str, float], spread: dict[str, float]) -> str:
    """Return scores with their spread: ``accuracy 0.912 ± 0.014``."""
    return ", ".join(f"{score_name(n)} {v:.3f} ± {spread.get(n, 0.0):.3f}" for n, v in mean.items())


@sentence.register
def _(event: events.StudyStarted) -> tuple[str, bool]:
    if event.kind == "crossval":
        what = f"Cross-validation in {event.parts} folds"
    else:
        what = f"A search of at most {event.parts:,} trials"
    return f"{what} {f'goes on after {event.done}' if event.resumed else 'begins'}.", False


@sentence.register
def _(event: events.FoldStarted) -> tuple[str, bool]:
    learn, picks = event.samples["train"], event.samples["validation"]
    judge = event.samples.get("judged", 0)
    apart = f" {picks:,} pick the epoch," if judge else ""
    text = f"Fold {event.fold} of {event.folds}: {learn:,} samples to learn from,{apart}"
    return f"{text} {judge or picks:,} judge.", False


@sentence.register
def _(event: events.FoldFinished) -> tuple[str, bool]:
    text = (
        f"Fold {event.fold} of {event.folds}, epoch {event.best_epoch:g}: {scores(event.metrics)}"
    )
    return f"{text}, after {duration(event.seconds)}.", False


@sentence.register
def _(event: events.CrossValidated) -> tuple[str, bool]:
    return (
        f"Over {event.folds} folds (mean ± standard deviation):"
        f" {spread_in_words(event.mean, event.spread)}. {event.samples:,} samples, each judged by a model"
        " that had not seen it; which epoch of a fold counts was picked on other samples, set apart from"
        f" those that it learnt from.\nTheir answers: {event.answers}"
    ), False


@sentence.register
def _(event: events.TrialStarted) -> tuple[str, bool]:
    what = settings_in_words(event.settings) or "your own choices"
    return f"Trial {event.trial} of {event.trials}: {what}.", False


@sentence.register
def _(event: events.TrialFinished) -> tuple[str, bool]:
    head = f"Trial {event.trial} of {event.trials}"
    if event.outcome == "failed":
        return f"{head} failed: {event.reason}", False
    how = "fell behind and was broken off" if event.outcome == "pruned" else "finished"
    if event.outcome == "pruned" and event.reason:
        how = "was broken off, since the time for the search was over,"
    return f"{head} {how} after {duration(event.seconds)}: {scores(event.metrics)}", False


@sentence.register
def _(event: events.SearchFinished) -> tuple[str, bool]:
    what = settings_in_words(event.settings) or "your own choices"
    score, took = f"{score_name(event.headline)} {event.score:.3f}", duration(event.seconds)
    if event.trials == 1:
        return f"A single trial was made, in {took}: {score}, with {what}.", False
    return (
        f"The best of {event.trials} trials is trial {event.best}, {score}: {what}."
        f" All of them took {took}."
    ), False


@sentence.register
def _(event: events.RateTried) -> tuple[str, bool]:
    return f"  step {event.step}, learning rate {event.rate:.1e}, loss {event.loss:.3f}", True


@sentence.register
def _(event: events.RateFound) -> tuple[str, bool]:
    if event.rate is None:
        return "No learning rate can be suggested: the loss did not fall at any.", False
    whose = "of the head" if event.group == "head" else "of the pretrained layers"
    return f"Suggested learning rate {whose}: {event.rate:.1e}.", False
