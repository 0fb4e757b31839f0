"""Balancing: what weights and the sampler do for the smallest class, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Event, Noted
from finetune_studio.core.project import Project
from finetune_studio.engine.evaluate import answers
from tests.engine.conftest import finished, run_all, settings

COUNTS = {("dark", "train"): 90, ("bright", "train"): 10}
COUNTS |= {("dark", "validation"): 30, ("bright", "validation"): 30}


@pytest.fixture
def uneven(tmp_path: Path) -> Iterator[Project]:
    """Return a project of two classes that overlap: pictures differ a little in how bright they are."""
    data = tmp_path / "photos"
    data.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for (name, split), count in COUNTS.items():
        for index in range(count):
            level = rng.normal(150 if name == "bright" else 110, 25)
            pixels = rng.normal(level, 10, (40, 40, 3)).clip(0, 255).astype(np.uint8)
            file = f"{name}-{split}-{index}.png"
            Image.fromarray(pixels).save(data / file)
            rows.append(Row(file, name, split))
    with Project(tmp_path / "project", "image_classification") as made:
        made.dataset.fill(rows, root=data)
        yield made


METHODS = {
    "solve": {"optimiser__epochs": 6},
    "steps": {"optimiser__epochs": 30, "optimiser__head_learning_rate": 0.02},
}


def recall_of_the_smallest(project: Project, way: str, method: str) -> tuple[float, list[Event]]:
    recipe = settings(
        layers__amount="head_only",
        optimiser__method=method,
        optimiser__balance=way,
        **METHODS[method],
    )
    events = run_all(project, recipe)
    pairs = answers(Path(finished(events).run), project.dataset, "validation")
    own = [answer.label == "bright" for sample, answer in pairs if sample.label == "bright"]
    return sum(own) / len(own), events


@pytest.mark.parametrize("method", METHODS)
def test_weights_and_sampler_find_more_of_the_smallest_class(uneven: Project, method: str) -> None:
    plain, events = recall_of_the_smallest(uneven, "none", method)
    assert plain < 0.5
    assert not any(isinstance(e, Noted) and "Balanced" in e.text for e in events)
    for way, does in (("weights", "counts"), ("sampler", "is drawn")):
        found, events = recall_of_the_smallest(uneven, way, method)
        said = next(e.text for e in events if isinstance(e, Noted) and "Balanced" in e.text)
        assert said.startswith(f"Balanced: a sample of 'bright' (10 of them) {does} 9.0 times as ")
        assert said.endswith("one of 'dark' (90).")
        assert found >= plain + 0.25


@pytest.mark.usefixtures("lively_model")
def test_where_all_classes_are_as_frequent_that_is_said(project: Project) -> None:
    events = run_all(project, settings(optimiser__balance="weights", optimiser__epochs=1))
    assert any("nothing to balance" in e.text for e in events if isinstance(e, Noted))
