"""Answers to questions: right, partly right, wrong, not given, or given where there is none."""

from __future__ import annotations

from finetune_studio.core.dataset import Sample
from finetune_studio.core.task import Pair

RIGHT, PARTLY, WRONG = "right", "partly", "wrong"
MISSED, INVENTED, NONE = "missed", "invented", "none"
KINDS = (WRONG, MISSED, INVENTED, PARTLY, RIGHT, NONE)


def true_answers(sample: Sample) -> list[str]:
    """Return the answers that the data give; none where the question has none."""
    found = (str(answer["text"]).strip() for answer in sample.fields.get("answers") or [])
    return [text for text in found if text]


def said_answer(pair: Pair) -> str:
    """Return the model's answer; empty where it says that there is none."""
    return str(pair[1].answer.get("text", pair[1].label or "")).strip()


def kind(pair: Pair, exact: float, f1: float) -> str:
    """Return what an answer is.

    Args:
        pair: The question and its answer.
        exact: 1 where it equals a true answer, else 0.
        f1: How well its words fit a true answer, from 0 to 1.
    """
    truth, said = true_answers(pair[0]), said_answer(pair)
    if not truth:
        return INVENTED if said else NONE
    if not said:
        return MISSED
    if exact >= 1:
        return RIGHT
    return PARTLY if f1 > 0 else WRONG


def certainty(pair: Pair) -> float:
    """Return how sure the model is, from 0 to 1."""
    return float(pair[1].answer.get("certainty") or 0.0)
