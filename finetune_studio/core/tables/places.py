"""Where tables lie, and which of several in one folder are train, validation and test."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import visible
from finetune_studio.core.splits import split_named
from finetune_studio.core.tables.words import SUFFIXES


def top(path: Path) -> Path:
    """Step down through single folders, as archives have them, to where tables lie."""
    while path.is_dir() and not tables_at(path):
        inner = [f for f in path.iterdir() if visible(f.name) and f.is_dir()]
        if len(inner) != 1:
            break
        path = inner[0]
    return path


def tables_at(path: Path) -> list[Path]:
    """Return the table itself, or those in a folder by name.

    JSON counts only where nothing else does and it is called as a split: other JSON is about data.

    Raises:
        StudioError: If the folder cannot be opened.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        return []
    try:
        files = sorted(f for f in path.iterdir() if visible(f.name) and f.is_file())
    except OSError as error:
        raise StudioError(
            f"{path} cannot be read: {error.strerror}.", "Check that you may open it."
        ) from error
    found = [f for f in files if f.suffix.lower() in SUFFIXES]
    return found or [f for f in files if f.suffix.lower() == ".json" and split_named(f.stem)]


def splits_by_name(found: Sequence[Path]) -> dict[Path, str]:
    """Return which tables are splits by their names; tables that say nothing are left out.

    A whole stem counts first (``dev.tsv``); where several tables lie together and name different
    splits, so does the last part of a stem (``talks.dev.jsonl``, ``talks_test.csv``), else the first
    (``train-00000-of-00002.parquet``).
    """
    whole = _named(found, lambda stem: stem)
    if whole:
        return whole
    for word in (_last, _first):
        by_part = _named(found, word)
        if len(set(by_part.values())) > 1:
            return by_part
    return {}


def _named(found: Sequence[Path], word: Callable[[str], str]) -> dict[Path, str]:
    return {file: split for file in found if (split := split_named(word(file.stem)))}


def _first(stem: str) -> str:
    return re.split(r"[._\-\s]+", stem)[0]


def _last(stem: str) -> str:
    return re.split(r"[._\-\s]+", stem)[-1]
