"""What the terminal says to someone who uses it for the first time, and how new samples get in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from finetune_studio import cli
from finetune_studio.core.project import Project
from tests.engine.conftest import draw


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """Return the two lines with which a command is refused."""
    assert cli.main(list(arguments)) == 2
    what, next_step = capsys.readouterr().err.splitlines()
    return what, next_step


def test_a_misspelt_command_is_answered_with_the_one_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    what, next_step = refused(capsys, "trian")
    assert what == "There is no command called 'trian'."
    assert next_step.startswith("Did you mean train?")


def test_a_path_instead_of_a_command_is_answered_with_what_can_be_done_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    what, next_step = refused(capsys, str(tmp_path))
    assert what == f"There is no command called '{tmp_path}'."
    assert f"finetune-studio check {tmp_path}" in next_step


def test_a_misspelt_option_is_answered_with_the_one_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, next_step = refused(capsys, "train", "--dat=photos", "--presets", "quick")
    assert next_step.startswith("Did you mean --preset?")


def test_every_argument_of_train_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    named = ("RECIPE.toml", "--task", "--data", "--model", "--out", "--preset", "--set", "--seed")
    rows = told.partition("options:")[0].partition("arguments:")[2] + told.partition("options:")[2]
    for name in named:
        after = rows[rows.index(name) :].split("\n  -")[0]
        assert len(after.split()) > 4, name
    assert "For example: finetune-studio train" in told


def test_new_photos_are_named_and_taken_in_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "p"
    draw(photos, per_class=8)
    command = [
        "train", "--task", "image-classification", "--data", str(photos), "--out", str(out),
        "--preset", "quick", "--json", "--set", "model.image_size=32", "--set", "optimiser.epochs=1",
    ]  # fmt: skip
    assert cli.main(command) == 0
    known = sorted(photos.rglob("*.png"))
    for number in range(3):
        shutil.copy(known[number], known[number].with_name(f"new {number}.png"))
    capsys.readouterr()
    assert cli.main(command) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [e["text"] for e in said if e["event"] == "noted" and "--add-new" in e["text"]]
    assert told == [
        f"3 new photos in {photos} since the import are not used: give --add-new to take in what is new."
    ]
    assert cli.main([*command, "--add-new"]) == 0
    assert f"3 new photos of {photos} were taken in." in capsys.readouterr().out
    with Project(out) as project:
        assert len(project.dataset) == len(known) + 3


def test_other_data_are_refused_with_the_way_to_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        draw(tmp_path / name, per_class=2)
    with Project(tmp_path / "p", "image_classification") as project:
        from finetune_studio.core.job import Control
        from finetune_studio.core.recipe import Recipe
        from finetune_studio.engine import curate

        choices = Recipe().with_settings({"data.path": str(tmp_path / "one")}).data
        list(curate.import_data(project, choices, 0, Control()))
    command = ["train", "--data", str(tmp_path / "two"), "--out", str(tmp_path / "p")]
    what, next_step = refused(capsys, *command)
    assert (
        what == f"{tmp_path / 'p'} holds the data of {tmp_path / 'one'}, not of {tmp_path / 'two'}."
    )
    assert "--add-new" in next_step
