"""Reads texts with marked places from JSON lines, in the shapes that labelling programs write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune_studio.core import counts, lines, tagging
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.lines import Part, Parts, Record
from finetune_studio.core.reader import Description, Reader
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.splits import split_named

SUFFIXES = frozenset({".jsonl", ".ndjson", ".json", lines.PARQUET})
_LOOKED = 20_000  # records of a file that are counted before it is read
_TEXTS = ("text", "data", "sentence", "content")
_SPANS = ("spans", "entities", "label", "labels", "annotations", "ner")
_TAGS = ("ner_tags", "tags", "labels", "ner")
_STARTS, _ENDS = ("start", "start_offset", "begin"), ("end", "end_offset", "stop")
_TYPES = ("label", "labels", "type", "tag", "entity", "entity_group", "category")
_SPLITS = ("split", "set")
_HINT = (
    'Each line must look like {"text": "He lives in Rome.", "spans": [[12, 16, "Place"]]}, where a'
    " span says its first letter, the one after its last, and its type."
)


@dataclass
class Marked:
    """A text and its spans as a record says them; ``problem`` says why it cannot be used."""

    text: str = ""
    spans: list[list[Any]] = field(default_factory=list)
    words: bool = False
    problem: str = ""
    trimmed: int = 0
    repaired: int = 0


class SpanLines(Reader):
    """Texts with spans, in files that may be splits."""

    name = "span_lines"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.95 where records hold a text and spans in it."""
        del names
        try:
            found = lines.parts(path, SUFFIXES).files[:20]
        except StudioError:
            return 0.0
        if any(_holds_spans(part) for part in found):
            return 0.95
        return lines.FALLBACK if path.is_file() and path.suffix.lower() in SUFFIXES else 0.0

    def root(self, path: Path) -> Path:
        """Return the folder itself, or the one the file lies in."""
        return path if path.is_dir() else path.parent

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a record; one with a span that cannot be carries that as its problem."""
        del names
        for part in _parts(path, choices).files:
            scheme = _scheme(part)
            for record in lines.records(part):
                yield _row(part, record, scheme)[0]

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which types there are, and what is trimmed or repaired."""
        del names
        parts = _parts(path, choices)
        types: Counter[str] = Counter()
        trimmed = repaired = 0
        for part in parts.files:
            scheme = _scheme(part)
            for index, record in enumerate(lines.records(part)):
                if index == _LOOKED:
                    break
                row, marked = _row(part, record, scheme)
                types.update(span[2] for span in row.fields.get("spans", []))
                trimmed += marked.trimmed
                repaired += marked.repaired
        notes = [*parts.notes, *lines.encoding_notes(parts)]
        if trimmed:
            notes.append(
                f"{counts.of(trimmed, 'span is', 'spans are')} trimmed, as blanks stand at the ends."
            )
        if repaired:
            notes.append(
                f"{counts.of(repaired, 'tag is', 'tags are')} repaired that broke the scheme."
            )
        names_ = [name for name, _ in types.most_common()]
        shown = ", ".join(names_[:6]) + (f" and {len(names_) - 6} more" if len(names_) > 6 else "")
        title = f"Texts with spans in {parts.listed}; {counts.of(len(names_), 'type')}: {shown or 'none'}"
        return Description(title, tuple(notes))


def _parts(path: Path, choices: DataChoices) -> Parts:
    """Return the files to read.

    Raises:
        StudioError: If none holds texts with spans.
    """
    found = lines.parts(path, SUFFIXES, choices.encoding)
    if not found.files:
        raise StudioError(f"There is no file of JSON lines in {path}.", _HINT)
    if len(found.files) == 1:
        lines.refuse_unreadable(found.files[0])
        return found
    kept = tuple(part for part in found.files if _holds_spans(part))
    if not kept:
        raise StudioError(f"No file in {path} holds texts with spans.", _HINT)
    left = [part.name for part in found.files if part not in kept]
    note = (f"Left out, as they hold no texts with spans: {', '.join(left[:5])}.",) if left else ()
    return Parts(found.root, kept, found.notes + note)


def _holds_spans(part: Part) -> bool:
    """Whether some of the first records hold a text with spans, or words with tags."""
    for value in lines.first_records(part):
        record = _plain(value)
        if record is None:
            continue
        if _words_of(record) is not None:
            return True
        spans = _first(record, _SPANS)
        if isinstance(_first(record, _TEXTS), str) and isinstance(spans, list):
            if not spans and set(record) & {"spans", "entities"}:
                return True
            if spans and all(_parsed(span) is not None for span in spans):
                return True
    return False


def _scheme(part: Part) -> tagging.Scheme:
    """Learn how the tags of words are written, where a file has words with tags."""
    scheme = tagging.Scheme()
    for value in lines.first_records(part, 1000):
        record = _plain(value)
        found = _words_of(record) if record else None
        if found and all(isinstance(tag, str) for tag in found[1]):
            scheme.learn(found[1])
    return scheme


