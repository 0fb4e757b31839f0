"""How far layers moved: what stood still says nought, what learnt says more with a larger rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import before, drift, run
from tests.engine.conftest import finished, run_all, settings

pytestmark = pytest.mark.usefixtures("lively_model")


def recipe(amount: str = "last_stage", rate: float = 1e-3, **changes: Any) -> Recipe:
    return settings(
        layers__amount=amount, optimiser__method="steps", optimiser__learning_rate=rate,
        optimiser__head_learning_rate=1e-2, **changes,
    )  # fmt: skip


def folder_of(project: Project, choices: Recipe) -> Path:
    return Path(finished(run_all(project, choices)).run)


def test_a_known_change_has_its_own_length() -> None:
    old = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    new = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    new.load_state_dict(old.state_dict())
    with torch.no_grad():
        for own in new[0].parameters():
            own.mul_(1.1)
    assert drift._relative(
        ["0.weight", "0.bias"], drift._parameters(old), drift._parameters(new)
    ) == (pytest.approx(0.1, rel=1e-5))


def test_frozen_stages_have_not_moved_and_the_rate_is_seen(project: Project) -> None:
    slow = drift.measure(folder_of(project, recipe(rate=1e-4)))
    fast = drift.measure(folder_of(project, recipe(rate=5e-3)))
    body = [stage for stage in slow.stages if not stage.new]
    assert [s.relative for s in body[:-1]] == [0.0] * (len(body) - 1)
    assert 0 < body[-1].relative < fast.stages[len(body) - 1].relative
    assert slow.stages[-1].new
    assert slow.stages[-1].relative == 0
    assert f"{len(body) - 1} of {len(body)} stages" in slow.text
    assert sum(layer.parameters for layer in slow.layers) == sum(s.parameters for s in slow.stages)


def test_a_head_alone_leaves_the_rest_as_it_was(project: Project) -> None:
    found = drift.measure(folder_of(project, recipe("head_only")))
    assert found.whole == 0
    assert "as they were" in found.text


def test_adapters_are_merged_first(project: Project) -> None:
    folder = folder_of(project, recipe("adapters", 5e-3, layers__lora_rank=4))
    found = drift.measure(folder)
    network = run.load_bundle(folder).network
    plain = before.bundle_of(folder).network
    name = "features.5.conv.0.0.weight"
    one, other = dict(network.named_parameters())[name], dict(plain.named_parameters())[name]
    layer = next(row for row in found.layers if row.name == "features.5.conv.0.0")
    assert layer.relative == pytest.approx(float((one - other).norm() / other.norm()), rel=1e-4)
    assert layer.relative > 0


def test_it_is_kept_until_the_network_is_another(project: Project) -> None:
    folder = folder_of(project, recipe())
    assert drift.kept(folder) is None
    found = drift.measure(folder)
    assert drift.kept(folder) == found


def test_a_run_needs_nothing_but_itself_unless_its_own_start_is_gone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(project, recipe())
    from finetune_studio.tasks.image_classification import ImageClassification
    from tests.engine.conftest import lively_bundle

    monkeypatch.setattr(
        ImageClassification, "load_model", lambda self, r, labels: lively_bundle(labels, 99, r)
    )
    assert drift.measure(folder).whole > 0
    for name in ("drift.json", "pretrained.safetensors"):
        (folder / name).unlink()
    with pytest.raises(StudioError, match="its weights are others"):
        drift.measure(folder)
