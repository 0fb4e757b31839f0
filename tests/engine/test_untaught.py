"""Classes without a training sample stop no run: they are named, get no output, and count as wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from finetune_studio.core.dataset import Row, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Evaluated, Event, Noted, Validated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import calibrating, evaluate, untaught
from finetune_studio.engine.report import write_report
from finetune_studio.engine.run import Run
from finetune_studio.insights.confusion import confusion
from finetune_studio.insights.per_class import per_class
from tests.engine.conftest import draw, finished, run_all, settings
from tests.engine.test_texts import chosen, model, rows

__all__ = ["model"]  # a fixture


def bad(events: Sequence[Event]) -> list[str]:
    return [e.text for e in events if isinstance(e, Noted) and e.level == "bad"]


def without(every: list[Row], label: str) -> list[Row]:
    """Return the rows, none of which has this class in training."""
    return [row for row in every if row.label != label or row.split != "train"]


@pytest.fixture
def photos(tmp_path: Path) -> Project:
    data = tmp_path / "photos"
    made = Project(tmp_path / "project", "image_classification")
    made.dataset.fill(without(draw(data), "class2"), root=data)
    return made


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize(("amount", "balance"), [("everything", "weights"), ("head_only", "none")])
def test_pictures_of_a_class_without_training_count_as_wrong(
    photos: Project, amount: str, balance: str
) -> None:
    choices = settings(layers__amount=amount, optimiser__epochs=4, optimiser__balance=balance)
    with photos as project:
        events = run_all(project, choices)
        ended = finished(events)
        folder = Path(ended.run)
        assert Run(folder).labels.names == ("class0", "class1")
        said = bad(events)
        assert len(said) == 1
        assert "the class class2, so the model cannot name it. 4 validation samples have" in said[0]
        assert all(math.isfinite(e.loss) for e in events if isinstance(e, Validated))
        again = list(evaluate.evaluate(project, folder, "validation", Control()))
        assert bad(again) == said
        told = again[-1]
        assert isinstance(told, Evaluated)
        pairs = evaluate.answers(folder, project.dataset, "validation")
        unknown = [answer for sample, answer in pairs if sample.label == "class2"]
        right = sum(sample.label == answer.label for sample, answer in pairs)
        assert (len(pairs), told.samples, len(unknown)) == (12, 12, 4)
        assert {answer.label for answer in unknown} <= {"class0", "class1"}
        assert told.metrics["accuracy"] == pytest.approx(right / 12)
        assert told.metrics["accuracy"] == pytest.approx(ended.metrics["accuracy"])
        own = {score.name: score for score in per_class(pairs)}
        assert own["class2"].recall == 0
        assert sum(confusion(pairs).values[2]) == 4
        look = calibrating.look(folder, project.dataset)
        assert look.count == 12  # also how sure it was where it could not be right
        page = write_report(project, folder).read_text(encoding="utf-8")
        assert "The model cannot name class2: no training sample had it" in page


def test_classes_that_no_sample_of_a_split_has_are_told() -> None:
    task = evaluate.load_task("image_classification")
    judged = [Sample(1, "/a.png", "a", 1, "validation"), Sample(2, "/b.png", "b", 2, "validation")]
    [noted] = untaught.unseen(task, ("a", "b", "c"), "validation", judged)
    assert noted.text == (
        "No validation sample has the class c: how well it is told apart, these scores do not say."
    )
    assert noted.level == "warning"
    assert list(untaught.unseen(task, ("a", "b"), "validation", judged)) == []
    assert list(untaught.unseen(task, ("a", "b"), "validation", [])) == []


@pytest.mark.usefixtures("small_model")
def test_a_batch_of_such_samples_alone_is_no_loss(photos: Project) -> None:
    with photos as project:
        others = [s.id for s in project.dataset.samples(split="validation") if s.label != "class2"]
        project.dataset.exclude(others)
        events = run_all(project, settings())
        assert finished(events).metrics["accuracy"] == 0
        assert all(math.isfinite(e.loss) for e in events if isinstance(e, Validated))


@pytest.mark.usefixtures("small_model")
def test_one_class_in_training_is_refused_in_words(photos: Project) -> None:
    with photos as project:
        others = [s.id for s in project.dataset.samples(split="train") if s.label != "class0"]
        project.dataset.exclude(others)
        with pytest.raises(StudioError, match="All training samples have the class 'class0'"):
            run_all(project, settings())


def test_texts_of_a_class_that_only_the_test_has(model: Path, tmp_path: Path) -> None:
    extra = [Row("", "white", "test", None, {"text": f"white {n}", "row": n}) for n in range(3)]
    extra += [Row("", "red", "test", None, {"text": "the cat red one", "row": 9})]
    with Project(tmp_path / "project", "text_classification") as project:
        project.dataset.fill([*without(rows(), "blue"), *extra], root=tmp_path)
        events = run_all(project, chosen(model, layers__amount="head_only"))
        assert "5 validation samples have it" in bad(events)[0]
        assert "blue" in bad(events)[0]
        folder = Path(finished(events).run)
        told = list(evaluate.evaluate(project, folder, "test", Control()))
    assert "the class white, so the model cannot name it. 3 test samples have it" in bad(told)[0]
    last = told[-1]
    assert isinstance(last, Evaluated)
    assert last.samples == 4
    assert last.metrics["accuracy"] <= 0.25
