"""A project of a text task with one short run of a tiny network."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_studio.core.events import RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import curate
from tests import tiny, tiny_models
from tests.engine.conftest import run_all, settings


def trained_texts(
    folder: Path, task: str, kind: str, data: Path | None = None, **changes: object
) -> Path:
    """Train a tiny network of a kind on the tiny data of a task and return the project's folder."""
    data = data or getattr(tiny, task)(folder / "texts")
    words = [file.read_text(encoding="utf-8") for file in sorted(data.parent.rglob("*.*"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINETUNE_STUDIO_HOME", str(folder / "home"))
        model = tiny_models.folder(folder / "model", kind, [*tiny_models.TEXTS, *words])
        values: dict[str, object] = {
            "layers__amount": "everything",
            "optimiser__epochs": 6,
            "optimiser__learning_rate": 0.005,
            "optimiser__head_learning_rate": 0.02,
        }
        choices = settings(
            task=task, data__path=str(data), model__source=str(model), **{**values, **changes}
        )
        with Project(folder / "project", task) as project:
            list(curate.import_data(project, choices.data, 0, Control()))
            last = run_all(project, choices)[-1]
            assert isinstance(last, RunFinished)
    return folder / "project"
