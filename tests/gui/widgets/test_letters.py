"""Letters as Qt counts them, whole words, searched words, and marks that never overlap; no Qt needed."""

from __future__ import annotations

import pytest

from finetune_studio.gui.widgets import span_marks
from finetune_studio.gui.widgets.letters import Letters, from_right, matched, plain, snapped


@pytest.mark.parametrize("text", ["plain", "a 😀 b 😀😀 c", "", "naïve 𝔘nicode", "عربي"])
def test_every_place_comes_back_from_qts_counting(text):
    letters = Letters(text)
    for place in range(len(text) + 1):
        there = letters.there(place)
        assert there == len(text[:place].encode("utf-16-le")) // 2
        assert letters.here(there) == place


def test_what_qt_treats_as_its_own_is_shown_letter_for_letter():
    text = "a\r\nb\u2029c\ufffcd\x00e"
    assert plain(text) == "a \nb\nc\ufffdd\ufffde"
    assert len(plain(text)) == len(text)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (2, 5, "breast"),
        (4, 12, "breast cancer"),
        (0, 14, "breast cancer"),
        (13, 15, ""),  # only spaces
        (18, 18, ""),  # nothing is selected
        (15, 17, "(BRCA1"),  # punctuation that was selected stays, none is added
    ],
)
def test_a_selection_grows_to_whole_words(start, end, words):
    text = "breast cancer  (BRCA1), rare"
    assert text[slice(*snapped(text, start, end))] == words


def test_words_between_spaces_and_signs_without_spaces():
    text = "p53 -/- mice ."
    assert snapped(text, 5, 6, blanks_only=True) == (4, 7)
    assert snapped("北京大学", 1, 2) == (1, 2)
    assert snapped("cafe\u0301 noir", 1, 2) == (0, 5)  # an accent of its own belongs to its word


def test_searched_words_are_found_whatever_their_case():
    assert matched("Tumor, tumors; TUMOR", "tumor") == [(0, 5), (7, 12), (15, 20)]
    assert matched("anything", "") == []
    assert matched("İstanbul a", "a") == [(3, 4), (9, 10)]  # lower case would have one letter more


def test_the_side_a_text_begins_at():
    assert from_right("«مرحبا» hello")
    assert not from_right("hello مرحبا")
    assert not from_right("123")


def test_marks_stay_in_order_and_never_overlap():
    spans = [(0, 6, "A"), (10, 14, "B")]
    assert span_marks.with_place(spans, 7, 9, "C") == [(0, 6, "A"), (7, 9, "C"), (10, 14, "B")]
    assert span_marks.with_place(spans, 4, 11, "C") == [(4, 11, "C")]
    assert span_marks.with_place(spans, 6, 10, "C")[1] == (6, 10, "C")
    assert span_marks.without_place(spans, 0) == [(10, 14, "B")]


def test_marks_that_do_not_fit_are_left_out():
    fields = {"text": "abcd", "spans": [[2, 3, "B"], [0, 1, "A"], [3, 9, "C"], [2, 2, "D"]]}
    assert span_marks.places(fields) == [(0, 1, "A"), (2, 3, "B")]


def test_types_are_offered_by_how_often_they_are_marked():
    assert span_marks.ranked({"Gene": 3, "Drug": 9}, [(0, 1, "New")]) == ["Drug", "Gene", "New"]
