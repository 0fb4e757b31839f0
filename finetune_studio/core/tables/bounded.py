"""The lines of a text file in bounded memory; letters that no text has are noticed on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune_studio.core import letters
from finetune_studio.core.errors import StudioError
from finetune_studio.core.tables.words import Table

LONGEST_LINE = 16 * 2**20  # letters; a longer line is no row of a table but something else
_ESCAPED = re.compile("[\ud800-\udfff]")  # how bytes that are no letters are held


class Lines:
    """Iterates over a file's lines, with their ends.

    A line too long to be held is passed over, and an empty one stands in its place.

    Attributes:
        number: How many lines were read.
        long: The number of a line since this was last set to 0 that is too long.
        strange: Whether a line since this was last set to False holds a zero byte, or bytes that are
            no letters in the table's encoding.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.number = 0
        self.long = 0
        self.strange = False

    def __iter__(self) -> Iterator[str]:
        """Yield each line."""
        table = self._table
        with table.path.open(encoding=table.encoding, errors="surrogateescape", newline="") as file:
            try:
                while line := file.readline(LONGEST_LINE):
                    self.number += 1
                    if len(line) == LONGEST_LINE:
                        self.long, line = self.number, "\n"
                        while (rest := file.readline(LONGEST_LINE)) and not rest.endswith("\n"):
                            pass
                    if "\0" in line or not (line.isascii() or _ESCAPED.search(line) is None):
                        self.strange = True
                    yield line
            except UnicodeError as error:
                why = error.reason if isinstance(error, UnicodeDecodeError) else error
                raise StudioError(
                    f"{table.path}, after line {self.number}: the letters are not"
                    f" {table.encoding_title} ({why}).",
                    "Choose another encoding, or save the table again as CSV in UTF-8.",
                ) from error


def too_long(number: int) -> str:
    """Return what is wrong with a line of this number."""
    return f"line {number}: the line is longer than {LONGEST_LINE // 2**20} million letters"


def strange(cell: str, table: Table) -> str:
    """Return what is wrong with the letters of a cell; empty if nothing is."""
    return letters.strange(cell, table.encoding_title)


LONG_HINT = "Such a line is no row of a table; check how the file was written."
STRANGE_HINT = (
    "The file is damaged or written in another encoding: choose another one, or save it again"
    " in UTF-8."
)
