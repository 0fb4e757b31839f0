"""Looks at marked words: types that are rare, and words that are marked in one place and not in another."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control

# Fewer than that in training, and a model cannot tell what they have in common.
FEWEST = 20
_NAMED = 4
_SHORTEST = 4  # letters; shorter words mean several things by themselves
_OFTEN = 5  # times that words are marked before it is odd that they once are not
_AROUND = ".,;:()[]\"'"
_SELDOM = 0.2  # so often at most they stand unmarked, else they mean two things


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report types with few entities, and the same words marked differently."""
    samples = [s for s in dataset.samples(usable=True) if isinstance(s.fields.get("spans"), list)]
    counts = Counter(kind for sample in samples for kind in texts.types(sample))
    if not counts:
        nothing = f"In none of {len(samples):,} texts is a word marked; there is nothing to learn."
        message = nothing if samples else "There are no marked words to look at."
        yield Finding("entities", len(samples), "bad" if samples else "ok", message)
        return
    told = False
    for finding in (_rare(samples), _contrary(samples), _missed(samples, control)):
        if finding is not None:
            told = True
            yield finding
    if not told:
        sizes = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common(_NAMED))
        yield Finding("entities", 0, "ok", f"Marked words are many and marked alike ({sizes}).")


def _rare(samples: list[Sample]) -> Finding | None:
    """Report types with fewer entities to train on than a model needs."""
    every = Counter(kind for sample in samples for kind in texts.types(sample))
    train = Counter(k for s in samples if s.split in ("train", "") for k in texts.types(s))
    rare = {kind: train[kind] for kind in every if train[kind] < FEWEST}
    if not rare:
        return None
    ordered = sorted(rare, key=lambda kind: (rare[kind], kind))
    told = ", ".join(f"{kind} {rare[kind]:,}" for kind in ordered[:_NAMED])
    more = f", and {len(rare) - _NAMED} more types" if len(rare) > _NAMED else ""
    holders = [sample for sample in samples if rare.keys() & set(texts.types(sample))]
    return Finding(
        "entities",
        len(rare),
        "warning" if min(rare.values()) < FEWEST / 4 else "info",
        f"Few marked words to train on: {told}{more}. Mark at least {FEWEST} of each type, or take the"
        " type of a wider meaning.",
        "",
        [sample.place for sample in holders[:1000]],
        [sample.id for sample in holders],
    )


def _contrary(samples: list[Sample]) -> Finding | None:
    """Report the same words under different types."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    holders: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        for words, kind in _marked(sample):
            kinds[words][kind] += 1
            holders[words].append(sample)
    contrary = [words for words, found in kinds.items() if len(found) > 1]
    if not contrary:
        return None
    contrary.sort(key=lambda words: -kinds[words].total())
    told = "; ".join(
        f"{words!r} as " + " and ".join(f"{k} ({n:,})" for k, n in kinds[words].most_common(3))
        for words in contrary[:_NAMED]
    )
    touched = {s.id: s for words in contrary for s in holders[words]}
    return Finding(
        "entities",
        len(contrary),
        "info",
        f"{_few(contrary)} marked differently in different places: {told}. They may well mean"
        " different things there; look at some.",
        "",
        [sample.place for sample in list(touched.values())[:1000]],
        sorted(touched),
    )


def _missed(samples: list[Sample], control: Control) -> Finding | None:
    """Report words that are marked nearly everywhere, where they are not."""
    times = Counter(words for sample in samples for words, _ in _marked(sample))
    known = {w for w, n in times.items() if n >= _OFTEN and len(w) >= _SHORTEST}
    if not known:
        return None
    longest: dict[str, int] = {}  # by the first word
    for words in known:
        first, *rest = words.split()
        longest[first] = max(longest.get(first, 0), len(rest) + 1)
    bare: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if control.stop.is_set():
            return None
        for words in _unmarked(sample, known, longest):
            bare[words].append(sample)
    odd = [w for w, found in bare.items() if len(found) <= _SELDOM * (times[w] + len(found))]
    if not odd:
        return None
    odd.sort(key=lambda words: (-times[words], words))
    told = "; ".join(
        f"{words!r} {times[words]:,} times, but not in {bare[words][0].place}"
        for words in odd[:_NAMED]
    )
    touched = {s.id: s for words in odd for s in bare[words]}
    texts = "1 text" if len(touched) == 1 else f"{len(touched):,} texts"
    return Finding(
        "entities",
        len(touched),
        "info",
        f"{_few(odd)} marked nearly everywhere, but not in {texts}: {told}. Look whether"
        " they were overlooked.",
        "",
        [sample.place for sample in list(touched.values())[:1000]],
        sorted(touched),
    )


def _marked(sample: Sample) -> Iterator[tuple[str, str]]:
    text = str(sample.fields.get("text", ""))
    for start, end, kind in sample.fields["spans"]:
        yield texts.normal(text[start:end]), str(kind)


def _unmarked(sample: Sample, known: set[str], longest: dict[str, int]) -> Iterator[str]:
    """Yield known words where they stand outside of all marked places, the longest first.

    ``longest`` says how many words the longest known phrase has that begins with a word.
    """
    text = str(sample.fields.get("text", ""))
    spans = sample.fields["spans"]
    places = [
        found.span()
        for found in re.finditer(r"\S+", text)
        if not any(a < found.end() and found.start() < b for a, b, _ in spans)
    ]
    words = [texts.normal(text[a:b]).strip(_AROUND) for a, b in places]
    index = 0
    while index < len(places):
        for size in range(min(longest.get(words[index], 0), len(places) - index), 0, -1):
            start, end = places[index][0], places[index + size - 1][1]
            inside = any(start < b and a < end for a, b, _ in spans)
            phrase = " ".join(words[index : index + size])
            if not inside and phrase in known:
                yield phrase
                index += size - 1
                break
        index += 1


def _few(words: list[str]) -> str:
    return "The same words are" if len(words) == 1 else f"{len(words):,} words or phrases are"
