"""Reads SQuAD files, version 1.1 and 2: questions whose answers are places in a paragraph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune_studio.core import answers, counts, letters, lines
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.lines import Part, Parts
from finetune_studio.core.reader import Description, Reader
from finetune_studio.core.recipe import DataChoices

SUFFIXES = frozenset({".json"})
_HEAD = 16 * 2**10
_FEWEST_TITLES = 10  # fewer cannot be divided into splits evenly; paragraphs can
_HINT = 'A SQuAD file holds {"data": [{"paragraphs": [{"context": ..., "qas": [...]}]}]}.'


@dataclass
class Tally:
    """What was counted while reading."""

    rows: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    lost: int = 0
    unanswerable: int = 0
    paragraphs: int = 0


class Squad(Reader):
    """Questions on paragraphs, in files that may be splits or languages."""

    name = "squad"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.95 where a JSON file speaks of paragraphs and questions at its beginning."""
        del names
        try:
            found = lines.parts(path, SUFFIXES).files[:20]
        except StudioError:
            return 0.0
        if any(_is_squad(part) for part in found):
            return 0.95
        return lines.FALLBACK if path.is_file() and path.suffix.lower() in SUFFIXES else 0.0

    def root(self, path: Path) -> Path:
        """Return the folder itself, or the one the file lies in."""
        return path if path.is_dir() else path.parent

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a question; one whose answer is not there carries that as its problem."""
        del names
        yield from _rows(_parts(path, choices), Tally())

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say how many paragraphs there are, which answers were moved, and how samples belong together."""
        del names
        parts, tally = _parts(path, choices), Tally()
        for _ in _rows(parts, tally):
            pass
        languages = _languages(parts)
        number = counts.of(tally.paragraphs, "paragraph")
        title = f"Questions and answers (SQuAD) in {parts.listed}; {number}"
        if tally.unanswerable:
            title += f", {counts.of(tally.unanswerable, 'question')} without an answer"
        notes = [*parts.notes, *lines.encoding_notes(parts)]
        if len(languages) > 1:
            each = ", ".join(f"{tally.rows[n]:,} {languages[n]}" for n in tally.rows)
            notes.append(
                f"The files are languages ({each}) and are read together; the field 'language' says"
                " which, and translations of a paragraph stay in one split. Choose a single file to"
                " train on one language."
            )
        if tally.moved:
            notes.append(
                f"{counts.of(tally.moved, 'answer does', 'answers do')} not stand where the file says,"
                " but elsewhere in the paragraph; what stands there is taken."
            )
        if tally.lost:
            notes.append(
                f"{counts.of(tally.lost, 'answer is', 'answers are')} not in the paragraph of"
                " the question and left out."
            )
        return Description(title, tuple(notes))


def _parts(path: Path, choices: DataChoices) -> Parts:
    """Return the files to read.

    Raises:
        StudioError: If none is a SQuAD file.
    """
    found = lines.parts(path, SUFFIXES, choices.encoding)
    if not found.files:
        raise StudioError(f"There is no JSON file in {path}.", _HINT)
    if len(found.files) == 1:
        return found
    kept = tuple(part for part in found.files if _is_squad(part))
    if not kept:
        raise StudioError(f"No JSON file in {path} holds questions on paragraphs.", _HINT)
    left = [part.name for part in found.files if part not in kept]
    note = (f"Left out, as they are no SQuAD files: {', '.join(left[:5])}.",) if left else ()
    return Parts(found.root, kept, found.notes + note)


def _is_squad(part: Part) -> bool:
    try:
        start = lines.start(part, _HEAD)
    except StudioError:
        return False
    return start.startswith("{") and ('"paragraphs"' in start or '"qas"' in start)


def _languages(parts: Parts) -> dict[str, str]:
    """Return the language of each file whose name ends with one (``xquad.en.json``), if all do."""
    ends = {part.name: re.search(r"[._-]([a-z]{2})$", Path(part.name).stem) for part in parts.files}
    found = {name: match[1] for name, match in ends.items() if match}
    return found if len(found) == len(parts.files) and len(set(found.values())) > 1 else {}


