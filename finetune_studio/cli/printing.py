"""Prints events: one JSON line each, or sentences with a progress line on a terminal."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import Any, TextIO

from finetune_studio.core.events import Event, dated
from finetune_studio.core.study_words import sentence

_BETWEEN_S = 0.1  # a progress line that changes faster cannot be read


class Printer:
    """Writes the program's own words.

    Args:
        stream: Where they go.
        json_lines: Nothing but JSON lines, one an event.
    """

    def __init__(self, stream: TextIO, *, json_lines: bool) -> None:
        self._stream = stream
        self._json = json_lines
        self._live = stream.isatty() and not json_lines
        self._open_line = False
        self._last = 0.0
        self._silent = False

    def fall_silent(self) -> None:
        """Print nothing from now on: another process speaks."""
        self._silent = True

    def all(self, stated: Iterator[Event], *, quiet: bool = False) -> Event | None:
        """Print every event as it comes; return the last one."""
        last = None
        for last in stated:
            if not quiet:
                self.show(last)
        return last

    def say(self, text: str) -> None:
        """Print a sentence for people; nothing in JSON."""
        if not self._json and not self._silent:
            self._end_line()
            print(text, file=self._stream, flush=True)

    def show(self, event: Event) -> None:
        """Print one event."""
        if self._silent:
            return
        if self._json:
            line = json.dumps(_finite(dated(event).as_json()), ensure_ascii=False, allow_nan=False)
            print(line, file=self._stream, flush=True)
            return
        text, passing = sentence(event)
        if passing:
            if self._live and text and time.monotonic() - self._last > _BETWEEN_S:
                print(f"\r\033[K{text}", end="", file=self._stream, flush=True)
                self._open_line, self._last = True, time.monotonic()
        elif text:
            self.say(text)

    def _end_line(self) -> None:
        if self._open_line:
            print("\r\033[K", end="", file=self._stream)
            self._open_line = False


def _finite(value: Any) -> Any:
    """Return a value with nothing in place of numbers that JSON does not know (a diverged loss)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
