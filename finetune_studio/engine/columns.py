"""What is known of samples beside what they show: columns of the data, size, brightness, length, source."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.splits import split_named
from finetune_studio.modality import measures
from finetune_studio.modality.measures import Measured

# What tasks put into fields themselves, and where a sample stood in its file.
_OWN = frozenset(
    {"text", "question", "context", "answers", "summaries", "messages", "labels", "spans"}
    | {"row", "split_words", "tokens", "tags", "id"}
)
_LONGEST = 60  # letters of a value; longer ones are texts, not categories

Columns = dict[str, dict[int, float | str]]


def columns(dataset: Dataset, samples: Sequence[Sample]) -> Columns:
    """Return every column that has at least two values, by its name, with each sample's value.

    Pictures are opened where nothing is known of their brightness yet.
    """
    found: Columns = {}
    for sample in samples:
        for name, value in sample.fields.items():
            if name not in _OWN and _is_plain(value):
                found.setdefault(name, {})[sample.id] = _plain(value)
    _lengths(samples, found)
    _sources(dataset, samples, found)
    _pictures(dataset, [s for s in samples if s.path], found)
    return {name: values for name, values in found.items() if len(set(values.values())) > 1}


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _LONGEST
    return isinstance(value, int | float | bool)


def _plain(value: object) -> float | str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, int | float) else str(value)


def _lengths(samples: Iterable[Sample], found: Columns) -> None:
    for sample in samples:
        if said := texts.whole(sample.fields):
            found.setdefault("words", {})[sample.id] = float(len(said.split()))


def _sources(dataset: Dataset, samples: Sequence[Sample], found: Columns) -> None:
    """Note the folder that a file lies in, without the parts that are a class or a split."""
    base, names = str(dataset.root), dataset.names_ever()
    for sample in samples:
        if not sample.path:
            continue
        place = os.path.relpath(sample.path, base) if base else sample.path
        folders = PurePath(place).parts[:-1]
        parts = [part for part in folders if part not in names and split_named(part) is None]
        found.setdefault("folder", {})[sample.id] = "/".join(parts) or "."
        found.setdefault("file type", {})[sample.id] = PurePath(place).suffix.lower() or "none"


def _pictures(dataset: Dataset, samples: Sequence[Sample], found: Columns) -> None:
    if not samples:
        return
    looks = dataset.traces()
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1), "measure") as pool:
        measured = pool.map(lambda s: measures.of_picture(s.path, _look(looks, s.id)), samples)
        for sample, known in zip(samples, measured, strict=True):
            if known is not None:
                _note(found, sample.id, known)


def _look(looks: Mapping[int, object], number: int) -> bytes:
    trace = looks.get(number)
    return bytes(getattr(trace, "look", b""))


def _note(found: Columns, number: int, known: Measured) -> None:
    found.setdefault("longer side (pixels)", {})[number] = float(max(known.width, known.height))
    found.setdefault("width to height", {})[number] = round(known.width / known.height, 3)
    found.setdefault("brightness", {})[number] = round(known.brightness, 1)
    found.setdefault("file size (KB)", {})[number] = round(known.bytes / 1024, 1)
