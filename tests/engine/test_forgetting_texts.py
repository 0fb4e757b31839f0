"""Drift, blends and distance of every task that reads or writes texts, on tiny networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured, ShiftMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import before, curate, drift, interpolation, run, shift
from tests import tiny, tiny_models
from tests.engine.conftest import finished, run_all

KINDS = {
    "text_classification": "sentence",
    "token_classification": "bert",
    "question_answering": "distilbert",
    "summarization": "t5",
    "causal_lm": "llama",
}
# Those whose network keeps its own last layer can only be asked about samples of what it knew.
WRITERS = ("summarization", "causal_lm")


@pytest.mark.parametrize("task", KINDS)
def test_every_task_with_texts_can_be_measured_and_blended(task: str, tmp_path: Path) -> None:
    data = getattr(tiny, task)(tmp_path / "data")
    model = tiny_models.folder(tmp_path / "model", KINDS[task], chat=task == "causal_lm")
    recipe = Recipe(task=task).with_settings(
        {
            "data.path": str(data),
            "model.source": str(model),
            "layers.amount": "everything",
            "optimiser.epochs": 1,
            "optimiser.learning_rate": 3e-3,
            "augment.strength": "none",
            "compute.device": "cpu",
        }
    )
    with Project(tmp_path / "project", task) as project:
        list(curate.import_data(project, recipe.data, 0, Control()))
        far = list(shift.measure(project, recipe, Control()))[-1]
        assert isinstance(far, ShiftMeasured)
        assert far.method == "tokens"
        assert far.figures["tokens_a_word"] >= 1
        folder = Path(finished(run_all(project, recipe)).run)
        moved = drift.measure(folder)
        assert moved.whole > 0
        assert any(stage.relative > 0 for stage in moved.stages)
        told = list(interpolation.along(project, folder, Control()))[-1]
        assert isinstance(told, BlendMeasured)
        assert told.points[-1]["score"] == pytest.approx(
            run.Run(folder).metrics[told.headline], rel=1e-3
        )
        if task in WRITERS:
            assert "original" not in told.points[0]
            assert "forgetting.held_out" in told.about
            told = list(interpolation.along(project, folder, Control(), str(data)))[-1]
            assert isinstance(told, BlendMeasured)
            assert told.measure == told.headline
            assert told.held_out > 0
        else:
            assert told.points[0]["original"] == pytest.approx(1.0)
        half = finished(list(interpolation.keep(project, folder, 0.5, Control())))
        assert set(half.metrics) == set(run.Run(folder).metrics)
        assert drift.measure(Path(half.run)).whole == pytest.approx(moved.whole / 2, rel=1e-3)


def test_a_writer_of_before_has_its_own_last_layer_again(tmp_path: Path) -> None:
    """One whose last layer is a table of its own, which learns like all others."""
    data = tiny.causal_lm(tmp_path / "data")
    model = tiny_models.folder(tmp_path / "model", "llama", chat=True, tie_word_embeddings=False)
    recipe = Recipe(task="causal_lm").with_settings(
        {
            "data.path": str(data),
            "model.source": str(model),
            "layers.amount": "everything",
            "optimiser.epochs": 1,
            "compute.device": "cpu",
        }
    )
    with Project(tmp_path / "project", "causal_lm") as project:
        list(curate.import_data(project, recipe.data, 0, Control()))
        folder = Path(finished(run_all(project, recipe)).run)
    began = before.bundle_of(folder).network.state_dict()
    wanted = load_file(model / "model.safetensors")["lm_head.weight"]
    assert torch.equal(began["lm_head.weight"], wanted)
