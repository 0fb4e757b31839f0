"""A short form of a text for lists: its first lines, or the part around what matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from finetune_studio.core.preview import Mark, Spans, Words

LETTERS = 400  # more than a few lines show
_BEFORE = 24  # letters shown before what matters


def excerpt(
    marks: Sequence[Mark], around: int | None = None, letters: int = LETTERS
) -> tuple[Mark, ...]:
    """Return the first words among marks, shortened, with those of their places that are left.

    Args:
        marks: Words, each with its spans behind it.
        around: The letter that must be seen; None shows the beginning.
        letters: How many letters to show.
    """
    place = next((n for n, mark in enumerate(marks) if isinstance(mark, Words)), None)
    if place is None:
        return ()
    words = marks[place]
    assert isinstance(words, Words)
    spans = []
    for mark in marks[place + 1 :]:
        if not isinstance(mark, Spans):
            break
        spans.append(mark)
    start = _start(words.text, around or 0)
    text = words.text[start : start + letters]
    lead = "…" if start else ""
    flat = lead + text.replace("\n", " ")
    tail = "…" if start + letters < len(words.text) else ""
    shift = len(lead) - start
    shown = [_moved(group, shift, len(lead), len(flat)) for group in spans]
    return (Words(flat + tail), *(group for group in shown if group.spans))


def _start(text: str, around: int) -> int:
    """Return where the excerpt begins: at a word not far before ``around``."""
    if around <= 2 * _BEFORE:
        return 0
    start = around - _BEFORE
    blank = text.find(" ", start, around)
    return blank + 1 if blank >= 0 else start


def _moved(group: Spans, shift: int, first: int, last: int) -> Spans:
    inside = [
        replace(span, start=max(first, span.start + shift), end=min(last, span.end + shift))
        for span in group.spans
        if span.start + shift < last and span.end + shift > first
    ]
    return replace(group, spans=tuple(inside))
