"""A part of many things that stands for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def spread(things: Sequence[T], most: int) -> list[T]:
    """Return at most so many things, spread evenly over all of them."""
    if len(things) <= most:
        return list(things)
    return [things[place * len(things) // most] for place in range(most)]
