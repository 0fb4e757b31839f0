"""The buttons of monitors help: a run with what they propose goes better than the one that they spoke of."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from finetune_studio.core import settings as preferences
from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Event, Validated
from finetune_studio.core.project import Project
from finetune_studio.core.watching import Heated, MonitorSpoke
from tests.engine.conftest import run_all, settings


def leaves(root: Path, seed: int) -> list[Row]:
    """Return 32 leaves of each class of the sample, half of them to judge with."""
    rows = []
    for kind in sorted(p for p in root.iterdir() if p.is_dir()):
        files = sorted(kind.iterdir())
        random.Random(seed).shuffle(files)
        for place, file in enumerate(files[:32]):
            split = "validation" if place % 2 else "train"
            rows.append(Row(str(file.relative_to(root)), kind.name, split))
    return rows


def spoken(events: list[Event], monitor: str) -> list[MonitorSpoke]:
    """Return the warnings of a monitor."""
    said = [e for e in events if isinstance(e, MonitorSpoke) and e.monitor == monitor]
    return [e for e in said if e.state]


def too_high(events: list[Event]) -> list[MonitorSpoke]:
    return spoken(events, "rate_too_high")


def lowest(events: list[Event]) -> float:
    return min(e.loss for e in events if isinstance(e, Validated))


@pytest.mark.parametrize("seed", range(3))
def test_the_steps_that_are_proposed_where_they_were_too_large_are_small_enough(
    tmp_path: Path, seed: int
) -> None:
    """A tenth of the rate; with three tenths, as was proposed once, one press was often too little."""
    root = preferences.resources() / "samples" / "leaves"
    recipe = settings(
        seed=seed,
        model__source="starter",
        model__image_size=64,
        layers__amount="head_only",
        optimiser__method="steps",
        optimiser__head_learning_rate=0.3,
        optimiser__epochs=5,
    )
    with Project(tmp_path / "project", "image_classification") as project:
        project.dataset.fill(leaves(root, seed), root=root)
        wild = run_all(project, recipe)
        said = next(one for one in too_high(wild) if one.settings)
        calm = run_all(project, recipe.with_settings(said.settings))
    assert said.settings == {"optimiser.head_learning_rate": 0.03}
    assert lowest(calm) < 0.6 * lowest(wild)
    assert not too_high(calm)


def seen(events: list[Event]) -> float:
    """Return how far the pretrained layers had moved at the end, as a share of their size."""
    return [e.drift or 0.0 for e in events if isinstance(e, Heated)][-1]


def best(events: list[Event]) -> float:
    return max(e.metrics["accuracy"] for e in events if isinstance(e, Validated))


@pytest.mark.parametrize(("pull", "remedy"), [(0.0, "pull"), (1.0, "steps")])
def test_what_is_proposed_against_forgetting_keeps_layers_near_and_costs_no_accuracy(
    tmp_path: Path, pull: float, remedy: str
) -> None:
    """A pull; where there is one, a tenth of the rate: with three tenths, as before, it spoke again."""
    root = preferences.resources() / "samples" / "leaves"
    recipe = settings(
        seed=0,
        model__source="starter",
        model__image_size=64,
        layers__amount="everything",
        optimiser__method="steps",
        optimiser__learning_rate=1e-2,
        optimiser__head_learning_rate=1e-2,
        optimiser__epochs=10,
        optimiser__batch_size=16,
        regularise__towards_pretrained=pull,
        stop__early=False,
    )
    with Project(tmp_path / "project", "image_classification") as project:
        project.dataset.fill(leaves(root, 0), root=root)
        wild = run_all(project, recipe)
        said = spoken(wild, "forgetting")[0]
        calm = run_all(project, recipe.with_settings(said.settings))
    assert said.settings == (
        {"regularise.towards_pretrained": 30.0}
        if remedy == "pull"
        else {"optimiser.learning_rate": 1e-3, "optimiser.head_learning_rate": 1e-3}
    )
    assert seen(calm) < 0.5 * seen(wild)
    assert not spoken(calm, "forgetting")
    assert best(calm) > best(wild) - 0.03
