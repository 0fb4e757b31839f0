"""Adapters in the embedded network that looks at pictures: they learn, merge, and leave with an export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from finetune_studio.core.events import ExportVerified, Noted, RunStarted, StepDone, Validated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import export, run
from finetune_studio.models import lora
from tests.engine.conftest import draw, finished, run_all, settings, weights


@pytest.fixture
def striped(tmp_path: Path) -> Iterator[Project]:
    data = tmp_path / "photos"
    rows = draw(data, per_class=8)
    with Project(tmp_path / "project", "image_classification") as made:
        made.dataset.fill(rows, root=data)
        yield made


def test_adapters_of_the_starter_learn_merge_and_are_exported(
    striped: Project, tmp_path: Path
) -> None:
    recipe = settings(
        layers__amount="adapters",
        layers__lora_rank=4,
        layers__rate_decay=0.7,
        optimiser__method="steps",
        optimiser__epochs=4,
        optimiser__batch_size=6,
        optimiser__learning_rate=2e-3,
        optimiser__head_learning_rate=1e-2,
        model__image_size=64,
    )
    stated = run_all(striped, recipe)
    began = next(e for e in stated if isinstance(e, RunStarted))
    judged = [e.loss for e in stated if isinstance(e, Validated)]
    assert judged[-1] < 0.8 * judged[0]
    ended = finished(stated)
    moved = weights(ended.run)
    assert began.trainable == sum(t.numel() for t in moved.values()) < 0.2 * began.parameters
    assert any(float(t.abs().max()) > 0 for n, t in moved.items() if "lora_B" in n)
    rates = next(e.learning_rates for e in stated if isinstance(e, StepDone))
    stages = [name for name in rates if name.startswith("Stage")]
    assert len(stages) >= 3
    assert rates[stages[1]] == pytest.approx(0.7 * rates[stages[0]])
    folder = Path(ended.run)
    beside, merged = run.load_bundle(folder, merged=False), run.load_bundle(folder)
    assert lora.has(beside.network)
    assert not lora.has(merged.network)
    pixels = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (beside.network(pixels) - merged.network(pixels)).abs().max() < 1e-4
    told = list(export.export(striped, folder, "onnx", tmp_path / "out", Control()))
    assert any(isinstance(e, ExportVerified) for e in told)
    assert not any(isinstance(e, Noted) and e.level == "bad" for e in told)
