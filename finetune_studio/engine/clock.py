"""The time of a run: how long it worked, how fast it goes, and when something is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

STATE_EVERY_S = 0.05  # more often would make the window stutter
SAVE_EVERY_S = 30.0  # so that a crash loses well under a minute


class Clock:
    """Measures the run's own time, pauses left out, and how fast it goes."""

    def __init__(self, before: float) -> None:
        self._start = time.perf_counter() - before
        self._stated = self._saved = time.perf_counter()
        self._first: tuple[int, float] | None = None

    def seconds(self) -> float:
        """Return the seconds that the run has worked."""
        return time.perf_counter() - self._start

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Leave the time spent in this context out."""
        began = time.perf_counter()
        yield
        gone = time.perf_counter() - began
        self._start += gone
        self._stated += gone
        self._saved += gone
        self._first = None

    def due(self, processes: int) -> bool:
        """Whether the steps since the last statement are to be stated: at most 20 times a second.

        Several processes must agree on when they look at the loss, so they look at each.
        """
        now = time.perf_counter()
        waited = now - self._stated >= STATE_EVERY_S
        return processes > 1 or waited or now - self._saved > SAVE_EVERY_S

    def speed(self, seen: int) -> float:
        """Return samples per second since the last call, and begin to measure anew."""
        now = time.perf_counter()
        passed, self._stated = now - self._stated, now
        return round(seen / max(passed, 1e-6), 1)

    def left(self, step: int, steps: int) -> float | None:
        """Return the seconds that the remaining steps will take, once there is something to go by."""
        now = time.perf_counter()
        if self._first is None:
            self._first = step, now
        first, began = self._first
        return round((now - began) / (step - first) * (steps - step), 1) if step > first else None

    def save_due(self) -> bool:
        """Whether the last checkpoint is long ago."""
        return time.perf_counter() - self._saved > SAVE_EVERY_S

    def saved(self) -> None:
        """Take note of a checkpoint."""
        self._saved = time.perf_counter()
