"""Answers in their context: checked against their place, and found again where the place is wrong."""

from __future__ import annotations

import hashlib
from typing import Any

_NEARBY = 60  # letters that an offset may be wrong by where the answer stands at several places


def placed(context: str, text: str, start: int | None) -> tuple[dict[str, Any] | None, bool]:
    """Return an answer with its true place, and whether that is another than it was said to be.

    Args:
        context: The text that holds the answer.
        text: The answer; blanks around it do not count.
        start: Where it begins, in letters; None searches it.

    Returns:
        ``{"text", "start"}``, or None where the answer is not there, or stands at several places of
        which none is clearly meant. A searched answer is the first of several places.
    """
    kept = text.strip()
    if not kept:
        return None, False
    if start is not None:
        start += len(text) - len(text.lstrip())
        if start >= 0 and context.startswith(kept, start):
            return {"text": kept, "start": start}, False
    places = _places(context, kept)
    if not places and start is None:
        folded = context.casefold()
        if len(folded) == len(context):  # else letters would not stand where they did
            places = _places(folded, kept.casefold())
    if start is not None and len(places) > 1:
        nearest, second = sorted(places, key=lambda place: abs(place - start))[:2]
        clear = abs(nearest - start) <= min(_NEARBY, abs(second - start) / 3)
        places = [nearest] if clear else []
    if not places:
        return None, False
    found = context[places[0] : places[0] + len(kept)]
    return {"text": found, "start": places[0]}, True


def several(context: str, text: str) -> bool:
    """Whether an answer stands at more than one place of its context."""
    return len(_places(context, text.strip())) > 1


def context_key(context: str) -> str:
    """Return a short name of a context, equal for equal ones."""
    return hashlib.sha256(context.strip().encode("utf-8", "replace")).hexdigest()[:12]


def _places(context: str, text: str) -> list[int]:
    found: list[int] = []
    place = context.find(text)
    while place >= 0 and len(found) < 1000:
        found.append(place)
        place = context.find(text, place + 1)
    return found
