"""A run on disk: whole at any instant, damaged files named, its state read from its own log."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import RunFinished, RunStarted
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import run
from finetune_studio.engine.run import EventLog, Place, Run, checkpoints
from finetune_studio.engine.setup import known_of
from tests.engine.conftest import run_all, settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a run that has been made, but not carried out."""
    made = tmp_path / "project" / "runs" / "7"
    made.mkdir(parents=True)
    Recipe(seed=5).save(made / "recipe.toml")
    return made


def started() -> RunStarted:
    return RunStarted("r", "p", "t", "m", 1, 1, {}, "cpu", 1, 1, "accuracy")


def finished(*, stopped: bool) -> RunFinished:
    return RunFinished("r", "p", "t", {"accuracy": 0.5}, 1.0, 1.0, stopped)


def test_a_folder_without_a_recipe_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no run"):
        Run(tmp_path)


def test_state_follows_the_log(folder: Path) -> None:
    this = Run(folder)
    assert (this.number, this.project_folder) == (7, folder.parent.parent)
    assert this.recipe.seed == 5
    assert this.state == "interrupted"
    for event, state in (
        (started(), "interrupted"),
        (finished(stopped=True), "stopped"),
        (started(), "interrupted"),  # it goes on
        (finished(stopped=False), "finished"),
    ):
        log = EventLog(folder)
        log.add(event)
        log.close()
        assert this.state == state
    assert this.metrics == {"accuracy": 0.5}


def test_a_line_cut_off_by_a_crash_costs_that_line_only(folder: Path) -> None:
    log = EventLog(folder)
    log.add(started())
    log.close()
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"event": "run_fin')
    log = EventLog(folder)
    log.add(finished(stopped=False))
    log.close()
    assert [e.word() for e in Run(folder).events()] == ["run_started", "run_finished"]


def test_checkpoint_is_read_as_it_was_written(folder: Path) -> None:
    weights, best = {"a": torch.arange(4.0)}, {"a": torch.zeros(4)}
    place = Place(step=3, epoch=1, best_score=0.5, best_metrics={"accuracy": 0.5})
    run.save_checkpoint(folder, weights, best, {"method": {"factor": 0.5}}, place)
    run.save_checkpoint(folder, weights, best, {"method": {"factor": 0.5}}, place)
    found = run.load_checkpoint(folder)
    assert found
    assert torch.equal(found[0]["a"], weights["a"])
    assert torch.equal(found[1]["a"], best["a"])
    assert Place(**found[2]["place"]) == place
    assert found[2]["method"] == {"factor": 0.5}
    later = Place(step=4)
    run.save_checkpoint(folder, weights, best, {"method": {}}, later)
    kept = [f.name for f in (folder / "checkpoints").iterdir() if f.is_dir()]
    assert sorted(kept) == ["00000003b", "00000004"]  # the one before, should the last be damaged
    run.save_checkpoint(folder, weights, best, {"method": {}}, Place(step=5, done=True))
    kept = [f.name for f in (folder / "checkpoints").iterdir() if f.is_dir()]
    assert kept == ["00000005"]  # a finished run needs no other


@pytest.mark.parametrize("name", ["weights.safetensors", "best.safetensors", "state.pt"])
@pytest.mark.parametrize("damage", ["cut", "gone", "garbage"])
def test_a_damaged_checkpoint_is_named(folder: Path, name: str, damage: str) -> None:
    tensors = {"a": torch.arange(4.0)}
    place = run.save_checkpoint(folder, tensors, tensors, {"method": {}}, Place(step=1))
    file = place / name
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:20] if damage == "cut" else bytes(200))
    with pytest.raises(StudioError, match="damaged"):
        run.load_checkpoint(folder)


@pytest.mark.parametrize("name", ["weights.safetensors", "best.safetensors", "state.pt"])
def test_a_checkpoint_cut_in_half_costs_only_itself(folder: Path, name: str) -> None:
    early, late = {"a": torch.arange(4.0)}, {"a": torch.ones(4)}
    run.save_checkpoint(folder, early, early, {"method": {}}, Place(step=1))
    file = run.save_checkpoint(folder, late, late, {"method": {}}, Place(step=2)) / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    found = run.load_checkpoint(folder)
    assert found
    assert torch.equal(found[0]["a"], early["a"])
    assert found[2]["place"]["step"] == 1
    assert "damaged" in found[2]["damaged"]


