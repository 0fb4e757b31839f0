"""How the letters of a text file are written: found out by looking, or as the user says."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.tables.scripts import encoding_by_letters

# What a user may choose, by Python's name.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Western European, Windows 1252",
    "latin-1": "Western European, ISO 8859-1",
    "cp1251": "Cyrillic, Windows 1251",
    "koi8-r": "Cyrillic, KOI8-R",
    "iso8859-15": "Western European with €, ISO 8859-15",
    "cp1250": "Central European, Windows 1250",
    "iso8859-2": "Central European, ISO 8859-2",
    "cp1253": "Greek, Windows 1253",
    "cp1254": "Turkish, Windows 1254",
    "cp1255": "Hebrew, Windows 1255",
    "cp1256": "Arabic, Windows 1256",
    "cp1257": "Baltic, Windows 1257",
    "cp1258": "Vietnamese, Windows 1258",
    "cp874": "Thai, Windows 874",
    "gb18030": "Chinese, GB 18030",
    "big5": "Chinese, Big5",
    "cp932": "Japanese, Shift-JIS",
    "euc_jp": "Japanese, EUC-JP",
    "cp949": "Korean, Windows 949",
    "mac_roman": "Western European, Macintosh",
    "cp437": "Old DOS, code page 437",
    "cp850": "Old DOS, code page 850",
}
_TITLES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a mark at its start",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 without a mark, small end first",
    "utf-16-be": "UTF-16 without a mark, large end first",
    "latin-1": "ISO 8859-1",
    "koi8-r": "KOI8-R",
}
_HEAD = 64 * 2**10
_SEEN = 2**20  # bytes looked at before a page of letters is chosen
_NOT_IN_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
# What other kinds of files begin with, what they are called, and what to do about them.
_PICTURE = ("a picture", "Choose a file with text, or a project whose task is about pictures.")
_OTHER_KINDS = {
    b"PK\x03\x04": ("a zip or an office document", "Unpack it, or save it as plain text or CSV."),
    b"\xd0\xcf\x11\xe0": ("an office document", "Save it as plain text or CSV."),
    b"%PDF": ("a PDF", "Save its text as a .txt file."),
    b"{\\rtf": ("a document with formats (RTF)", "Save it as plain text."),
    b"\x1f\x8b": ("packed with gzip", "Unpack it first."),
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
    b"II*\0": _PICTURE,
    b"MM\0*": _PICTURE,
}
_CONTROLS = bytes(set(range(1, 32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"
_MULTI = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{1,3}")
_FEWEST_HIGH = 64  # bytes beyond the plain letters, below which nothing is said of them
_PLAIN = 0.05  # of a text's bytes at least are plain: blanks, ends of lines, commas
# How often whole letters in UTF-8 must outnumber bytes that are none: then a few are damaged.
_MOSTLY = 20


def title(encoding: str) -> str:
    """Return the name of an encoding for people."""
    if encoding in _TITLES:
        return _TITLES[encoding]
    if encoding.startswith("cp") and encoding[2:].isdigit():
        return f"Windows code page {encoding[2:]}"
    return ENCODINGS.get(encoding, encoding)


def chosen(encoding: str, path: Path) -> str:
    """Return Python's name for an encoding that the user chose for a file.

    Raises:
        StudioError: If there is no such encoding for texts.
    """
    try:
        name = codecs.lookup(encoding.strip()).name
        "a".encode(name)
        b"".decode(name)
    except (LookupError, UnicodeError, TypeError, AttributeError) as error:
        raise StudioError(
            f"There is no encoding {encoding!r}.",
            f"Choose one of: {', '.join(ENCODINGS)}; or none, and it is recognised.",
        ) from error
    if name in ("utf-8", "utf_8"):
        with path.open("rb") as file:
            return "utf-8-sig" if file.read(3) == codecs.BOM_UTF8 else "utf-8"
    ours = {codecs.lookup(known).name: known for known in ENCODINGS}
    return ours.get(name, name)


def other_kind(head: bytes) -> tuple[str, str] | None:
    """Return what a file is that begins with these bytes of no text, and what to do; None for a text."""
    for mark, known in _OTHER_KINDS.items():
        if head.startswith(mark):
            return known
    return None


def looks_binary(head: bytes) -> bool:
    """Whether the first bytes of a file are those of no text, in any encoding without a mark.

    Control characters tell that, zeros, and letters beyond the plain ones without a blank or the end of a
    line among them, unless they are those of UTF-8 or of another script.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    if head.count(0) > 0.6 * len(head):  # of plain letters in UTF-16, half of the bytes are zero
        return True
    odd = len(head) - len(head.translate(None, _CONTROLS))
    return odd > 0.05 * len(head) or _without_blanks(head)


def _without_blanks(head: bytes) -> bool:
    high = len(head.translate(None, bytes(range(128))))
    if high < _FEWEST_HIGH or len(head) - high > _PLAIN * len(head):
        return False
    return _without_mark([head]) in ("latin-1", "cp1252")


def encoding_of(path: Path) -> str:
    """Return how a text file's letters are written.

    A mark at its start decides; then zeros at every other place (UTF-16); then whether all of it, or
    all but a few damaged letters, is UTF-8; then whether it consists of the usual letters of another
    script (see ``scripts``); else it is taken for Windows' western page, or for Latin-1 where that lacks
    a letter.
    """
    with path.open("rb") as file:
        return _found(file.read(_HEAD), path)


def encoding_in(content: bytes) -> str:
    """Return how the letters of a text in memory are written; as :func:`encoding_of`."""
    return _found(content[:_HEAD], content)


def _found(head: bytes, source: Path | bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > 0.3 * len(head) / 2 and min(even, odd) < 0.05 * len(head) / 2:
        return "utf-16-le" if odd > even else "utf-16-be"
    if isinstance(source, bytes):
        return _without_mark([source])
    with source.open("rb") as file:
        parts: list[bytes] = []
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while part := file.read(2**20):
                decoder.decode(part)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            file.seek(0)
            while part := file.read(2**20):
                parts.append(_high_only(part) if parts else part)
        else:
            return "utf-8"
    return _without_mark(parts)


def _high_only(part: bytes) -> bytes:
    """Return what tells encodings apart, so that a large file need not be held: no plain letters."""
    return part if len(part) < _SEEN else re.sub(rb"[\x00-\x1f!-@\[-`{-\x7f]+", b" ", part)


def _without_mark(parts: list[bytes]) -> str:
    whole = b"".join(parts)
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    letters = sum(len(found) for found in _MULTI.findall(whole))
    high = len(whole.translate(None, bytes(range(128))))
    if letters >= _MOSTLY * max(1, high - letters):
        return "utf-8"
    if found := encoding_by_letters(whole[:_SEEN]):
        return found
    return "latin-1" if _NOT_IN_CP1252 & set(whole) else "cp1252"
