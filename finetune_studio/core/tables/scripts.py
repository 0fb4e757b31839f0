"""Tells by their letters which encoding a text is in that is neither UTF-8 nor Western European."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

_FEWEST = 20  # letters beyond the plain ones, below which nothing can be told
_USUAL = 0.48  # of the letters beyond are a page's most usual ones, where a text is in it
_LEAST = 0.25  # of all letters must be beyond the plain ones
_CYRILLIC = "оеаинтсрвлкмдпуябызгчйхжшюцщэфіїє"


@dataclass(frozen=True)
class _Page:
    """A page of one byte a letter: the letters a text in it is made of, and the ten most usual ones."""

    name: str
    letters: frozenset[str]
    usual: frozenset[str]


def _page(name: str, letters: str, usual: str) -> _Page:
    return _Page(name, frozenset(letters), frozenset(usual))


# Asked first: texts in Hebrew hold few of these usual letters, but Russian ones many of Hebrew's.
_CYRILLIC_PAGES = (
    _page("cp1251", _CYRILLIC, "оеаинтсрвл"),
    _page("koi8-r", _CYRILLIC, "оеаинтсрвл"),
)
_PAGES = (
    _page("cp1253", "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ", "αοιετσνηυρ"),
    _page("cp1255", "אבגדהוזחטיכלמנסעפצקרשתךםןףץ", "יוהלארמבתש"),
    _page("cp1256", "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةأإآءئؤپچژگ", "اليمنروتبع"),
    _page(
        "cp874",
        "".join(map(chr, (*range(0x0E01, 0x0E3B), *range(0x0E40, 0x0E4F)))),
        "านรอกเงมยล",
    ),
)
# Of East Asian texts, the letters of two bytes each: what the most usual ones are encoded as.
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc]")
_WIDE = re.compile("[\u3041-\u30fa\u30fc\u3400-\u9fff\uac00-\ud7a3\uff61-\uff9f\u0370-\u06ff]")


def encoding_by_letters(sample: bytes) -> str:
    """Return the encoding whose usual letters a text is made of; nothing where it is none of these.

    A page of Cyrillic, Greek, Hebrew, Arabic or Thai letters is one whose letters fill whole words and
    whose most frequent ones are frequent here; of several, the one where they are most so. Texts of East
    Asia are those that can be read so from end to end and then consist of the letters that their
    standards list first, as being in daily use (Shift-JIS and EUC-JP: kana).

    Args:
        sample: Bytes from the start of the text, which may end within a letter.
    """
    high = len(sample.translate(None, bytes(range(128))))
    if high < _FEWEST:
        return ""
    for pages in (_CYRILLIC_PAGES, _PAGES):
        told = {page.name: _share(sample, page) for page in pages}
        best = max(told, key=lambda name: told[name])
        if told[best] > 0:
            return best
    return next((name for name, fits in _EAST.items() if _east(sample, name, fits)), "")


def _share(sample: bytes, page: _Page) -> float:
    """Return how much of a text the usual letters of a page make; 0 if it is hardly written in it."""
    text = sample.decode(page.name, "replace")
    beyond = [char for char in text if char > "\x7f" and (char.isalpha() or char in page.letters)]
    plain = sum(char < "\x80" and char.isalpha() for char in text)
    runs = len(re.findall(r"[^\x00-\x7f]{3,}", text))
    of_script = sum(char in page.letters for char in beyond)
    fits = len(beyond) >= _FEWEST and of_script >= 0.8 * len(beyond)
    if not fits or runs < 3 or len(beyond) <= _LEAST * plain:
        return 0.0
    if text.count("\ufffd") > 0.01 * len(beyond) + 1:
        return 0.0
    share = sum(char in page.usual for char in beyond) / len(beyond)
    return share if share >= _USUAL else 0.0


def _east(sample: bytes, name: str, fits: Callable[[list[str], str], bool]) -> bool:
    """Whether all of a text can be read in an encoding and consists of its usual letters."""
    text = _whole(sample, name)
    wide = _WIDE.findall(text)
    plain = sum(char < "\x80" and char.isalpha() for char in text)
    if len(wide) < _FEWEST / 2 or len(wide) <= _LEAST / 2 * plain:
        return False
    return fits(wide, name)


def _whole(sample: bytes, name: str) -> str:
    """Return a text in an encoding, without the letter in which it ends; nothing if it has others."""
    for end in range(4):
        try:
            return sample[: len(sample) - end].decode(name)
        except UnicodeDecodeError as error:
            if error.start < len(sample) - 4:
                return ""
    return ""


def _is_japanese(letters: list[str], _: str) -> bool:
    return sum(_KANA.match(letter) is not None for letter in letters) >= 0.25 * len(letters)


def _among(first: int, last: int, second: int) -> Callable[[list[str], str], bool]:
    """Return what says whether most letters begin with a byte of this range and go on from another."""

    def fits(letters: list[str], name: str) -> bool:
        usual = 0
        for letter, count in Counter(letters).items():
            content = letter.encode(name)
            if len(content) == 2 and first <= content[0] <= last and content[1] >= second:
                usual += count
        return usual >= 0.8 * len(letters)

    return fits


_EAST: dict[str, Callable[[list[str], str], bool]] = {
    "cp932": _is_japanese,
    "euc_jp": _is_japanese,
    "cp949": _among(0xB0, 0xC8, 0xA1),
    "gb18030": _among(0xB0, 0xD7, 0xA1),
    "big5": _among(0xA4, 0xC6, 0x40),
}
