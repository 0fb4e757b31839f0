"""Keeping the original's answers: they stay at about the same score, the same numbers on every path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import interpolation, run
from tests.engine.conftest import draw, finished, lively_bundle, run_all, settings, weights

pytestmark = pytest.mark.usefixtures("every_step_stated")


@pytest.fixture
def first_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run that has learnt to tell stripes apart."""
    from finetune_studio.tasks.image_classification import ImageClassification

    def load_model(self: Any, recipe: Recipe, labels: Any) -> Any:
        return lively_bundle(labels, recipe.seed, recipe)

    with monkeypatch.context() as patch:
        patch.setattr(ImageClassification, "load_model", load_model)
        recipe = settings(
            layers__amount="everything",
            optimiser__method="steps",
            optimiser__learning_rate=5e-3,
            optimiser__epochs=30,
        )
        return Path(finished(run_all(project, recipe)).run)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Project]:
    """Return a project of other classes, which differ in brightness alone."""
    root = tmp_path / "other"
    rows = [_dimmed(root, row, place) for place, row in enumerate(draw(root))]
    with Project(tmp_path / "second", "image_classification") as made:
        made.dataset.fill(rows, root=root)
        yield made


def _dimmed(root: Path, row: Row, place: int) -> Row:
    """Darken every other picture, and name its class after that."""
    from PIL import Image

    dark = (place // 4) % 2
    if dark:
        with Image.open(root / row.path) as picture:
            darker = picture.point(lambda value: value * 0.45)
        darker.save(root / row.path)
    return Row(row.path, "dark" if dark else "bright", row.split)


def continued(source: Path, **changes: Any) -> Recipe:
    return settings(
        **{
            "model__source": str(source),
            "layers__amount": "everything",
            "optimiser__method": "steps",
            "optimiser__learning_rate": 3e-3,
            "optimiser__epochs": 6,
            "optimiser__batch_size": 12,
            **changes,
        }
    )


def still_known(project: Project, folder: str, held_out: Path) -> float:
    """Return the accuracy of the original last layer on samples of what it knew, after fine-tuning."""
    told = list(interpolation.along(project, Path(folder), Control(), str(held_out)))[-1]
    assert isinstance(told, BlendMeasured)
    assert told.measure == "accuracy"
    return told.points[-1]["original"]


def notes(events: list[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Noted))


@pytest.mark.parametrize("amount", ["last_stage", "adapters"])
def test_the_old_classes_are_still_told_apart_and_the_new_ones_as_well(
    first_run: Path, project: Project, other: Project, amount: str
) -> None:
    recipe = continued(first_run, layers__amount=amount, optimiser__epochs=20)
    # Batch norms keep their statistics where answers are kept: here in both, so that this is no part of it.
    recipe = recipe.with_settings({"layers.keep_statistics": True})
    plain = run_all(other, recipe)
    kept = run_all(other, recipe.with_settings({"forgetting.old_answers": 5.0}))
    root = Path(project.dataset.root)
    lost, still = (still_known(other, finished(e).run, root) for e in (plain, kept))
    assert still > max(0.9, lost + 0.1), (lost, still)
    score = finished(plain).metrics["accuracy"]
    assert finished(kept).metrics["accuracy"] >= score - 0.1
    assert "keeps answering your samples as before with the 3 classes of the run" in notes(kept)
    assert "keeps answering" not in notes(plain)


WITH_OTHERS = {
    "layers__amount": "later_half",
    "layers__unfreezing": "top_down",
    "optimiser__epochs": 4,
    "regularise__mixup": 0.4,
    "regularise__averaging": 0.9,
    "regularise__head_dropout": 0.2,
    "forgetting__old_answers": 2.0,
}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def test_computed_once_computed_anew_and_gone_on_with_give_the_same_numbers(
    first_run: Path, other: Project
) -> None:
    recipe = continued(first_run, **WITH_OTHERS)
    whole = finished(run_all(other, recipe))
    anew = finished(run_all(other, recipe.with_settings({"compute.cache": "off"})))
    assert same(weights(whole.run), weights(anew.run))
    without = finished(run_all(other, recipe.with_settings({"forgetting.old_answers": 0.0})))
    assert not same(weights(whole.run), weights(without.run))

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.step == 8:
            control.ask_stop()

    half = finished(run_all(other, recipe, on_event=stop))
    assert half.stopped
    (first_run / "model.json").rename(first_run / "gone.json")  # it needs its own files alone
    second = finished(run_all(other, recipe, resume=Path(half.run)))
    assert same(weights(second.run), weights(whole.run))


def test_parts_of_a_batch_add_up(first_run: Path, other: Project) -> None:
    recipe = continued(first_run, layers__amount="last_stage", forgetting__old_answers=2.0)
    steady = {"optimiser.epochs": 1, "optimiser.accumulation": 2}  # norms see one part at a time
    whole = run.Run(Path(finished(run_all(other, recipe.with_settings(steady))).run))
    losses = [event.loss for event in whole.events() if isinstance(event, StepDone)]
    assert losses
    assert losses[0] < 2.0  # what is stated is the loss of the new classes alone


def test_a_run_that_lost_what_was_says_so(first_run: Path, other: Project) -> None:
    recipe = continued(first_run, forgetting__old_answers=1.0)

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone):
            control.ask_stop()

    half = finished(run_all(other, recipe, on_event=stop))
    (Path(half.run) / "pretrained.safetensors").unlink()
    with pytest.raises(StudioError, match="cannot keep what the original network answers"):
        run_all(other, recipe, resume=Path(half.run))


def test_where_there_is_nothing_to_keep_it_is_said(
    project: Project, first_run: Path, other: Project
) -> None:
    recipe = continued(Path("starter"), forgetting__old_answers=1.0, optimiser__epochs=1)
    recipe = recipe.with_settings({"model.source": "starter", "layers.amount": "last_stage"})
    said = notes(run_all(project, recipe))
    assert "brought no last layer of its own that could answer" in said
    head = continued(first_run, layers__amount="head_only", forgetting__old_answers=1.0)
    said = notes(run_all(other, head))
    assert "The head alone learns, so this does nothing: keep the original's answers." in said
    assert "keeps answering" not in said
