"""What gradual unfreezing does: early layers stay near where they began, and what was known stays known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Event
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.watching import Heated
from finetune_studio.engine import interpolation
from tests.engine.conftest import draw, finished, lively_bundle, run_all, settings

EARLY = ("Stem", "Stage 1")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return where pictures of stripes lie, and a run that has learnt to tell them apart."""
    from finetune_studio.tasks.image_classification import ImageClassification

    def load_model(self: Any, recipe: Recipe, labels: Any) -> Any:
        return lively_bundle(labels, recipe.seed, recipe)

    folder = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patch, Project(folder / "p", "image_classification") as p:
        p.dataset.fill(draw(folder / "photos"), root=folder / "photos")
        patch.setattr(ImageClassification, "load_model", load_model)
        recipe = settings(
            layers__amount="everything",
            optimiser__method="steps",
            optimiser__learning_rate=5e-3,
            optimiser__epochs=30,
        )
        run = Path(finished(run_all(p, recipe)).run)
    return folder / "photos", run


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Project]:
    """Return a project of other classes, which differ in brightness alone."""
    root = tmp_path / "other"
    rows = []
    for place, row in enumerate(draw(root)):
        dark = (place // 4) % 2
        if dark:
            with Image.open(root / row.path) as picture:
                darker = picture.point(lambda value: value * 0.45)
            darker.save(root / row.path)
        rows.append(Row(row.path, "dark" if dark else "bright", row.split))
    with Project(tmp_path / "second", "image_classification") as made:
        made.dataset.fill(rows, root=root)
        yield made


def drift(events: list[Event]) -> dict[str, float]:
    """Return how far each stage has moved in the end, relative to its size."""
    last = [event for event in events if isinstance(event, Heated)][-1]
    moved: dict[str, float] = defaultdict(float)
    size: dict[str, float] = defaultdict(float)
    for row in last.rows:
        if row["size"]:
            moved[row["stage"]] += (row["drift"] * row["size"]) ** 2
            size[row["stage"]] += row["size"] ** 2
    return {stage: math.sqrt(moved[stage] / size[stage]) for stage in moved}


def still_known(project: Project, run: str, held_out: Path) -> float:
    """Return how many pictures of before the original last layer still answers rightly."""
    told = list(interpolation.along(project, Path(run), Control(), str(held_out)))[-1]
    assert isinstance(told, BlendMeasured)
    assert told.measure == "accuracy"
    return told.points[-1]["original"]


@pytest.mark.parametrize("seed", range(3))
def test_layers_that_wake_late_move_less_and_forget_less_and_the_new_classes_are_learnt_as_well(
    known: tuple[Path, Path], other: Project, seed: int
) -> None:
    """Howard and Ruder (2018): waking layers one after the other guards against forgetting."""
    photos, first = known

    def run(unfreezing: str) -> tuple[dict[str, float], float, float]:
        recipe = settings(
            seed=seed,
            model__source=str(first),
            layers__amount="everything",
            layers__keep_statistics=True,
            layers__unfreezing=unfreezing,
            optimiser__method="steps",
            optimiser__learning_rate=3e-3,
            optimiser__epochs=6,
            optimiser__batch_size=12,
        )
        events = run_all(other, recipe)
        end = finished(events)
        return drift(events), still_known(other, end.run, photos), end.metrics["accuracy"]

    at_once, forgotten, score = run("none")
    top_down, kept, as_good = run("top_down")
    assert all(top_down[stage] < 0.6 * at_once[stage] for stage in EARLY), (top_down, at_once)
    assert top_down["Stage 4"] > 0.3 * at_once["Stage 4"]  # which wakes early: it has learnt
    assert kept > forgotten + 0.15, (kept, forgotten)  # chance is a third
    assert as_good >= score - 0.05
    if seed == 0:  # the rough first steps of the head disturb what lies right below it most
        head_first, _, as_good = run("head_then_all")
        assert head_first["Stage 4"] < 0.9 * at_once["Stage 4"], (head_first, at_once)
        assert as_good >= score - 0.05
