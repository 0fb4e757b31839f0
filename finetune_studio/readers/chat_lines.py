"""Reads conversations from JSON lines, in the shapes of OpenAI, ShareGPT and Alpaca."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from finetune_studio.core import counts, lines
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.lines import Part, Parts, Record
from finetune_studio.core.reader import Description, Reader
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.splits import split_named

SUFFIXES = frozenset({".jsonl", ".ndjson", ".json", lines.PARQUET})
_LOOKED = 20_000  # conversations that are counted before they are read
_LISTS = ("messages", "conversations", "conversation", "chat", "dialogue", "dialog")
_ROLES = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter", "customer"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "model", "bing", "bard", "ai", "agent"),
}
_ROLE = {word: role for role, words in _ROLES.items() for word in words}
_USED = (*_LISTS, "instruction", "input", "output", "response", "history", "system", "split")
_HINT = (
    'Each line must look like {"messages": [{"role": "user", "content": "..."}, {"role":'
    ' "assistant", "content": "..."}]}, or {"instruction": "...", "input": "...", "output": "..."}.'
)
Message = dict[str, str]


class ChatLines(Reader):
    """A conversation a record."""

    name = "chat_lines"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.95 where records hold a list of messages, or an instruction and what to answer."""
        del names
        try:
            found = lines.parts(path, SUFFIXES).files[:20]
        except StudioError:
            return 0.0
        if any(_shape(part) for part in found):
            return 0.95
        return lines.FALLBACK if path.is_file() and path.suffix.lower() in SUFFIXES else 0.0

    def root(self, path: Path) -> Path:
        """Return the folder itself, or the one the file lies in."""
        return path if path.is_dir() else path.parent

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a conversation; one that teaches no answer carries that as its problem."""
        del names
        for part in _parts(path, choices).files:
            for record in lines.records(part):
                yield _row(part, record)

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which shape the conversations have and how many turns."""
        del names
        parts = _parts(path, choices)
        shapes = Counter(_shape(part) or "unknown" for part in parts.files)
        turns: Counter[str] = Counter()
        chats, open_ends, first = 0, 0, ""
        for part in parts.files:
            for index, record in enumerate(lines.records(part)):
                if index == _LOOKED:
                    break
                row = _row(part, record)
                messages = row.fields.get("messages", [])
                chats += bool(messages) and not row.problem
                if _ends_open(record):
                    open_ends, first = open_ends + 1, first or record.place
                turns.update(m["role"] for m in messages if not row.problem)
        title = f"Conversations in {parts.listed}, in the shape of {' and '.join(shapes)}"
        mean = turns["assistant"] / max(chats, 1)
        title += "; 1 answer in each" if mean == 1 else f"; {mean:.1f} answers in each on average"
        notes = [*parts.notes, *lines.encoding_notes(parts)]
        if open_ends:
            notes.append(
                f"{counts.of(open_ends, 'ends', 'end')} with what nobody answers (the first: {first});"
                " that last part is left out, the rest is learnt."
            )
        if turns["system"]:
            notes.append(
                f"{counts.of(turns['system'], 'begins', 'begin')} with a message of the system."
            )
        return Description(title, tuple(notes))


def _parts(path: Path, choices: DataChoices) -> Parts:
    """Return the files to read.

    Raises:
        StudioError: If none holds conversations.
    """
    found = lines.parts(path, SUFFIXES, choices.encoding)
    if not found.files:
        raise StudioError(f"There is no file of JSON lines in {path}.", _HINT)
    if len(found.files) == 1:
        lines.refuse_unreadable(found.files[0])
        return found
    kept = tuple(part for part in found.files if _shape(part))
    if not kept:
        raise StudioError(f"No file in {path} holds conversations.", _HINT)
    left = [part.name for part in found.files if part not in kept]
    note = (f"Left out, as they hold no conversations: {', '.join(left[:5])}.",) if left else ()
    return Parts(found.root, kept, found.notes + note)


def _shape(part: Part) -> str:
    """Return whose shape the first records have; empty where they are no conversations."""
    for value in lines.first_records(part):
        if not isinstance(value, dict):
            if isinstance(value, list) and value and _is_message(value[0]):
                return "OpenAI"
            continue
        listed = _messages_of(value)
        if listed and _is_message(listed[0]):
            return "ShareGPT" if "from" in listed[0] else "OpenAI"
        if _is_alpaca(value):
            return "Alpaca"
    return ""


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    role = value.get("role", value.get("from"))
    return isinstance(role, str) and bool({"content", "value", "text", "tool_calls"} & set(value))


