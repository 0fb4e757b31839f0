"""Finds pictures that are there more than once, as equal files or as near copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.splits import SPLITS
from finetune_studio.modality.examine import copies

_SET = list[Sample]


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report exact copies, near copies, and copies that carry different labels."""
    found = yield from copies(dataset, control)
    if found is None:
        yield Finding("duplicates", 0, "info", "The search for copies was stopped.")
        return
    samples = {sample.id: sample for sample in dataset.samples(usable=True)}
    exact = [[samples[n] for n in numbers] for numbers in found.exact]
    near = [[samples[n] for n in numbers] for numbers in found.near]
    torn = [some for some in _whole(exact, near) if _labels(some) > 1]
    exact = [some for some in exact if _labels(some) == 1]
    near = [some for some in near if _labels(some) == 1]
    if not (torn or exact or near):
        yield Finding("duplicates", 0, "ok", f"No copies among {len(samples):,} samples.")
    if torn:
        yield _disagreeing(torn)
    if exact:
        what = "are exact copies of others. Copies teach nothing new and count double"
        yield _superfluous(exact, "warning", what)
    if near:
        what = (
            "look almost the same as others (scaled, compressed again, mirrored, or taken in one"
            " burst). Look at them before you exclude any"
        )
        yield _superfluous(near, "info", what)


def _whole(exact: Sequence[_SET], near: Sequence[_SET]) -> list[_SET]:
    """Return every set once: near sets hold their exact copies already."""
    inside = {sample.id for some in near for sample in some}
    return [*near, *(some for some in exact if some[0].id not in inside)]


def _labels(some: _SET) -> int:
    return len({sample.label_id for sample in some})


def _superfluous(found: Sequence[_SET], severity: str, what: str) -> Finding:
    """Offer to exclude all but one of each set.

    The one that stays is in the split that is used first: what a model may have learned from must
    not judge it.
    """
    spare = [s for some in found for s in sorted(some, key=_first_used)[1:]]
    few = "1 picture" if len(spare) == 1 else f"{len(spare):,} pictures"
    sets = "1 set" if len(found) == 1 else f"{len(found):,} sets"
    return Finding(
        "duplicates",
        len(spare),
        severity,
        f"{few} in {sets} {what}.",
        "Keep one of each set",
        [sample.path for some in found for sample in some][:1000],
        [sample.id for some in found for sample in some],
        [{"action": "exclude", "ids": [sample.id for sample in spare]}],
    )


def _disagreeing(found: Sequence[_SET]) -> Finding:
    samples = [sample for some in found for sample in some]
    first = found[0]
    names = " and ".join(sorted({str(sample.label) for sample in first}))
    sets = "1 picture is" if len(found) == 1 else f"{len(found):,} pictures are"
    return Finding(
        "duplicates",
        len(samples),
        "bad",
        f"{sets} there several times with different labels (the first as {names}), so at least one"
        " label of each is wrong. Correct them, or exclude these samples until it is clear.",
        "Exclude them all",
        [sample.path for sample in samples[:1000]],
        [sample.id for sample in samples],
        [{"action": "exclude", "ids": [sample.id for sample in samples]}],
    )


def _first_used(sample: Sample) -> tuple[int, int]:
    order = SPLITS.index(sample.split) if sample.split in SPLITS else len(SPLITS)
    return order, sample.id
