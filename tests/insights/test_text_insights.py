"""Names, answers, several classes and what is written: sorted by what became of them, on planted answers."""

from __future__ import annotations

import math

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Span
from finetune_studio.insights import answers, closeness, entities, explainer, several, sorter


def tagged(truth: list[list[object]], said: list[list[object]]) -> tuple[Sample, Prediction]:
    fields = {"text": "x" * 100, "spans": truth}
    return Sample(1, "", None, None, "validation", fields=fields), Prediction(
        answer={"spans": said}
    )


def test_each_name_becomes_exactly_one_find() -> None:
    pair = tagged(
        [
            [0, 5, "Gene"],
            [10, 20, "Disease"],
            [30, 40, "Disease"],
            [50, 55, "Person"],
            [60, 70, "A"],
        ],
        [[0, 5, "Gene", 0.9], [12, 20, "Disease", 0.8], [30, 40, "Gene", 0.7], [80, 85, "A", 0.6]],
    )
    found = [(find.kind, find.start) for find in entities.finds(pair)]
    assert found == [
        ("found", 0),
        ("borders", 10),
        ("type", 30),
        ("missed", 50),
        ("missed", 60),
        ("invented", 80),
    ]
    assert entities.first_error(entities.finds(pair)) == 10
    assert entities.finds(pair)[2].types == {"Disease", "Gene"}
    assert entities.finds(pair)[0].said == Span(0, 5, "Gene", 0.9)


def test_of_several_overlaps_the_largest_counts_and_the_rest_is_missed_or_invented() -> None:
    pair = tagged([[0, 20, "A"]], [[0, 4, "A", 1.0], [5, 20, "B", 1.0]])
    assert [find.kind for find in entities.finds(pair)] == ["type", "invented"]
    assert entities.finds(tagged([], [])) == []
    assert entities.first_error([]) is None


def test_types_are_scored_as_the_task_scores_them() -> None:
    from finetune_studio.tasks.token_classification import TokenClassification

    pairs = [
        tagged([[0, 5, "Gene"], [10, 20, "Disease"]], [[0, 5, "Gene", 1], [10, 19, "Disease", 1]]),
        tagged([[0, 5, "Disease"]], [[0, 5, "Disease", 1], [7, 9, "Disease", 1]]),
        tagged([[3, 5, "Gene"]], []),
    ]
    rows = {row.name: row for row in entities.per_type(pairs)}
    assert (rows["Disease"].truth, rows["Disease"].said, rows["Disease"].right) == (2, 3, 1)
    assert rows["Disease"].precision == pytest.approx(1 / 3)
    assert rows["Disease"].recall == pytest.approx(1 / 2)
    scores = TokenClassification().score(pairs)
    for name, row in rows.items():
        assert row.f1 == pytest.approx(scores[f"f1_{name}"])


def asked(truth: str, said: str, sure: float = 0.5) -> tuple[Sample, Prediction]:
    listed = [{"text": truth, "start": 0}] if truth else []
    sample = Sample(1, "", None, None, "validation", fields={"answers": listed})
    return sample, Prediction(said, answer={"text": said, "certainty": sure})


@pytest.mark.parametrize(
    ("truth", "said", "exact", "f1", "kind"),
    [
        ("Paris", "paris", 1, 1, "right"),
        ("Paris", "in Paris", 0, 0.67, "partly"),
        ("Paris", "Rome", 0, 0, "wrong"),
        ("Paris", "", 0, 0, "missed"),
        ("", "Rome", 0, 0, "invented"),
        ("", "", 1, 1, "none"),
    ],
)
def test_an_answer_is_right_partly_right_wrong_missing_or_invented(
    truth: str, said: str, exact: float, f1: float, kind: str
) -> None:
    pair = asked(truth, said, 0.25)
    assert answers.kind(pair, exact, f1) == kind
    assert answers.certainty(pair) == 0.25


def named(truth: list[str], said: list[str]) -> tuple[Sample, Prediction]:
    sample = Sample(1, "", None, None, "validation", fields={"labels": truth})
    return sample, Prediction(", ".join(said), answer={"labels": said})


def test_of_several_classes_some_are_left_out_or_too_many() -> None:
    pairs = [
        named(["a", "b"], ["b", "a"]),
        named(["a", "b"], ["a"]),
        named(["a"], ["a", "c"]),
        named(["a"], ["b"]),
        named([], []),
    ]
    assert [several.kind(pair) for pair in pairs] == [
        "right",
        "missed",
        "invented",
        "both",
        "right",
    ]
    assert several.per_name(pairs) == [("a", 4, 3, 3), ("b", 2, 2, 1), ("c", 0, 1, 0)]
    assert several.has_several(pairs)


def test_scores_fall_into_ranges_and_the_last_holds_its_end() -> None:
    scores = {1: 0.0, 2: 0.1, 3: 0.35, 4: 1.0, 5: math.nan}
    found = [
        (part.low, part.high, part.ids) for part in closeness.ranges(scores, (0, 0.1, 0.4, 1.0))
    ]
    assert found == [(0, 0.1, (1,)), (0.1, 0.4, (2, 3)), (0.4, 1.0, (4,))]
    high = closeness.ranges({1: 700.0, 2: 60.0}, closeness.PERPLEXITY_EDGES)
    assert [(part.low, part.ids) for part in high] == [(50.0, (2,)), (100.0, (1,))]
    assert closeness.ranges({}, (0, 1)) == []


def test_each_task_has_what_sorts_and_what_explains_it() -> None:
    sorters = {
        "image_classification": "confusion",
        "text_classification": "confusion",
        "token_classification": "entities",
        "question_answering": "answers",
        "summarization": "closeness",
        "causal_lm": "closeness",
    }
    assert {task: sorter(task) for task in sorters} == sorters
    assert sorter("unknown") == ""
    explained = {task: getattr(explainer(task), "name", "") for task in sorters}
    assert explained["image_classification"] == "saliency"
    assert explained["question_answering"] == "attribution"
    assert explained["causal_lm"] == ""
