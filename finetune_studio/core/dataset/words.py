"""What a dataset is made of, as plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from finetune_studio.core.errors import StudioError


@dataclass(frozen=True, slots=True)
class Row:
    """One sample as a reader finds it.

    Attributes:
        path: The file, relative to the data's root; empty where the sample lies in ``fields``.
        label: The class's name, or None if there is none.
        split: ``train``, ``validation`` or ``test`` where the data say so.
        group: Samples of one group stay in one split.
        fields: Anything else of the sample: texts, spans, numbers, further columns. ``file`` and
            ``row`` say where it stood, if it is a part of a file.
        problem: Why the sample cannot be used; empty if it can.
    """

    path: str = ""
    label: str | None = None
    split: str | None = None
    group: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Labels:
    """The classes that a network tells apart, in the order of its outputs.

    ``ids`` are the project's numbers of the classes, which stay when a class is renamed.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample with what the user decided about it; ``path`` is absolute.

    ``review`` marks it for a second look; it takes part in everything all the same.
    """

    id: int
    path: str
    label: str | None
    label_id: int | None
    split: str
    group: str | None = None
    excluded: bool = False
    problem: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    review: bool = False

    @property
    def usable(self) -> bool:
        """Whether the sample takes part in training and scoring."""
        return not self.excluded and not self.problem

    @property
    def names(self) -> tuple[str, ...]:
        """Return what the data name in the sample: its class, its classes, or its spans' types."""
        if self.label is not None:
            return (self.label,)
        listed = self.fields.get("labels")
        if isinstance(listed, list):
            return tuple(map(str, listed))
        return tuple(str(span[2]) for span in self.fields.get("spans") or ())

    @property
    def place(self) -> str:
        """Return where the sample lies, for people and messages: its file, or the row of one."""
        if "row" in self.fields:
            return f"{self.fields.get('file', '')}, row {self.fields['row']}".lstrip(", ")
        return self.path or f"sample {self.id}"


@dataclass(frozen=True, slots=True)
class Edit:
    """Something the user did to the data, and when (Unix seconds)."""

    id: int
    time: float
    text: str
    undone: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """What was learned by reading a sample's file once, so that it need not be read again.

    Attributes:
        stamp: The file's size and time of change; another stamp means another file.
        content: A hash of its bytes: equal for exact copies.
        look: A few hundred bytes that say what it looks like: close for near copies.
    """

    stamp: str
    content: bytes
    look: bytes


def checked_name(name: str) -> str:
    """Return a class's name without spaces around it.

    Raises:
        StudioError: If nothing is left.
    """
    name = name.strip()
    if not name:
        raise StudioError("A class needs a name.", "Type at least one letter or digit.")
    return name


def natural(text: str) -> tuple[list[Any], str]:
    """Sort key under which ``class 2`` comes before ``class 10``."""
    parts: list[Any] = []
    number = ""
    for char in text.casefold():
        if char.isascii() and char.isdigit():
            number += char
            continue
        if number:
            parts.append((0, int(number), ""))
            number = ""
        parts.append((1, 0, char))
    if number:
        parts.append((0, int(number), ""))
    return parts, text
