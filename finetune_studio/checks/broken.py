"""Finds files that cannot be read, whatever the reason, and sets them aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from finetune_studio.core import counts
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.reader import NO_FILE
from finetune_studio.modality.examine import examine

_KINDS = 3  # reasons named in the sentence; all are on the samples


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Open every file once; those that cannot be read are kept out of training from then on."""
    yield from examine(dataset, control, retry=True)
    samples = [sample for sample in dataset.samples() if not sample.excluded]
    bad = [sample for sample in samples if sample.problem]
    if not bad:
        yield Finding("broken", 0, "ok", f"All {len(samples):,} files can be read.")
        return
    kinds = Counter(_kind(sample.problem) for sample in bad).most_common(_KINDS)
    reasons = "; ".join(f"{count:,}: {kind}" for kind, count in kinds)
    rest = len(bad) - sum(count for _, count in kinds)
    reasons += f"; {rest:,}: other reasons" if rest else ""
    few = counts.of(len(bad), *dataset.called)
    yield Finding(
        "broken",
        len(bad),
        "bad" if len(bad) > len(samples) / 2 else "warning",
        f"{few} of {len(samples):,} cannot be used and will be set aside ({reasons})."
        " Mend or replace the files and check again, or exclude them.",
        "Exclude them",
        [sample.place for sample in bad[:1000]],
        [sample.id for sample in bad],
        [{"action": "exclude", "ids": [sample.id for sample in bad]}],
    )


def _kind(problem: str) -> str:
    """Return a reason without what only concerns one file."""
    if NO_FILE in problem:
        return "the file is not there"
    words = problem.partition(": ")[2] if ", row " in problem else problem
    return words.partition(" (")[0]