def _rows(parts: Parts, tally: Tally) -> Iterator[Row]:
    languages = _languages(parts)
    for part in parts.files:
        articles = _articles(part)
        titles = {letters.mended(str(article.get("title") or "")) for article in articles} - {""}
        by_title = len(titles) >= _FEWEST_TITLES
        number = 0
        for article in articles:
            title = letters.mended(str(article.get("title") or ""))
            for paragraph in article["paragraphs"]:
                tally.paragraphs += 1
                group = title if by_title and title else letters.mended(_paragraph_key(paragraph))
                for question in paragraph["qas"]:
                    number += 1
                    asked = question if isinstance(question, dict) else {}
                    row = _strange(part, number, paragraph, asked) or _row(
                        part, number, paragraph, asked, tally
                    )
                    if title:
                        row.fields["title"] = title
                    if languages:
                        row.fields["language"] = languages[part.name]
                    tally.rows[part.name] += 1
                    yield Row(split=part.split, group=group, fields=row.fields, problem=row.problem)


def _articles(part: Part) -> list[dict[str, Any]]:
    value = lines.whole(part)
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list):
        raise StudioError(f"{part.path} holds no list 'data' of articles.", _HINT)
    found = [a for a in data if isinstance(a, dict) and isinstance(a.get("paragraphs"), list)]
    if len(found) < len(data) or not found:
        wrong = next((i for i, a in enumerate(data, start=1) if a not in found), 1)
        raise StudioError(f"{part.path}: entry {wrong} of 'data' has no list 'paragraphs'.", _HINT)
    for place, article in enumerate(found, start=1):
        for number, paragraph in enumerate(article["paragraphs"], start=1):
            if not isinstance(paragraph, dict) or not isinstance(paragraph.get("qas"), list):
                raise StudioError(
                    f"{part.path}: paragraph {number} in entry {place} of 'data' has no list 'qas'.",
                    _HINT,
                )
    return found


def _listed(record: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = record.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _paragraph_key(paragraph: dict[str, Any]) -> str:
    """Return a paragraph's name: its first question's, which translations share, else its text's."""
    first = next((str(q["id"]) for q in _listed(paragraph, "qas") if q.get("id")), "")
    return first or answers.context_key(str(paragraph.get("context", "")))


def _strange(
    part: Part, number: int, paragraph: dict[str, Any], question: dict[str, Any]
) -> Row | None:
    """Return a row that cannot be used where a question has letters that no text has."""
    read = [question.get("id"), question.get("question"), paragraph.get("context")]
    said = letters.strange_in([*read, _listed(question, "answers")])
    if not said:
        return None
    told = f"{part.name}, question {number}: {said}"
    return Row(fields={"file": part.name, "row": number}, problem=told)


def _row(
    part: Part, number: int, paragraph: dict[str, Any], question: dict[str, Any], tally: Tally
) -> Row:
    """Return one question, its answers each where it truly stands."""
    context, asked = paragraph.get("context"), question.get("question")
    name = str(question.get("id") or "")
    fields: dict[str, Any] = {"file": part.name, "row": number}
    where = f"{part.name}, question {number}" + (f" (id {name})" if name else "")
    if name:
        fields["id"] = name
    fields |= {"question": str(asked or "").strip(), "context": str(context or "")}
    if not isinstance(context, str) or not context.strip():
        return Row(fields=fields, problem=f"{where}: its paragraph has no text")
    if not fields["question"]:
        return Row(fields=fields, problem=f"{where}: the question is empty")
    if question.get("is_impossible") is True:
        tally.unanswerable += 1
        return Row(fields=fields | {"answers": []})
    given = _listed(question, "answers")
    listed = question.get("answers")
    tally.lost += len(listed) - len(given) if isinstance(listed, list) else 0
    kept: list[dict[str, Any]] = []
    for answer in given:
        text, start = answer.get("text"), answer.get("answer_start")
        found, moved = answers.placed(context, str(text or ""), start if _is_place(start) else None)
        tally.moved += moved
        tally.lost += found is None
        if found and found not in kept:
            kept.append(found)
    if kept:
        return Row(fields=fields | {"answers": kept})
    if not given:
        told = f"{where}: there is no answer, and nothing says that there is none ('is_impossible')"
        return Row(fields=fields, problem=told)
    first = str(given[0].get("text") or "")[:60]
    told = f"{where}: the answer {first!r} does not stand at {given[0].get('answer_start')}"
    return Row(fields=fields, problem=f"{told}, nor at one clear place of its paragraph")


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
