"""Answers and their places in a context."""

from __future__ import annotations

import pytest

from finetune_studio.core import answers

TEXT = "Rome is old. Oslo is new. In Rome it rains."


@pytest.mark.parametrize(
    ("answer", "start", "place", "moved"),
    [
        ("Oslo", 13, 13, False),
        ("Oslo", 0, 13, True),
        ("Oslo", None, 13, True),
        ("oslo", None, 13, True),
        (" Oslo", 12, 13, False),
        ("Rome", 29, 29, False),
        ("Rome", 28, 29, True),
        ("Rome", None, 0, True),
        ("Rome", -3, 0, True),
    ],
)
def test_places(answer, start, place, moved):
    found, was_moved = answers.placed(TEXT, answer, start)
    assert found == {"text": TEXT[place : place + 4], "start": place}
    assert was_moved is moved


@pytest.mark.parametrize(
    ("answer", "start"), [("Rome", 15), ("Paris", 3), ("", 0), (" ", None), ("oslo", 13)]
)
def test_answers_that_are_not_clearly_there(answer, start):
    assert answers.placed(TEXT, answer, start) == (None, False)


def test_letters_whose_small_form_is_longer_do_not_shift_places():
    text = "İstanbul and ROME"
    found, _ = answers.placed(text, "rome", None)
    assert found is None or text[found["start"] :].startswith(found["text"])


def test_keys_of_contexts():
    assert answers.context_key("a ") == answers.context_key("a") != answers.context_key("b")
