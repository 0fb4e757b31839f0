"""A project's dataset and a run's folder, laid down as the engine does, for runs that are continued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from finetune_studio.core.dataset import Dataset, Labels, Row
from finetune_studio.core.recipe import Recipe
from finetune_studio.models import build, weights
from tests.engine.conftest import ARCHITECTURE, PROCESSOR

HEAD = "classifier.1"
IMAGE = "image_classification"


def project_of(place: Path, *names: str) -> Dataset:
    """Make a project's dataset with a sample of each class."""
    dataset = Dataset(place / "project.sqlite")
    dataset.fill([Row(f"{name}/a.png", name, "train") for name in names], root=place / "photos")
    return dataset


def run_of(place: Path, labels: Labels, number: int = 3, **changes: Any) -> weights.State:
    """Write a run's folder as the engine does, the head alone having learnt; return its weights."""
    run = place / "runs" / str(number)
    torch.manual_seed(number)
    state = build.rebuild(ARCHITECTURE, len(labels)).state_dict()
    model = {
        "architecture": ARCHITECTURE,
        "processor": PROCESSOR,
        "labels": {"names": labels.names, "ids": labels.ids},
        "head": HEAD,
        "origin": "starter",
        "line": [],
    }
    best = {n: v for n, v in state.items() if n.startswith(HEAD)}
    checkpoint = run / "checkpoints" / "00000004"
    checkpoint.mkdir(parents=True)
    (run / "model.json").write_text(json.dumps(model | changes))
    Recipe(task=IMAGE).save(run / "recipe.toml")
    save_file({n: v for n, v in state.items() if n not in best}, run / "frozen.safetensors")
    save_file(best, checkpoint / "best.safetensors")
    (run / "checkpoints" / "index.json").write_text('{"last": "00000004", "best": "00000004"}')
    return state
