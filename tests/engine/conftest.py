"""A small dataset and a small network, so that whole runs take seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finetune_studio.core.dataset import Labels, Row
from finetune_studio.core.events import Event, RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle

ARCHITECTURE = {
    "library": "torchvision",
    "builder": "mobilenet_v2",
    "kwargs": {"width_mult": 0.25},
    "head": "classifier.1",
}
PROCESSOR = {
    "resize": 36,
    "crop": 32,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "interpolation": "bilinear",
}


def draw(folder: Path, per_class: int = 16, classes: int = 3) -> list[Row]:
    """Write small noisy pictures whose classes differ in the direction of their stripes and hue."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(classes):
        for index in range(per_class):
            y, x = np.mgrid[0:40, 0:40]
            angle = np.pi * number / classes
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 0.8 + rng.uniform(0, 6))
            pixels = 128 + 70 * wave[..., None] + rng.normal(0, 20, (40, 40, 3))
            pixels[..., number % 3] += 45
            name = f"class{number}/{index:03d}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
            split = ("train", "train", "train", "validation")[index % 4]
            rows.append(Row(name, f"class{number}", split))
    return rows


def small_bundle(labels: Labels, seed: int, recipe: Recipe | None = None) -> Bundle:
    """Return a narrow MobileNetV2 with random weights that depend on the seed alone."""
    import torch

    from finetune_studio.models import zoo

    torch.manual_seed(seed)
    network = zoo.rebuild(ARCHITECTURE, len(labels))
    return Bundle(
        network, labels, dict(PROCESSOR), dict(ARCHITECTURE), "classifier.1", "small", recipe
    )


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
    for module in bundle.network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1
    bundle.network.eval()
    return bundle


@pytest.fixture
def lively_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let image classification begin with the small network whose features tell pictures apart."""
    from finetune_studio.tasks.image_classification import ImageClassification

    def load_model(self: Any, recipe: Recipe, labels: Labels) -> Bundle:
        return lively_bundle(labels, recipe.seed, recipe)

    monkeypatch.setattr(ImageClassification, "load_model", load_model)


@pytest.fixture
def every_step_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run state each of its steps, so that a test can stop it after any of them."""
    monkeypatch.setattr("finetune_studio.engine.clock.STATE_EVERY_S", 0.0)


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let image classification begin with the small network."""
    from finetune_studio.tasks.image_classification import ImageClassification

    def load_model(self: Any, recipe: Recipe, labels: Labels) -> Bundle:
        return small_bundle(labels, recipe.seed, recipe)

    monkeypatch.setattr(ImageClassification, "load_model", load_model)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a project of 48 striped pictures in three classes, 36 to train on."""
    data = tmp_path / "photos"
    rows = draw(data)
    with Project(tmp_path / "project", "image_classification") as made:
        made.dataset.fill(rows, root=data)
        yield made


def settings(**changes: Any) -> Recipe:
    """Return a recipe of few, small steps; underscores for dots: ``optimiser_epochs=2``."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return Recipe(preset="quick").with_settings(
        {
            "optimiser.epochs": 3,
            "optimiser.batch_size": 8,
            "augment.strength": "none",
            "stop.early": False,
            **dotted,
        }
    )


def weights(run_folder: str) -> dict[str, Any]:
    """Return the last weights of a run."""
    from safetensors.torch import load_file

    folder = Path(run_folder)
    name = json.loads((folder / "checkpoints" / "index.json").read_text())["last"]
    return load_file(folder / "checkpoints" / name / "weights.safetensors")


def finished(events: list[Event]) -> RunFinished:
    """Return the statement with which a run ended."""
    last = events[-1]
    assert isinstance(last, RunFinished)
    return last


def run_all(
    project: Project,
    recipe: Recipe,
    *,
    resume: Path | None = None,
    on_event: Callable[[Event, Control], None] | None = None,
) -> list[Event]:
    """Carry out a recipe and return what it stated."""
    from finetune_studio.engine.train import train

    control = Control()
    stated = []
    for event in train(project, recipe, control, resume=resume):
        stated.append(event)
        if on_event:
            on_event(event, control)
    return stated
