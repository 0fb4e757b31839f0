"""How often something may be drawn so that drawing never takes more than a small share of the time."""

from __future__ import annotations

from itertools import cycle

# Plots that have something new at once are drawn in different frames, so that none takes long.
_LEAST_MS = cycle((200, 233, 266))
_MOST_SHARE = 1 / 40
_LONGEST_MS = 1000


class FramePace:
    """Waits a fifth of a second between frames, and longer where they take long.

    Beside a training that has all processors a frame takes three times as long as alone.
    """

    def __init__(self) -> None:
        self._least_ms = next(_LEAST_MS)
        self.wait_ms = self._least_ms

    def take(self, seconds: float) -> None:
        """Take note of what the last frame took."""
        needed = round(1000 * seconds / _MOST_SHARE)
        self.wait_ms = min(_LONGEST_MS, max(self._least_ms, needed))
