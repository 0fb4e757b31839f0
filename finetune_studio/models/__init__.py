"""Networks, whatever the task: what is offered, loading them, and their layers as a tree."""

from __future__ import annotations

import os

# Read by the libraries of Hugging Face when they are loaded: nothing is reported to anybody, and
# their bars do not write into the terminal's output.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
