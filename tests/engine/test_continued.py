"""Continuing a run after classes came: on real photos it begins far above a fresh head."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Noted, RunFinished, Validated
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from tests.engine.conftest import run_all

OLD, NEW = "01234567", "89"
_PHOTOS = 18  # a class, a third of them to validate with


def rows(root: Path, classes: str) -> list[Row]:
    found = []
    for name in classes:
        photos = sorted(root.glob(f"{name}/*.JPG"))[:_PHOTOS]
        for place, photo in enumerate(photos):
            split = "train" if place % 3 else "validation"
            found.append(Row(f"{name}/{photo.name}", name, split))
    return found


def quick(epochs: int, source: str = "starter") -> Recipe:
    return Recipe(preset="quick").with_settings(
        {
            "model.source": source,
            "layers.amount": "head_only",
            "optimiser.epochs": epochs,
            "optimiser.head_learning_rate": 0.01,
            "augment.strength": "none",
            "stop.early": False,
        }
    )


@pytest.mark.shared
def test_a_continued_run_is_ahead_of_a_fresh_head(tmp_path: Path, shared: Path) -> None:
    root = shared / "data" / "cls-sign-digits"
    with Project(tmp_path / "p", "image_classification") as project:
        project.dataset.fill(rows(root, OLD), root=root)
        first = run_all(project, quick(12))[-1]
        assert isinstance(first, RunFinished)
        project.dataset.fill(rows(root, OLD + NEW), root=root)
        scores = []
        for source in (first.run, "starter"):
            stated = run_all(project, quick(1, source))
            scores.append(next(e for e in stated if isinstance(e, Validated)).metrics["accuracy"])
            known = [e.text for e in stated if isinstance(e, Noted) and "known" in e.text]
            assert known == (
                ["8 classes are known already, 2 are new."] if source == first.run else []
            )
    continued, fresh = scores
    assert continued > fresh + 0.15, scores
