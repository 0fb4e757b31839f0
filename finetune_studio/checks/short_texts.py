"""Finds texts that say nothing or next to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune_studio.core import counts, texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control

_LETTER = re.compile(r"[^\W_]")
_FEWEST = 3  # letters or digits


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report texts without a letter, and those of one or two letters."""
    samples = dataset.samples(usable=True)
    empty: list[Sample] = []
    short: list[Sample] = []
    for sample in samples:
        if control.stop.is_set():
            yield Finding("short_texts", 0, "info", "The search for empty texts was stopped.")
            return
        letters = [_letters(text) for _, text in texts.parts(sample.fields)]
        if letters and min(letters) == 0:
            empty.append(sample)
        elif letters and min(letters) < _FEWEST:
            short.append(sample)
    # Of words with tags a full stop may be a sentence; a short question or reply may be a good one.
    several = any(len(list(texts.parts(s.fields))) > 1 for s in (*empty, *short))
    where = " in a part of them" if several else ""
    words = any(sample.fields.get("split_words") for sample in (*empty, *short))
    if empty:
        yield _finding(
            empty,
            dataset.called,
            "info" if words else "warning",
            f"no letter and no digit{where}, so there is nothing to learn from",
        )
    if short and not words:
        yield _finding(
            short,
            dataset.called,
            "info",
            f"only one or two letters{where}; look whether they mean something",
        )
    if not empty and (words or not short):
        yield Finding(
            "short_texts", 0, "ok", f"None of {counts.of(len(samples), *dataset.called)} is empty."
        )


def _letters(text: str) -> int:
    """Return how many letters and digits a text has, as far as it matters."""
    return sum(1 for _, _ in zip(range(_FEWEST), _LETTER.finditer(text), strict=False))


def _finding(found: list[Sample], called: tuple[str, str], severity: str, what: str) -> Finding:
    few = counts.of(len(found), f"{called[0]} has", f"{called[1]} have")
    ids = [sample.id for sample in found]
    places = [sample.place for sample in found[:1000]]
    return Finding(
        "short_texts",
        len(found),
        severity,
        f"{few} {what} (the first: {places[0]}).",
        "Exclude them",
        places,
        ids,
        [{"action": "exclude", "ids": ids}],
    )
