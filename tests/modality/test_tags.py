"""Words, tags and spans: there and back, pinned to numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from finetune_studio.modality import tags

TYPES = ("Gene", "Disease")


def parts(text: str, *, split: bool = False) -> list[str]:
    return [text[start:end] for start, end in tags.words(text, split=split).tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p53-null (mice)!", ["p53", "-", "null", "(", "mice", ")", "!"]),
        ("  two\n lines\t", ["two", "lines"]),
        ("naïve cafe\u0301 über_all", ["naïve", "cafe\u0301", "über_all"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("北京 is big", ["北", "京", "is", "big"]),
        ("かな カナ", ["か", "な", "カ", "ナ"]),
        ("😀ok", ["😀", "ok"]),
        ("word", ["word"]),
        ("", []),
        (" \u200b\n", ["\u200b"]),
    ],
)
def test_words_are_runs_of_letters_and_single_signs(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


def test_words_of_split_texts_are_what_lies_between_spaces() -> None:
    assert parts("p53-null (mice) , a", split=True) == ["p53-null", "(mice)", ",", "a"]
    assert parts("a  b ", split=True) == ["a", "b"]
    assert parts("", split=True) == []
    assert tags.words("", split=True).shape == (0, 2)


def test_each_span_begins_once_and_neighbours_of_a_type_stay_apart() -> None:
    words = tags.words("a b c d e")
    found = tags.tags_of(words, [[0, 3, "Gene"], [4, 5, "Gene"], [6, 9, "Disease"]], TYPES)
    assert [tags.names(TYPES)[tag] for tag in found] == [
        "B-Gene",
        "I-Gene",
        "B-Gene",
        "B-Disease",
        "I-Disease",
    ]


def test_a_word_belongs_to_the_first_span_that_touches_it() -> None:
    words = tags.words("alpha beta gamma")
    assert tags.tags_of(words, [[3, 8, "Gene"]], TYPES).tolist() == [1, 2, 0]  # cuts two words
    both = [[6, 16, "Disease"], [0, 10, "Gene"]]
    assert tags.tags_of(words, both, TYPES).tolist() == [1, 2, 3]
    assert tags.tags_of(words, [[0, 0, "Gene"], [99, 104, "Gene"]], TYPES).tolist() == [0, 0, 0]


def test_nothing_is_learnt_from_a_type_that_is_not_known() -> None:
    words = tags.words("a b c")
    assert tags.tags_of(words, [[2, 3, "Place"]], TYPES).tolist() == [0, tags.UNKNOWN, 0]


def test_spans_come_back_from_their_tags() -> None:
    text = "Loss of p53 and APC causes colon cancer ."
    spans = [[8, 11, "Gene"], [16, 19, "Gene"], [27, 39, "Disease"]]
    words = tags.words(text, split=True)
    found = tags.tags_of(words, spans, TYPES)
    shares = np.eye(5)[found] * 0.75 + 0.05
    shares[-2, 4] = 0.6  # "cancer" is less sure than "colon"
    decoded = tags.decode(shares)
    assert decoded.tolist() == found.tolist()
    shares[3, 2] = 0.3  # and so does "and" look a little as if the first went on
    assert tags.spans_of(words, decoded, shares, TYPES) == [
        [8, 11, "Gene", pytest.approx(0.7)],
        [16, 19, "Gene", pytest.approx(0.8)],
        [27, 39, "Disease", pytest.approx(0.6)],
    ]


def test_decoding_is_the_best_of_all_valid_sequences() -> None:
    """Against trying all: three words, five tags, of which inside must follow begin or inside."""
    rng = np.random.default_rng(0)
    repaired = 0
    for _ in range(200):
        shares = rng.dirichlet(np.full(5, 0.5), size=3)
        every = [np.array(way) for way in itertools.product(range(5), repeat=3)]
        best = max(
            (way for way in every if tags.valid(way)),
            key=lambda way: np.log(np.maximum(shares[range(3), way], 1e-30)).sum(),
        )
        assert tags.decode(shares).tolist() == best.tolist()
        repaired += shares.argmax(1).tolist() != best.tolist()
    assert repaired > 50  # or this would show nothing


def test_a_span_cannot_begin_inside_and_goes_on_where_it_is_likeliest() -> None:
    # Inside is likeliest twice, but nothing began: begin, then inside.
    shares = np.array([[0.30, 0.25, 0.45], [0.10, 0.10, 0.80]])
    assert tags.decode(shares).tolist() == [1, 2]
    assert tags.decode(np.array([[0.3, 0.1, 0.6]])).tolist() == [0]
    assert tags.decode(np.zeros((0, 3))).tolist() == []
    assert not tags.valid(np.array([2]))
    assert not tags.valid(np.array([1, 4]))
    assert tags.valid(np.array([1, 2, 2, 1, 3, 4]))


def test_a_word_is_read_where_most_stands_around_it() -> None:
    words = tags.words("aa bb cc dd ee")
    outside = [[-1, -1]]
    first = np.array([*outside, [0, 2], [3, 5], [6, 8], [9, 11], *outside])
    second = np.array([*outside, [6, 8], [9, 11], [12, 14], *outside])
    homes = tags.homes(words, [first, second])
    assert homes.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3]]


def test_a_word_is_read_at_its_first_token_and_never_in_its_middle() -> None:
    words = tags.words("aaaa bbbb")
    first = np.array([[0, 2], [2, 4], [5, 7]])
    second = np.array([[7, 9]])  # begins in the middle of the second word
    assert tags.homes(words, [first, second]).tolist() == [[0, 0], [0, 2]]
    leading = np.array([[0, 4], [4, 9]])  # tokens that hold the space before them
    assert tags.homes(words, [leading]).tolist() == [[0, 0], [0, 1]]


def test_a_word_without_a_token_is_read_nowhere() -> None:
    words = tags.words("a \u200b b")
    assert tags.homes(words, [np.array([[0, 1], [4, 5]])]).tolist() == [[0, 0], [-1, -1], [0, 1]]
    assert tags.homes(words, [np.full((2, 2), -1)]).tolist() == [[-1, -1]] * 3
    assert tags.homes(tags.words(""), [np.array([[0, 1]])]).shape == (0, 2)


def test_dictionary_marks_the_longest_known_name() -> None:
    known = tags.Dictionary(
        [
            (("colon cancer kills", True), [[0, 12, "Disease"]]),
            (("cancer of the colon", True), [[0, 6, "Disease"]]),
            (("a cold , a cold and a cold", True), [[2, 6, "Disease"]]),
            (("", True), []),
        ]
    )
    assert known.find("Colon cancer , cancer , a cold", True) == [
        [0, 12, "Disease"],
        [15, 21, "Disease"],
    ]  # "cold" names nothing in two of three places
    assert tags.Dictionary([]).find("any text", False) == []


def test_dictionary_does_not_look_beyond_the_end() -> None:
    long = (("a b c", True), [[0, 5, "Gene"]])
    known = tags.Dictionary([long, (("a b", True), [[0, 3, "Gene"]])])
    assert known.find("x a b", True) == [[2, 5, "Gene"]]  # three words would reach over the end
