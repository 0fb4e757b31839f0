"""Marked places of a text and how they are changed: no two overlap, all stand in order; no Qt here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Place = tuple[int, int, str]


def places(fields: Mapping[str, Any]) -> list[Place]:
    """Return what a sample has marked, in order; what does not fit into its text is left out."""
    text = str(fields.get("text", ""))
    found = []
    for span in fields.get("spans") or ():
        start, end, name = int(span[0]), int(span[1]), str(span[2])
        if 0 <= start < end <= len(text):
            found.append((start, end, name))
    return sorted(found)


def with_place(spans: Iterable[Place], start: int, end: int, name: str) -> list[Place]:
    """Return the places with one more; those that it touches give way."""
    kept = [span for span in spans if span[1] <= start or span[0] >= end]
    return sorted([*kept, (start, end, name)])


def without_place(spans: Sequence[Place], number: int) -> list[Place]:
    """Return the places without one of them."""
    return [span for at, span in enumerate(spans) if at != number]


def ranked(counts: Mapping[str, int], own: Iterable[Place]) -> list[str]:
    """Return the types to offer, those marked most often in the data first; keys number them."""
    every = Counter(counts)
    for _, _, name in own:
        every.setdefault(name, 0)
    return sorted(every, key=lambda name: (-every[name], name))


def quoted(text: str, start: int, end: int) -> str:
    """Return a place's words for a sentence, shortened."""
    words = " ".join(text[start:end].split())
    return f"“{words}”" if len(words) <= 40 else f"“{words[:38]}…”"