def _is_alpaca(record: dict[str, Any]) -> bool:
    return isinstance(record.get("instruction"), str) and any(
        isinstance(record.get(name), str) for name in ("output", "response")
    )


def _messages_of(record: dict[str, Any]) -> list[Any]:
    return next((record[name] for name in _LISTS if isinstance(record.get(name), list)), [])


# --- one conversation -----------------------------------------------------------------------------


def _row(part: Part, record: Record) -> Row:
    value = record.value
    if isinstance(value, list):
        value = {"messages": value}
    fields: dict[str, Any] = {"file": part.name, "row": record.number}
    where = record.place
    if record.problem:
        return Row(split=part.split, fields=fields, problem=record.problem)
    if not isinstance(value, dict) or not (_messages_of(value) or _is_alpaca(value)):
        told = f"{where}: there are neither messages nor an instruction with an output"
        return Row(split=part.split, fields=fields, problem=told)
    said = value.get("split")
    split = (split_named(said) if isinstance(said, str) else None) or part.split
    fields |= {
        name: given
        for name, given in value.items()
        if name not in _USED and name not in fields and isinstance(given, str | int | float)
    }
    listed = _messages_of(value) or _of_alpaca(value)
    messages, problem = _normal(listed)
    system = value.get("system")
    alone = not problem and messages[0]["role"] != "system"
    if isinstance(system, str) and system.strip() and alone:
        messages.insert(0, {"role": "system", "content": system})
    fields["messages"] = messages
    return Row(split=split, fields=fields, problem=f"{where}: {problem}" if problem else "")


def _of_alpaca(record: dict[str, Any]) -> list[Any]:
    """Return the messages that an instruction, its input, its output and what went before mean."""
    found: list[Any] = []
    history = record.get("history")
    for turn in history if isinstance(history, list) else []:
        if isinstance(turn, list) and len(turn) == 2:
            found += [{"role": "user", "content": turn[0]}]
            found += [{"role": "assistant", "content": turn[1]}]
    more = record.get("input")
    asked = [record["instruction"], *([more] if isinstance(more, str) and more.strip() else [])]
    answer = record.get("output", record.get("response"))
    return [
        *found,
        {"role": "user", "content": "\n\n".join(asked)},
        {"role": "assistant", "content": answer},
    ]


def _normal(listed: list[Any]) -> tuple[list[Message], str]:
    """Return messages with the roles system, user and assistant, and what is wrong with them."""
    messages: list[Message] = []
    for number, one in enumerate(listed, start=1):
        role, content, problem = _message(one)
        if role == "system" and messages:
            problem = problem or "is of the system but does not come first"
        if problem:
            return messages, f"message {number} {problem}"
        if content.strip():
            messages.append({"role": role, "content": content})
    if not any(message["role"] == "assistant" for message in messages):
        return messages, "no message is of the assistant, so there is no answer to learn"
    while messages[-1]["role"] != "assistant":  # what nobody answers teaches nothing
        messages.pop()
    return messages, ""


def _ends_open(record: Record) -> bool:
    """Whether a conversation ends with words that the assistant does not answer."""
    value = record.value
    listed = value if isinstance(value, list) else isinstance(value, dict) and _messages_of(value)
    last = listed[-1] if listed else None
    return _normal(listed)[1] == "" and _message(last)[0] != "assistant" if listed else False


def _message(value: Any) -> tuple[str, str, str]:
    """Return a message's role, its content, and what is wrong with it."""
    if not isinstance(value, dict):
        return "", "", "is no object with a role and its content"
    said = str(value.get("role", value.get("from", "")))
    role = _ROLE.get(said.strip().lower(), "")
    content = _content(value.get("content", value.get("value", value.get("text"))))
    if not role:
        return "", "", f"has the unknown role {said!r}"
    if not (content or "").strip() and value.get("tool_calls"):
        return role, "", f"({role}) calls a tool; only what is said in words can be learnt"
    if content is None:
        return role, "", f"({role}) holds something other than text"
    if not content.strip() and role != "system":  # an empty instruction of the system is none
        return role, "", f"({role}) is empty"
    return role, content, ""


def _content(value: Any) -> str | None:
    """Return a message's text, joined where it comes in parts; None where it is no text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [p.get("text") for p in value if isinstance(p, dict) and p.get("type") == "text"]
        if len(texts) == len(value) and all(isinstance(text, str) for text in texts):
            return "\n".join(str(text) for text in texts)
    return None
