"""Finds classes and types of entities whose names differ only in capitals or blanks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control

_NAMED = 3


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report names that are the same but for how they are written, and offer to merge them."""
    del control  # counting is instant
    samples = dataset.samples(usable=True)
    told = False
    for what, names_of in (("classes", texts.classes), ("types", texts.types)):
        counts = Counter(name for sample in samples for name in names_of(sample))
        alike = _alike(counts)
        if alike:
            told = True
            yield _finding(what, alike, counts, samples, names_of)
    if not told:
        yield Finding("label_names", 0, "ok", "No two names of classes are written almost alike.")


def _alike(counts: Counter[str]) -> list[list[str]]:
    """Return sets of names that are the same without capitals and blanks, the most frequent first."""
    same: dict[str, list[str]] = defaultdict(list)
    for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        same[texts.spelling(name)].append(name)
    return [names for names in same.values() if len(names) > 1]


def _finding(
    what: str,
    alike: list[list[str]],
    counts: Counter[str],
    samples: list[Sample],
    names_of: Callable[[Sample], list[str]],
) -> Finding:
    told = "; ".join(
        " and ".join(f"{name!r} ({counts[name]:,})" for name in names) for names in alike[:_NAMED]
    )
    more = f"; and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
    rare = {name for names in alike for name in names[1:]}
    touched = [sample for sample in samples if rare & set(names_of(sample))]
    ids = [sample.id for sample in touched]
    return Finding(
        "label_names",
        len(rare),
        "warning",
        f"These {what} differ only in capitals, blanks or hyphens, so a model would have to tell apart"
        f" what is the same: {told}{more}. Merging takes the more frequent name for all.",
        "Merge them",
        [sample.place for sample in touched[:1000]],
        ids,
        [
            {"action": "merge", "ids": [], "value": {"names": names, "into": names[0]}}
            for names in alike
        ],
    )
