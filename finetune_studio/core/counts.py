"""Counts as people say them: 1 text, 2 texts."""

from __future__ import annotations


def of(count: int, one: str, many: str = "") -> str:
    """Return a count with what is counted, such as ``1 text is`` or ``2,000 texts are``.

    Args:
        count: How many there are.
        one: What one is called, with its verb if need be.
        many: What several are called; with an s behind one if left out.
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def all_of(count: int, one: str, many: str = "") -> str:
    """Return what speaks of all there are: ``The only text`` or ``All 2,000 texts``."""
    return f"The only {one}" if count == 1 else f"All {of(count, one, many)}"
