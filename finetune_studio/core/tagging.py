"""Tags of words (IOB1, BIO, BILOU, BIOES, IO) become spans; broken sequences are repaired and counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

_SHAPE = re.compile(r"([BIEMLSU])(?:[-_](.+))?")
_BEGIN, _INSIDE, _LAST, _SINGLE = "B", "IM", "EL", "SU"
OUTSIDE = "O"
# The type of tags that say only where an entity begins and goes on, and not what it is.
UNNAMED = "Entity"


@dataclass
class Scheme:
    """How tags are written, learned from many of them with :meth:`learn`."""

    letters: Counter[str] = field(default_factory=Counter)
    bare: Counter[str] = field(default_factory=Counter)  # tags without a letter in front
    types: Counter[str] = field(default_factory=Counter)
    begun_by_inside: int = 0
    begun_by_begin: int = 0

    def learn(self, tags: Iterable[str]) -> None:
        """Take in the tags of one sentence."""
        before = OUTSIDE
        for tag in tags:
            letter, kind = split(tag)
            if letter == "" and tag != OUTSIDE:
                self.bare[tag] += 1
            elif letter:
                self.letters[letter] += 1
                self.types[kind] += 1
                if split(before)[1] != kind:
                    self.begun_by_inside += letter in _INSIDE
                    self.begun_by_begin += letter == _BEGIN
            before = tag

    @property
    def name(self) -> str:
        """Return what the scheme is called: BIOES, BILOU, IOB1, BIO or IO."""
        known = set(self.letters)
        if not known or self.bare.total() > 10 * self.letters.total():
            return "IO"
        if known & {"E", "S"}:
            return "BIOES"
        if known & {"L", "U"}:
            return "BILOU"
        return "IOB1" if self.begun_by_inside > 9 * self.begun_by_begin else "BIO"

    @property
    def names(self) -> list[str]:
        """Return the types of entities, the most frequent first."""
        found = self.bare if self.name == "IO" else self.types
        return [name for name, _ in found.most_common()]

    def unknown(self, tags: Sequence[str]) -> int | None:
        """Return the place of the first tag that is none of this scheme; None where all are."""
        plain = self.name == "IO"
        bare = self.types[UNNAMED] == self.types.total()  # tags B, I and O, which name no type
        for index, tag in enumerate(tags):
            letter = split(tag)[0]
            if tag == OUTSIDE or (plain and tag):
                continue
            if not letter or (len(tag) == 1 and not bare):
                return index
        return None


@dataclass(frozen=True, slots=True)
class Tagged:
    """The entities of a sentence as ``(first word, word after the last, type)``, and what was repaired.

    Attributes:
        entities: The entities.
        repaired: Which words' tags did not fit, once for each repair.
    """

    entities: tuple[tuple[int, int, str], ...]
    repaired: tuple[int, ...] = ()

    @property
    def repairs(self) -> int:
        """How many tags were repaired."""
        return len(self.repaired)


def split(tag: str) -> tuple[str, str]:
    """Return a tag's letter and type: ``B-Disease`` becomes ``("B", "Disease")``."""
    found = _SHAPE.fullmatch(tag)
    if not found:
        return "", "" if tag == OUTSIDE else tag
    return found[1], found[2] or UNNAMED


def is_tag(cell: str) -> bool:
    """Whether a cell looks like a tag with a letter in front, or like the tag of no entity."""
    return cell == OUTSIDE or _SHAPE.fullmatch(cell) is not None


def entities(tags: Sequence[str], scheme: Scheme) -> Tagged:
    """Return the entities that tags mean.

    A tag that goes on with an entity where none is begun, begins one; an entity whose end is missing
    ends before the next tag that does not go on with it. Each of these counts as a repair, unless it
    is the scheme's own way.
    """
    if scheme.name == "IO":
        return Tagged(tuple(_runs(tags)))
    ends = scheme.name in ("BIOES", "BILOU")
    found: list[tuple[int, int, str]] = []
    repaired: list[int] = []
    open_at, open_kind = -1, ""
    for index, tag in enumerate([*tags, OUTSIDE]):
        letter, kind = split(tag)
        goes_on = open_at >= 0 and kind == open_kind and letter in (*_INSIDE, *_LAST)
        if open_at >= 0 and not goes_on:
            found.append((open_at, index, open_kind))
            if ends and letter not in (*_INSIDE, *_LAST):  # else counted below
                repaired.append(index - 1)
            open_at = -1
        if not letter:
            continue
        if not goes_on:
            open_at, open_kind = index, kind
            if letter in _LAST or (letter in _INSIDE and scheme.name != "IOB1"):
                repaired.append(index)
        if letter in (*_LAST, *_SINGLE):
            found.append((open_at, index + 1, kind))
            open_at = -1
    return Tagged(tuple(found), tuple(repaired))


def _runs(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return runs of equal tags, without the tag of no entity."""
    found: list[tuple[int, int, str]] = []
    for index, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        if found and found[-1][1] == index and found[-1][2] == tag:
            found[-1] = (found[-1][0], index + 1, tag)
        else:
            found.append((index, index + 1, tag))
    return found


def spans(words: Sequence[str], tagged: Tagged) -> list[list[Any]]:
    """Return entities as ``[start, end, type]`` in letters of the words joined with single blanks."""
    starts: list[int] = []
    place = 0
    for word in words:
        starts.append(place)
        place += len(word) + 1
    return [
        [starts[first], starts[after - 1] + len(words[after - 1]), kind]
        for first, after, kind in tagged.entities
    ]
