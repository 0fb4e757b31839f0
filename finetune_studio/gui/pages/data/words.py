"""Sentences of the Data page, made from plain values; no Qt here."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from finetune_studio.core.dataset import Edit, Sample
from finetune_studio.gui.pages.data.kinds import SPANS, kind_of
from finetune_studio.gui.pages.data.shelf import Survey, View
from finetune_studio.gui.widgets.sample_detail import Detail

@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one sample's file and its past; zeros where it cannot be read."""

    width: int = 0
    height: int = 0
    size: int = 0
    edits: tuple[Edit, ...] = ()
    newest_edit: int = -1
    imported: float = 0.0


def counted(number: int, task: str = "image_classification") -> str:
    """Return ``1 photo`` or ``3,781 photos``."""
    return kind_of(task).counted(number)


def subtitle(survey: Survey, task: str) -> str:
    """Return what stands beside the page's title."""
    if not survey.total:
        return ""
    number, kind = len(survey.classes), kind_of(task)
    total = kind.counted(survey.total)
    kept = "your files are never changed" if kind.is_text else "read where they lie, never changed"
    if kind.shown == SPANS:
        types = "1 type of name" if number == 1 else f"{number:,} types of names"
        return f"{total} · {types} · {kept}"
    if not kind.has_classes:
        return f"{total} · {kept}"
    classes = "1 class" if number == 1 else f"{number:,} classes"
    return f"{total} in {classes} · {kept}"


def narrowed(view: View, number: int, task: str, hint: str = "") -> str:
    """Return in words what is shown, where something is left out; ``hint`` names the filter."""
    called = "" if kind_of(task).shown == SPANS else "class "
    parts = [f"{called}{view.label}" if view.label else "", view.split]
    parts.append(view.ids_title if view.shown == "finding" else "")
    parts.append(hint)
    parts.append(f"“{view.search}”" if view.search else "")
    said = " · ".join(part for part in parts if part)
    return f"{counted(number, task)} · {said}" if said else counted(number, task)


def size(number: int) -> str:
    """Return a file's size with its unit."""
    if number < 1000:
        return f"{number} bytes"
    if number < 1_000_000:
        return f"{number / 1000:,.0f} kB"
    return f"{number / 1e6:,.1f} MB"


def when(moment: float, now: float | None = None) -> str:
    """Return a time of day, with the date if it is not today's."""
    then, today = time.localtime(moment), time.localtime(now)
    clock = time.strftime("%H:%M", then)
    if then[:3] == today[:3]:
        return f"today {clock}"
    day = f"{then.tm_mday} {time.strftime('%b', then)}"
    return f"{day} {clock}" if then.tm_year == today.tm_year else f"{day} {then.tm_year}"


def detail(
    samples: Sequence[Sample], count: int, current: Sample, facts: Facts, root: str
) -> Detail:
    """Return what the panel says about the ``count`` samples that are selected.

    Args:
        samples: Those selected, or the first of very many.
        count: How many are selected.
        current: The one that is shown large.
        facts: What is known of it.
        root: The folder of the data.
    """
    splits = {sample.split for sample in samples}
    split = splits.pop() if len(splits) == 1 else ""
    excluded = all(sample.excluded for sample in samples)
    if count > 1:
        labels = Counter(sample.label or "no label" for sample in samples).most_common(4)
        told = ", ".join(f"{label} {count:,}" for label, count in labels)
        more = "" if len(labels) < 4 and len(samples) == count else ", …"
        return Detail(
            current.path,
            f"{count:,} selected",
            told + more,
            split=split,
            excluded=excluded,
            count=count,
        )
    pixels = f"{facts.width:,} × {facts.height:,} pixels" if facts.width else ""
    parts = (current.split, pixels, size(facts.size) if facts.size else "")
    edits = tuple(
        (f"{edit.text} · {when(edit.time)}", edit.id == facts.newest_edit)
        for edit in facts.edits
        if not edit.undone
    )
    if facts.imported:
        edits += ((f"Imported {when(facts.imported)}", False),)
    return Detail(
        current.path,
        current.label or "no label",
        " · ".join(part for part in parts if part),
        shown_path(current.path, root),
        f"Group: {current.group}" if current.group else "",
        current.problem,
        split,
        excluded,
        edits,
    )


def shown_path(path: str, root: str) -> str:
    """Return a path as it is shown: below the data's folder where it lies there."""
    inside = root.rstrip("/") + "/"
    return path[len(inside) :] if root and path.startswith(inside) else path
