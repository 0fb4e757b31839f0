"""Finds pictures, texts and groups that stand both in training and where it is judged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from finetune_studio.core import counts, texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.splits import SPLITS, divide
from finetune_studio.modality import likeness
from finetune_studio.modality.likeness import Copies

# A split that would lose more than this by moving copies away is better divided anew.
_MOST_LOST = 1 / 3


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report copies that straddle splits, and groups that do."""
    written = texts.are_held(dataset)
    found = yield from _copies(dataset, control, written=written)
    if found is None:
        yield Finding("leakage", 0, "info", "The search for copies was stopped.")
        return
    samples = {sample.id: sample for sample in dataset.samples(usable=True)}
    if len({sample.split for sample in samples.values()}) < 2:
        all_ = f"All {dataset.called[1]} are in one split, so none can straddle two."
        yield Finding("leakage", 0, "ok", all_)
        return
    alike = [*found.exact, *found.near]
    groups = _groups(samples)
    everything = _joined([*alike, *groups])
    told = False
    for what, sets in (("copies", alike), ("groups", groups)):
        straddling = [some for some in sets if len({samples[n].split for n in some}) > 1]
        if straddling:
            told = True
            touched = {n for some in straddling for n in some}
            whole = [some for some in everything if touched & set(some)]
            kind = "texts" if written and what == "copies" else what
            yield _finding(kind, _joined(straddling), whole, everything, samples, dataset.called)
    if not told:
        yield Finding("leakage", 0, "ok", "No copy and no group stands in two splits.")


def _copies(
    dataset: Dataset, control: Control, *, written: bool
) -> Generator[Progress, None, Copies | None]:
    if written:
        from finetune_studio.modality import repeats

        return (yield from repeats.copies(dataset, control, texts.source))
    from finetune_studio.modality import examine

    return (yield from examine.copies(dataset, control))


def _groups(samples: dict[int, Sample]) -> list[list[int]]:
    members: dict[str, list[int]] = defaultdict(list)
    for sample in samples.values():
        if sample.group is not None:
            members[sample.group].append(sample.id)
    return [numbers for numbers in members.values() if len(numbers) > 1]


def _joined(sets: Sequence[Sequence[int]]) -> list[list[int]]:
    """Join sets that share a member, so that what is moved together includes all of its kin."""
    return likeness.sets([(some[0], other) for some in sets for other in some[1:]])


def _finding(
    what: str,
    straddling: list[list[int]],
    whole: list[list[int]],
    everything: list[list[int]],
    samples: dict[int, Sample],
    called: tuple[str, str],
) -> Finding:
    ids = sorted(n for some in straddling for n in some)
    judging = sum(_late(n, some, samples) for some in straddling for n in some)
    sets, one = counts.of(len(straddling), "set"), "text" if what == "texts" else "picture"
    has = "has" if judging == 1 else "have"
    told = (
        f"{counts.of(judging, one)} in validation or test {has} a copy or near copy"
        f" in a split that is used before ({sets})"
        if what != "groups"
        else f"{counts.of(len(straddling), 'group is', 'groups are')} torn between splits, with"
        f" {counts.of(judging, *called)} in"
        " validation or test"
    )
    edits, remedy, meaning = _remedy(whole, everything, samples, called[1])
    return Finding(
        "leakage",
        judging,
        "warning" if what == "groups" else "bad",
        f"{told}. Scores would look better than they are. {meaning}",
        remedy,
        [samples[n].place for n in ids[:1000]],
        ids,
        edits,
    )


def _remedy(
    whole: list[list[int]], everything: list[list[int]], samples: dict[int, Sample], many: str
) -> tuple[list[dict[str, Any]], str, str]:
    """Return edits, the words on the button, and what they mean.

    A set moves into the split of it that is used first. The other way, training samples would become
    judges of runs that have learned from them.
    """
    moves: dict[str, list[int]] = defaultdict(list)
    lost: Counter[str] = Counter()
    for some in whole:
        home = min((samples[n].split for n in some), key=_order)
        for number in some:
            if samples[number].split != home:
                moves[home].append(number)
                lost[samples[number].split] += 1
    sizes = Counter(sample.split for sample in samples.values())
    if any(lost[split] > _MOST_LOST * sizes[split] for split in lost):
        return _divided_anew(everything, samples, sizes, many)
    left = " and ".join(
        f"{split} keeps {sizes[split] - lost[split]:,} of {sizes[split]:,}"
        for split in SPLITS
        if lost[split]
    )
    meaning = (
        "The remedy moves each set together into the split that is used first, because what a model"
        f" has learned from must not judge it; {left}."
    )
    edits = [{"action": "move", "ids": sorted(n), "value": split} for split, n in moves.items()]
    return edits, "Move them together", meaning


def _divided_anew(
    everything: list[list[int]], samples: dict[int, Sample], sizes: Counter[str], many: str
) -> tuple[list[dict[str, Any]], str, str]:
    """Divide all samples again in the same shares, each set kept together."""
    numbers = sorted(samples)
    home = {n: index for index, some in enumerate(everything) for n in some}
    shares = {split: sizes[split] / len(samples) for split in SPLITS[1:] if sizes[split]}
    chosen = divide(
        [samples[n].label or "" for n in numbers], [home.get(n) for n in numbers], shares, seed=0
    )
    moves: dict[str, list[int]] = defaultdict(list)
    for number, split in zip(numbers, chosen, strict=True):
        if samples[number].split != split:
            moves[split].append(number)
    meaning = (
        f"So many straddle that a split would lose most of its {many}; the remedy divides all {many}"
        " anew and keeps what belongs together in one split. Runs made before cannot be compared with"
        " those made after."
    )
    edits = [{"action": "move", "ids": ids, "value": split} for split, ids in moves.items()]
    return edits, "Divide anew, kept together", meaning


def _late(number: int, some: Sequence[int], samples: dict[int, Sample]) -> bool:
    """Whether a sample judges although its kin was used before."""
    return _order(samples[number].split) > min(_order(samples[n].split) for n in some)


def _order(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)
