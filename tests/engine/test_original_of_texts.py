"""What folders that mark words or find answers could do before, asked with their own last layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import ModelChoices, Recipe
from finetune_studio.engine import curate, interpolation
from finetune_studio.models import original
from tests import tiny, tiny_models
from tests.engine.conftest import finished, run_all

TAG, ANSWER = "AutoModelForTokenClassification", "AutoModelForQuestionAnswering"
_HEADS = {TAG: "classifier", ANSWER: "qa_outputs"}


def whole_folder(place: Path, auto: str, **config: Any) -> Path:
    """Write a tiny network with a last layer of its own for words or answers."""
    import transformers

    tiny_models.folder(place, "bert")
    made = transformers.AutoConfig.from_pretrained(place, **config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = getattr(transformers, auto).from_config(made)
        with torch.no_grad():
            network.get_submodule(_HEADS[auto]).weight.normal_(std=0.5)
    network.save_pretrained(place)
    return place


def head_of(place: Path, task: str, auto: str) -> original.Head | None:
    return original.head_of(ModelChoices(source=str(place)), "text", task=task, auto=auto)


def named(tags: list[str]) -> dict[str, Any]:
    return {"num_labels": len(tags), "id2label": dict(enumerate(tags))}


def test_tags_are_put_into_the_order_of_the_task(tmp_path: Path) -> None:
    tags = ["B-LOC", "O", "I-PER", "B-PER", "I-LOC"]
    place = whole_folder(tmp_path, TAG, **named(tags))
    head = head_of(place, "token_classification", TAG)
    assert head is not None
    assert head.labels.names == ("LOC", "PER")
    own = load_file(place / "model.safetensors")["classifier.weight"]
    order = [tags.index(tag) for tag in ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")]
    assert torch.equal(head.weight, own[order])


def test_tags_of_another_scheme_cannot_be_asked(tmp_path: Path) -> None:
    place = whole_folder(tmp_path, TAG, **named(["LABEL_0", "LABEL_1"]))
    assert head_of(place, "token_classification", TAG) is None


@pytest.mark.parametrize(
    ("task", "auto"), [("token_classification", TAG), ("question_answering", ANSWER)]
)
def test_what_it_knew_is_asked_with_its_own_last_layer(
    task: str, auto: str, tmp_path: Path
) -> None:
    data = getattr(tiny, task)(tmp_path / "data")
    with Project(tmp_path / "project", task) as project:
        list(
            curate.import_data(
                project, Recipe(task=task).data.model_copy(update={"path": str(data)}), 0, Control()
            )
        )
        types = sorted(project.dataset.labels().names) or sorted(
            {s[2] for x in project.dataset.samples() for s in x.fields.get("spans", [])}
        )
        tags = ["O", *(f"{part}-{kind}" for kind in types for part in "IB")]
        config = named(tags) if auto == TAG else {}
        model = whole_folder(tmp_path / "model", auto, **config)
        saved = json.loads((model / "config.json").read_text())["architectures"]
        assert auto.removeprefix("AutoModel") in saved[0]
        recipe = Recipe(task=task).with_settings(
            {
                "data.path": str(data), "model.source": str(model), "layers.amount": "everything",
                "optimiser.epochs": 3, "optimiser.learning_rate": 1e-2, "compute.device": "cpu",
            }
        )  # fmt: skip
        folder = Path(finished(run_all(project, recipe)).run)
        told = list(interpolation.along(project, folder, Control()))[-1]
        assert isinstance(told, BlendMeasured)
        assert told.measure == "agreement"
        assert told.points[0]["original"] == 1.0
        assert told.points[-1]["original"] < 1.0
        told = list(interpolation.along(project, folder, Control(), str(data)))[-1]
        assert isinstance(told, BlendMeasured)
        assert told.measure == told.headline
        assert told.held_out > 0
        assert "held-out" in told.about
