"""The exit codes of the terminal."""

from __future__ import annotations

DONE = 0
BUG = 1
MENDABLE = 2  # something the user can put right
INTERRUPTED = 130
