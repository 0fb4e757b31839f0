"""Letters read in a wrong encoding are found and mended; right ones are left alone."""

from __future__ import annotations

import pytest

from finetune_studio.modality import mojibake

RIGHT = [
    "plain",
    "Café, Straße, naïve, œuvre, 10 €, “quoted” – and … ½ °",
    "Ã and Â are letters of Portuguese: AÇÃO, IRMÃ, Ângela",
    "Ελληνικά, русский, 中文, العربية, עברית, ไทย",
    "price £5, ©2020, ® and ™, «quoted»",
]


@pytest.mark.parametrize("text", RIGHT)
def test_right_letters_stay(text):
    assert mojibake.broken(text) == 0
    assert mojibake.mended(text) == text


@pytest.mark.parametrize(
    "text", [RIGHT[1], RIGHT[4], "El Niño está aquí", "Ünïcödé", "naïve 😀", "中文"]
)
@pytest.mark.parametrize("page", ["cp1252", "latin-1"])
def test_what_was_read_wrongly_is_mended(text, page):
    wrong = "".join(bytes([b]).decode(page, "ignore") or chr(b) for b in text.encode("utf-8"))
    assert wrong != text
    assert mojibake.broken(wrong) > 0
    assert mojibake.mended(wrong) == text


def test_lost_letters_are_counted_and_stay():
    assert mojibake.broken("K\ufffdln") == 1
    assert mojibake.mended("K\ufffdln") == "K\ufffdln"


def test_only_texts_whose_places_are_not_counted_are_mended():
    assert mojibake.mended_fields({"text": "CafÃ©", "row": 2}) == {"text": "Café"}
    assert mojibake.mended_fields({"text": "Café"}) == {}
    assert mojibake.mended_fields({"text": "CafÃ©", "spans": []}) == {}
    assert mojibake.mended_fields({"context": "CafÃ©", "answers": []}) == {}
    messages = [{"role": "user", "content": "CafÃ©"}]
    assert mojibake.mended_fields({"messages": messages}) == {
        "messages": [{"role": "user", "content": "Café"}]
    }
