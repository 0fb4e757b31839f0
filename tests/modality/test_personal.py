"""Personal data: what is found, and above all what is not taken for it."""

from __future__ import annotations

import pytest

from finetune_studio.modality import personal


def kinds(text):
    return [kind for kind, _ in personal.found(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe+x@mail.university.edu, please", "e-mail address"),
        ("(bob@firm.co.uk)", "e-mail address"),
        ("card 4111 1111 1111 1111 is his", "payment card"),
        ("5500-0055-5555-5559", "payment card"),
        ("378282246310005", "payment card"),
        ("IBAN DE89 3704 0044 0532 0130 00", "bank account"),
        ("GB82WEST12345698765432", "bank account"),
        ("call +49 30 901820", "telephone number"),
        ("+1 (212) 736-5000", "telephone number"),
        ("Tel.: 030 / 90 18 20", "telephone number"),
        ("phone number: 0207 946 0958", "telephone number"),
        ("(212) 736-5000", "telephone number"),
        ("212-736-5000", "telephone number"),
        ("from 81.2.69.142 at night", "network address"),
    ],
)
def test_what_is_found(text, kind):
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "p < 0.001, n = 1234567, 95 % CI 1.02-3.45",
        "ISBN 978-3-16-148410-0",
        "ISBN 9783161484100",
        "4111 1111 1111 1112",  # Luhn's sum is wrong
        "0000 0000 0000 0000",
        "1234567890123456",  # no card begins so
        "DE89 3704 0044 0532 0130 01",  # the checksum is wrong
        "AB12 CDEF 3456 7890",
        "version 4.2.1.0 and 1.10.2.3",
        "192.168.0.1 and 127.0.0.1 and 10.0.0.5 and 172.16.3.4",
        "256.300.1.1",
        "section 11.12.13.14.15",
        "someone@example.com and x@localhost.test",
        "a @ b, twitter @name, foo@bar",
        "in 1914-1918 and 2020-03-12",
        "2020-12-31 23:59:59",
        "telephone and television",
        "call 911",
        "the years 1990 1991 1992 1993",
        "id 20200312123456",
        "$1,000,000.00 or 12 345 678",
        "+5 degrees, +12.5 %",
        "phone 1111111",
        "1-800-555-5555-1234",
    ],
)
def test_what_is_left_alone(text):
    assert kinds(text) == []


def test_sums():
    assert personal.is_card("4242424242424242")
    assert not personal.is_card("4242424242424241")
    assert personal.is_iban("FR14 2004 1010 0505 0001 3M02 606")
    assert not personal.is_iban("FR14 2004 1010 0505 0001 3M02 607")
    assert not personal.is_iban("DE8937040044053201300")


def test_the_words_are_returned_and_long_texts_take_no_time():
    assert list(personal.found("a@b.org, c@d.org")) == [
        ("e-mail address", "a@b.org"),
        ("e-mail address", "c@d.org"),
    ]
    two = "+49 30 901820 or +49 30 901821"
    assert kinds(two) == ["telephone number"] * 2
    import time

    started = time.process_time()
    for text in ("a" * 200_000, "1" * 200_000, "a.b-" * 50_000, "1 2-" * 50_000, "AB12" * 50_000):
        list(personal.found(text))
    assert time.process_time() - started < 5
