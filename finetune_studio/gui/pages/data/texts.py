"""What the Data page says of one text: its parts, its length, what is odd about it, its row; no Qt here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from finetune_studio.core.dataset import Sample
from finetune_studio.gui.pages.data import kinds
from finetune_studio.gui.pages.data.hints import Note, noted
from finetune_studio.gui.pages.data.kinds import labels_of
from finetune_studio.gui.widgets.letters import matched
from finetune_studio.gui.widgets.text_list.line import TextLine

_TITLE = 260  # letters of a row's title; more are seen in no row
_BEFORE = 24  # letters before a match that are shown with it
EMPTY, BARE, CUT, LONG, EDITED = "empty", "bare", "cut", "long", "edited"
_BARE = {
    kinds.SPANS: "nothing marked",
    kinds.QUESTION: "no answer",
    kinds.SUMMARY: "no summary",
    kinds.CHAT: "no reply",
}


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many tokens each text has for a model.

    Attributes:
        tokens: By the samples' numbers.
        limit: How many of them the model reads at once.
        model: What it is called.
        windows: Whether longer texts are read in several windows instead of being cut off.
        over: How many texts are longer.
        note: Why nothing is known, as a sentence.
    """

    tokens: Mapping[int, int] = field(default_factory=dict)
    limit: int = 0
    model: str = ""
    windows: bool = False
    over: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of all texts.

    Attributes:
        notes: What was seen of each, by the samples' numbers.
        script: The script that most of them have, and ``language`` likewise: no hint is worth that.
        edits: The newest edit of each sample that was edited, by its number.
        lengths: Their lengths in tokens, once these are known.
        spread: How many are how long: in tokens once these are known, else in words.
    """

    notes: Mapping[int, Note] = field(default_factory=dict)
    script: str = ""
    language: str = ""
    edits: Mapping[int, int] = field(default_factory=dict)
    lengths: Lengths = Lengths()
    spread: Mapping[int, int] = field(default_factory=dict)


def main_text(fields: Mapping[str, Any]) -> str:
    """Return the text that is read: a question's context, all turns of a chat, or the text."""
    if "messages" in fields:
        return "\n".join(content for _, content in turns(fields))
    return str(fields.get("context", fields.get("text")) or "")


