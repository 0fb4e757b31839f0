"""Sentences of the Data page, made from plain values; no Qt here."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finetune_studio.core.dataset import Edit, Sample
from finetune_studio.gui.pages.data.kinds import SPANS, TEXT, Kind, kind_of, labels_of
from finetune_studio.gui.pages.data.shelf import Shown, Survey, View
from finetune_studio.gui.pages.data.texts import BARE, Seen, hints_of
from finetune_studio.gui.widgets.sample_detail import Detail

_HASH = re.compile("[0-9a-f]{8,}")  # stands for a text that several questions share


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
    if count > 1:
        return _several(samples, count, current)
    pixels = f"{facts.width:,} × {facts.height:,} pixels" if facts.width else ""
    parts = (current.split, pixels, size(facts.size) if facts.size else "")
    return Detail(
        current.path,
        current.label or "no label",
        " · ".join(part for part in parts if part),
        shown_path(current.path, root),
        f"Group: {current.group}" if current.group else "",
        current.problem,
        current.split,
        current.excluded,
        history(facts),
    )


def _several(samples: Sequence[Sample], count: int, current: Sample) -> Detail:
    splits = {sample.split for sample in samples}
    names = Counter(name for s in samples for name in labels_of(s) or ("no label",))
    if not any(labels_of(sample) for sample in samples):
        names = Counter(sample.split or "no split" for sample in samples)
    labels = names.most_common(4)
    told = ", ".join(f"{label} {number:,}" for label, number in labels)
    more = "" if len(labels) < 4 and len(samples) == count else ", …"
    return Detail(
        current.path,
        f"{count:,} selected",
        told + more,
        split=splits.pop() if len(splits) == 1 else "",
        excluded=all(sample.excluded for sample in samples),
        count=count,
    )


def history(facts: Facts) -> tuple[tuple[str, bool], ...]:
    """Return a sample's edits in words, the newest first, and whether each can be undone."""
    edits = tuple(
        (f"{edit.text} · {when(edit.time)}", edit.id == facts.newest_edit)
        for edit in facts.edits
        if not edit.undone
    )
    return (*edits, (f"Imported {when(facts.imported)}", False)) if facts.imported else edits


def text_detail(
    samples: Sequence[Sample], count: int, current: Sample, facts: Facts, shown: Shown
) -> Detail:
    """Return what the panel says about the ``count`` texts that are selected."""
    if count > 1:
        return _several(samples, count, current)
    kind, seen = shown.kind, shown.seen
    labels = labels_of(current)
    heading = ""
    if kind.shown == TEXT and "labels" not in current.fields:
        heading = labels[0] if labels else "no label"
    elif kind.shown == SPANS:
        heading = "1 name marked" if len(labels) == 1 else f"{len(labels):,} names marked"
    note = seen.notes.get(current.id)
    tokens = seen.lengths.tokens.get(current.id)
    parts = [current.split]
    parts.append(f"{note.words:,} words" if note else "")
    parts.append(f"{tokens:,} tokens" if tokens else "")
    parts += [text for value, text in hints_of(current, kind.shown, seen) if value != BARE]
    return Detail(
        current.path,
        heading,
        " · ".join(part for part in parts if part),
        current.place,
        f"Group: {current.group}" if current.group and not _HASH.fullmatch(current.group) else "",
        current.problem,
        current.split,
        current.excluded,
        history(facts),
    )


def lengths(seen: Seen, kind: Kind) -> tuple[Mapping[int, int], str, int, str]:
    """Return how many texts are how long, the unit, the limit (0: none), and the sentence about them."""
    known, spread = seen.lengths, seen.spread
    if not known.tokens:
        return spread, "words", 0, known.note or _half(spread, "words")
    every, limit = sum(spread.values()), known.limit
    over = sum(count for length, count in spread.items() if length > limit)
    if not over:
        fit = f"All {kind.counted(every)} fit into the {limit:,} tokens that are read."
        return spread, "tokens", limit, fit
    share = f"{100 * over / every:.0f} %" if over * 200 >= every else "under 1 %"
    are = "is" if over == 1 else "are"
    read = "it is read" if over == 1 else "they are read"
    what = f"{read} in several windows" if known.windows else "what lies beyond is cut off"
    told = (
        f"{over:,} of {kind.counted(every)} ({share}) {are} longer than {limit:,} tokens; {what}."
    )
    return spread, "tokens", limit, told


def _half(spread: Mapping[int, int], unit: str) -> str:
    """Say up to which length half of the texts are, and how long the longest is."""
    half, passed = sum(spread.values()) // 2, 0
    for length, count in sorted(spread.items()):
        passed += count
        if passed > half:
            return f"Half have up to {length:,} {unit}, the longest {max(spread):,}."
    return ""


def shown_path(path: str, root: str) -> str:
    """Return a path as it is shown: below the data's folder where it lies there."""
    inside = root.rstrip("/") + "/"
    return path[len(inside) :] if root and path.startswith(inside) else path
