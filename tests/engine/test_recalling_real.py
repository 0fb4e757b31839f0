"""Keeping the original's answers on photos: the 1,000 classes of ImageNet are told apart as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_studio.core.dataset import Row
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import interpolation
from tests.engine.conftest import finished, run_all

_PHOTOS = 12  # a class, a third of them to validate with


def photos(root: Path) -> list[Row]:
    found = []
    for kind in sorted(folder for folder in root.iterdir() if folder.is_dir())[:6]:
        for place, photo in enumerate(sorted(kind.glob("*.jpg"))[:_PHOTOS]):
            split = "train" if place % 3 else "validation"
            found.append(Row(f"{kind.name}/{photo.name}", kind.name, split))
    return found


@pytest.mark.shared
def test_the_head_of_imagenet_still_answers_as_before(tmp_path: Path, shared: Path) -> None:
    model = next((shared / "models" / "mobilenet_v2-imagenet").glob("*.pth"))
    recipe = Recipe(preset="balanced").with_settings(
        {
            "model.source": str(model), "model.image_size": 96, "layers.amount": "last_stage",
            "optimiser.epochs": 5, "optimiser.batch_size": 16, "optimiser.learning_rate": 1e-3,
            "augment.strength": "none", "stop.early": False, "compute.device": "cpu",
        }
    )  # fmt: skip
    root = shared / "data" / "cls-clothing10" / "train"
    kept, scores = [], []
    with Project(tmp_path / "p", "image_classification") as project:
        project.dataset.fill(photos(root), root=root)
        for strength in (0.0, 2.0):
            chosen = recipe.with_settings({"forgetting.old_answers": strength})
            ended = finished(run_all(project, chosen))
            told = list(interpolation.along(project, Path(ended.run), Control()))[-1]
            assert isinstance(told, BlendMeasured)
            assert told.measure == "agreement"
            kept.append(told.points[-1]["original"])
            scores.append(ended.metrics["accuracy"])
    print(kept, scores)
    assert kept[1] > kept[0] + 0.15, kept
    assert scores[1] >= scores[0] - 0.1, scores
