"""A run with adapters: only they move, it goes on exactly, and whoever uses it gets a plain network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from finetune_studio.core.events import Event, RunFinished, RunStarted, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import evaluate, run
from finetune_studio.models import lora
from finetune_studio.models.zoo import load
from tests.engine.conftest import finished, run_all, settings, weights

pytestmark = pytest.mark.usefixtures("lively_model", "every_step_stated")


def adapters(**changes: Any) -> Recipe:
    return settings(
        layers__amount="adapters", layers__lora_rank=4, optimiser__method="steps",
        optimiser__learning_rate=5e-3, optimiser__head_learning_rate=5e-3, **changes,
    )  # fmt: skip


def test_only_adapters_and_head_move_and_the_run_is_used_merged(project: Project) -> None:
    stated = run_all(project, adapters(layers__dora=True))
    began = next(e for e in stated if isinstance(e, RunStarted))
    ended = finished(stated)
    moved = weights(ended.run)
    assert all(".lora_" in name or name.startswith("classifier.1") for name in moved)
    assert began.trainable == sum(t.numel() for t in moved.values())
    folder = Path(ended.run)
    beside = run.load_bundle(folder, merged=False)
    merged = run.load_bundle(folder)
    assert lora.has(beside.network)
    assert not lora.has(merged.network)
    assert "adapters" not in merged.architecture
    pixels = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (beside.network(pixels) - merged.network(pixels)).abs().max() < 1e-4
    told = list(evaluate.evaluate(project, folder, "validation", Control()))[-1]
    assert told.metrics == pytest.approx(ended.metrics, abs=0.1)  # type: ignore[attr-defined]


def test_a_stopped_run_goes_on_to_the_same_numbers(project: Project) -> None:
    whole = finished(run_all(project, adapters(layers__lora_dropout=0.1)))

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.step == 7:
            control.ask_stop()

    stopped = finished(run_all(project, adapters(layers__lora_dropout=0.1), on_event=stop))
    assert stopped.stopped
    again = finished(run_all(project, adapters(), resume=Path(stopped.run)))
    one, other = weights(whole.run), weights(again.run)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_with_adapters_is_continued_as_a_plain_network(project: Project) -> None:
    ended = finished(run_all(project, adapters()))
    assert isinstance(ended, RunFinished)
    merged = run.load_bundle(Path(ended.run)).network.state_dict()
    recipe = settings(model__source=ended.run)
    begun = load(recipe.model, "image", project.dataset.labels(), 0)
    assert "adapters" not in begun.architecture
    found = begun.network.state_dict()
    assert found.keys() == merged.keys()
    body = [name for name in found if not name.startswith(begun.head)]
    assert all(torch.allclose(found[name], merged[name], atol=1e-6) for name in body)
