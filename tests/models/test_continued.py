"""Runs of this program as the start of a new one: what their last layer knows is kept."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from finetune_studio.core import own_run
from finetune_studio.core.dataset import Labels, Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import ModelChoices, Recipe
from finetune_studio.models import build, folder, zoo
from tests.engine.conftest import ARCHITECTURE, PROCESSOR
from tests.own_runs import HEAD, IMAGE, project_of, run_of


def load(place: Path, labels: Labels, number: int = 3, **choices: Any):
    source = str(place / "runs" / str(number))
    return zoo.load(ModelChoices(source=source, **choices), "image", labels, 0, task=IMAGE)


def rows(bundle: Any) -> tuple[torch.Tensor, torch.Tensor]:
    head = bundle.network.get_submodule(HEAD)
    return head.weight.detach(), head.bias.detach()


def test_known_classes_keep_their_rows_and_new_ones_begin_at_the_mean(tmp_path: Path) -> None:
    dataset = project_of(tmp_path, "ant", "bee", "cat", "dog")
    before = Labels(("ant", "bee", "cat"), dataset.labels().ids[:3])
    state = run_of(tmp_path, before)
    bundle = load(tmp_path, dataset.labels())
    weight, bias = rows(bundle)
    old = state[f"{HEAD}.weight"]
    assert torch.equal(weight[:3], old)
    assert torch.equal(bias[:3], state[f"{HEAD}.bias"])
    assert torch.allclose(weight[3], old.mean(0), atol=0.05)
    assert not torch.equal(weight[3], old.mean(0))
    assert bias[3] == pytest.approx(float(state[f"{HEAD}.bias"].mean()))
    for name, value in bundle.network.state_dict().items():
        assert name.startswith(HEAD) or torch.equal(value, state[name]), name
    assert bundle.note == "3 classes are known already, 1 is new."
    assert bundle.processor == {**PROCESSOR, "fit": "crop"}  # as it was before there was a choice
    assert bundle.line == ("starter",)
    again, _ = rows(load(tmp_path, dataset.labels()))
    assert torch.equal(weight, again)


def test_pictures_are_made_square_as_in_the_run_before(tmp_path: Path) -> None:
    dataset = project_of(tmp_path, "ant", "bee")
    run_of(tmp_path, dataset.labels())
    assert load(tmp_path, dataset.labels(), fit="stretch").processor["fit"] == "crop"
    fresh = zoo.load(ModelChoices(fit="stretch"), "image", dataset.labels(), 0, task=IMAGE)
    assert fresh.processor["fit"] == "stretch"


def test_renamed_and_merged_classes_are_found_by_their_names_of_today(tmp_path: Path) -> None:
    dataset = project_of(tmp_path, "ant", "bee", "cat", "dog")
    before = dataset.labels()
    state = run_of(tmp_path, before)
    dataset.rename_class("ant", "wasp")
    dataset.merge_classes(["cat"], "dog")
    dataset.fill([Row("ant2/a.png", "new ant", "train")], root=tmp_path / "photos")
    dataset.rename_class("new ant", "ant")  # a new class under the name of an old one
    now = dataset.labels()
    assert set(now.names) == {"ant", "bee", "dog", "wasp"}
    bundle = load(tmp_path, now)
    weight, bias = rows(bundle)
    old, offsets = state[f"{HEAD}.weight"], state[f"{HEAD}.bias"]
    at = {name: place for place, name in enumerate(now.names)}
    assert torch.equal(weight[at["wasp"]], old[0])
    assert torch.equal(weight[at["bee"]], old[1])
    assert torch.allclose(weight[at["dog"]], old[2:].mean(0))
    assert bias[at["dog"]] == pytest.approx(float(offsets[2:].mean()) + math.log(2), rel=1e-5)
    assert not torch.equal(weight[at["ant"]], old[0])
    assert bundle.note == "3 classes are known already, 1 is new."


def test_a_vanished_class_is_dropped_and_said(tmp_path: Path) -> None:
    labels = Labels(("ant", "bee", "cat"), (1, 2, 3))
    state = run_of(tmp_path, labels)
    bundle = load(tmp_path, Labels(("ant", "cat"), (1, 3)))
    assert torch.equal(rows(bundle)[0], state[f"{HEAD}.weight"][[0, 2]])
    known = "2 classes are known already; 1 class of the run is no longer there."
    assert bundle.note == known


def test_a_run_of_another_project_is_matched_by_name(tmp_path: Path) -> None:
    project_of(tmp_path / "one", "ant", "bee").close()
    state = run_of(tmp_path / "one", Labels(("ant", "bee"), (1, 2)))
    bundle = load(tmp_path / "one", Labels(("bee", "zebra"), (1, 2)))  # other numbers
    assert torch.equal(rows(bundle)[0][0], state[f"{HEAD}.weight"][1])
    assert bundle.note.startswith("1 class is known already, 1 is new; 1 class of the run")
    bundle = load(tmp_path / "one", Labels(("x", "y")))
    assert "None of your classes" in bundle.note
    assert rows(bundle)[0].abs().max() < 0.1


def test_another_image_size_and_everything_retrained(tmp_path: Path) -> None:
    labels = Labels(("ant", "bee"))
    run_of(tmp_path, labels)
    run = tmp_path / "runs" / "3"
    whole = build.rebuild(ARCHITECTURE, 2).state_dict()
    save_file({}, run / "frozen.safetensors")  # nothing was frozen
    save_file(whole, run / "checkpoints" / "00000004" / "best.safetensors")
    bundle = load(tmp_path, labels, image_size=64)
    assert (bundle.processor["crop"], bundle.processor["resize"]) == (64, 72)
    for name, value in bundle.network.state_dict().items():
        assert torch.equal(value, whole[name]), name


def test_a_vision_transformers_table_of_positions_follows_the_size(tmp_path: Path) -> None:
    from finetune_studio.models import continued

    architecture = {"library": "torchvision", "builder": "vit_b_32", "kwargs": {"image_size": 96}}
    wider = continued._for_size(architecture, ModelChoices(image_size=160))
    assert wider["kwargs"] == {"image_size": 160}
    assert continued._for_size(architecture, ModelChoices(image_size=224))["kwargs"] == {}
    assert continued._for_size(architecture, ModelChoices()) is architecture


def _other_task(run: Path) -> None:
    Recipe(task="object_detection").save(run / "recipe.toml")


def _cut(run: Path) -> None:
    file = run / "checkpoints" / "00000004" / "best.safetensors"
    file.write_bytes(file.read_bytes()[:300])


BROKEN = {
    "another task": (_other_task, r"learnt object detection, as recipe\.toml"),
    "cut weights": (_cut, r"best\.safetensors .*damaged"),
    "no frozen part": (lambda r: (r / "frozen.safetensors").unlink(), r"frozen\.safetensors"),
    "no index": (lambda r: (r / "checkpoints" / "index.json").unlink(), "no weights in .* yet"),
    "no json": (lambda r: (r / "model.json").write_text("{"), r"model\.json cannot be read"),
    "half a json": (lambda r: (r / "model.json").write_text("{}"), r"model\.json is not complete"),
    "no recipe": (lambda r: (r / "recipe.toml").write_bytes(b"\xff="), r"recipe\.toml is damaged"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_run_that_cannot_be_continued_names_the_file(kind: str, tmp_path: Path) -> None:
    make, words = BROKEN[kind]
    labels = Labels(("ant", "bee"))
    run_of(tmp_path, labels)
    make(tmp_path / "runs" / "3")
    with pytest.raises(StudioError, match=words) as caught:
        load(tmp_path, labels)
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    labels = Labels(("ant", "bee"))
    state = run_of(tmp_path, labels)
    run = tmp_path / "runs" / "3"
    (run / "checkpoints" / "00000008").mkdir()
    (run / "checkpoints" / "00000008" / "best.safetensors").write_bytes(b"cut")
    index = {"last": "00000008", "best": "00000008", "before": "00000004"}
    (run / "checkpoints" / "index.json").write_text(json.dumps(index))
    assert torch.equal(rows(load(tmp_path, labels))[0], state[f"{HEAD}.weight"])


def test_a_project_stands_for_its_only_trained_run(tmp_path: Path) -> None:
    project_of(tmp_path, "ant", "bee").close()
    with pytest.raises(StudioError, match="no trained run yet"):
        folder.find(tmp_path, ModelChoices())
    run_of(tmp_path, Labels(("ant", "bee")), number=2)
    assert folder.find(tmp_path, ModelChoices()).origin == str(tmp_path / "runs" / "2")
    assert own_run.found_at(tmp_path / "runs") == tmp_path / "runs" / "2"
    run_of(tmp_path, Labels(("ant", "bee")), number=10)
    with pytest.raises(StudioError, match=r"2 trained runs \(2, 10\)") as caught:
        folder.find(tmp_path, ModelChoices())
    assert caught.value.hint == f"Say which one: {tmp_path / 'runs' / '10'} is the newest."


def test_a_run_is_called_by_its_number_and_project(tmp_path: Path) -> None:
    run = str(tmp_path / "leaves" / "runs" / "3")
    assert own_run.title(run, tmp_path / "leaves") == "Run 3 of this project"
    assert own_run.title(run, tmp_path / "other") == "Run 3 of leaves"
    assert own_run.title("starter") == own_run.title(str(tmp_path / "weights.pth")) == ""
