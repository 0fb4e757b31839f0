"""What a measured distance means: near, some way off or far, in words, and what follows for retraining."""

from __future__ import annotations

import math

from finetune_studio.core.measures import FAR, NEAR, ShiftMeasured
from finetune_studio.core.recipe import Recipe
from finetune_studio.tasks import nouns

VERSION = 2  # of what is measured; answers of another one are measured again

# A set of photos narrower than what a network was pretrained on lies about this far off in every layer:
# clothing10 0.32 and mixed photos 0.28 to 0.45 (benchmarks/shift.py). Only what is beyond counts.
_PLAIN_PHOTOS = 0.3
_STEEP = 1.6  # noise and blank pictures (2 to 4) come out near 1, drawn lines (1.2) near 0.75
# Of the words of plain texts some are always broken up; each further one, and each unknown token, counts.
_PLAIN_TEXTS = 0.05
_BROKEN, _UNKNOWN = 4.0, 4.0
# The levels were set by eye. Labelled runs are few (docs/benchmarks.md): near photos of clothes gained 0.03
# by the last stage with 20 a class and 0.05 with 3,068 in all; hand signs, just far, gained 0.16.
_DESCRIBES = (
    "The distance describes your data and does not foretell a score: a search over how much to retrain"
    " on the Train page measures what yours gain."
)


def level_of(distance: float) -> str:
    """Return ``near``, ``some`` or ``far``."""
    return "near" if distance < NEAR else "some" if distance < FAR else "far"


def of_norms(recipe: Recipe, raw: float, samples: int, *, stand_in: bool) -> ShiftMeasured:
    """Return what a mean distance of batch norms means, ``raw`` in standard deviations."""
    distance = 1 - math.exp(-_STEEP * max(0.0, raw - _PLAIN_PHOTOS))
    level = level_of(distance)
    _, many = nouns(recipe.task)
    text = {
        "near": f"Your {many} look like the ordinary photos that the model knows ({distance:.2f} of 1).",
        "some": f"Your {many} lie some way off the photos that the model knows ({distance:.2f} of 1).",
        "far": f"Your {many} lie far from the photos that the model knows ({distance:.2f} of 1).",
    }[level]
    if stand_in:
        text += " The embedded starter was asked: this model keeps no statistics of its own."
    method = "stand_in" if stand_in else "norms"
    figures = {"standard_deviations": round(raw, 4)}
    return _made(recipe, method, distance, text, samples, figures)


def of_tokens(
    recipe: Recipe, figures: dict[str, float], plain: float, samples: int
) -> ShiftMeasured:
    """Return what broken words and unknown tokens mean.

    ``plain`` is the share of words that the same tokenizer breaks up in plain English.
    """
    beyond = max(0.0, figures["broken_words"] - max(plain, _PLAIN_TEXTS))
    distance = 1 - math.exp(-_BROKEN * beyond - _UNKNOWN * figures["unknown_tokens"])
    level = level_of(distance)
    broken = f"{figures['broken_words']:.0%}".replace("%", " %")
    text = {
        "near": "The model's own word list covers your texts",
        "some": "Many words of your texts are not in the model's own word list",
        "far": "The model's word list was hardly made for your texts",
    }[level]
    text += (
        f" ({distance:.2f} of 1): it breaks {broken} of the words up,"
        f" {figures['tokens_a_word']:.2f} tokens (pieces) a word; plain texts take about 1.1."
    )
    if figures["unknown_tokens"] > 0.005:
        unknown = f"{figures['unknown_tokens']:.0%}".replace("%", " %")
        text += f" {unknown} of the pieces are unknown to it: what stands there is lost."
    rounded = {name: round(value, 4) for name, value in figures.items()}
    return _made(recipe, "tokens", distance, text, samples, rounded | {"plain_words": plain})


def _made(
    recipe: Recipe, method: str, distance: float, text: str, samples: int, figures: dict[str, float]
) -> ShiftMeasured:
    level = level_of(distance)
    advice = _advice(level, method, figures)
    value = round(distance, 4)
    return ShiftMeasured(recipe.model.source, method, value, level, text, advice, samples, figures)


def _advice(level: str, method: str, figures: dict[str, float]) -> str:
    if method == "tokens" and figures.get("unknown_tokens", 0) > 0.05:
        return "No retraining brings lost words back: choose a model that reads this language or script."
    said = {
        "near": "With few samples the last layer, or the last stage as well, is usually enough, and less is"
        " forgotten so; with thousands, retraining more can still gain.",
        "some": "Retrain the last stage at least; with a few hundred samples the later half may gain more.",
        "far": "Retrain the later half or more if you have samples enough, slowly; or look for a model that"
        " was pretrained on data like yours.",
    }[level]
    return f"{said} {_DESCRIBES}"
