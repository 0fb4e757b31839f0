"""Studies of every task: with and without classes, ragged or not, more or less being better."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_studio.core import study
from finetune_studio.core.events import RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study_events import CrossValidated, RateFound, RateTried
from finetune_studio.engine import curate
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.studies import carry_out, oof, rate_test
from tests import tiny, tiny_models

MODELS = {
    "text_classification": "bert",
    "token_classification": "bert",
    "question_answering": "bert",
    "summarization": "t5",
    "causal_lm": "llama",
}


@pytest.mark.parametrize("name", MODELS)
def test_a_text_task_is_cross_validated_and_its_rate_tested(name: str, tmp_path: Path) -> None:
    data = getattr(tiny, name)(tmp_path / "data")
    model = tiny_models.folder(tmp_path / "model", MODELS[name], chat=name == "causal_lm")
    recipe = Recipe(task=name).with_settings(
        {
            "data.path": str(data),
            "model.source": str(model),
            "layers.amount": "last_stage",
            "optimiser.epochs": 2,
            "optimiser.batch_size": 8,
            "crossval.folds": 2,
        }
    )
    with Project(tmp_path / "project", name) as project:
        list(curate.import_data(project, recipe.data, 0, Control()))
        events = list(carry_out(project, recipe, Control()))
        (said,) = [event for event in events if isinstance(event, CrossValidated)]
        last = events[-1]
        assert isinstance(last, RunFinished)
        task = load_task(name)
        assert next(iter(said.mean)) == next(iter(last.metrics)) == task.headline
        usable = project.dataset.samples(usable=True)
        wanted = {s.id for s in usable if s.split != "test" and task.teaches(s)}
        assert set(oof.folds(Path(said.study))) == wanted
        assert study.all_of(project)[0].finished
        tested = list(rate_test(project, recipe, Control()))
        assert any(isinstance(event, RateTried) for event in tested)
        assert isinstance(tested[-1], RateFound)
