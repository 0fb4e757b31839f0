"""How many validation samples are copies of training samples, found without decoding anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset, Sample

_MOST_READ = 256 * 2**20  # bytes of files of the same size; more are not compared
_FEWEST = 4  # words; shorter texts recur by themselves
_KEPT = (
    "copies",
    "near copies of texts",
    "copies of texts",
)  # what the checks found, if they were run


def in_training(
    dataset: Dataset, train: Sequence[Sample], validation: Sequence[Sample]
) -> int | None:
    """Return how many validation samples stand in training too; None if it could not be found out.

    Texts are the same if only capitals and blanks differ, files if all their bytes are equal. What
    the checks have found before (near copies too) is known as well.
    """
    if any(texts.source(s.fields) for s in (*train[:1], *validation[:1])):
        seen = {_text(sample) for sample in train} - {""}
        same = {sample.id for sample in validation if _text(sample) in seen}
    else:
        found = _same_files(train, validation)
        if found is None:
            return None
        same = found
    numbers = {sample.id for sample in train}
    kept = _kept(dataset)
    same |= {s.id for s in validation if any(n in numbers for n in kept.get(s.id, ()))}
    return len(same)


def _text(sample: Sample) -> str:
    text = texts.normal(texts.source(sample.fields))
    return text if len(text.split(" ", _FEWEST)) >= _FEWEST else ""


def _same_files(train: Sequence[Sample], validation: Sequence[Sample]) -> set[int] | None:
    """Return the validation samples whose file's content is that of a training sample's file."""
    sizes = _sizes(train)
    asked = [(sample, size) for sample, size in _sized(validation) if size in sizes]
    wanted = {size for _, size in asked}
    rivals = [path for size in wanted for path in sizes[size]]
    own = sum(size for _, size in asked)
    if own + sum(size * len(sizes[size]) for size in wanted) > _MOST_READ:
        return None
    known = {_content(path) for path in rivals} - {b""}
    return {sample.id for sample, _ in asked if _content(sample.path) in known}


def _sized(samples: Iterable[Sample]) -> Iterable[tuple[Sample, int]]:
    for sample in samples:
        try:
            yield sample, Path(sample.path).stat().st_size
        except OSError:
            continue


def _sizes(samples: Iterable[Sample]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for sample, size in _sized(samples):
        found.setdefault(size, []).append(sample.path)
    return found


def _content(path: str) -> bytes:
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).digest()
    except OSError:
        return b""


def _kept(dataset: Dataset) -> dict[int, set[int]]:
    """Return for each sample those that the checks called its copies."""
    found: dict[int, set[int]] = {}
    for name in _KEPT:
        kept = json.loads(dataset.get(name, "{}") or "{}")
        for some in (*kept.get("exact", ()), *kept.get("near", ())):
            for number in some:
                found.setdefault(number, set()).update(set(some) - {number})
    return found
