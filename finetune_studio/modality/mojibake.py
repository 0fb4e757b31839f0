"""Letters that were read in the wrong encoding (such as ``Ã©`` for ``é``): found, and mended where sure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LOST = "\ufffd"  # what a reader puts where it could read no letter: it cannot be brought back
# What the bytes of UTF-8 become in Windows' western page, or in Latin-1: a first byte and those after it.
_PAGE = {chr(b): b for b in range(128, 256)}
_PAGE |= {letter: b for b in range(128, 160) if (letter := bytes([b]).decode("cp1252", "ignore"))}
_FIRST = "".join(re.escape(letter) for letter, byte in _PAGE.items() if 0xC2 <= byte <= 0xF4)
_NEXT = "".join(re.escape(letter) for letter, byte in _PAGE.items() if 0x80 <= byte <= 0xBF)
_BROKEN = re.compile(f"[{_FIRST}][{_NEXT}]+")


def broken(text: str) -> int:
    """Return how many letters of a text are broken, so that the right one is known, or lost."""
    if text.isascii():
        return 0
    return text.count(LOST) + sum(_mended(found) != found[0] for found in _BROKEN.finditer(text))


def mended(text: str) -> str:
    """Return a text with its broken letters as they should be; lost ones stay lost."""
    return text if text.isascii() else _BROKEN.sub(_mended, text)


def mended_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts of a sample that mending changes, under their fields' names.

    Nothing where places in a text are counted (spans and answers): they would no longer fit.
    """
    if "spans" in fields or "answers" in fields:
        return {}
    found: dict[str, Any] = {}
    if isinstance(text := fields.get("text"), str):
        found["text"] = mended(text)
    if isinstance(summaries := fields.get("summaries"), list):
        found["summaries"] = [mended(str(summary)) for summary in summaries]
    if isinstance(messages := fields.get("messages"), list):
        found["messages"] = [m | {"content": mended(str(m.get("content", "")))} for m in messages]
    return {name: value for name, value in found.items() if value != fields[name]}


def _mended(found: re.Match[str]) -> str:
    """Return what a run of letters is when its bytes are read as UTF-8; itself where they are none."""
    try:
        return bytes(_PAGE[letter] for letter in found[0]).decode("utf-8")
    except UnicodeDecodeError:
        return found[0]
