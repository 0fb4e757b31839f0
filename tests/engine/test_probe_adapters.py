"""What adapters mean before a run begins is what the run then has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import RunStarted
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import presets
from finetune_studio.engine.estimate import seconds_per_epoch
from finetune_studio.engine.probe import look_at_model
from tests import tiny, tiny_models
from tests.engine.conftest import run_all
from tests.tasks.writing import project_of


def recipe_for(model: Path, **changes: Any) -> Recipe:
    own = {"model.source": str(model), **changes}
    return presets.apply(Recipe(task="causal_lm").with_settings(own), 100).with_settings(changes)


@pytest.mark.parametrize("dora", [False, True])
def test_the_figure_is_that_of_the_run(tmp_path: Path, dora: bool) -> None:
    model = tiny_models.folder(tmp_path / "llama", "llama", chat=True)
    changes = {
        "layers.lora_rank": 4,
        "layers.dora": dora,
        "layers.lora_ranks": {"model.layers.1": 8, "q_proj": 0},
        "optimiser.epochs": 1,
    }
    recipe = recipe_for(model, **changes)
    look = look_at_model(recipe, Labels(()))
    assert look.trainable_names == ()
    assert look.adapters is not None
    assert look.adapters["ranks"]["model.layers.1.mlp.up_proj"] == 8
    assert 0 < look.trainable < look.total
    with project_of(
        tmp_path / "p", "causal_lm", ({"messages": tiny.chat(n)} for n in range(24))
    ) as project:
        began = next(e for e in run_all(project, recipe) if isinstance(e, RunStarted))
    assert began.trainable == look.trainable
    whole = look_at_model(recipe_for(model, **{"layers.amount": "everything"}), Labels(()))
    assert look.memory.optimiser_mb < whole.memory.optimiser_mb
    assert look.memory.activations_mb > 0
    assert seconds_per_epoch(recipe, Labels(()), 24).epoch_s > 0


def test_a_new_head_is_counted_beside_the_adapters(tmp_path: Path) -> None:
    labels = Labels(("a", "b", "c"))
    model = tiny_models.folder(tmp_path / "bert", "bert")
    settings = {"model.source": str(model), "layers.amount": "adapters", "layers.lora_rank": 2}
    look = look_at_model(Recipe(task="text_classification").with_settings(settings), labels)
    assert look.adapters is not None
    head = sum(size for name, size in look.root.owned() if name.startswith(look.head))
    own = {layer.name: layer.per_rank for layer in look.adaptable}
    assert look.trainable == head + sum(2 * own[name] for name in look.adapters["ranks"])


def test_a_layer_that_is_not_there_is_told(tmp_path: Path) -> None:
    model = tiny_models.folder(tmp_path / "llama", "llama")
    with pytest.raises(StudioError, match="lora_ranks names 'nothing'"):
        look_at_model(recipe_for(model, **{"layers.lora_ranks": {"nothing": 3}}), Labels(()))


@pytest.mark.parametrize(("task", "kind"), [("causal_lm", "llama"), ("summarization", "t5")])
def test_a_model_that_writes_keeps_its_last_layer(tmp_path: Path, task: str, kind: str) -> None:
    place = tiny_models.folder(tmp_path / "model", kind)
    recipe = Recipe(task=task).with_settings({"model.source": str(place)})
    look = look_at_model(recipe, Labels(()))
    assert look.head
    assert look.always == ()
    sentences = tiny_models.folder(tmp_path / "sentences", "sentence")
    recipe = Recipe(task="text_classification").with_settings({"model.source": str(sentences)})
    new = look_at_model(recipe, Labels(("a", "b"), (1, 1)))
    assert new.head in new.always