def _row(part: Part, record: Record, scheme: tagging.Scheme) -> tuple[Row, Marked]:
    fields: dict[str, Any] = {"file": part.name, "row": record.number}
    plain = _plain(record.value)
    where = record.place
    if record.problem:
        return Row(split=part.split, fields=fields, problem=record.problem), Marked()
    if plain is None:
        told = f"{where}: there is no text with spans in it"
        return Row(split=part.split, fields=fields, problem=told), Marked()
    words = _words_of(plain)
    marked = _by_words(*words, scheme) if words is not None else _by_letters(plain)
    said = next((str(plain[name]) for name in _SPLITS if isinstance(plain.get(name), str)), "")
    split = split_named(said) or part.split
    others = (*_TEXTS, *_SPANS, *_TAGS, *_SPLITS, "tokens", "words", "meta", "relations")
    fields |= {
        name: value
        for name, value in plain.items()
        if name not in others and isinstance(value, str | int | float) and name not in fields
    }
    fields["text"] = marked.text
    if marked.problem:
        return Row(split=split, fields=fields, problem=f"{where}: {marked.problem}"), marked
    fields["spans"] = marked.spans
    if marked.words:
        fields["split_words"] = True
    return Row(split=split, fields=fields), marked


# --- shapes ---------------------------------------------------------------------------------------


def _plain(value: Any) -> dict[str, Any] | None:
    """Return a record as one object: spaCy's pairs and Label Studio's nested objects unfolded."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        return {"text": value[0], **value[1]} if isinstance(value[1], dict) else None
    if not isinstance(value, dict):
        return None
    inner, marks = value.get("data"), value.get("annotations")
    if isinstance(inner, dict) and isinstance(_first(inner, _TEXTS), str):
        results = marks[0].get("result", []) if marks and isinstance(marks, list) else []
        spans = [r["value"] for r in results if isinstance(r, dict) and "value" in r]
        return {"text": _first(inner, _TEXTS), "spans": spans}
    return value


def _words_of(record: dict[str, Any]) -> tuple[list[Any], list[Any]] | None:
    """Return words and tags where a record holds lists of both."""
    words = record.get("tokens", record.get("words"))
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return None
    for name in _TAGS:
        tags = record.get(name)
        if isinstance(tags, list) and all(isinstance(tag, str | int) for tag in tags):
            return words, tags
    return None


def _by_words(words: list[str], tags: list[Any], scheme: tagging.Scheme) -> Marked:
    """Return the text and spans that words with tags mean."""
    marked = Marked(" ".join(words), words=True)
    wrong = scheme.unknown([str(tag) for tag in tags])
    if any(not word.strip() or " " in word for word in words):
        marked.problem = "a word is empty or holds a blank"
    elif len(words) != len(tags):
        marked.problem = f"there are {len(words):,} words and {len(tags):,} tags"
    elif any(isinstance(tag, int) for tag in tags):
        marked.problem = "the tags are numbers, and nothing says what they mean; write their names"
    elif wrong is not None:
        marked.problem = f"the tag {tags[wrong]!r} of word {wrong + 1} is unknown"
    elif not words:
        marked.problem = "there is no text"
    if not marked.problem:
        tagged = tagging.entities(tags, scheme)
        marked.spans, marked.repaired = tagging.spans(words, tagged), tagged.repairs
    return marked


def _by_letters(record: dict[str, Any]) -> Marked:
    """Return a record's text and its spans, sorted, without blanks at their ends."""
    text = _first(record, _TEXTS)
    given = _first(record, _SPANS)
    if not isinstance(text, str) or not text.strip():
        return Marked(problem="there is no text")
    if not isinstance(given, list):
        return Marked(text, problem=f"there is no list of spans ({', '.join(_SPANS[:4])})")
    marked = Marked(text)
    for number, value in enumerate(given, start=1):
        span = _parsed(value)
        where = f"span {number}"
        if span is None:
            marked.problem = f"{where} needs a beginning, an end and a type: {str(value)[:80]}"
            return marked
        start, end, kind = span
        if not 0 <= start < end <= len(text):
            marked.problem = (
                f"{where} ({kind}) goes from {start} to {end} in a text of {len(text)} letters"
            )
            return marked
        inside = text[start:end]
        if not inside.strip():
            marked.problem = f"{where} ({kind}, {start} to {end}) holds nothing but blanks"
            return marked
        first = start + len(inside) - len(inside.lstrip())
        last = first + len(inside.strip())
        marked.trimmed += (first, last) != (start, end)
        if [first, last, kind] not in marked.spans:
            marked.spans.append([first, last, kind])
    marked.spans.sort()
    for one, other in zip(marked.spans, marked.spans[1:], strict=False):
        if other[0] < one[1]:
            marked.problem = (
                f"the spans {one[0]} to {one[1]} ({one[2]}) and {other[0]} to {other[1]}"
                f" ({other[2]}) overlap; a word can have one type only"
            )
    return marked


def _parsed(span: Any) -> tuple[int, int, str] | None:
    """Return a span's beginning, end and type, in whatever shape it is written."""
    if isinstance(span, dict):
        span = [_first(span, _STARTS), _first(span, _ENDS), _first(span, _TYPES)]
    if not isinstance(span, Sequence) or isinstance(span, str) or len(span) < 3:
        return None
    start, end, kind = span[:3]
    kind = kind[0] if isinstance(kind, list) and len(kind) == 1 else kind
    numbers = all(isinstance(n, int) and not isinstance(n, bool) for n in (start, end))
    if not numbers or not isinstance(kind, str) or not kind.strip():
        return None
    return start, end, kind.strip()


def _first(record: dict[str, Any], names: Sequence[str]) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)
