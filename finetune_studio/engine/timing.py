"""How long an export's network takes for many inputs at once; its text also runs beside an export.

It imports nothing of this program, so that the process in which an export is proven can run it.
"""

from __future__ import annotations

import time
from typing import Any

MANY = 32
_BUDGET_S = 1.0
_FEWEST, _MOST = 3, 30


class Recorder:
    """A network that remembers what it was given first."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.seen: list[dict[str, Any]] = []

    def __call__(self, inputs: dict[str, Any]) -> Any:
        """Ask the network."""
        if len(self.seen) < MANY:
            self.seen.append(inputs)
        return self.network(inputs)

    def __getattr__(self, name: str) -> Any:
        """Return what else the network can do."""
        return getattr(self.network, name)


def together(seen: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one input of each as a batch of 32; shorter ones are filled up with zeros."""
    import numpy as np

    found = {}
    for name in seen[0]:
        rows = [inputs[name][:1] for inputs in seen]
        longest = [max(sizes) for sizes in zip(*(row.shape for row in rows), strict=True)]
        rows = [
            np.pad(row, [(0, most - size) for most, size in zip(longest, row.shape, strict=True)])
            for row in rows
        ]
        found[name] = np.concatenate([rows[place % len(rows)] for place in range(MANY)])
    return found


def many_at_once(recorder: Recorder) -> list[float]:
    """Return the seconds that each of some batches of 32 took; none where it takes one at a time."""
    if not recorder.seen or hasattr(recorder.network, "write"):
        return []
    inputs = together(recorder.seen)
    try:
        recorder.network(inputs)
    except Exception:  # noqa: BLE001  a network may take one input at a time; it then says nothing here
        return []
    took: list[float] = []
    while len(took) < _MOST and (len(took) < _FEWEST or sum(took) < _BUDGET_S):
        began = time.perf_counter()
        recorder.network(inputs)
        took.append(time.perf_counter() - began)
    return took
