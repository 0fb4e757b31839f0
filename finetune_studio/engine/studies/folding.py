"""Divides samples into folds of which each is judged once: stratified, and never through a group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.splits import rarest


def divide(samples: Sequence[Sample], folds: int, seed: int) -> list[list[int]]:
    """Return the numbers of the samples of each fold.

    Each class has about the same share in every fold (Kohavi 1995). A sample of several classes, or with
    several kinds of spans, counts as the one that the fewest samples have; where there are no classes, all
    count alike. Where samples belong to groups, no group is in two folds (scikit-learn's
    ``StratifiedGroupKFold``), a sample without a group being one of its own.

    Raises:
        StudioError: If there are too few samples, or groups, for so many folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kinds = rarest([sample.names for sample in samples])
    grouped = any(sample.group is not None for sample in samples)
    groups = [f"g{s.group}" if s.group is not None else f"s{s.id}" for s in samples]
    _refuse_too_few(len(set(groups)), folds, "groups" if grouped else "samples")
    if grouped:
        dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    else:
        dealer = StratifiedKFold(folds, shuffle=True, random_state=seed)
        kinds = _large_enough(kinds, folds)
    parts = dealer.split(kinds, kinds, groups if grouped else None)
    found = [[samples[place].id for place in judging] for _, judging in parts]
    if not all(found):
        raise StudioError(
            f"The groups are too unequal for {folds} folds: one would be empty.",
            "Choose fewer folds.",
        )
    return found


def set_apart(samples: Sequence[Sample], share: float, seed: int) -> dict[str, list[int]]:
    """Return the numbers of samples to learn from (``train``) and to pick the epoch with (``validation``).

    The second is about that share of all, divided as folds are: stratified, and never through a group.

    Raises:
        StudioError: If there are fewer than two samples, or groups.
    """
    clusters = {f"g{s.group}" if s.group is not None else f"s{s.id}" for s in samples}
    parts = divide(samples, max(2, min(round(1 / share), len(clusters))), seed)
    nearest = min((abs(len(part) - share * len(samples)), n) for n, part in enumerate(parts))
    chosen = set(parts[nearest[1]])
    return {
        "train": sorted(s.id for s in samples if s.id not in chosen),
        "validation": sorted(chosen),
    }


def thin(samples: Sequence[Sample], folds: int) -> list[str]:
    """Return the classes with fewer samples (or groups of them) than folds, the smallest first.

    In some folds none of theirs is judged, and one that has a single sample is judged untaught.
    """
    clusters: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        for name in set(sample.names):
            clusters[name].add(f"g{sample.group}" if sample.group is not None else f"s{sample.id}")
    few = {name: len(found) for name, found in clusters.items() if len(found) < folds}
    return sorted(few, key=lambda name: (few[name], name))


def _refuse_too_few(count: int, folds: int, what: str) -> None:
    if count < folds:
        raise StudioError(
            f"{folds} folds need at least {folds} {what}; there are {count} beside the test split.",
            f"Choose at most {count} folds." if count > 1 else "Add samples.",
        )


def _large_enough(kinds: list[str], folds: int) -> list[str]:
    """Return kinds, those with fewer samples than folds as one: they cannot be in every fold."""
    counts = Counter(kinds)
    found = [kind if counts[kind] >= folds else "" for kind in kinds]
    return found if Counter(found)[""] in (0, *range(folds, len(kinds) + 1)) else [""] * len(kinds)
