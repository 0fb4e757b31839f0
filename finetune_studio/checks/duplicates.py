"""Finds pictures or texts that are there more than once, as equal ones or as near copies."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from finetune_studio.core import counts, texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.splits import SPLITS
from finetune_studio.modality.likeness import Copies

_SET = list[Sample]


_NEAR_PICTURES = "scaled, compressed again, mirrored, or taken in one burst"
_NEAR_TEXTS = "some words are others"


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report exact copies, near copies, and copies that carry different labels."""
    written, called = texts.are_held(dataset), dataset.called
    found = yield from _copies(dataset, control, written=written)
    if found is None:
        yield Finding("duplicates", 0, "info", "The search for copies was stopped.")
        return
    samples = {sample.id: sample for sample in dataset.samples(usable=True)}
    exact = [[samples[n] for n in numbers] for numbers in found.exact]
    near = [[samples[n] for n in numbers] for numbers in found.near]
    # Of texts that differ in a word the label may well differ: there only equal ones contradict.
    alike = exact if written else _whole(exact, near)
    torn = [some for some in alike if _labels(some) > 1]
    exact = [some for some in exact if _labels(some) == 1]
    near = [some for some in near if _labels(some) == 1]
    if not (torn or exact or near):
        yield Finding("duplicates", 0, "ok", f"No copies among {counts.of(len(samples), *called)}.")
    if torn:
        yield _disagreeing(torn, called)
    if exact:
        what = "exact copies of others. Copies teach nothing new and count double"
        yield _superfluous(exact, "warning", what, called)
    if near:
        like = _NEAR_TEXTS if written else _NEAR_PICTURES
        what = f"almost the same as others ({like}). Look at them before you exclude any"
        yield _superfluous(near, "info", what, called)


def _copies(
    dataset: Dataset, control: Control, *, written: bool
) -> Generator[Progress, None, Copies | None]:
    if not written:
        from finetune_studio.modality import examine

        return (yield from examine.copies(dataset, control))
    from finetune_studio.modality import repeats

    # Questions on one text are alike without being copies.
    near = not any("question" in sample.fields for sample in dataset.samples(usable=True)[:20])
    return (yield from repeats.copies(dataset, control, texts.whole, near=near))


def _whole(exact: Sequence[_SET], near: Sequence[_SET]) -> list[_SET]:
    """Return every set once: near sets hold their exact copies already."""
    inside = {sample.id for some in near for sample in some}
    return [*near, *(some for some in exact if some[0].id not in inside)]


def _labels(some: _SET) -> int:
    return len({texts.taught(sample) for sample in some})


def _superfluous(
    found: Sequence[_SET], severity: str, what: str, called: tuple[str, str]
) -> Finding:
    """Offer to exclude all but one of each set.

    The one that stays is in the split that is used first: what a model may have learned from must
    not judge it.
    """
    spare = [s for some in found for s in sorted(some, key=_first_used)[1:]]
    few = counts.of(len(spare), *called)
    sets = "1 set" if len(found) == 1 else f"{len(found):,} sets"
    return Finding(
        "duplicates",
        len(spare),
        severity,
        f"{few} in {sets} {'is' if len(spare) == 1 else 'are'} {what}.",
        "Keep one of each set",
        [sample.place for some in found for sample in some][:1000],
        [sample.id for some in found for sample in some],
        [{"action": "exclude", "ids": [sample.id for sample in spare]}],
    )


def _disagreeing(found: Sequence[_SET], called: tuple[str, str]) -> Finding:
    samples = [sample for some in found for sample in some]
    names = " and ".join(sorted({_said(sample) for sample in found[0]}))
    sets = counts.of(len(found), f"{called[0]} is", f"{called[1]} are")
    return Finding(
        "duplicates",
        len(samples),
        "bad",
        f"{sets} there several times with different labels (the first as {names}), so at least one"
        f" label of each is wrong. Correct them, or exclude these {called[1]} until it is clear.",
        "Exclude them all",
        [sample.place for sample in samples[:1000]],
        [sample.id for sample in samples],
        [{"action": "exclude", "ids": [sample.id for sample in samples]}],
    )


def _said(sample: Sample) -> str:
    """Return a sample's label for people: its class, its classes, or the words that are marked."""
    spans = sample.fields.get("spans")
    if isinstance(spans, list):
        text = str(sample.fields.get("text", ""))
        return ", ".join(f"{text[a:b]!r}: {kind}" for a, b, kind in spans[:3]) or "nothing marked"
    return ", ".join(texts.classes(sample)) or "no class"


def _first_used(sample: Sample) -> tuple[int, int]:
    order = SPLITS.index(sample.split) if sample.split in SPLITS else len(SPLITS)
    return order, sample.id
