"""Continuing a run after classes came: on real photos it begins far above a fresh head."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Noted, RunFinished, Validated
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.models.zoo import CATALOGUE as MODELS
from tests.engine.conftest import run_all
from tests.trained import trained_project

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


def test_card_and_report_say_which_run_it_came_from_and_whose_licence_holds(
    tmp_path: Path,
) -> None:
    from finetune_studio.engine import cards, facts

    with Project(trained_project(tmp_path), "image_classification") as project:
        first = project.runs()[0]
        second = project.new_run()
        shutil.copytree(first, second, dirs_exist_ok=True)
        quick(2, str(first)).save(second / "recipe.toml")
        model = json.loads((second / "model.json").read_text())
        model |= {"origin": str(first), "line": ["starter"]}
        (second / "model.json").write_text(json.dumps(model))
        known = facts.gather(project, second)
        starter = facts.gather(project, first)
    root = MODELS["starter"].title
    assert known.origin == f"Run 1 of this project, which goes back to {root}"
    assert known.licence == MODELS["starter"].facts["licence"]
    assert known.pretrained_on == starter.pretrained_on
    assert starter.origin == root
    assert f"Begun from: {known.origin}" in "\n".join(cards._model(known))
    assert str(tmp_path) not in known.origin
