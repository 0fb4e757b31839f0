"""Names are counted alike, whatever kind of answer gives them."""

from __future__ import annotations

from typing import Any

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Span
from finetune_studio.engine import facts, proof, tally
from finetune_studio.engine.report import examples


def sample(label: str | None = None, **fields: Any) -> Sample:
    return Sample(1, "", label, None, "validation", fields=fields)


def test_classes_of_one_each_are_counted_with_what_they_are_taken_for() -> None:
    pairs = [
        (sample("a"), Prediction("a")),
        (sample("a"), Prediction("b")),
        (sample("b"), Prediction("b")),
    ]
    a, b = tally.scores(pairs)
    assert tally.one_each(pairs)
    assert (a.name, a.samples, a.recall, a.precision, a.taken_for, a.times) == (
        "a", 2, 0.5, 1.0, "b", 1,
    )  # fmt: skip
    assert (b.recall, b.precision, b.f1) == (1.0, 0.5, pytest.approx(2 / 3))


def test_several_classes_are_counted_one_by_one() -> None:
    pairs = [
        (sample(labels=["a", "b"]), Prediction("a", answer={"labels": ["a"]})),
        (sample(labels=[]), Prediction("b", answer={"labels": ["b"]})),
    ]
    a, b = tally.scores(pairs)
    assert not tally.one_each(pairs)
    assert (a.recall, a.precision) == (1.0, 1.0)
    assert (b.samples, b.recall, b.precision, b.times) == (1, 0.0, 0.0, 0)


def test_spans_are_counted_by_type_where_both_ends_are_right() -> None:
    said = [[0, 3, "X", 0.9], [5, 8, "Y", 0.8], [9, 11, "X", 0.7]]
    pairs = [
        (
            sample(text="abc def ghi", spans=[[0, 3, "X"], [5, 8, "X"], [9, 12, "X"]]),
            Prediction("X: abc", answer={"spans": said}),
        )
    ]
    x, y = tally.scores(pairs)
    assert (x.samples, x.recall, x.precision) == (3, pytest.approx(1 / 3), 0.5)
    assert (x.taken_for, x.times) == ("Y", 1)
    assert (y.samples, y.recall) == (0, 0.0)


def test_tasks_without_names_have_no_table() -> None:
    assert tally.scores([(sample(question="?"), Prediction("yes"))]) == []


def test_answers_are_the_same_where_words_places_and_counts_are() -> None:
    one = Prediction("X: a", answer={"spans": [[0, 1, "X", 0.9]], "loss_sum": 4000.0, "tokens": 9})
    near = Prediction("X: a", answer={"spans": [[0, 1, "X", 0.8]], "loss_sum": 4001.0, "tokens": 9})
    moved = Prediction(
        "X: a", answer={"spans": [[0, 2, "X", 0.9]], "loss_sum": 4000.0, "tokens": 9}
    )
    assert proof.same(one, near)
    assert proof.difference(one, near) == pytest.approx(0.1)
    assert not proof.same(one, moved)
    sums = [Prediction(answer={"loss_sum": value}) for value in (4000.0, 4001.0, float("nan"))]
    assert proof.difference(sums[0], sums[1]) == pytest.approx(1 / 4000)
    assert proof.difference(sums[0], sums[2]) == 1.0


def test_written_texts_may_differ_by_a_word_where_losses_prove() -> None:
    answer = Prediction("so it is", answer={"summary": "so it is", "tokens": 5, "loss_sum": 3.0})
    other = Prediction("so it was", answer={"summary": "so it was", "tokens": 5, "loss_sum": 3.0})
    assert proof._tied(answer, other, 0.95)
    assert not proof._tied(answer, other, 0.5)


def test_scores_read_as_what_they_are() -> None:
    assert facts.name_of("f1_Disease") == "F1 of Disease"
    assert facts.name_of("entity_f1") == "entity F1"
    assert facts.said("macro_f1", 0.57) == "57 %"
    assert facts.said("perplexity", 1234.5) == "1,234.5"


def test_marked_text_is_escaped_and_cut_around_its_first_mark() -> None:
    text = "<b> aspirin & co"
    page = examples.marked(text, [(Span(4, 11, "Drug<"), False), (Span(4, 11, "Drug<"), True)])
    assert page == (
        "&lt;b&gt; <mark class='said truth'>aspirin<small>Drug&lt;</small></mark> &amp; co"
    )
    long = "word " * 1000
    shown = examples.marked(long, [(Span(3000, 3004, "X"), True)])
    assert shown.startswith("…word")
    assert shown.endswith("…")
    assert "<mark class='said'>word<small>X</small></mark>" in shown
    assert len(shown) < 800
