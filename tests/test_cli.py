"""The terminal contract, command by command, through ``cli.main`` in this process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from finetune_studio import cli
from finetune_studio.cli.printing import Printer
from finetune_studio.core import events, recipe
from finetune_studio.core.job import Control
from tests.engine.conftest import draw

SMALL = ["--set", "model.image_size=64", "--set", "optimiser.epochs=4"]


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was printed as JSON; anything else on stdout fails."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "stripes"
    draw(folder, per_class=14)
    return folder


def train_arguments(photos: Path, out: Path, *more: str) -> list[str]:
    return [
        "train", "--task", "image-classification", "--data", str(photos), "--out", str(out),
        "--preset", "quick", "--seed", "1", "--json", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def project(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with one finished run."""
    out = tmp_path_factory.mktemp("projects") / "stripes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINETUNE_STUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        assert cli.main(train_arguments(photos, out)) == 0
    return out


def test_train_ends_with_run_finished(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(train_arguments(photos, tmp_path / "p")) == 0
    captured = lines(capsys)
    last = captured[-1]
    assert last["event"] == "run_finished"
    wanted = {"run", "project", "task", "metrics", "best_epoch", "seconds", "stopped"}
    assert wanted <= last.keys()
    assert Path(last["run"]).is_absolute()
    assert Path(last["run"]) == tmp_path / "p" / "runs" / "1"
    assert next(iter(last["metrics"])) == "accuracy"
    assert 0 <= last["metrics"]["accuracy"] <= 1
    assert last["stopped"] is False
    imported = next(e for e in captured if e["event"] == "data_imported")
    assert imported["samples"] == 42
    started = next(e for e in captured if e["event"] == "run_started")
    assert started["samples"]["train"] == pytest.approx(42 * 0.7, abs=2)


def test_another_train_makes_another_run_and_resume_repeats_the_end(
    project: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(train_arguments(photos, project)) == 0
    first = lines(capsys)[-1]
    assert first["run"].endswith("runs/2")
    assert cli.main(train_arguments(photos, project, "--resume")) == 0
    again = lines(capsys)
    assert again == [first]
    shutil.copytree(project, project.with_name("moved"))  # its log still names the old place
    assert cli.main(["train", "--out", str(project.with_name("moved")), "--resume", "--json"]) == 0
    told = lines(capsys)[-1]
    assert told["run"] == str(project.with_name("moved") / "runs" / "2")
    assert told["project"] == str(project.with_name("moved"))


def test_resume_without_a_project_starts_one(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(train_arguments(photos, tmp_path / "new", "--resume")) == 0
    assert lines(capsys)[-1]["event"] == "run_finished"


def test_other_data_in_a_project_are_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "other", per_class=6)
    assert cli.main(train_arguments(tmp_path / "other", project)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_evaluate(project: Path, split: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", str(project / "runs" / "1"), "--split", split, "--json"]) == 0
    last = lines(capsys)[-1]
    assert last["event"] == "evaluated"
    assert last["split"] == split
    assert last["samples"] > 0
    low, high = last["intervals"]["accuracy"]
    assert low <= last["metrics"]["accuracy"] <= high


def test_evaluate_without_a_test_split_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, count in (("Training", 8), ("valid", 4)):
        draw(tmp_path / "data" / split, per_class=count)
    assert cli.main(train_arguments(tmp_path / "data", tmp_path / "p")) == 0
    captured = lines(capsys)
    started = next(e for e in captured if e["event"] == "run_started")
    assert started["samples"] == {"train": 24, "validation": 12}
    assert cli.main(["evaluate", captured[-1]["run"], "--split", "test", "--json"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_predict_says_one_prediction_an_input(
    project: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"nothing")
    good = photos / "class0" / "000.png"
    code = cli.main(["predict", str(project / "runs" / "1"), str(good), str(broken), "--json"])
    found = lines(capsys)
    assert code == 0
    assert [e["event"] for e in found] == ["prediction", "prediction"]
    assert found[0]["input"] == str(good)
    assert found[0]["label"] in {"class0", "class1", "class2"}
    assert sum(found[0]["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert found[1]["error"]


@pytest.mark.parametrize("format_name", ["onnx", "huggingface"])
def test_export_is_verified_and_answers_alone(
    project: Path,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    format_name: str,
) -> None:
    out = tmp_path / "export"
    run = str(project / "runs" / "1")
    assert cli.main(["export", run, "--format", format_name, "--out", str(out), "--json"]) == 0
    last = lines(capsys)[-1]
    assert last["event"] == "export_verified"
    assert last["agreement"] == 1.0
    assert last["max_abs_diff"] < 1e-3
    assert last["latency_p95_ms"] >= last["latency_ms"]
    assert last["batch_ms"] > 0
    assert Path(last["path"]) == out
    assert last["metric_before"] == last["metric_after"]
    picture = str(photos / "class1" / "001.png")
    assert cli.main(["predict", run, picture, "--json"]) == 0
    ours = lines(capsys)[0]
    assert cli.main(["predict", str(out), picture, "--json"]) == 0
    theirs = lines(capsys)[0]
    assert theirs["label"] == ours["label"]
    assert theirs["probabilities"] == pytest.approx(ours["probabilities"], abs=1e-4)


def test_check_writes_nothing_beside_the_data(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(photos.rglob("*"))
    assert cli.main(["check", str(photos), "--task", "image_classification", "--json"]) == 0
    found = lines(capsys)
    assert found[-1]["event"] == "check_finished"
    findings = [e for e in found if e["event"] == "finding"]
    assert {e["check"] for e in findings} >= {"broken", "duplicates", "leakage", "imbalance"}
    for finding in findings:
        assert {"check", "samples", "count", "severity", "message", "remedy"} <= finding.keys()
    assert sorted(photos.rglob("*")) == before
    assert all(e["time"] > 1e9 for e in found if "time" in e)


def test_check_says_how_letters_are_read_and_what_was_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "menu.csv"
    rows = "".join(f"crème brûlée number {n} of the café,{'ab'[n % 2]}\n" for n in range(12))
    table.write_bytes(f"text,label\n{rows}".encode("cp1252"))
    assert cli.main(["check", str(table), "--task", "text_classification"]) == 0
    said = capsys.readouterr().out
    assert "texts in column 'text', labels in column 'label'" in said
    assert "menu.csv is read as Windows code page 1252." in said
    tags = tmp_path / "tags.conll"
    tags.write_text("Anna I-PER\nmet O\n\n" * 3, encoding="utf-8")
    assert cli.main(["check", str(tags), "--task", "token_classification", "--json"]) == 0
    noted = [e["text"] for e in lines(capsys) if e["event"] == "noted"]
    assert any("repaired" in text for text in noted) or any("IOB1" in text for text in noted)


def test_distance_of_data_and_of_a_project(
    photos: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(photos.rglob("*"))
    assert cli.main(["distance", str(photos), "--task", "image_classification", "--json"]) == 0
    found = lines(capsys)[-1]
    assert found["event"] == "shift_measured"
    assert found["level"] in ("near", "some", "far")
    assert found["figures"]["standard_deviations"] > 0
    assert found["samples"] > 0
    assert sorted(photos.rglob("*")) == before
    assert cli.main(["distance", str(project), "--model", "starter"]) == 0
    said = capsys.readouterr().out
    assert "in standard deviations" in said
    assert "on a scale from 0 (as what it learnt from) to 1" in said


def test_noise_of_c_libraries_goes_to_the_log(
    photos: Path,
    capfd: pytest.CaptureFixture[str],
    private_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from finetune_studio.engine import doctor

    def noisy() -> list[Any]:
        os.write(2, b"TIFFFillStrip: noise\n")
        return []

    monkeypatch.setattr(doctor, "examine", noisy)
    assert cli.main(["doctor", "--json"]) == 0
    assert capfd.readouterr().err == ""
    assert "TIFFFillStrip" in (private_home / "log.txt").read_text()


@pytest.mark.parametrize("kind", cli.LISTS)
def test_list(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", kind, "--json"]) == 0
    for row in lines(capsys):
        assert row["event"] == "entry"
        assert row["name"]
        assert row["title"]
        assert row["summary"]


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 0
    subjects = {e["subject"] for e in lines(capsys)}
    assert {"torch", "device", "starter model"} <= subjects


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["train", "--data", "nowhere", "--out", "OUT"],
        ["train", "--data", "PHOTOS", "--out", "OUT", "--task", "juggling"],
        ["train", "--data", "PHOTOS", "--out", "OUT", "--set", "optimiser.epochs=0"],
        ["train", "--data", "PHOTOS", "--out", "OUT", "--set", "epoch=3"],
        ["train", "--data", "PHOTOS", "--out", "OUT", "--model", "no_such_model"],
        ["train", "--data", "PHOTOS", "--out", "OUT", "--model", "missing.pth"],
        ["train", "--out", "OUT"],
        ["train", "no-recipe.toml", "--out", "OUT"],
        ["evaluate", "OUT"],
        ["export", "OUT", "--format", "onnx"],
        ["predict", "OUT", "x.jpg"],
        ["check", "nowhere"],
        ["list", "unicorns"],
        ["train", "--data", "", "--out", "OUT"],
        ["train", "--data", "PHOTOS", "--out", ""],
    ],
    ids=" ".join,
)
def test_what_the_user_can_mend_is_two_lines_and_exit_2(
    arguments: list[str], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"PHOTOS": str(photos), "OUT": str(tmp_path / "out")}
    assert cli.main([places.get(a, a) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 2
    assert all(line.strip() for line in captured.err.splitlines())


def test_recipe_file_gives_the_same_run_again(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = project / "runs" / "1" / "recipe.toml"
    first = json.loads((project / "runs" / "1" / "events.jsonl").read_text().splitlines()[-1])
    assert cli.main(["train", str(saved), "--out", str(tmp_path / "again"), "--json"]) == 0
    assert lines(capsys)[-1]["metrics"] == first["metrics"]


def start(photos: Path, out: Path, home: Path, *more: str) -> subprocess.Popen[str]:
    """Start a run long enough to be interrupted, in a process of its own."""
    return subprocess.Popen(
        [
            sys.executable, "-m", "finetune_studio",
            *train_arguments(photos, out, "--set", "optimiser.method=steps", *more),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FINETUNE_STUDIO_HOME": str(home)},
    )  # fmt: skip


def wait_for(process: subprocess.Popen[str], word: str, times: int = 1) -> None:
    assert process.stdout
    for line in process.stdout:
        times -= json.loads(line)["event"] == word
        if times <= 0:
            return
    raise AssertionError(f"{word} was never stated")


@pytest.mark.slow
def test_interrupted_run_ends_with_130_and_resumes(
    photos: Path, tmp_path: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--set", "optimiser.epochs=1000", "--set", "stop.early=false"]
    process = start(photos, tmp_path / "p", private_home, *more)
    wait_for(process, "validated", 3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "run_finished"
    assert last["stopped"] is True
    assert last["metrics"]
    saved = tmp_path / "p" / "runs" / "1" / "recipe.toml"
    saved.write_text(saved.read_text().replace("epochs = 1000", "epochs = 60"))
    assert cli.main(["train", "--out", str(tmp_path / "p"), "--resume", "--json"]) == 0
    resumed = lines(capsys)
    assert resumed[-1]["stopped"] is False
    assert next(e for e in resumed if e["event"] == "run_started")["resumed"] is True


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["data_imported", "step_done", "checkpoint_saved"])
def test_killed_run_resumes_to_the_numbers_of_a_whole_one(
    photos: Path,
    tmp_path: Path,
    private_home: Path,
    capsys: pytest.CaptureFixture[str],
    moment: str,
) -> None:
    more = ["--set", "optimiser.epochs=30", "--set", "stop.early=false"]
    process = start(photos, tmp_path / "killed", private_home, *more)
    wait_for(process, moment)
    process.kill()
    process.communicate(timeout=60)
    time.sleep(0.1)
    arguments = train_arguments(
        photos, tmp_path / "killed", "--resume", "--set", "optimiser.method=steps", *more
    )
    assert cli.main(arguments) == 0
    resumed = lines(capsys)[-1]
    whole = train_arguments(photos, tmp_path / "whole", "--set", "optimiser.method=steps", *more)
    assert cli.main(whole) == 0
    assert resumed["metrics"] == lines(capsys)[-1]["metrics"]


def saved(project: Path, number: int = 1) -> dict[str, Any]:
    """Return the choices that a run was carried out with, by dotted name."""
    return recipe.load(project / "runs" / str(number) / "recipe.toml").stated()


def test_preset_is_weaker_than_the_recipe_and_the_recipe_than_set(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "short.toml"
    file.write_text(
        f"seed = 4\n[data]\npath = {json.dumps(str(photos))}\n"
        "[optimiser]\nepochs = 3\nbatch_size = 6\n[model]\nimage_size = 64\n"
    )
    out = str(tmp_path / "p")
    more = ["--set", "preset=quick", "--set", "batch_size=7", "--set", "test_share=0.3"]
    assert cli.main(["train", str(file), "--out", out, "--json", *more]) == 0
    found = saved(tmp_path / "p")
    assert found["optimiser.method"] == "solve"  # of the preset
    assert found["optimiser.epochs"] == 3  # of the recipe, though the preset says another
    assert found["optimiser.batch_size"] == 7  # of --set, though both say others
    assert found["seed"] == 4
    started = next(e for e in lines(capsys) if e["event"] == "run_started")
    assert started["samples"]["train"] < 42 * 0.6  # the share held when the data were divided


def test_paths_of_a_recipe_hold_wherever_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "sub" / "photos", per_class=8)
    file = tmp_path / "sub" / "mine.toml"
    file.write_text('[data]\npath = "photos"\n[model]\nimage_size = 64\n')
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "sub/mine.toml", "--out", "p", "--preset", "quick", "--json"]) == 0
    assert Path(lines(capsys)[-1]["run"]) == tmp_path / "p" / "runs" / "1"
    assert saved(tmp_path / "p")["data.path"] == str(tmp_path / "sub" / "photos")
    file.write_text('[data]\npath = "elsewhere"\n')
    assert cli.main(["train", "sub/mine.toml", "--out", "q"]) == 2
    assert str(tmp_path / "sub" / "elsewhere") in capsys.readouterr().err
    assert not (tmp_path / "q").exists()


def test_a_project_among_the_samples_is_refused_and_leaves_them_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "photos", per_class=6)
    before = sorted(tmp_path.rglob("*"))
    for inside in (tmp_path / "photos", tmp_path / "photos" / "project"):
        assert cli.main(train_arguments(tmp_path / "photos", inside)) == 2
        assert "among the samples" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_could_not_begin_is_not_gone_on_with(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p"
    assert cli.main(train_arguments(photos, out, "--model", "missing.pth")) == 2
    assert not list((out / "runs").iterdir())
    capsys.readouterr()
    assert cli.main(train_arguments(photos, out, "--resume")) == 0
    assert lines(capsys)[-1]["stopped"] is False


def test_resume_refuses_other_data(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "other", per_class=6)
    assert cli.main(train_arguments(tmp_path / "other", project, "--resume")) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_project_stands_for_its_newest_trained_run(
    project: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(project), "--json"]) == 0
    found = Path(lines(capsys)[-1]["run"])
    assert found.parent == project / "runs"
    picture = str(photos / "class0" / "000.png")
    assert cli.main(["predict", str(project), picture, "--json"]) == 0
    assert lines(capsys)[0]["label"]


def test_a_run_outside_its_project_makes_no_project_around_it(
    project: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "backup" / "my run"
    shutil.copytree(project / "runs" / "1", alone)
    for command in (["evaluate"], ["export", "--format", "onnx"]):
        assert cli.main([command[0], str(alone), *command[1:], "--json"]) == 2
        assert "does not lie in a project" in capsys.readouterr().err
    picture = str(photos / "class0" / "000.png")
    assert cli.main(["predict", str(alone), picture, "--json"]) == 0
    assert [f.name for f in tmp_path.iterdir()] == ["backup"]
    assert [f.name for f in (tmp_path / "backup").iterdir()] == ["my run"]


def test_a_loss_that_is_no_number_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(sys.stdout, json_lines=True)
    printer.show(events.StepDone(1, 0.5, float("nan"), {"head": float("inf")}, 1.0, 1.0, 1.0))
    found = lines(capsys)[0]
    assert found["loss"] is None
    assert found["learning_rates"] == {"head": None}


def test_nothing_that_can_be_answered_is_two_lines_and_exit_2(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = [str(tmp_path / "none.jpg"), "x" * 5000]
    assert cli.main(["predict", str(project / "runs" / "1"), *missing, "--json"]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 2
    assert [json.loads(line)["event"] for line in captured.out.splitlines()] == ["prediction"] * 2


_NOISY = """
import os, sys, warnings
from finetune_studio import cli
from finetune_studio.core.events import Examined
from finetune_studio.engine import doctor

def noisy():
    print("a library speaks")
    os.write(1, b"a C library speaks\\n")
    os.write(2, b"and complains\\n")
    sys.stderr.write("a progress bar\\n")
    warnings.warn("careful")
    return [Examined("python", "\\udcff", "ok", "fine")]

doctor.examine = noisy
sys.exit(cli.main(["doctor", "--json"]))
"""


def test_what_libraries_print_is_neither_on_stdout_nor_on_stderr(private_home: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(
        [sys.executable, "-c", _NOISY], capture_output=True, check=True, env=environment
    )
    record = json.loads(ended.stdout)
    assert record["event"] == "examined"
    assert record["value"] == "\udcff"  # half a letter, as a file's odd name may hold
    assert ended.stderr == b""
    log = (private_home / "log.txt").read_text()
    for words in ("a library", "a C library", "and complains", "a progress bar", "careful"):
        assert words in log


def test_a_reader_that_leaves_early_is_no_error(private_home: Path) -> None:
    command = [sys.executable, "-m", "finetune_studio", "list", "models", "--json"]
    environment = {**os.environ, "FINETUNE_STUDIO_HOME": str(private_home)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


def test_a_stop_while_importing_still_ends_with_run_finished(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = cli._parser().parse_args(train_arguments(photos, tmp_path / "p"))
    control = Control()
    control.ask_stop()
    assert arguments.run(arguments, Printer(sys.stdout, json_lines=True), control) == 130
    last = lines(capsys)[-1]
    assert last["event"] == "run_finished"
    assert last["stopped"] is True
    assert cli.main(train_arguments(photos, tmp_path / "p", "--resume")) == 0


def test_data_that_were_moved_are_missed_and_found_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "photos", per_class=8)
    assert cli.main(train_arguments(tmp_path / "photos", tmp_path / "p")) == 0
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    capsys.readouterr()
    assert cli.main(["evaluate", str(tmp_path / "p"), "--json"]) == 2
    captured = capsys.readouterr()
    assert str(tmp_path / "photos") in captured.err
    assert '"evaluated"' not in captured.out
    assert cli.main(train_arguments(tmp_path / "elsewhere", tmp_path / "p", "--resume")) == 0
    assert cli.main(["evaluate", str(tmp_path / "p"), "--json"]) == 0


def test_a_single_picture_is_no_dataset(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(train_arguments(photos / "class0" / "000.png", tmp_path / "p")) == 2
    assert "single picture" in capsys.readouterr().err


def test_a_run_is_continued_after_a_class_came_and_outlives_the_run_it_came_from(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few, out = tmp_path / "few", tmp_path / "p"
    shutil.copytree(photos / "class0", few / "class0")
    shutil.copytree(photos / "class1", few / "class1")
    assert cli.main(train_arguments(few, out, *SMALL)) == 0
    first = lines(capsys)[-1]["run"]

    # In another project, with one class more; the project stands for its only run.
    more = ["--model", str(out), "--set", "optimiser.method=steps", "--set", "optimiser.epochs=1"]
    assert cli.main(train_arguments(photos, tmp_path / "q", *more)) == 0
    stated = lines(capsys)
    assert next(e for e in stated if e["event"] == "run_started")["model"] == first
    notes = [e["text"] for e in stated if e["event"] == "noted"]
    assert "2 classes are known already, 1 is new." in notes
    second = Path(stated[-1]["run"])
    assert recipe.load(second / "recipe.toml").model.source == first
    model = json.loads((second / "model.json").read_text())
    assert model["processor"]["crop"] == 64
    assert model["line"] == ["starter"]

    # The run it came from goes; the new one still answers, goes on and is handed over.
    shutil.rmtree(out)
    (second / "events.jsonl").write_text("")  # as if it had not come to its end
    assert cli.main(train_arguments(photos, tmp_path / "q", "--resume")) == 0
    assert lines(capsys)[-1]["stopped"] is False
    picture = str(photos / "class2" / "000.png")
    assert cli.main(["predict", str(second), picture, "--json"]) == 0
    assert lines(capsys)[0]["label"] in {"class0", "class1", "class2"}


def test_a_project_of_several_runs_is_no_model(
    project: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(project / "runs" / "1", project / "runs" / "77")
    try:
        assert cli.main(train_arguments(photos, tmp_path / "p", "--model", str(project))) == 2
    finally:
        shutil.rmtree(project / "runs" / "77")
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "trained runs" in told[0]
    assert not (tmp_path / "p").exists()


def test_formats_that_cannot_be_written_are_listed_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["list", "exporters", "--json"]) == 0
    rows = {row["name"]: row for row in lines(capsys)}
    assert rows["onnx_int8"]["exact"] is False
    assert "PyTorch" in rows["litert"]["missing"]
    assert cli.main(["export", "anywhere", "--format", "litert"]) == 2
    assert "older PyTorch" in capsys.readouterr().err


def test_only_an_export_is_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", str(tmp_path)]) == 2
    assert "no export" in capsys.readouterr().err
    assert cli.main(["serve", str(tmp_path), "--port", "70000"]) == 2
    assert "no port" in capsys.readouterr().err
