"""Finds what is likely personal: addresses, numbers of telephones, cards and accounts."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

from finetune_studio.core import counts, texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control
from finetune_studio.modality import personal

# A model can learn to repeat these word by word; the others are often wanted, or public.
_GRAVE = ("payment card", "bank account")
_PLURAL = {"address": "addresses"}
# Without a digit or an at sign there is none of these.
_WORTH = re.compile(r"[@\d]")


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report how many samples hold which kind, with the place of the first of each."""
    samples = dataset.samples(usable=True)
    holders: dict[str, list[Sample]] = defaultdict(list)
    times: Counter[str] = Counter()
    said = time.monotonic()
    for number, sample in enumerate(samples):
        if control.stop.is_set():
            yield Finding("personal_data", 0, "info", "The search for personal data was stopped.")
            return
        if time.monotonic() - said > 0.2:
            said = time.monotonic()
            yield Progress("personal", number, len(samples))
        text = "\n".join(part for _, part in texts.parts(sample.fields))
        kinds = Counter(kind for kind, _ in personal.found(text)) if _WORTH.search(text) else {}
        times.update(kinds)
        for kind in kinds:
            holders[kind].append(sample)
    for severity, kinds_ in (
        ("warning", [kind for kind in holders if kind in _GRAVE]),
        ("info", [kind for kind in holders if kind not in _GRAVE]),
    ):
        if kinds_:
            yield _finding(severity, kinds_, holders, times, dataset.called)
    if not holders:
        message = "No addresses or numbers of persons were found in"
        message += f" {counts.of(len(samples), *dataset.called)}."
        yield Finding("personal_data", 0, "ok", message)


def _finding(
    severity: str,
    kinds: list[str],
    holders: dict[str, list[Sample]],
    times: Counter[str],
    called: tuple[str, str],
) -> Finding:
    told = ", ".join(
        f"{counts.of(times[kind], kind, _several(kind))} (the first in {holders[kind][0].place})"
        for kind in sorted(kinds, key=lambda kind: -times[kind])
    )
    touched = {sample.id: sample for kind in kinds for sample in holders[kind]}
    ids = sorted(touched)
    few = counts.of(len(ids), f"{called[0]} seems", f"{called[1]} seem")
    return Finding(
        "personal_data",
        len(ids),
        severity,
        f"{few} to hold personal data: {told}. A model may repeat them to others; check whether you may"
        f" use them, replace them in your data, or exclude these {called[1]}.",
        "Exclude them",
        [touched[number].place for number in ids[:1000]],
        ids,
        [{"action": "exclude", "ids": ids}],
    )


def _several(kind: str) -> str:
    head, _, last = kind.rpartition(" ")
    return f"{head} {_PLURAL.get(last, last + 's')}"
