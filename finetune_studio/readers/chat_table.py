"""Reads a table of prompts and responses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from finetune_studio.core import tables, text_tables
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.named_columns import Wanted, guess_of
from finetune_studio.core.reader import Description, Reader, TableLook
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.tables import places
from finetune_studio.core.text_tables import Part, Plan

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
_ROLES = ("text_column", "target_column", "split_column", "group_column")


class ChatTable(Reader):
    """One row a prompt with its response."""

    name = "chat_table"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.92 where a table has prompts and responses, 0.6 where these have other names."""
        del names  # the tables of an archive lie at the path
        if not places.tables_at(places.top(path)):
            return 0.0
        try:
            plan = _plan(path, DataChoices())
        except StudioError:
            return 0.3 if path.suffix.lower() in tables.SUFFIXES else 0.1
        sure = plan.parts[0].roles["text_column"].casefold() in ("prompt", "instruction")
        return 0.92 if sure else 0.6

    def root(self, path: Path) -> Path:
        """Return the folder in which the table lies."""
        top = places.top(path)
        return top.parent if top.is_file() else top

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a line; one without a prompt or response carries that as its problem."""
        del names
        yield from text_tables.read(_plan(path, choices), _row)

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which column is taken for what."""
        del names
        plan = _plan(path, choices)
        roles = plan.parts[0].roles
        title = f"{plan.names}: prompts in column {roles['text_column']!r}"
        title += f", responses in column {roles['target_column']!r}"
        title += f", the system's messages in {roles['system']!r}" if roles["system"] else ""
        title += f", splits in {roles['split_column']!r}" if roles["split_column"] else ""
        title += f", groups in {roles['group_column']!r}" if roles["group_column"] else ""
        notes = [*text_tables.encoding_notes(plan), *text_tables.split_notes(plan), *plan.notes]
        if any(not text_tables.empty(cell) for cell in plan.parts[0].cells(_more(plan.parts[0]))):
            notes.append(f"What column {roles['more']!r} holds is put below each prompt.")
        return Description(title, tuple(notes), plan.look({r: roles[r] for r in _ROLES}))

    def columns(self, path: Path) -> TableLook | None:
        """Return the first table's columns and rows, without any guess."""
        return text_tables.columns(path, _ROLES)


def _plan(path: Path, choices: DataChoices) -> Plan:
    return text_tables.planned(path, choices, guess_of(_WANTED), "prompts and responses")


def _more(part: Part) -> str:
    """Return the role of what completes a prompt: only an instruction is known to be completed."""
    return "more" if part.roles["text_column"].casefold() == "instruction" else ""


def _row(part: Part, line: tables.Line) -> Row:
    cells, roles = line.cells, part.roles
    prompt, reply = cells.get(roles["text_column"]) or "", cells.get(roles["target_column"]) or ""
    more = cells.get(roles.get(_more(part), "")) or ""
    system = cells.get(roles["system"]) or ""
    asked = prompt if text_tables.empty(more) else f"{prompt}\n\n{more}"
    before = [] if text_tables.empty(system) else [{"role": "system", "content": system}]
    fields: dict[str, Any] = {
        "messages": [
            *before,
            {"role": "user", "content": asked},
            {"role": "assistant", "content": reply},
        ]
    }
    problem = ""
    for column, value in ((roles["text_column"], prompt), (roles["target_column"], reply)):
        if text_tables.empty(value) and not problem:
            problem = f"{text_tables.at(part, line)}: the cell in column {column!r} is empty"
    fields |= text_tables.further(part, line)
    return Row(group=text_tables.group_of(part, line), fields=fields, problem=problem)
