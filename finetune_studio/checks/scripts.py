"""Finds texts in another script than the others: a hint at several languages in one dataset."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control

_SCRIPTS = {
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f",
    "Hebrew": "\u0590-\u05ff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "Devanagari": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Kana": "\u3040-\u30ff",
    "Chinese": "\u3400-\u4dbf\u4e00-\u9fff",
}
_RUNS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_SEEN = 400  # letters of a text, which show its script
_FEWEST = 5  # letters of a script; fewer may be a name or a sign


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report how many texts are mostly in which script, where there are several."""
    samples = dataset.samples(usable=True)
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if control.stop.is_set():
            yield Finding("scripts", 0, "info", "The look at scripts was stopped.")
            return
        if script := script_of(texts.whole(sample.fields)):
            found[script].append(sample)
    if len(found) < 2:
        only = next(iter(found), "")
        message = (
            f"All texts are in one script ({only})." if only else "No text has a known script."
        )
        yield Finding("scripts", 0, "ok", message)
        return
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    told = ", ".join(f"{len(some):,} {name}" for name, some in ordered)
    rare = [sample for _, some in ordered[1:] for sample in some]
    yield Finding(
        "scripts",
        len(rare),
        "info",
        f"The texts are in {len(found)} scripts ({told}). Take a model that knows all of these"
        f" languages, or one language only; the first that is not {ordered[0][0]}: {rare[0].place}.",
        f"Keep only {ordered[0][0]}",
        [sample.place for sample in rare[:1000]],
        [sample.id for sample in rare],
        [{"action": "exclude", "ids": [sample.id for sample in rare]}],
    )


def script_of(text: str) -> str:
    """Return the script of most of a text's first letters; Japanese wherever there is some kana."""
    head = text[:_SEEN]
    if head.isascii():
        return "Latin" if len(_RUNS["Latin"].findall(head)) >= _FEWEST else ""
    counts = Counter({name: len(letters.findall(head)) for name, letters in _RUNS.items()})
    if counts["Kana"] >= 3 and counts["Kana"] + counts["Chinese"] >= max(counts.values()):
        return "Japanese"
    script, letters = counts.most_common(1)[0]
    return script if letters >= _FEWEST or (script in ("Chinese", "Hangul") and letters) else ""
