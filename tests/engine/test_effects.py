"""What single practices do for a model, on real features and in whole runs, for several seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from finetune_studio.core import settings as preferences
from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Validated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import evaluate
from tests.engine.conftest import finished, run_all, settings

NOISE = 0.3


@pytest.fixture(params=[0, 1, 2])
def noisy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, Project]]:
    """Return a seed, and half of the sample's leaves with three in ten labels wrong; the rest judges them."""
    seed: int = request.param
    rng = np.random.default_rng(seed)
    root = preferences.resources() / "samples" / "leaves"
    files = sorted(root.glob("*/*.jpg"))
    names = sorted({file.parent.name for file in files})
    rows = []
    for place, number in enumerate(rng.permutation(len(files))):
        label, split = files[number].parent.name, ("train", "validation")[place % 2]
        if split == "train" and rng.random() < NOISE:
            label = names[(names.index(label) + int(rng.integers(1, len(names)))) % len(names)]
        rows.append(Row(str(files[number].relative_to(root)), label, split))
    with Project(tmp_path / "project", "image_classification") as made:
        made.dataset.fill(rows, root=root)
        yield seed, made


def test_label_smoothing_keeps_wrong_labels_from_making_the_model_sure_of_what_is_wrong(
    noisy: tuple[int, Project],
) -> None:
    """Müller, Kornblith and Hinton (2019), Lukasik et al. (2020): better calibrated under label noise."""
    seed, project = noisy

    def last_loss(smoothing: float) -> float:
        recipe = settings(
            seed=seed,
            model__source="starter",
            layers__amount="head_only",
            optimiser__method="steps",
            optimiser__epochs=40,
            optimiser__batch_size=16,
            optimiser__head_learning_rate=0.1,
            optimiser__weight_decay=0.0,
            optimiser__label_smoothing=smoothing,
        )
        judged = [e for e in run_all(project, recipe) if isinstance(e, Validated)]
        return judged[-1].loss  # by the right labels, and without smoothing

    assert last_loss(0.2) < 0.85 * last_loss(0.0)


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.usefixtures("lively_model")
def test_early_stopping_puts_back_the_best_epoch_and_not_the_last(
    project: Project, patience: int
) -> None:
    recipe = settings(
        layers__amount="everything",
        optimiser__method="steps",
        optimiser__schedule="constant",
        optimiser__learning_rate=3e-2,  # so large that scores jump, and the last is not the best
        optimiser__epochs=30,
        stop__early=True,
        stop__patience=patience,
    )
    events = run_all(project, recipe)
    judged = [e for e in events if isinstance(e, Validated)]
    best = next(e for e in judged if e.epoch == finished(events).best_epoch)
    assert len(judged) < 30
    assert judged[-1].epoch == best.epoch + patience
    assert judged[-1].metrics["accuracy"] <= best.metrics["accuracy"]
    *_, told = evaluate.evaluate(
        project, Path(finished(events).run), "validation", Control()
    )  # what is on disk, loaded as by any user
    assert told.metrics["accuracy"] == pytest.approx(best.metrics["accuracy"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("lively_model")
def test_a_warm_up_keeps_the_first_steps_from_tearing_the_layers(
    project: Project, seed: int
) -> None:
    """Goyal et al. (2017): a rate that is too large for the first steps is not for later ones."""

    def after_one_epoch(warmup: float) -> float:
        recipe = settings(
            seed=seed,
            layers__amount="everything",
            optimiser__method="steps",
            optimiser__learning_rate=1e-2,
            optimiser__head_learning_rate=1e-2,
            optimiser__epochs=8,
            optimiser__warmup_share=warmup,
            stop__after=1,
        )
        (judged,) = [e for e in run_all(project, recipe) if isinstance(e, Validated)]
        return judged.loss

    assert after_one_epoch(0.5) < 0.6 * after_one_epoch(0.0)


@pytest.mark.usefixtures("lively_model")
def test_a_run_that_is_ended_after_some_epochs_was_on_its_longer_plan_until_then(
    project: Project,
) -> None:
    plan = settings(layers__amount="last_stage", optimiser__method="steps", optimiser__epochs=6)
    whole = run_all(project, plan)
    ended = run_all(project, plan.with_settings({"stop.after": 2}))
    losses = [[e.loss for e in run if isinstance(e, Validated)] for run in (whole, ended)]
    assert losses[1] == losses[0][:2]
    # Nothing ends it by itself, and so nobody is told that something would.
    assert all(e.patience == 0 for e in whole if isinstance(e, Validated))
    shorter = run_all(project, plan.with_settings({"optimiser.epochs": 2}))
    assert losses[1] != [e.loss for e in shorter if isinstance(e, Validated)]
    assert finished(ended).best_epoch <= 2
