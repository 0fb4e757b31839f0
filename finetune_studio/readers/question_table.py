"""Reads a table of questions, the texts that answer them, and the answers."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from finetune_studio.core import answers, counts, tables, text_tables
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.named_columns import Wanted, guess_of
from finetune_studio.core.reader import Description, Reader, TableLook
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.tables import places
from finetune_studio.core.text_tables import Part, Plan

_CONTEXT = ("context", "passage", "paragraph", "document", "text", "article", "body", "source")
_ANSWER = ("answer", "answers", "answer_text", "text_answer", "solution", "target", "response")
_START = ("answer_start", "answer_starts", "start", "start_index", "offset", "start_position")
_WANTED = (
    Wanted("question_column", ("question", "questions", "query", "q"), "the questions"),
    Wanted("text_column", _CONTEXT, "the texts that hold the answers"),
    Wanted("target_column", _ANSWER, "the answers"),
    Wanted("group_column", ("group", "title", "document_id", "doc_id", "context_id")),
    Wanted("start", _START),
    Wanted("id", ("id", "qid", "question_id")),
    Wanted("impossible", ("is_impossible", "impossible", "unanswerable")),
)
_ROLES = ("question_column", "text_column", "target_column", "split_column", "group_column")
_YES = ("true", "1", "yes", "1.0")
_MOST = 20_000  # rows that are counted before a table is read
_ARRAY = re.compile(r"array\((\[.*?\])(?:,\s*dtype=[\w'<>]+)?\)", re.S)


class QuestionTable(Reader):
    """One row a question."""

    name = "question_table"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.95 where a table has columns of questions, texts and answers, 0.3 for others."""
        del names  # the tables of an archive lie at the path
        if not places.tables_at(places.top(path)):
            return 0.0
        try:
            _plan(path, DataChoices())
        except StudioError:
            return 0.3 if path.suffix.lower() in tables.SUFFIXES else 0.1
        return 0.95

    def root(self, path: Path) -> Path:
        """Return the folder in which the table lies."""
        top = places.top(path)
        return top.parent if top.is_file() else top

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a line; one whose answer is not in its text carries that as its problem."""
        del names
        yield from text_tables.read(_plan(path, choices), lambda p, line: _row(p, line, Counter()))

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which column is taken for what, and where answers had to be searched."""
        del names
        plan = _plan(path, choices)
        roles = plan.parts[0].roles
        tally: Counter[str] = Counter()
        rows = text_tables.read(plan, lambda part, line: _row(part, line, tally))
        for _ in zip(range(_MOST), rows, strict=False):
            pass
        title = (
            f"{plan.names}: questions in column {roles['question_column']!r}, their texts in"
            f" {roles['text_column']!r}, answers in {roles['target_column']!r}"
        )
        title += f", splits in {roles['split_column']!r}" if roles["split_column"] else ""
        title += f", groups in {roles['group_column']!r}" if roles["group_column"] else ""
        notes = [*text_tables.encoding_notes(plan), *text_tables.split_notes(plan), *plan.notes]
        if tally["several"]:
            notes.append(
                f"{counts.of(tally['several'], 'answer stands', 'answers stand')} at several places of"
                " the text; as no column says which is meant, the first is taken."
            )
        if tally["moved"]:
            notes.append(
                f"{counts.of(tally['moved'], 'answer does', 'answers do')} not stand where column"
                f" {roles['start']!r} says, but elsewhere in the text; what stands there is taken."
            )
        if tally["lost"]:
            notes.append(
                f"{counts.of(tally['lost'], 'answer is', 'answers are')} not in the text of"
                " the question and left out."
            )
        return Description(title, tuple(notes), plan.look({r: roles[r] for r in _ROLES}))

    def columns(self, path: Path) -> TableLook | None:
        """Return the first table's columns and rows, without any guess."""
        return text_tables.columns(path, _ROLES)


def _plan(path: Path, choices: DataChoices) -> Plan:
    return text_tables.planned(path, choices, guess_of(_WANTED), "questions and answers")


def _row(part: Part, line: tables.Line, tally: Counter[str]) -> Row:
    """Return one row; ``tally`` counts the answers that were searched, moved and lost."""
    cells, roles = line.cells, part.roles
    question = (cells.get(roles["question_column"]) or "").strip()
    context = cells.get(roles["text_column"]) or ""
    group = text_tables.group_of(part, line) or answers.context_key(context)
    fields: dict[str, Any] = {"question": question, "context": context}
    fields |= text_tables.further(part, line)
    if roles["id"] and (name := cells.get(roles["id"])):
        fields["id"] = name
    for role in ("question_column", "text_column"):
        if text_tables.empty(cells.get(roles[role])):
            told = f"{text_tables.at(part, line)}: the cell in column {roles[role]!r} is empty"
            return Row(group=group, fields=fields, problem=told)
    kept, problem = _answers(context, cells, roles, tally)
    if problem:
        problem = f"{text_tables.at(part, line)}: {problem}"
    else:
        fields["answers"] = kept
    return Row(group=group, fields=fields, problem=problem)


def _answers(
    context: str, cells: tables.Cells, roles: dict[str, str], tally: Counter[str]
) -> tuple[list[dict[str, Any]], str]:
    """Return the answers of a row in their places, or why there is none."""
    if (cells.get(roles["impossible"]) or "").strip().lower() in _YES:
        return [], ""
    column = roles["target_column"]
    given = _given(cells.get(column) or "", cells.get(roles["start"]) if roles["start"] else None)
    if given is None:
        return [], (
            f"the cell in column {column!r} is empty; write [] where a question has no answer, or"
            " exclude the row"
        )
    kept: list[dict[str, Any]] = []
    for text, start in given:
        found, moved = answers.placed(context, text, start)
        if found is None:
            tally["lost"] += 1
        elif found not in kept:
            kept.append(found)
            tally["moved"] += moved and start is not None
            tally["several"] += start is None and answers.several(context, found["text"])
    if given and not kept:
        return (
            [],
            f"the answer {given[0][0][:60]!r} does not stand in column {roles['text_column']!r}",
        )
    return kept, ""


def _given(cell: str, start: str | None) -> list[tuple[str, int | None]] | None:
    """Return the answers that a cell holds with their places, if said; None for an empty cell."""
    if not cell.strip():
        return None
    starts = _numbers(_parsed(start or ""))
    value = _parsed(cell)
    if isinstance(value, dict) and "text" in value:
        texts, starts = (
            value.get("text", []),
            _numbers(value.get("answer_start", value.get("start"))),
        )
        value = texts if isinstance(texts, list) else [texts]
    if not isinstance(value, list):
        return [(cell, starts[0] if starts else None)]
    found: list[tuple[str, int | None]] = []
    for index, one in enumerate(value):
        if isinstance(one, dict):
            place = _numbers(one.get("answer_start", one.get("start")))
            found.append((str(one.get("text") or ""), place[0] if place else None))
        else:
            found.append((str(one), starts[index] if index < len(starts) else None))
    return found


def _parsed(cell: str) -> Any:
    """Return what a cell holds where it is a list, object or number of JSON or Python; else itself."""
    text = cell.strip()
    if not text.startswith(("[", "{")) and not text.lstrip("-").isdigit():
        return cell
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(_ARRAY.sub(r"\1", text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return cell


def _numbers(value: Any) -> list[int]:
    items = value if isinstance(value, list) else [value]
    return [int(item) for item in items if isinstance(item, int) and not isinstance(item, bool)]
