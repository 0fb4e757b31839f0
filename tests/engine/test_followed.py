"""The same few samples are chosen from the seed, over the classes, and judged as each task judges."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Event, Prediction
from finetune_studio.core.project import Project
from finetune_studio.core.watching import WatchBegun, Watched
from finetune_studio.engine import copies, followed
from finetune_studio.engine.evaluate import load_task
from tests.engine.conftest import run_all, settings


def photo(number: int, label: str, path: str = "") -> Sample:
    return Sample(number, path, label, 1, "validation")


def test_twelve_are_chosen_over_the_classes_and_by_the_seed() -> None:
    task = load_task("image_classification")
    samples = [photo(n, "rare" if n in (7, 70) else f"class {n % 2}") for n in range(100)]
    first = followed.chosen(task, samples, 0)
    assert len(first) == followed.MOST
    counts = Counter(sample.label for sample in first)
    assert counts == {"rare": 2, "class 0": 5, "class 1": 5}
    assert first == followed.chosen(task, samples, 0)
    assert first != followed.chosen(task, samples, 1)
    asked = frozenset(range(40, 46))
    assert {s.id for s in followed.chosen(task, samples, 0, asked)} == set(asked)
    assert followed.chosen(task, [], 0) == []


@pytest.mark.parametrize(
    ("task", "fields", "right", "wrong"),
    [
        (
            "text_classification",
            {"text": "rain", "labels": ["a", "b"]},
            Prediction("a, b", {"a": 0.9, "b": 0.8}, answer={"labels": ["b", "a"]}),
            Prediction("a", {"a": 0.9, "b": 0.2}, answer={"labels": ["a"]}),
        ),
        (
            "token_classification",
            {"text": "Anna sings", "spans": [[0, 4, "Person"]]},
            Prediction("Anna", answer={"spans": [[0, 4, "Person", 0.9]]}),
            Prediction("", answer={"spans": []}),
        ),
        (
            "question_answering",
            {
                "question": "Who?",
                "context": "Anna sings.",
                "answers": [{"text": "Anna", "start": 0}],
            },
            Prediction("Anna", answer={"text": "Anna", "start": 0, "end": 4, "certainty": 0.7}),
            Prediction("sings", answer={"text": "sings", "start": 5, "end": 10, "certainty": 0.4}),
        ),
    ],
)
def test_answers_of_texts_are_right_or_wrong(
    task: str, fields: dict[str, Any], right: Prediction, wrong: Prediction
) -> None:
    sample = Sample(3, "", None, None, "validation", fields=fields)
    told = [followed.answers(load_task(task), [(sample, said)], [3])[0] for said in (right, wrong)]
    assert [one["right"] for one in told] == [True, False]
    assert [one["id"] for one in told] == [3, 3]
    assert told[0]["truth"]


def test_what_is_only_more_or_less_close_is_not_called_right_or_wrong() -> None:
    fields = {"text": "a long text", "summaries": ["a text"]}
    sample = Sample(1, "", None, None, "validation", fields=fields)
    said = Prediction("one text", answer={"summary": "one text"})
    told = followed.answers(load_task("summarization"), [(sample, said)], [1])[0]
    assert told["right"] is None
    assert 0 < told["score"] < 1
    assert told["answer"] == "one text"


def test_classes_that_no_answer_names() -> None:
    pairs = [(photo(n, "a" if n else "b"), Prediction("a")) for n in range(4)]
    assert followed.never_said(pairs) == {"b": 1}


def test_copies_are_found_by_their_content(tmp_path: Path) -> None:
    for name, content in (("a", b"same"), ("b", b"same"), ("c", b"else"), ("d", b"longer")):
        (tmp_path / name).write_bytes(content)
    with Project(tmp_path / "project", "image_classification") as project:

        def count(train: str, validation: str) -> int | None:
            split = [
                [photo(10 * place + n, "x", str(tmp_path / name)) for n, name in enumerate(names)]
                for place, names in enumerate((train, validation))
            ]
            return copies.in_training(project.dataset, split[0], split[1])

        assert count("a", "bcd") == 1
        assert count("ac", "d") == 0
        texts = [
            Sample(n, "", "x", 1, "", fields={"text": text})
            for n, text in enumerate(
                ("Rain fell all day long.", "rain  fell ALL day long.", "yes", "Yes")
            )
        ]
        assert copies.in_training(project.dataset, texts[::2], texts[1::2]) == 1


@pytest.mark.usefixtures("lively_model")
def test_each_epoch_tells_the_same_samples(project: Project) -> None:
    events: list[Event] = run_all(project, settings())
    begun = next(e for e in events if isinstance(e, WatchBegun))
    told = [e for e in events if isinstance(e, Watched)]
    assert len(told) == 3
    assert len(begun.samples) == 12
    for event in told:
        assert [answer["id"] for answer in event.answers] == begun.samples
        for answer in event.answers:
            assert answer["right"] == (answer["answer"] == answer["truth"])
            assert 0 < answer["certainty"] <= 1
