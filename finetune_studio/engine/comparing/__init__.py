"""Runs beside each other: their curves, what differs in choices and results, and whose answers flipped."""

from __future__ import annotations

from finetune_studio.engine.comparing.flips import KINDS, Flips, flips, mcnemar, sentence
from finetune_studio.engine.comparing.runs import Compared, read, refuse_unlike
from finetune_studio.engine.comparing.table import Difference, as_csv, differences

__all__ = [
    "KINDS",
    "Compared",
    "Difference",
    "Flips",
    "as_csv",
    "differences",
    "flips",
    "mcnemar",
    "read",
    "refuse_unlike",
    "sentence",
]
