"""Cross-validation on real photos: what it foretells is what the test split then says."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_studio.core.dataset import Row
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study_events import CrossValidated
from finetune_studio.engine import evaluate
from finetune_studio.engine.studies import carry_out

CLASSES = ("dress", "hat", "shoes")


def photos(folder: Path) -> list[Row]:
    """Return 15 photos a class to learn and judge with, and 10 to test with."""
    rows = []
    for name in CLASSES:
        found = sorted((folder / "train" / name).iterdir())[:25]
        splits = ["train"] * 12 + ["validation"] * 3 + ["test"] * 10
        rows += [
            Row(str(path.relative_to(folder)), name, split)
            for path, split in zip(found, splits, strict=True)
        ]
    return rows


@pytest.mark.shared
def test_the_folds_foretell_the_score_of_photos_that_nobody_has_seen(
    tmp_path: Path, shared: Path
) -> None:
    data = shared / "data" / "cls-clothing10"
    recipe = Recipe(preset="quick").with_settings(
        {
            "crossval.folds": 3,
            "augment.strength": "none",
            "optimiser.method": "solve",
            "model.image_size": 96,
        }
    )
    with Project(tmp_path / "p", "image_classification") as project:
        project.dataset.fill(photos(data), root=data)
        events = list(carry_out(project, recipe, Control()))
        (said,) = [event for event in events if isinstance(event, CrossValidated)]
        assert said.samples == 45
        assert said.mean["accuracy"] > 0.7  # three equal classes: guessing reaches 0.33
        run = Path(events[-1].run)
        tested = list(evaluate.evaluate(project, run, "test", Control()))[-1]
        assert tested.metrics["accuracy"] == pytest.approx(said.mean["accuracy"], abs=0.2)
