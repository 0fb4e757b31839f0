"""What a sample says: its texts as a reader of them sees them, and what is to be learnt from it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from finetune_studio.core.dataset import Dataset, Sample

_FIELDS = ("text", "question", "context", "messages")
_BLANKS = re.compile(r"\s+")
_SEPARATORS = re.compile(r"[\s_\-]+")


def parts(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each text of a sample with the name of its field, or the role of its message."""
    for name in ("question", "context", "text"):
        if isinstance(fields.get(name), str):
            yield name, fields[name]
    for summary in fields.get("summaries") or ():
        yield "summary", str(summary)
    for message in fields.get("messages") or ():
        if isinstance(message, dict):
            yield str(message.get("role", "")), str(message.get("content", ""))


def spelling(name: str) -> str:
    """Return a name without capitals, and without what separates its words: so alike names are equal."""
    return _SEPARATORS.sub(" ", name).strip().casefold()


def whole(fields: Mapping[str, Any]) -> str:
    """Return all that a sample says but its summaries and the system's messages, which recur."""
    return "\n".join(text for name, text in parts(fields) if name not in ("summary", "system"))


def source(fields: Mapping[str, Any]) -> str:
    """Return the text that must not stand both in training and where it is judged."""
    context = fields.get("context")
    return context if isinstance(context, str) else whole(fields)


def taught(sample: Sample) -> str:
    """Return what is to be learnt from a sample as comparable text; empty where texts alone teach."""
    fields = sample.fields
    if isinstance(fields.get("labels"), list):
        return json.dumps(sorted(map(str, fields["labels"])))
    if isinstance(fields.get("spans"), list):
        return json.dumps(fields["spans"])
    return sample.label or ""


def classes(sample: Sample) -> list[str]:
    """Return the classes of a sample: one, several, or none."""
    labels = sample.fields.get("labels")
    if isinstance(labels, list):
        return [str(label) for label in labels]
    return [] if sample.label is None else [sample.label]


def types(sample: Sample) -> list[str]:
    """Return the types of a sample's spans, each as often as it occurs."""
    spans = sample.fields.get("spans")
    return [str(span[2]) for span in spans] if isinstance(spans, list) else []


def normal(text: str) -> str:
    """Return a text without what does not matter when two are compared: capitals and blanks."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def are_held(dataset: Dataset) -> bool:
    """Whether a dataset's samples are texts rather than pictures."""
    some = list(islice((s for s in dataset.samples() if not s.problem), 20))
    return any(any(name in sample.fields for name in _FIELDS) for sample in some)
