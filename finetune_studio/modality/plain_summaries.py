"""Summaries that take no model: how a text begins, and its longest sentence."""

from __future__ import annotations

from finetune_studio.modality import rouge

LEAD = 3  # sentences; the simplest summary of a text is how it begins


def lead(whole: str) -> str:
    """Return how a text begins."""
    return " ".join(rouge.sentences(whole)[:LEAD])


def longest_sentence(whole: str) -> str:
    """Return a text's sentence with the most words."""
    return max(rouge.sentences(whole), key=lambda one: len(rouge.words(one)), default="")
