"""Training practices on texts: rates by layer, blended texts, and what means nothing for a task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Event, Noted, StepDone
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from tests import tiny, tiny_models
from tests.engine.conftest import finished, run_all, weights
from tests.engine.test_texts import rows
from tests.tasks.test_question_answering import questions

pytestmark = pytest.mark.usefixtures("every_step_stated")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    return tiny_models.folder(place, "sentence", ["red green blue one two three four the cat"])


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "project", "text_classification") as made:
        made.dataset.fill(rows(), root=tmp_path)
        yield made


def chosen(model: Path, **settings: object) -> Recipe:
    own = {name.replace("__", "."): value for name, value in settings.items()}
    base = {
        "model.source": str(model),
        "layers.amount": "everything",
        "optimiser.batch_size": 9,
        "optimiser.epochs": 2,
        "optimiser.warmup_share": 0.0,
        "augment.strength": "none",
        "compute.device": "cpu",
    }
    return Recipe(task="text_classification").with_settings(base | own)


def notes(events: list[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Noted))


def test_layers_of_an_encoder_have_rates_by_name_and_wake_from_the_top(
    project: Project, model: Path
) -> None:
    recipe = chosen(model, layers__rate_decay=0.9, layers__unfreezing="top_down")
    events = run_all(project, recipe.with_settings({"optimiser.epochs": 4}))
    rates = next(e.learning_rates for e in events if isinstance(e, StepDone))
    assert list(rates)[:3] == ["head", "Encoder layer 4", "Encoder layer 3"]
    assert rates["Embeddings"] == pytest.approx(rates["Encoder layer 4"] * 0.9**4)
    assert "Encoder layer 4, Encoder layer 3 from epoch 2" in notes(events)


def test_texts_are_blended_at_the_head_and_learnt_less_certainly(
    project: Project, model: Path
) -> None:
    def losses(**changes: object) -> list[float]:
        recipe = chosen(
            model,
            optimiser__epochs=20,
            stop__early=False,
            optimiser__learning_rate=3e-3,
            optimiser__head_learning_rate=1e-2,
            **changes,
        )
        return [e.loss for e in run_all(project, recipe) if isinstance(e, StepDone)]

    plain, mixed = losses(), losses(regularise__mixup=2.0)
    assert sum(plain[-10:]) < 0.3 * sum(mixed[-10:])


def test_blended_features_are_those_of_texts_computed_anew(project: Project, model: Path) -> None:
    recipe = chosen(model, layers__amount="head_only", regularise__mixup=1.0)
    recipe = recipe.with_settings({"regularise.head_dropout": 0.4, "regularise.averaging": 0.8})
    cached = finished(run_all(project, recipe))
    anew = finished(run_all(project, recipe.with_settings({"compute.cache": "off"})))
    ours, theirs = weights(cached.run), weights(anew.run)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] - theirs[name]).abs().max() < 1e-5 for name in ours)


def test_what_means_nothing_for_questions_is_said(tmp_path: Path) -> None:
    found = questions(12)
    texts = [" ".join((s.fields["question"], s.fields["context"])) for s in found]
    model = tiny_models.folder(tmp_path / "model", "sentence", texts, words=2000)
    with Project(tmp_path / "project", "question_answering") as made:
        made.dataset.fill(
            [Row("", None, tiny.split_of(n), str(n), dict(s.fields)) for n, s in enumerate(found)],
            root=tmp_path,
        )
        recipe = chosen(
            model,
            task="question_answering",
            optimiser__label_smoothing=0.1,
            optimiser__balance="weights",
            regularise__mixup=0.2,
            options__max_length=32,
            options__overlap=8,
        )
        said = notes(run_all(made, recipe))
    assert "Label smoothing does nothing here" in said
    assert "Weights do not balance questions" in said
    assert "cannot be blended" in said
