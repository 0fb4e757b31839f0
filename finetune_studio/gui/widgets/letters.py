"""Letters of a text as Qt counts them, and whole words around a selection; no Qt here."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left

# What Qt reads as a break, an object or a mark of its own stands as one plain letter, so that
# every place in the text stays where it is.
_PLAIN = str.maketrans(
    {
        "\r": " ",
        "\x00": "\ufffd",
        "\x0b": " ",
        "\x0c": " ",
        "\u2028": "\n",
        "\u2029": "\n",
        "\ufdd0": "\ufffd",
        "\ufdd1": "\ufffd",
        "\ufffc": "\ufffd",
    }
)


def plain(text: str) -> str:
    """Return a text as it is shown: letter for letter, without those that Qt treats as its own."""
    return text.translate(_PLAIN)


class Letters:
    """Turns places in a text into Qt's, which counts letters beyond U+FFFF twice, and back."""

    def __init__(self, text: str) -> None:
        self.text = text
        narrow = text.isascii() or max(text) <= "\uffff"
        self._wide = [] if narrow else [at for at, c in enumerate(text) if c > "\uffff"]
        self._wide_there = [at + before for before, at in enumerate(self._wide)]

    def there(self, place: int) -> int:
        """Return where Qt has a place of the text."""
        return place + bisect_left(self._wide, place)

    def here(self, place: int) -> int:
        """Return which place of the text Qt means."""
        return place - bisect_left(self._wide_there, place)


def snapped(text: str, start: int, end: int, *, blanks_only: bool = False) -> tuple[int, int]:
    """Return the whole words that a selection touches, without spaces around them.

    Args:
        text: The text.
        start: The first letter selected.
        end: The letter after the last; equal to ``start`` where nothing is selected.
        blanks_only: Whether words are exactly what stands between spaces.
    """
    start, end = max(0, start), min(len(text), end)
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start >= end:
        return start, start
    while 0 < start < len(text) and _joined(text[start - 1], text[start], blanks_only):
        start -= 1
    while 0 < end < len(text) and _joined(text[end - 1], text[end], blanks_only):
        end += 1
    return start, end


def _joined(left: str, right: str, blanks_only: bool) -> bool:
    """Whether no word ends between two letters."""
    if blanks_only:
        return not left.isspace() and not right.isspace()
    return _in_word(left) and _in_word(right)


def _in_word(letter: str) -> bool:
    if "\u3040" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff":
        return False  # Chinese and Japanese write no spaces: every sign stands for itself
    return letter.isalnum() or letter == "_" or unicodedata.category(letter).startswith("M")


def matched(text: str, wanted: str) -> list[tuple[int, int]]:
    """Return where a searched word stands in a text, whatever its case; at most 200 places."""
    found: list[tuple[int, int]] = []
    lower, word = text.lower(), wanted.lower()
    if not word or len(lower) != len(text):  # a few letters are longer in lower case
        lower, word = text, wanted
    at = lower.find(word) if word else -1
    while at >= 0 and len(found) < 200:
        found.append((at, at + len(word)))
        at = lower.find(word, at + len(word))
    return found


def from_right(text: str) -> bool:
    """Whether a text is written from the right to the left, as its first letter tells."""
    if text.isascii():
        return False
    strong = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind != "L" for kind in strong if kind in ("L", "R", "AL")), False)
