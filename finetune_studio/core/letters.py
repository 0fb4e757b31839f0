"""Letters that no text has: zero bytes, bytes that are none in an encoding, halves of letters."""

from __future__ import annotations

import re
from typing import Any

_ODD = re.compile("[\0\ud800-\udfff]")
_BYTES = range(0xDC80, 0xDD00)  # how Python holds bytes that are no letters


def strange(text: str, encoding: str = "") -> str:
    """Return what is wrong with the letters of a text; empty if nothing is.

    Args:
        text: What was read.
        encoding: The name for people of how its letters are written.
    """
    if text.isascii() and "\0" not in text:
        return ""
    found = _ODD.search(text)
    if found is None:
        return ""
    number, place = ord(found.group()), found.start() + 1
    if not number:
        return f"there is a zero byte at letter {place}, which no text has"
    if number in _BYTES and encoding:
        return f"letter {place} is the byte {number & 0xFF:02X}, which is none in {encoding}"
    return f"letter {place} is only half of one (\\u{number:04x}), as where a sign was cut in two"


def mended(text: str) -> str:
    """Return a text with a mark in the place of each such letter, so that it can be kept and shown."""
    return text if text.isascii() and "\0" not in text else _ODD.sub("\ufffd", text)


def strange_in(value: Any) -> str:
    """Return what is wrong with the first such letter in a value of JSON, and in which text it is."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            if said := strange(one):
                return f"{said}, in {mended(one.strip())[:40]!r}"
        elif isinstance(one, dict):
            left += [*one.values(), *one]
        elif isinstance(one, list | tuple):
            left += one
    return ""