@pytest.mark.usefixtures("small_model")
def test_a_run_that_was_killed_while_it_was_written_down_has_not_begun(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("finetune_studio.engine.run.folder.save_tensors", killed)
    seen: list[bool] = []
    monkeypatch.setattr(run, "forget_unless_begun", lambda at: seen.append(bool(Run(at).model)))
    with pytest.raises(KeyboardInterrupt):
        run_all(project, settings())
    assert seen == [False]  # so that it is written down anew


def test_a_state_of_a_newer_version_is_read_as_far_as_it_is_known() -> None:
    found = known_of(Place, {"step": 3, "invented later": 1})
    assert found == Place(step=3)


def test_a_damaged_index_is_named(folder: Path) -> None:
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "index.json").write_text("{cut")
    with pytest.raises(StudioError, match="damaged"):
        _ = Run(folder).usable


def test_a_full_disk_is_said_and_keeps_the_old_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError
    from safetensors import torch as writer

    tensors = {"a": torch.arange(4.0)}
    run.save_checkpoint(folder, tensors, tensors, {"method": {}}, Place(step=1))

    def full(*_: object) -> None:
        raise SafetensorError(f"I/O error: No space left on device (os error {errno.ENOSPC})")

    monkeypatch.setattr(writer, "save_file", full)
    with pytest.raises(StudioError, match="The disk is full"):
        run.save_checkpoint(folder, tensors, tensors, {"method": {}}, Place(step=2))
    found = run.load_checkpoint(folder)
    assert found
    assert found[2]["place"]["step"] == 1


@pytest.mark.usefixtures("small_model")
def test_a_trained_run_is_loaded_in_evaluation_mode_under_todays_names(project: Project) -> None:
    last = run_all(project, settings(optimiser__epochs=1))[-1]
    assert isinstance(last, RunFinished)
    place = Path(last.run)
    project.dataset.rename_class("class0", "vertical")
    bundle = run.load_bundle(place, project.dataset)
    assert bundle.labels.names == ("vertical", "class1", "class2")
    assert not any(module.training for module in bundle.network.modules())
    model = json.loads((place / "model.json").read_text())
    model["labels"] = {"names": ["a", "b"], "ids": [1, 2]}
    (place / "model.json").write_text(json.dumps(model))
    with pytest.raises(StudioError, match="do not fit"):
        run.load_bundle(place)


def test_an_untrained_run_has_no_network(folder: Path) -> None:
    assert not Run(folder).usable
    with pytest.raises(StudioError, match="no trained network"):
        run.load_bundle(folder)


@pytest.mark.usefixtures("small_model")
def test_best_weights_answer_where_the_rest_of_the_checkpoint_is_damaged(project: Project) -> None:
    last = run_all(project, settings())[-1]
    assert isinstance(last, RunFinished)
    folder = Path(last.run)
    for part in ("state.pt", "weights.safetensors"):
        (next((folder / "checkpoints").glob("0*")) / part).write_bytes(b"cut off")
    assert not run.load_bundle(folder, project.dataset).network.training
    with pytest.raises(StudioError, match="damaged"):
        run.load_checkpoint(folder)


def test_weights_that_were_moved_away_are_told_as_missing(tmp_path: Path) -> None:
    with (
        pytest.raises(
            StudioError, match=r"frozen\.safetensors, which holds the layers that"
        ) as caught,
        checkpoints.damage_explained(tmp_path),
    ):
        checkpoints.read_tensors(tmp_path / "frozen.safetensors")
    assert "is not in its folder any more" in caught.value.message
    assert "Put it back" in caught.value.hint
    (tmp_path / "frozen.safetensors").write_bytes(b"no tensors")
    with pytest.raises(StudioError, match="damaged"), checkpoints.damage_explained(tmp_path):
        checkpoints.read_tensors(tmp_path / "frozen.safetensors")
