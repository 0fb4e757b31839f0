"""Which learning rates are drawn where a network has many; no Qt here."""

from __future__ import annotations

from collections.abc import Mapping

_MOST = 3  # curves whose names fit above the plot


def telling(rates: Mapping[str, float]) -> dict[str, float]:
    """Return the rates by group; of many the head's, the fastest and the slowest of the others.

    All rates rise and fall together, so that these are the same groups throughout a run.
    """
    if len(rates) <= _MOST:
        return dict(rates)
    others = {name: rate for name, rate in rates.items() if name != "head"}
    ends = (max(others, key=lambda n: others[n]), min(others, key=lambda n: others[n]))
    return {name: rate for name, rate in rates.items() if name == "head" or name in ends}
