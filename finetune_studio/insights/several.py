"""Several classes a text: which of its classes were named, which were left out, which are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from finetune_studio.core.task import Pair

RIGHT, MISSED, INVENTED, BOTH = "right", "missed", "invented", "both"
KINDS = (MISSED, INVENTED, BOTH, RIGHT)


def has_several(pairs: Iterable[Pair]) -> bool:
    """Whether answers name any number of classes."""
    return any("labels" in answer.answer for _, answer in pairs)


def true_names(pair: Pair) -> set[str]:
    """Return the classes that the data give a text."""
    listed = pair[0].fields.get("labels")
    if isinstance(listed, list):
        return {str(name) for name in listed}
    return {pair[0].label} if pair[0].label is not None else set()


def said_names(pair: Pair) -> set[str]:
    """Return the classes that the model names."""
    listed = pair[1].answer.get("labels")
    if isinstance(listed, list):
        return {str(name) for name in listed}
    return {str(pair[1].label)} if pair[1].label is not None else set()


def kind(pair: Pair) -> str:
    """Return ``right``, ``missed`` (some are left out), ``invented`` (some are too many) or ``both``."""
    truth, said = true_names(pair), said_names(pair)
    if truth == said:
        return RIGHT
    if said < truth:
        return MISSED
    return INVENTED if truth < said else BOTH


def per_name(pairs: Iterable[Pair]) -> list[tuple[str, int, int, int]]:
    """Return each class with how many texts have it, how many were given it, and how many rightly."""
    truth: Counter[str] = Counter()
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for pair in pairs:
        true, named = true_names(pair), said_names(pair)
        truth.update(true)
        said.update(named)
        right.update(true & named)
    return [(name, truth[name], said[name], right[name]) for name in sorted({*truth, *said})]
