"""A project with one short run, whose class and file names have every odd character."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_studio.core.events import RunFinished
from finetune_studio.core.project import Project
from tests.engine.conftest import draw, lively_bundle, run_all, settings

ODD = {"class0": "Äpfel & <Birnen>", "class1": "naïve, 'rot'", "class2": '50 % "x"'}


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
