"""Finds texts that are far longer than the others; what a model cuts off is shown with the lengths."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control

# Letters. A usual encoder reads 512 tokens, about 2,000 letters; far above that most is never seen.
MOST = 10_000
_TIMES = 10  # and longer than the usual one by that factor


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report texts of more than 10,000 letters that are ten times as long as half of the others."""
    del control  # measuring is instant
    samples = dataset.samples(usable=True)
    lengths = {s.id: max((len(t) for _, t in texts.parts(s.fields)), default=0) for s in samples}
    if not lengths:
        yield Finding("long_texts", 0, "ok", "There are no texts.")
        return
    usual = median(lengths.values())
    long = [s for s in samples if lengths[s.id] > max(MOST, _TIMES * usual)]
    longest = max(samples, key=lambda sample: lengths[sample.id])
    told = f"half have at most {usual:,.0f} letters, the longest ({longest.place})"
    told += f" has {lengths[longest.id]:,}"
    if not long:
        yield Finding("long_texts", 0, "ok", f"No text is far longer than the others: {told}.")
        return
    few = "1 text is" if len(long) == 1 else f"{len(long):,} texts are"
    ids = [sample.id for sample in long]
    yield Finding(
        "long_texts",
        len(long),
        "info",
        f"{few} far longer than the others: {told}. A model reads the beginning of a long text only;"
        f" cut them into {dataset.called[1]} of their own, or exclude them if they are no single text.",
        "Exclude them",
        [sample.place for sample in long[:1000]],
        ids,
        [{"action": "exclude", "ids": ids}],
    )
