"""Catalogues of things that live one per file and are loaded on first use."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event


@dataclass(frozen=True, slots=True)
class Entry(Event):
    """One row of a catalogue; ``where`` is ``module:attribute``, loaded only when it is asked for."""

    name: str
    title: str
    summary: str
    where: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """Import what the row stands for."""
        module, _, attribute = self.where.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def as_json(self) -> dict[str, Any]:
        """Return the row flat, its own facts beside name, title and summary."""
        return {
            "event": "entry",
            "name": self.name,
            "title": self.title,
            "summary": self.summary,
            **self.facts,
        }


class Catalogue:
    """Rows of one kind in the order in which they are offered.

    Args:
        kind: What a row is called in messages, for example ``task``.
        rows: The rows, best or most common first.
    """

    def __init__(self, kind: str, rows: list[Entry]) -> None:
        self.kind = kind
        self._rows = {row.name: row for row in rows}
        if len(self._rows) != len(rows):
            raise ValueError(f"two rows of the {kind} catalogue share a name")

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        return plain(name) in self._rows

    def __getitem__(self, name: str) -> Entry:
        row = self._rows.get(plain(name))
        if row is None:
            near = difflib.get_close_matches(plain(name), self._rows, n=1)
            offer = f"Did you mean {near[0]!r}? " if near else ""
            raise StudioError(
                f"There is no {self.kind} called {name!r}.",
                f"{offer}Choose one of: {', '.join(self._rows) or 'none is installed'}.",
            )
        return row

    def load(self, name: str) -> Any:
        """Import what the row of that name stands for."""
        return self[name].load()


def plain(name: str) -> str:
    """Return a catalogue name as it is kept: the terminal also takes hyphens for underscores."""
    return name.strip().lower().replace("-", "_")
