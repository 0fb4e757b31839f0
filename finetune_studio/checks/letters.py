"""Finds letters that were read in a wrong encoding, such as ``Ã©`` where ``é`` was written."""

from __future__ import annotations

from collections.abc import Iterator

from finetune_studio.core import counts, texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control
from finetune_studio.modality import mojibake


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report broken letters, which can be mended, and lost ones, which cannot."""
    broken: list[Sample] = []
    lost: list[Sample] = []
    example = ""
    for sample in dataset.samples(usable=True):
        if control.stop.is_set():
            yield Finding("letters", 0, "info", "The look at letters was stopped.")
            return
        text = "\n".join(part for _, part in texts.parts(sample.fields))
        if text.isascii():
            continue
        if mojibake.LOST in text:
            lost.append(sample)
        if (whole := mojibake.mended(text)) != text:
            broken.append(sample)
            example = example or _difference(text, whole)
    if broken:
        yield _broken(broken, example, dataset.called)
    if lost:
        yield _lost(lost, dataset.called)
    if not broken and not lost:
        yield Finding("letters", 0, "ok", "No letter seems to have been read in a wrong encoding.")


def _broken(found: list[Sample], example: str, called: tuple[str, str]) -> Finding:
    ids = [s.id for s in found if mojibake.mended_fields(s.fields)]
    few = counts.of(len(found), f"{called[0]} has", f"{called[1]} have")
    way = "Mending rewrites them" if ids else "Places in these texts are counted, so mend the file"
    return Finding(
        "letters",
        len(found),
        "warning",
        f"{few} letters that were read in a wrong encoding before they came here ({example}; the first:"
        f" {found[0].place}). {way}, or choose another encoding at the import.",
        "Mend the letters" if ids else "",
        [sample.place for sample in found[:1000]],
        [sample.id for sample in found],
        [{"action": "mend", "ids": ids}] if ids else [],
    )


def _lost(found: list[Sample], called: tuple[str, str]) -> Finding:
    few = counts.of(len(found), f"{called[0]} has", f"{called[1]} have")
    ids = [sample.id for sample in found]
    return Finding(
        "letters",
        len(found),
        "info",
        f"{few} letters that were lost when they were read in a wrong encoding ({mojibake.LOST}; the"
        f" first: {found[0].place}). Import the original again with the right encoding, if there is one.",
        "Exclude them",
        [sample.place for sample in found[:1000]],
        ids,
        [{"action": "exclude", "ids": ids}],
    )


def _difference(before: str, after: str) -> str:
    """Return the first words that mending changes, before and after."""
    pairs = zip(before.split(), after.split(), strict=False)
    one, other = next(((a, b) for a, b in pairs if a != b), (before[:20], after[:20]))
    return f"{one[:30]} for {other[:30]}"
