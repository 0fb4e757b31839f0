"""Answers in texts: SQuAD's own way to score, and the best span over windows, pinned to numbers."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from finetune_studio.modality import answers

OUTSIDE = [-1, -1]


@pytest.mark.parametrize(
    ("said", "truths", "f1", "exact"),
    [
        ("The Norman conquest!", ["norman  conquest"], 1.0, 1.0),
        ("in 1066", ["1066"], 2 / 3, 0.0),
        ("1066", ["in 1066", "the year 1066", "1,066"], 1.0, 1.0),
        ("Paris", ["London"], 0.0, 0.0),
        ("a b b", ["b b c"], 2 * 2 / (2 + 3), 0.0),  # "a" is an article: b b against b b c
        ("", [], 1.0, 1.0),  # rightly no answer
        ("Paris", [], 0.0, 0.0),
        ("", ["Paris"], 0.0, 0.0),
        ("", ["the"], 1.0, 1.0),  # a true answer of which nothing is left asks for none
        ("thenorm", ["norm"], 0.0, 0.0),  # articles are words of their own
    ],
)
def test_scores_are_those_of_squad(said: str, truths: list[str], f1: float, exact: float) -> None:
    assert answers.f1(said, truths) == pytest.approx(f1)
    assert answers.exact_match(said, truths) == exact


def test_answers_are_compared_without_what_does_not_matter() -> None:
    assert answers.normalised(" The  U.S.A., an (old) land ") == "usa old land"


def test_tokens_of_an_answer() -> None:
    offsets = np.array([OUTSIDE, OUTSIDE, [0, 3], [4, 9], [10, 12], OUTSIDE])
    assert answers.tokens_of(offsets, 4, 9) == (3, 3)
    assert answers.tokens_of(offsets, 5, 11) == (3, 4)  # cuts two tokens
    assert answers.tokens_of(offsets, 0, 12) == (2, 4)
    assert answers.tokens_of(offsets, 10, 15) == (0, 0)  # goes on in the next window
    assert answers.tokens_of(offsets, 0, 0) == (0, 0)
    assert answers.tokens_of(np.array([OUTSIDE]), 0, 3) == (0, 0)
    later = np.array([OUTSIDE, [4, 9], [10, 12]])
    assert answers.tokens_of(later, 0, 9) == (0, 0)  # begins in the window before


def test_the_best_span_runs_forward_and_is_not_too_long() -> None:
    offsets = np.array([OUTSIDE, [0, 1], [2, 3], [4, 5]])
    start = np.array([-9.0, 0.0, 1.0, 5.0])
    end = np.array([-9.0, 6.0, 1.0, 2.0])
    # 5 + 6 would end before it begins; 0 + 6 = 6 loses to 5 + 2 = 7.
    found = answers.best([start], [end], [offsets], longest=3, may_be_none=False)
    scores = [6, 1, 2, 2, 3, 7]
    assert (found.start, found.end) == (4, 5)
    assert found.certainty == pytest.approx(math.exp(7) / sum(map(math.exp, scores)))
    start, end = np.array([0.0, 5.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 5.0])
    for longest, expected in ((3, (0, 5)), (2, (0, 3)), (1, (0, 1))):
        found = answers.best([start], [end], [offsets], longest=longest, may_be_none=False)
        assert (found.start, found.end) == expected


def test_windows_compete_and_a_span_in_two_of_them_counts_once() -> None:
    first = np.array([OUTSIDE, [0, 1], [2, 3]])
    second = np.array([OUTSIDE, [2, 3], [4, 5]])
    found = answers.best(
        [np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 0.0])],
        [np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 0.0])],
        [first, second],
        longest=1,
        may_be_none=False,
    )
    assert (found.start, found.end) == (2, 3)
    scores = [2, 6, 0]  # (0, 1), (2, 3) at its better place, (4, 5)
    assert found.certainty == pytest.approx(math.exp(6) / sum(map(math.exp, scores)))


def test_no_answer_wins_where_every_window_prefers_it() -> None:
    offsets = [np.array([OUTSIDE, [0, 1]]), np.array([OUTSIDE, [2, 3]])]
    sure, unsure = np.array([3.0, 0.0]), np.array([1.0, 2.0])

    def best(scores: list[np.ndarray], *, may_be_none: bool = True) -> tuple[int, int]:
        found = answers.best(scores, scores, offsets, longest=1, may_be_none=may_be_none)
        return found.start, found.end

    assert best([sure, sure]) == (-1, -1)
    assert best([sure, unsure]) == (2, 3)  # 2 + 2 there, and that window gives none only 1 + 1
    assert best([sure, sure], may_be_none=False) == (0, 1)


def test_a_window_without_text_has_no_answer() -> None:
    nothing = np.array([OUTSIDE, OUTSIDE])
    found = answers.best([np.zeros(2)], [np.zeros(2)], [nothing], longest=3, may_be_none=False)
    assert found == (-1, -1, 1.0)


def test_the_baseline_answers_with_the_sentence_most_like_the_question() -> None:
    context = 'Rain fell. Anna lives in Oslo near 3.5 lakes! "Why?" he asked\nThe end'
    assert answers.sentences(context)[0] == "Rain fell."
    assert answers.likeliest_sentence("Where does Anna live, in Oslo?", context).startswith("Anna")
    assert answers.likeliest_sentence("x", "no sentence mark") == "no sentence mark"
    assert "".join(answers.sentences(context)).replace(" ", "") == "".join(context.split())


@pytest.mark.parametrize("seed", range(4))
def test_the_best_spans_are_those_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, longest = 40, int(rng.integers(1, 60))
    start, end = rng.normal(size=(2, count))
    offsets = np.array([(2 * n, 2 * n + 1) for n in range(count)])
    offsets[rng.integers(0, count, 5)] = -1  # not the text's
    pairs = {
        (int(offsets[i, 0]), int(offsets[j, 1])): start[i] + end[j]
        for i in range(count)
        for j in range(i, count)
        if offsets[i, 0] >= 0
        and offsets[j, 0] >= 0
        and np.sum(offsets[i : j + 1, 0] >= 0) <= longest
    }
    found = answers.best([start], [end], [offsets], longest=longest, may_be_none=False)
    place = max(pairs, key=lambda pair: pairs[pair])
    assert (found.start, found.end) == place
    top = sorted(pairs.values())[-20:]
    assert found.certainty == pytest.approx(1 / np.exp(np.array(top) - max(top)).sum())


def test_a_long_window_takes_little_memory() -> None:
    count = 8192
    start, end = np.random.default_rng(0).normal(size=(2, count)).astype(np.float32)
    offsets = np.stack([np.arange(count), np.arange(count) + 1], 1)
    tracemalloc.start()
    try:
        answers.best([start], [end], [offsets], longest=30, may_be_none=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6  # a table of all pairs takes 0.5 GB
