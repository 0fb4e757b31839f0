"""Shares from 0 to 1 as percent, for people."""

from __future__ import annotations


def whole(share: float) -> str:
    """Return a share as whole percent: ``92 %``."""
    return f"{share:.0%}".replace("%", " %")


def cautious(share: float) -> str:
    """Return a share as whole percent, never rounding doubt or hope away: ``92 %``, ``> 99 %``."""
    if 0.995 <= share < 1:
        return "> 99 %"
    return "< 1 %" if 0 < share < 0.005 else whole(share)


def fine(share: float) -> str:
    """Return a share as percent with one digit: ``3.1 %``."""
    return f"{100 * share:.1f} %"
