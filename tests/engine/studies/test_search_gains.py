"""What a search gains where depth or variation, and not the rate, is what matters: known by construction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from finetune_studio.core import settings as preferences
from finetune_studio.core.dataset import Labels, Row
from finetune_studio.core.events import RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study_events import SearchFinished, TrialFinished
from finetune_studio.core.task import Bundle
from finetune_studio.engine.run import Run
from finetune_studio.engine.studies import carry_out
from tests.engine.conftest import settings

SEEDS = range(3)


def leafy(seed: int, **changes: Any) -> Recipe:
    """Return a recipe for a head on the starter, and a search of five trials."""
    return settings(
        seed=seed,
        model__source="starter",
        model__image_size=64,
        layers__amount="head_only",
        optimiser__method="steps",
        optimiser__head_learning_rate=1e-2,
        search__trials=5,
        **changes,
    )


def searched(folder: Path, recipe: Recipe, depth: float) -> tuple[float, float, Recipe]:
    """Return the score of the own recipe, that of the best trial, and the best trial's recipe."""
    with Project(folder / "project", "image_classification") as project:
        data = folder / "photos"
        project.dataset.fill(hatched(data, recipe.seed, depth), root=data)
        events = list(carry_out(project, recipe, Control(), None))
    own = next(e for e in events if isinstance(e, TrialFinished))
    best = next(e for e in events if isinstance(e, SearchFinished))
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert own.settings == {}
    assert own.score is not None
    assert last.metrics["accuracy"] == best.score
    return own.score, best.score, Run(Path(last.run)).recipe


def hatched(folder: Path, seed: int, depth: float) -> list[Row]:
    """Write leaves, healthy or with mildew; ``depth`` is that of stripes whose slant gives the class away.

    The validation pictures are hatched the other way, as if seen in a mirror: the slant misleads there.
    """
    rng = np.random.default_rng(seed)
    root = preferences.resources() / "samples" / "leaves"
    rows = []
    folder.mkdir(parents=True)
    for kind, name in enumerate(("healthy", "powdery_mildew")):
        files = rng.permutation(sorted((root / name).glob("*.jpg")))[:40]
        for index, file in enumerate(files):
            split = "validation" if index % 2 else "train"
            with Image.open(file) as photo:
                leaf = np.asarray(ImageOps.fit(photo.convert("RGB"), (96, 96)), float)
            y, x = np.mgrid[0:96, 0:96]
            slant = 1 if kind == (split == "train") else -1
            stripes = np.sin((x + slant * y) * 0.5 + rng.uniform(0, 6))
            place = folder / f"{name} {index:03d}.png"
            shown = leaf + depth * stripes[..., None]
            Image.fromarray(shown.clip(0, 255).astype(np.uint8)).save(place)
            rows.append(Row(place.name, name, split))
    return rows


@pytest.fixture
def blind_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the starter's last norms say the same of every picture: what is frozen then tells no class."""
    import torch

    from finetune_studio.tasks.image_classification import ImageClassification

    load = ImageClassification.load_model

    def load_model(self: Any, recipe: Recipe, labels: Labels) -> Bundle:
        bundle = load(self, recipe, labels)
        with torch.no_grad():
            for name in ("layer4.0.bn2", "layer4.0.downsample.1"):  # what is added up at the end
                norm = bundle.network.get_submodule(name)
                assert isinstance(norm, torch.nn.BatchNorm2d)
                norm.weight.zero_()
                norm.bias.fill_(1.0)  # where the layer above lets differences through
        return bundle

    monkeypatch.setattr(ImageClassification, "load_model", load_model)


@pytest.mark.usefixtures("blind_model")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_finds_that_more_must_learn_where_frozen_features_cannot_tell_classes(
    tmp_path: Path, seed: int
) -> None:
    recipe = leafy(
        seed,
        optimiser__epochs=6,
        optimiser__learning_rate=1e-2,
        search__over=["depth"],
    )
    own, best, found = searched(tmp_path, recipe, 0.0)
    print("DEPTH", seed, own, best, found.layers.amount)
    assert own == 0.5  # half of them are of one class
    assert found.layers.amount in ("last_stage", "later_half")
    assert best >= own + 0.25


@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_finds_that_samples_must_be_varied_where_a_mirror_misleads(
    tmp_path: Path, seed: int
) -> None:
    recipe = leafy(seed, optimiser__epochs=10, augment__views=4, search__over=["augmentation"])
    own, best, found = searched(tmp_path, recipe, 50.0)
    print("MIRROR", seed, own, best, found.augment.strength)
    assert own <= 0.6  # no better than guessing: it learnt the slant
    assert found.augment.strength != "none"
    assert best >= own + 0.2
