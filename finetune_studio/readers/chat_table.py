"""Reads a table of prompts and responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from finetune_studio.core import asking, tables
from finetune_studio.core.asking import Wanted
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.lines import Part, Parts
from finetune_studio.core.reader import Description, Reader, TableLook
from finetune_studio.core.recipe import DataChoices

_PROMPT = ("prompt", "instruction", "question", "query", "user", "human", "request", "input")
_RESPONSE = (
    *("response", "completion", "output", "answer", "reply", "assistant", "chosen", "target"),
    *("gpt", "bot", "result"),
)
_WANTED = (
    Wanted("text_column", _PROMPT, "the prompts"),
    Wanted("target_column", _RESPONSE, "the responses"),
    Wanted("group_column", ("group", "conversation_id", "chat_id", "thread_id")),
    Wanted("system", ("system", "system_prompt", "system_message")),
    Wanted("more", ("input", "context")),
)
_SHOWN = tuple(want.role for want in _WANTED[:3])


class ChatTable(Reader):
    """One row a prompt with its response."""

    name = "chat_table"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.7 where a table has columns of prompts and responses."""
        del names
        try:
            _, _, chosen = _plan(path, DataChoices())
        except StudioError:
            return 0.0
        first = next(iter(chosen.values()))
        sure = first["text_column"].casefold() in ("prompt", "instruction")
        return 0.8 if sure else 0.6

    def root(self, path: Path) -> Path:
        """Return the folder itself, or the one the table lies in."""
        return path if path.is_dir() else path.parent

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a line; one without a prompt or response carries that as its problem."""
        del names
        found, looked, chosen = _plan(path, choices)
        for part in found.files:
            for number, cells in tables.rows(looked[part.name]):
                yield _row(part, number, cells, chosen[part.name])

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which column is taken for what."""
        del names
        found, looked, chosen = _plan(path, choices)
        part = found.files[0]
        roles = chosen[part.name]
        title = (
            f"The table {found.listed}: prompts in column {roles['text_column']!r}, responses in"
            f" {roles['target_column']!r}"
        )
        title += f", the system's message in {roles['system']!r}" if roles["system"] else ""
        title += f", splits in {roles['split_column']!r}" if roles["split_column"] else ""
        notes = asking.notes(found, looked)
        if roles["more"]:
            filled = Counter(
                bool((cells.get(roles["more"]) or "").strip())
                for _, cells in tables.preview(looked[part.name], asking.SEEN)
            )
            if filled[True]:
                notes.append(f"What column {roles['more']!r} holds is put below each prompt.")
        look = asking.look(looked[part.name], roles, _SHOWN)
        return Description(title, tuple(notes), look)

    def columns(self, path: Path) -> TableLook | None:
        """Return the first table's columns and rows, without any guess."""
        found, looked = asking.tables_at(path)
        return asking.look(looked[found.files[0].name], {}, _SHOWN)


def _plan(
    path: Path, choices: DataChoices
) -> tuple[Parts, dict[str, tables.Table], dict[str, dict[str, str]]]:
    found, looked = asking.tables_at(path)
    found, chosen = asking.fitting(found, looked, _WANTED, choices)
    for roles in chosen.values():
        if roles["text_column"].casefold() != "instruction":
            roles["more"] = ""  # only an instruction is known to be completed by an input
    return found, looked, chosen


def _row(part: Part, number: int, cells: tables.Cells, roles: dict[str, str]) -> Row:
    prompt, reply = cells.get(roles["text_column"]) or "", cells.get(roles["target_column"]) or ""
    more = (cells.get(roles["more"]) or "") if roles["more"] else ""
    system = (cells.get(roles["system"]) or "") if roles["system"] else ""
    group = (cells.get(roles["group_column"]) or "").strip() if roles["group_column"] else ""
    split, problem = asking.split_of(part, cells, roles["split_column"])
    used = {"file", "row", "messages", *roles.values()}
    fields: dict[str, Any] = {k: v for k, v in cells.items() if v and k not in used}
    fields |= {"file": part.name, "row": number}
    for column, value in ((roles["text_column"], prompt), (roles["target_column"], reply)):
        if not value.strip():
            problem = problem or f"the cell in column {column!r} is empty"
    asked = f"{prompt}\n\n{more}" if more.strip() else prompt
    messages = [{"role": "system", "content": system}] if system.strip() else []
    fields["messages"] = [
        *messages,
        {"role": "user", "content": asked},
        {"role": "assistant", "content": reply},
    ]
    told = f"{part.name}, row {number}: {problem}" if problem else ""
    return Row(split=split, group=group or None, fields=fields, problem=told)
