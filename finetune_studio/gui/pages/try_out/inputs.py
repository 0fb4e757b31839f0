"""What can be tried: files, folders, tables of texts, and what was typed, each as the engine takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from finetune_studio.core import columns, tables
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.text_columns import TEXT_WORDS, longest_text, none_fits
from finetune_studio.tasks import CATALOGUE

MOST_FILES = 10_000
_TEXT_SUFFIXES = (".txt", ".md", ".text")
_LOOKED_AT = 50  # rows by which the column with the texts is found
_QUESTION = ("question", "query", "q")
_CONTEXT = ("context", "passage", "paragraph", "document", "text", "article")

Given = Path | str  # a file, a folder or a table; or what was typed


def is_text_task(task: str) -> bool:
    """Whether a task's samples are texts."""
    return task in CATALOGUE and CATALOGUE[task].facts.get("inputs") == "texts"


def asks_questions(task: str) -> bool:
    """Whether a sample of a task is a question and the text that answers it."""
    return task == "question_answering"


def is_several(given: Given, task: str) -> bool:
    """Whether something is a folder or a table, so that it gives several answers."""
    if isinstance(given, str):
        return False
    return given.is_dir() or (is_text_task(task) and given.suffix.lower() in tables.SUFFIXES)


def question(asked: str, context: str) -> str:
    """Return a question and its text as the engine takes them."""
    return json.dumps({"question": asked, "context": context}, ensure_ascii=False)


def sample_of(given: str, task: str) -> Sample:
    """Return what was tried as a sample without labels: its file, or its texts in ``fields``.

    A file that cannot be read, which the engine refused already, gives a sample without text.
    """
    from finetune_studio.modality import text_inputs

    if not is_text_task(task):
        return Sample(0, given, None, None, "")
    try:
        text = text_inputs.text_of(given)
    except (OSError, ValueError):
        text = ""
    fields: dict[str, Any] = {"text": text}
    if asks_questions(task):
        try:
            values = json.loads(text)
            fields = {name: str(values[name]) for name in ("question", "context")}
        except (ValueError, KeyError, TypeError):
            fields = {"question": "", "context": text}
    return Sample(0, "", None, None, "", fields=fields)


def expanded(given: Sequence[Given], task: str = "") -> tuple[list[str], str]:
    """Return what to ask about, one after the other, and a note if some were left out.

    A file that was named is always tried, whatever it is called; in a folder only those files are that
    look like pictures, or like texts. A table of texts gives its rows.

    Raises:
        StudioError: If there is nothing to try, or no column of a table holds texts.
    """
    texts = is_text_task(task)
    suffixes = _TEXT_SUFFIXES if texts else _picture_suffixes()
    found: list[str] = []
    for one in given:
        if isinstance(one, str):
            found.append(one)
        elif one.is_dir():
            found += _inside(one, suffixes)
        elif texts and one.suffix.lower() in tables.SUFFIXES:
            found += _rows(one, task)
        else:
            found.append(str(one))
    many = "texts" if texts else "pictures"
    if not found:
        raise StudioError(f"There are no {many} in what you chose.", f"Choose {many} or a folder.")
    left = len(found) - MOST_FILES
    note = f"Only the first {MOST_FILES:,} {many} are tried; {left:,} are left out."
    return found[:MOST_FILES], note if left > 0 else ""


def _picture_suffixes() -> tuple[str, ...]:
    from PIL import Image

    return tuple(Image.registered_extensions())


def _inside(folder: Path, suffixes: Sequence[str]) -> Iterator[str]:
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix.lower() in suffixes and file.is_file() and not hidden:
            yield str(file)


def _rows(path: Path, task: str) -> Iterator[str]:
    """Yield the texts of a table, of each row with one."""
    table = tables.open_table(path)
    head = [cells for _, cells in tables.preview(table, _LOOKED_AT)]
    names = list(table.columns)
    if asks_questions(task):
        asked, context = columns.by_words(names, _QUESTION), columns.by_words(names, _CONTEXT)
        if not asked or not context:
            raise none_fits(table, "questions and texts", "columns named question and context")
        for _, cells in tables.rows(table):
            if cells.get(asked) and cells.get(context):
                yield question(str(cells[asked]), str(cells[context]))
        return
    column = longest_text(names, head, TEXT_WORDS)
    if not column:
        raise none_fits(table, "texts", "a table with a column named text")
    for _, cells in tables.rows(table):
        if (cells.get(column) or "").strip():
            yield str(cells[column])
