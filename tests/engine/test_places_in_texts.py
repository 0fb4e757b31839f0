"""Runs that learn to find names and answers in texts: trained, resumed, judged, asked and gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from finetune_studio.core.dataset import Labels, Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Evaluated, Event, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import evaluate
from finetune_studio.engine.run import Run, load_bundle
from tests import tiny, tiny_models
from tests.engine.conftest import finished, run_all, weights
from tests.tasks.test_question_answering import questions
from tests.tasks.test_token_classification import sentences

TASKS = ("token_classification", "question_answering")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [s.fields["text"] for s in sentences(40)]
    texts += [" ".join((s.fields["question"], s.fields["context"])) for s in questions(20)]
    return tiny_models.folder(tmp_path_factory.mktemp("model"), "sentence", texts, words=2000)


@pytest.fixture(params=TASKS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "project", request.param)
    found = sentences(36) if request.param == TASKS[0] else questions(12)
    rows = [Row("", None, tiny.split_of(n), str(n), dict(s.fields)) for n, s in enumerate(found)]
    made.dataset.fill(rows, root=tmp_path)
    yield made
    made.close()


def chosen(project: Project, model: Path, **settings: object) -> Recipe:
    own = {name.replace("__", "."): value for name, value in settings.items()}
    base = {
        "model.source": str(model),
        "layers.amount": "everything",
        "optimiser.batch_size": 4,
        "optimiser.epochs": 2,
        "optimiser.learning_rate": 2e-3,
        "augment.strength": "none",
        "compute.device": "cpu",
        "options.max_length": 32,
        "options.overlap": 8,
    }
    return Recipe(task=project.task).with_settings(base | own)


def test_a_run_is_judged_and_answers_what_it_is_asked(project: Project, model: Path) -> None:
    end = finished(run_all(project, chosen(project, model)))
    folder = Path(end.run)
    task = evaluate.load_task(project.task)
    assert next(iter(end.metrics)) == task.headline
    kept = evaluate.answers(folder, project.dataset, "validation")
    assert len(kept) == 6
    assert task.score(kept) == pytest.approx(end.metrics)
    events = list(evaluate.evaluate(project, folder, "test", Control()))
    scored = events[-1]
    assert isinstance(scored, Evaluated)
    assert scored.samples == 6
    assert scored.baseline["metric"] == task.headline
    asked = task.input_of(kept[0][0])
    given = asked["text"] if "text" in asked else json.dumps(asked)
    (answer,) = evaluate.predict(folder, [given], Control())
    assert answer.error is None
    (wrong,) = evaluate.predict(folder, [" "], Control())
    assert wrong.error


def test_a_stopped_run_resumes_to_the_same_numbers(project: Project, model: Path) -> None:
    recipe = chosen(project, model)
    whole = run_all(project, recipe)

    def stop_in_second_epoch(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.epoch > 1.3:
            control.ask_stop()

    torch.manual_seed(99)
    first = run_all(project, recipe, on_event=stop_in_second_epoch)
    assert finished(first).stopped
    run_all(project, recipe, resume=Path(finished(first).run))
    ours, theirs = weights(finished(whole).run), weights(finished(first).run)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("balance", ["weights", "sampler"])
def test_balance_and_parts_of_a_batch_do_no_harm(
    project: Project, model: Path, balance: str
) -> None:
    recipe = chosen(
        project, model, optimiser__balance=balance, optimiser__accumulation=2, optimiser__epochs=1
    )
    assert finished(run_all(project, recipe)).metrics


def test_the_head_alone_can_learn(project: Project, model: Path) -> None:
    recipe = chosen(
        project, model, layers__amount="head_only", optimiser__method="solve", optimiser__epochs=1
    )
    assert finished(run_all(project, recipe)).metrics


@pytest.mark.parametrize("project", [TASKS[0]], indirect=True)
def test_a_run_goes_on_with_the_types_it_knows(
    project: Project, model: Path, tmp_path: Path
) -> None:
    first = Path(finished(run_all(project, chosen(project, model, optimiser__epochs=1))).run)
    known = load_bundle(first)
    assert known.labels == Labels(("Person", "Place"))
    old: Any = known.network.get_submodule(known.head)
    task = evaluate.load_task(project.task)
    recipe = chosen(project, first)
    again = task.load_model(recipe, Labels(("Animal", "Place", "Person")))
    new: Any = again.network.get_submodule(again.head)
    assert new.weight.shape[0] == 7
    # outside, Animal (new), Place (was second), Person (was first): begin and inside each
    assert torch.equal(new.weight[[0, 3, 4, 5, 6]], old.weight[[0, 3, 4, 1, 2]])
    assert torch.equal(new.bias[[0, 3, 4, 5, 6]], old.bias[[0, 3, 4, 1, 2]])
    assert torch.allclose(new.weight[1], old.weight.mean(0), atol=0.1)
    assert "2 classes are known already, 1 is new" in again.note


@pytest.mark.parametrize("project", [TASKS[0]], indirect=True)
def test_texts_in_which_nothing_is_named_cannot_teach(project: Project, model: Path) -> None:
    project.dataset.clear()
    rows = [
        Row("", None, split, None, {"text": f"no name {n}", "spans": []})
        for n, split in enumerate(("train", "train", "validation"))
    ]
    project.dataset.fill(rows, root=model)
    with pytest.raises(StudioError, match="no class"):
        run_all(project, chosen(project, model))


@pytest.mark.parametrize("project", [TASKS[1]], indirect=True)
def test_an_answer_out_of_place_is_set_aside_and_said(project: Project, model: Path) -> None:
    wrong = {"question": "q", "context": "a b", "answers": [{"text": "b", "start": 0}], "row": 7}
    project.dataset.fill([Row("", None, "train", "x", wrong)], root=model)
    events = run_all(project, chosen(project, model, optimiser__epochs=1))
    (aside,) = [e for e in events if e.word() == "sample_set_aside"]
    assert "row 7" in aside.reason
    assert "'b' does not stand at letter 0" in aside.reason
    run = Run(Path(finished(events).run))
    assert len(run.samples["train"]) == 25
