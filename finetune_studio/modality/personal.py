"""Likely personal data in texts: addresses, and numbers of telephones, cards and accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[a-zA-Z]{2,24}(?![\w-])")
_CARD = re.compile(r"(?<![\d.,-])(?:\d[ -]?){12,18}\d(?![\d.,-]\d|\d)")
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
)
_IP = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]\d|\d)")
# Five digits or more with little between them: worth a closer look, with some letters before them.
_NUMBER = re.compile(r"\d(?:[ ()./-]{0,3}\d){4,}")
_BEFORE = 25
# A number in the international way (+49 30 123456), or one that a word in front says to be a telephone's.
_PHONE = re.compile(
    r"(?<![\w+])\+\d{1,3}[ ./-]?(?:\(\d{1,5}\)[ ./-]?)?\d(?:[ ./-]?\d){5,12}(?!\d)"
    r"|(?:(?<=tel)|(?<=phone)|(?<=mobile)|(?<=call)|(?<=fax))[.:]*(?: (?:number|no\.?|is))?:? *"
    r"\(?\d(?:[ ()./-]{0,3}\d){6,13}(?!\d)"
    r"|(?<![\d(-])\(\d{3}\) ?\d{3}-\d{4}(?!\d)|(?<![\d-])\d{3}-\d{3}-\d{4}(?![\d-])",
    re.I,
)
# Addresses that stand in manuals and examples, and belong to nobody.
_NOBODY = re.compile(r"@(?:[\w-]+\.)*(?:example|test|invalid|localhost)(?:\.\w+)?$", re.I)
_LETTER_VALUE = {chr(65 + i): str(10 + i) for i in range(26)}
# How long accounts are in the countries that have most of them; others may have 15 to 34 letters.
_LENGTHS = {
    "DE": 22,
    "FR": 27,
    "GB": 22,
    "ES": 24,
    "IT": 27,
    "NL": 18,
    "AT": 20,
    "CH": 21,
    "BE": 16,
    "PL": 28,
}


def found(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the words of what seems to be personal."""
    if "@" in text:
        yield from (("e-mail address", m[0]) for m in _EMAIL.finditer(text) if _is_email(m[0]))
    yield from (("bank account", m[0]) for m in _IBAN.finditer(text) if is_iban(m[0]))
    for number in _NUMBER.finditer(text):
        start = max(0, number.start() - _BEFORE)
        around = text[start : number.end() + 3]
        for kind, pattern, sure in _NUMBERS:
            for match in pattern.finditer(around):
                if start + match.end() > number.start() and sure(match[0]):
                    yield kind, match[0]


def is_card(text: str) -> bool:
    """Whether digits are the number of a payment card: a known beginning and length, and Luhn's sum."""
    digits = [int(char) for char in text if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    number = "".join(map(str, digits))
    known = re.match(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|5|4[4-9])|3(?:0[0-5]|[68])|35", number)
    doubled = [d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return bool(known) and sum(doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text is the number of a bank account (ISO 13616): its length, and 1 modulo 97."""
    plain = text.replace(" ", "")
    if len(plain) != _LENGTHS.get(plain[:2], len(plain)) or not 15 <= len(plain) <= 34:
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(_LETTER_VALUE.get(char, char) for char in moved)) % 97 == 1


def is_address(text: str) -> bool:
    """Whether four numbers are a public network address, not a version or a private one."""
    parts = text.split(".")
    numbers = [int(part) for part in parts]
    if any(number > 255 for number in numbers) or any(len(p) > 1 and p[0] == "0" for p in parts):
        return False
    first, second = numbers[:2]
    private = first in (10, 127) or (first, second) in ((192, 168), (169, 254))
    private = private or (first == 172 and 16 <= second < 32)
    return 9 < first < 224 and not private  # smaller numbers are nearly always versions


def _is_email(text: str) -> bool:
    return not _NOBODY.search(text) and not text.startswith(".")


def _is_phone(text: str) -> bool:
    digits = [char for char in text if char.isdigit()]
    return 7 <= len(digits) <= 15 and len(set(digits)) > 2


_NUMBERS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("payment card", _CARD, is_card),
    ("telephone number", _PHONE, _is_phone),
    ("network address", _IP, is_address),
)
