"""Studies from the terminal: each fold's events, mean and spread, and the contract's last line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from finetune_studio import cli
from tests.test_cli import lines, photos, train_arguments

__all__ = ["photos"]  # the fixture

FAST = ["--set", "model.image_size=64", "--set", "optimiser.epochs=3"]


def test_cross_validation_prints_folds_and_ends_with_the_final_model(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = train_arguments(photos, tmp_path / "p", *FAST, "--set", "crossval.folds=3")
    assert cli.main(arguments) == 0
    printed = lines(capsys)
    words = [line["event"] for line in printed]
    assert words.count("fold_finished") == 3
    assert words.count("run_finished") == 1
    assert words.index("cross_validated") > max(
        n for n, w in enumerate(words) if w == "fold_finished"
    )
    last, summed = printed[-1], printed[words.index("cross_validated")]
    assert last["event"] == "run_finished"
    assert last["run"] == str(tmp_path / "p" / "runs" / "1")
    assert list(last["metrics"]) == list(summed["mean"]) == list(summed["spread"])
    assert last["stopped"] is False
    answers = Path(summed["answers"]).read_text().splitlines()
    assert len(answers) == summed["samples"]
    assert {json.loads(line)["fold"] for line in answers} == {1, 2, 3}

    # Going on says again how it ended; what came out is a run like any other.
    assert cli.main([*arguments, "--resume"]) == 0
    assert lines(capsys) == [last]
    assert cli.main(["evaluate", last["run"], "--json"]) == 0
    assert lines(capsys)[-1]["metrics"] == last["metrics"]


def test_one_fold_and_two_studies_at_once_are_refused(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for settings in (["crossval.folds=1"], ["crossval.folds=3", "search.trials=4"]):
        more = [part for setting in settings for part in ("--set", setting)]
        assert cli.main(train_arguments(photos, tmp_path / "p", *more)) == 2
        assert len(capsys.readouterr().err.splitlines()) == 2
    assert not (tmp_path / "p").exists()


def test_a_killed_study_goes_on_with_its_unfinished_fold(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [*FAST, "--set", "crossval.folds=2", "--set", "crossval.final=false"]
    arguments = train_arguments(photos, tmp_path / "p", *more)
    command = [sys.executable, "-m", "finetune_studio", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "fold_started" and event["fold"] == 2:
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    process.wait()
    assert cli.main([*arguments, "--resume"]) == 0
    printed = lines(capsys)
    assert [line["fold"] for line in printed if line["event"] == "fold_started"] == [2]
    assert [line["done"] for line in printed if line["event"] == "study_started"] == [1]
    assert printed[-1]["event"] == "run_finished"
    assert printed[-1]["run"] == str(tmp_path / "p" / "runs" / "1")


def test_a_search_ends_with_the_best_trial_and_the_rate_is_found_first(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [*FAST, "--set", "optimiser.method=steps", "--set", "optimiser.find_rate=true"]
    more = [*own, "--set", "search.trials=2", "--set", "search.over=learning_rate"]
    assert cli.main(train_arguments(photos, tmp_path / "p", *more)) == 0
    printed = lines(capsys)
    words = [line["event"] for line in printed]
    assert words.count("rate_found") == 1
    assert words.index("rate_found") < words.index("study_started")
    trials = [line for line in printed if line["event"] == "trial_finished"]
    assert len(trials) == 2
    over, last = printed[words.index("search_finished")], printed[-1]
    assert last["event"] == "run_finished"
    assert last["metrics"] == trials[over["best"] - 1]["metrics"]
    assert last["run"] == str(tmp_path / "p" / "runs" / "1")
