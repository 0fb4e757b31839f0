"""Samples as a reader of the page sees them: pictures as pictures, texts as plain text with marks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape
from pathlib import Path

from finetune_studio.core.dataset import Sample
from finetune_studio.core.preview import Picture, Preview, Span, Spans, Words
from finetune_studio.core.shares import cautious
from finetune_studio.core.task import Pair, Task
from finetune_studio.engine.report.pictures import square

_SIDE = 200  # pixels of a picture in the page
_LETTERS = 700  # of a text in the page
_BEFORE = 200  # letters shown before the first mark of a longer text


def gallery(task: Task, pairs: Sequence[Pair]) -> str:
    """Return samples with the answers to them."""
    figures = [_figure(sample, task.preview(sample, answer)) for sample, answer in pairs]
    return _laid_out(task, [sample for sample, _ in pairs], figures)


def plain(task: Task, samples: Sequence[Sample]) -> str:
    """Return samples by themselves."""
    return _laid_out(task, samples, [_figure(s, task.preview(s), answered=False) for s in samples])


def is_pictures(task: Task, samples: Sequence[Sample]) -> bool:
    """Whether samples are pictures."""
    return any(isinstance(m, Picture) for sample in samples[:1] for m in task.preview(sample).marks)


def _laid_out(task: Task, samples: Sequence[Sample], figures: Sequence[str]) -> str:
    kind = "photos" if is_pictures(task, samples) else "texts"
    return f"<div class='{kind}'>{''.join(figures)}</div>" if figures else ""


def _figure(sample: Sample, shown: Preview, *, answered: bool = True) -> str:
    inside = "".join(_picture(m, sample) for m in shown.marks if isinstance(m, Picture))
    inside += _texts(shown)
    words = _verdict(shown) if answered else escape(shown.truth)
    lines = "".join(f"<p>{escape(line)}</p>" for line in shown.lines)
    name = Path(sample.path).name if sample.path else sample.place
    place = f"<span class='muted'>{escape(name)}</span>"
    parts = [part for part in (words, place) if part]
    return f"<figure>{inside}{lines}{'<br>'.join(parts)}</figure>"


def _picture(mark: Picture, sample: Sample) -> str:
    link = square(mark.path, _SIDE)
    name = escape(Path(sample.path).name)
    if not link:
        return "<div class='gone'>The file cannot be read any more.</div>"
    return f"<img alt='{name}' src='{link}'>"


def _verdict(shown: Preview) -> str:
    """Return what the model said, and what the data say where that is something else."""
    if not (shown.said or shown.truth):
        return ""
    said = escape(shown.said) if shown.said else "nothing"
    share = ""
    if shown.certainty is not None:
        share = " " + escape(cautious(shown.certainty)).replace(" ", "&nbsp;")
    if shown.said == shown.truth:
        return f"{said}{share}"
    truth = escape(shown.truth) if shown.truth else "nothing"
    return f"<b>said {said}</b>{share}<br><span class='muted'>labelled {truth}</span>"


# --- texts --------------------------------------------------------------------------------------------


def _texts(shown: Preview) -> str:
    """Return each text of a sample with the marks that follow it."""
    found = ""
    marks = list(shown.marks)
    for place, mark in enumerate(marks):
        if not isinstance(mark, Words):
            continue
        spans: list[tuple[Span, bool]] = []
        for other in marks[place + 1 :]:
            if isinstance(other, Words):
                break
            if isinstance(other, Spans):
                spans += [(span, other.said) for span in other.spans]
        title = f"<h3>{escape(mark.title)}</h3>" if mark.title else ""
        found += f"{title}<blockquote>{marked(mark.text, spans)}</blockquote>"
    return found


def marked(text: str, spans: Sequence[tuple[Span, bool]]) -> str:
    """Return a text, or the part around its first mark, with its marks; True means that the model said so.

    What is marked is underlined where the data say so and coloured where the model does; the name of
    each place stands behind it.
    """
    start, end = _excerpt(text, spans)
    cuts = {start, end, *(p for span, _ in spans for p in (span.start, span.end))}
    places = sorted(place for place in cuts if start <= place <= end)
    found = "…" if start else ""
    for left, right in itertools.pairwise(places):
        over = [(span, said) for span, said in spans if span.start <= left and span.end >= right]
        found += _piece(text[left:right], over, right)
    return found + ("…" if end < len(text) else "")


def _piece(text: str, over: Sequence[tuple[Span, bool]], end: int) -> str:
    if not over:
        return escape(text)
    kinds = " ".join(sorted({"said" if said else "truth" for _, said in over}))
    names = list(dict.fromkeys(span.name for span, _ in over if span.end == end and span.name))
    behind = f"<small>{escape(', '.join(names))}</small>" if names else ""
    return f"<mark class='{kinds}'>{escape(text)}{behind}</mark>"


def _excerpt(text: str, spans: Sequence[tuple[Span, bool]]) -> tuple[int, int]:
    """Return which letters are shown: from before the first mark, cut between words."""
    if len(text) <= _LETTERS:
        return 0, len(text)
    first = min((span.start for span, _ in spans), default=0)
    start = max(0, min(first - _BEFORE, len(text) - _LETTERS))
    end = min(len(text), start + _LETTERS)
    start = text.find(" ", start) + 1 if start and " " in text[start : start + 40] else start
    return start, max(start, text.rfind(" ", start, end)) if end < len(text) else end
