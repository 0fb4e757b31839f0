"""Which column of a table is which where names decide: as the user says, or by what it is called."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finetune_studio.core.columns import NONE, group_column, split_column
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.tables import Cells, Table
from finetune_studio.core.text_columns import none_fits, refuse_missing

_CHOSEN = ("question_column", "text_column", "target_column", "split_column", "group_column")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column that a reader looks for.

    Attributes:
        role: The recipe's field that names it, such as ``question_column``; or a word of the reader.
        words: Names that mean it, best first, small and with ``_`` between words.
        what: What it holds, for people; empty where the table may lack it.
    """

    role: str
    words: tuple[str, ...]
    what: str = ""


def guess_of(
    wanted: Sequence[Wanted],
) -> Callable[[Table, Sequence[Cells], DataChoices], dict[str, str]]:
    """Return what finds the column of each role, of the splits and of the groups in a table."""

    def guess(table: Table, rows: Sequence[Cells], choices: DataChoices) -> dict[str, str]:
        refuse_missing(table, choices, _CHOSEN)
        said = {want.role: str(getattr(choices, want.role, "")) for want in wanted}
        found: dict[str, str] = {role: column for role, column in said.items() if column}
        for want in wanted:
            free = [column for column in table.columns if column not in found.values()]
            found.setdefault(want.role, named(free, want.words))
            if want.what and found[want.role] in ("", NONE):
                raise none_fits(table, want.what, f"the column with {want.what}")
        free = [column for column in table.columns if column not in found.values()]
        split = choices.split_column or split_column(free, rows)
        group = choices.group_column or found.get("group_column") or group_column(free)
        found |= {"split_column": split, "group_column": group}
        return {role: "" if column == NONE else column for role, column in found.items()}

    return guess


def named(columns: Sequence[str], words: Sequence[str]) -> str:
    """Return the column whose name means one of the words; the earlier word wins."""
    plain = {
        column: re.sub(r"[\W_]+", "_", column.strip().casefold()).strip("_") for column in columns
    }
    return next((c for word in words for c, name in plain.items() if name == word), "")
