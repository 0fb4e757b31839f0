"""Says which rows cannot be used and why, so that nothing is missing without a word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from finetune_studio.core import counts
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control

_KINDS = 3  # reasons named in the sentence; all are on the samples
_VARYING = re.compile(r"'[^']*'|\d+")


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report the samples that the reader set aside, by reason."""
    del control  # counting is instant
    samples = [sample for sample in dataset.samples() if not sample.excluded]
    bad = [sample for sample in samples if sample.problem]
    if not bad:
        yield Finding(
            "set_aside", 0, "ok", f"{counts.all_of(len(samples), *dataset.called)} can be used."
        )
        return
    times: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for sample in bad:
        key = _VARYING.sub("", sample.problem.partition(": ")[2] or sample.problem)
        times[key] += 1
        examples.setdefault(key, sample.problem)
    told = "; ".join(
        examples[key] if count == 1 else f"{count:,} like {examples[key]}"
        for key, count in times.most_common(_KINDS)
    )
    rest = times.total() - sum(count for _, count in times.most_common(_KINDS))
    told += f"; {rest:,} for other reasons" if rest else ""
    few = counts.of(len(bad), *dataset.called)
    ids = [sample.id for sample in bad]
    yield Finding(
        "set_aside",
        len(bad),
        "bad" if len(bad) > len(samples) / 2 else "warning",
        f"{few} of {len(samples):,} cannot be used and will be left out ({told}). Mend the data and"
        f" import them again, or exclude these {dataset.called[1]}.",
        "Exclude them",
        [sample.place for sample in bad[:1000]],
        ids,
        [{"action": "exclude", "ids": ids}],
    )
