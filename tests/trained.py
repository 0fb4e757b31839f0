"""A project with one short run, whose class and file names have every odd character."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_studio.core.dataset import Labels
from finetune_studio.core.events import RunFinished
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle
from tests.engine.conftest import draw, run_all, settings, small_bundle

ODD = {"class0": "Äpfel & <Birnen>", "class1": "naïve, 'rot'", "class2": '50 % "x"'}


def lively_bundle(labels: Labels, seed: int, recipe: Recipe | None = None) -> Bundle:
    """Return a small network whose norms know what pictures are like, so that pictures move its answers.

    Fresh norms let each layer shrink what the last one says, until every picture gets the same answer.
    """
    import torch

    bundle = small_bundle(labels, seed, recipe)
    bundle.network.train()
    for module in bundle.network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # a plain mean, without the value it begins with
    with torch.no_grad():
        for _ in range(4):
            bundle.network(torch.randn(32, 3, 32, 32))
    bundle.network.eval()
    return bundle


def trained_project(folder: Path, **changes: object) -> Path:
    """Draw pictures, train on them for two epochs and return the project's folder."""
    rows = draw(folder / "photos", per_class=8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINETUNE_STUDIO_HOME", str(folder / "home"))
        patch.setattr(
            "finetune_studio.tasks.image_classification.ImageClassification.load_model",
            lambda self, recipe, labels: lively_bundle(labels, recipe.seed, recipe),
        )
        with Project(folder / "project", "image_classification") as project:
            renamed = []
            for row in rows:
                name = row.path.replace("/", "/bild ä ")
                (folder / "photos" / row.path).rename(folder / "photos" / name)
                renamed.append(type(row)(name, ODD[str(row.label)], row.split))
            project.dataset.fill(renamed, root=folder / "photos")
            choices = settings(
                optimiser__epochs=2,
                optimiser__head_learning_rate=0.05,
                data__path=str(folder / "photos"),
                **changes,
            )
            last = run_all(project, choices)[-1]
            assert isinstance(last, RunFinished)
    return folder / "project"