def turns(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a chat's turns: who speaks, and what."""
    found = fields.get("messages")
    return [
        (str(turn.get("role", "")), str(turn.get("content") or ""))
        for turn in (found if isinstance(found, list) else ())
        if isinstance(turn, dict)
    ]


def answers(fields: Mapping[str, Any]) -> list[str]:
    """Return the texts of a question's answers."""
    found = fields.get("answers")
    return [str(answer.get("text", "")) for answer in found] if isinstance(found, list) else []


def summaries(fields: Mapping[str, Any]) -> list[str]:
    """Return a text's summaries, the first being the one that is trained on."""
    found = fields.get("summaries")
    return [str(summary) for summary in found] if isinstance(found, list) else []


def parts(fields: Mapping[str, Any]) -> list[str]:
    """Return all texts of a sample that can be searched, those that a row shows first."""
    own = [str(fields["question"])] if fields.get("question") else []
    return [*own, *answers(fields), main_text(fields), *summaries(fields)]


def note_of(sample: Sample) -> Note:
    """Look at a sample's text."""
    return noted(main_text(sample.fields))


def is_bare(sample: Sample, shown: str) -> bool:
    """Whether a sample lacks what is to be learned from it: an answer, a summary, marks, a reply."""
    match shown:
        case kinds.SPANS:
            return not sample.fields.get("spans")
        case kinds.QUESTION:
            return not sample.fields.get("answers")
        case kinds.SUMMARY:
            return not any(text.strip() for text in summaries(sample.fields))
        case kinds.CHAT:
            if "messages" not in sample.fields:
                return False
            spoken = turns(sample.fields)
            return not any(role == "assistant" and text.strip() for role, text in spoken)
    return False


def hints_of(sample: Sample, shown: str, seen: Seen) -> list[tuple[str, str]]:
    """Return what is odd about a text: a name to filter by, and one or two words."""
    note = seen.notes.get(sample.id)
    found: list[tuple[str, str]] = []
    if note is None:
        return found
    if note.empty or (
        shown == kinds.QUESTION and not str(sample.fields.get("question", "")).strip()
    ):
        found.append((EMPTY, "empty"))
    if is_bare(sample, shown):
        found.append((BARE, _BARE[shown]))
    limit = seen.lengths.limit
    if limit and seen.lengths.tokens.get(sample.id, 0) > limit:
        found.append((CUT, f"over {limit:,} tokens"))
    if note.long:
        found.append((LONG, "very long"))
    if note.script and note.script != seen.script:
        found.append((f"script:{note.script}", f"{note.script} script"))
    elif note.language and note.language != seen.language and seen.language:
        found.append((f"language:{note.language}", f"{note.language}?"))
    return found


def places_sorted_by(sample: Sample) -> tuple[str, int]:
    """Return the file that a sample stands in, and its row there."""
    row = sample.fields.get("row")
    return str(sample.fields.get("file") or sample.path), row if isinstance(row, int) else 0


def length(sample: Sample, seen: Seen) -> int:
    """Return how long a text is: in tokens where they are known, else in words."""
    note = seen.notes.get(sample.id)
    return seen.lengths.tokens.get(sample.id, note.words if note else 0)


def line(sample: Sample, shown: str, seen: Seen, search: str) -> TextLine:
    """Return what stands in a sample's row of the list."""
    fields = sample.fields
    first = str(fields.get("question") or "") or _opening(fields)
    title = excerpt(first, search)
    labels = tuple(labels_of(sample)) if shown == kinds.TEXT else ()
    under, missing = _under(sample, shown, labels)
    note = seen.notes.get(sample.id)
    words = f"{note.words:,} words · " if note else ""
    odd = hints_of(sample, shown, seen)
    # The second line says what is missing; what is true of many texts is no hint.
    common = seen.lengths.over * 5 > len(seen.notes)
    known = (BARE, CUT) if common else (BARE,)
    return TextLine(
        title or "(empty)",
        tuple(matched(title, search)),
        labels,
        _short(under),
        tuple(told for value, told in odd if value not in known),
        f"{words}{sample.split}".rstrip(" ·"),
        missing,
    )


def _opening(fields: Mapping[str, Any]) -> str:
    """Return how a text begins; of a chat what is asked, since all chats may share one instruction."""
    spoken = turns(fields)
    if spoken:
        return next((text for role, text in spoken if role != "system"), spoken[0][1])
    return main_text(fields)


def _under(sample: Sample, shown: str, labels: Sequence[str]) -> tuple[str, bool]:
    """Return the words of a row's second line, and whether they say that something is missing."""
    fields = sample.fields
    if sample.problem:
        return sample.problem, False
    if shown == kinds.TEXT:
        return ("", False) if labels else ("no label", True)
    if is_bare(sample, shown):
        return _BARE[shown], True
    spoken = turns(fields)
    if shown == kinds.SPANS:
        said = entities(fields)
    elif shown == kinds.QUESTION:
        said = " / ".join(dict.fromkeys(answers(fields)))
    elif shown == kinds.SUMMARY:
        said = summaries(fields)[0]
    else:
        replies = [text for role, text in spoken if role == "assistant"]
        said = f"{len(spoken)} turns · {replies[-1]}" if replies else ""
    return said, False


def entities(fields: Mapping[str, Any]) -> str:
    """Return what is marked, by type: ``Disease: breast cancer; ataxia``."""
    text, by_type = str(fields.get("text", "")), dict[str, dict[str, None]]()
    for start, end, name in fields.get("spans") or ():
        by_type.setdefault(str(name), {})[" ".join(text[start:end].split())] = None
    return ", ".join(f"{name}: {'; '.join(found)}" for name, found in by_type.items())


def excerpt(text: str, search: str) -> str:
    """Return the first words of a text, or those around what was searched, on one line."""
    start = 0
    if search:
        found = matched(text, search)
        if found and found[0][0] > 2 * _BEFORE:
            start = found[0][0] - _BEFORE
            blank = text.find(" ", start, start + _BEFORE)
            start = blank + 1 if blank >= 0 else start
    short = " ".join(text[start : start + _TITLE].split())
    return f"…{short}" if start else short


def _short(text: str) -> str:
    return " ".join(text[:_TITLE].split())
