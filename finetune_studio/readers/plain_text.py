"""Reads plain texts and cuts them, between paragraphs, into pieces that a language model can learn from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune_studio.core import counts, lines
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.lines import Part, Parts
from finetune_studio.core.reader import Description, Reader
from finetune_studio.core.recipe import DataChoices

SUFFIXES = frozenset({".txt", ".md", ".markdown", ".text"})
_MOST = 2000  # letters of a piece: about 500 tokens, which every language model takes
_LEAST = 200  # a shorter one joins its neighbour, which then is a little longer
_FEWEST_FILES = 10  # fewer files cannot be divided into splits evenly; pieces can
_LOOKED = 50_000_000  # letters that are cut before the pieces are counted
_SENTENCE = re.compile(r"(?<=[.!?。!?…])[\"'”’)]?\s+|(?<=[。!?])")
_HINT = "Choose a .txt or .md file, or a folder of them."


@dataclass
class Piece:
    """Lines that are gathered: where the first stands, the paragraphs, and how many letters."""

    row: int = 0
    paragraphs: list[str] = field(default_factory=list)
    letters: int = 0


class PlainText(Reader):
    """Running text, a sample a piece."""

    name = "plain_text"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.5 where there are text files, empty ones too: nearly everything else may be one."""
        del names
        try:
            found = lines.parts(path, SUFFIXES).files
        except StudioError:
            return 0.0
        if not found:
            return 0.0
        usual = path.is_dir() or path.suffix.lower() in SUFFIXES
        return 0.5 if usual else lines.FALLBACK

    def root(self, path: Path) -> Path:
        """Return the folder itself, or the one the file lies in."""
        return path if path.is_dir() else path.parent

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a piece, in the order of the text."""
        del names
        parts = _parts(path, choices)
        grouped = len(parts.files) >= _FEWEST_FILES
        for part in parts.files:
            for row in _pieces(part):
                fields: dict[str, Any] = {"file": part.name, **row.fields}
                group = part.name if grouped else None
                yield Row(split=part.split, group=group, fields=fields, problem=row.problem)

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say how many pieces there are and how long."""
        del names
        parts = _parts(path, choices)
        pieces = letters = 0
        complete = True
        for part in parts.files:
            for row in _pieces(part):
                pieces += 1
                letters += len(row.fields["text"])
                if letters > _LOOKED:
                    complete = False
                    break
        title = (
            f"Plain text of {counts.of(len(parts.files), 'file')}, cut between paragraphs into"
            f" {'' if complete else 'more than '}{counts.of(pieces, 'piece')} of about {_MOST:,}"
            f" letters at most, {letters / max(pieces, 1):,.0f} on average"
        )
        notes = [*parts.notes, *lines.encoding_notes(parts)]
        if len(parts.files) >= _FEWEST_FILES:
            notes.append("The pieces of one file stay in one split.")
        return Description(title, tuple(notes))


def _parts(path: Path, choices: DataChoices) -> Parts:
    """Return the files to read; those that cannot be read are left out and named.

    Raises:
        StudioError: If there is none, or the only one cannot be read.
    """
    found = lines.parts(path, SUFFIXES, choices.encoding)
    if not found.files:
        raise StudioError(f"There is no text file in {path}.", _HINT)
    kept: list[Part] = []
    notes = list(found.notes)
    for part in found.files:
        try:
            lines.refuse_unreadable(part)
            kept.append(part)
        except StudioError as error:
            if len(found.files) == 1:
                raise
            notes.append(f"Left out: {error.message}")
    if not kept:
        raise StudioError(f"No text file in {path} can be read. {notes[-1]}", _HINT)
    return Parts(found.root, tuple(kept), tuple(notes))


def _pieces(part: Part) -> Iterator[Row]:
    """Yield pieces of whole paragraphs; a paragraph that is too long is cut between sentences."""
    piece = Piece()
    held: Piece | None = None  # waits for a short rest that may join it
    for number, paragraph, problem in _paragraphs(part):
        if problem:
            yield Row(fields={"text": paragraph, "row": number}, problem=problem)
            continue
        for text in _cut(paragraph):
            if piece.letters >= _LEAST and piece.letters + len(text) > _MOST:
                if held:
                    yield _row(held)
                held, piece = piece, Piece()
            if not piece.paragraphs:
                piece.row = number
            piece.paragraphs.append(text)
            piece.letters += len(text) + 2
    if held and piece.letters < _LEAST:
        held.paragraphs += piece.paragraphs
        piece = Piece()
    for rest in (held, piece):
        if rest and rest.paragraphs:
            yield _row(rest)


def _row(piece: Piece) -> Row:
    return Row(fields={"text": "\n\n".join(piece.paragraphs), "row": piece.row})


def _paragraphs(part: Part) -> Iterator[tuple[int, str, str]]:
    """Yield the first line's number of each paragraph, its text, and why it cannot be used."""
    gathered: list[str] = []
    first = 0
    for line in lines.lines(part):
        if line.problem:
            yield line.number, line.text, line.problem
        elif line.text.strip():
            first = first if gathered else line.number
            gathered.append(line.text.rstrip())
            continue
        if gathered:
            yield first, "\n".join(gathered), ""
            gathered = []
    if gathered:
        yield first, "\n".join(gathered), ""


def _cut(paragraph: str) -> Iterator[str]:
    """Yield a paragraph in parts of at most a piece's letters, never within a word."""
    while len(paragraph) > _MOST:
        head = paragraph[:_MOST]
        ends = [found.end() for found in _SENTENCE.finditer(head)]
        place = ends[-1] if ends and ends[-1] > _MOST / 4 else _last_blank(head)
        if not place:  # a word longer than a piece stays whole
            blank = re.search(r"\s", paragraph[_MOST:])
            if not blank:
                break
            place = _MOST + blank.start()
        yield paragraph[:place].rstrip()
        paragraph = paragraph[place:].lstrip()
    if paragraph:
        yield paragraph


def _last_blank(text: str) -> int:
    found = list(re.finditer(r"\s", text))
    return found[-1].start() if found else 0
