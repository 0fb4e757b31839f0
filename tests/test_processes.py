"""The same recipe on one process and on two, through the terminal: the same curve, whoever goes on."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from finetune_studio import cli
from finetune_studio.cli.printing import Printer
from finetune_studio.core.events import Event, StepDone
from tests import tiny
from tests.engine.pair import Pair

HEAD = {"layers.amount": "head_only", "optimiser.method": "steps"}
SOLVED = {"layers.amount": "head_only", "optimiser.method": "solve"}
LAST = {"layers.amount": "last_stage"}
UNCACHED = {"layers.amount": "last_stage", "compute.cache": "off", "augment.strength": "light"}
PRACTICES = {
    "layers.amount": "later_half", "layers.unfreezing": "top_down", "layers.rate_decay": "0.5",
    "layers.rates": "layer4:0.7", "optimiser.schedule": "one_cycle",
    "regularise.towards_pretrained": "5", "regularise.averaging": "0.9",
}  # fmt: skip
BLENDED = {
    "layers.amount": "last_stage",
    "regularise.mixup": "0.4",
    "regularise.head_dropout": "0.2",
}

Said = tuple[int, list[dict[str, Any]], str]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 51 pictures, 36 to train on: with a batch of seven the shares are uneven."""
    return tiny.image_classification(tmp_path_factory.mktemp("data") / "shapes", per_class=17)


def arguments(photos: Path, out: Path, choices: dict[str, str], *more: str) -> list[str]:
    every = {
        "optimiser.epochs": "3", "optimiser.batch_size": "7", "model.image_size": "64",
        "stop.early": "false", "augment.strength": "none", **choices,
    }  # fmt: skip
    settings = [f"--set={name}={value}" for name, value in every.items()]
    return [
        "train",
        "--data",
        str(photos),
        "--out",
        str(out),
        "--seed=1",
        "--json",
        *settings,
        *more,
    ]


def terminal(argv: list[str], home: Path, stop_at: int = 0) -> Said:
    """Run the terminal in this process; return its exit code, its events and what went to stderr.

    Args:
        argv: Its arguments.
        home: Where its caches lie.
        stop_at: At which step the speaking process gets Ctrl+C.
    """
    show = Printer.show

    def stop(self: Printer, event: Event) -> None:
        show(self, event)
        if isinstance(event, StepDone) and event.step >= stop_at and not self._silent:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINETUNE_STUDIO_HOME", str(home))
        if stop_at:
            patch.setattr(Printer, "show", stop)
        words, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(words), contextlib.redirect_stderr(errors):
            code = cli.main(argv)
    return code, [json.loads(line) for line in words.getvalue().splitlines()], errors.getvalue()


def losses(run: Path) -> tuple[dict[int, float], list[float]]:
    """Return the loss of each step and of each epoch, as the run's log has them."""
    said = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    steps = {e["step"]: e["loss"] for e in said if e["event"] == "step_done"}
    return steps, [e["loss"] for e in said if e["event"] == "validated"]


def weights(run: Path) -> dict[str, torch.Tensor]:
    name = json.loads((run / "checkpoints" / "index.json").read_text())["last"]
    return load_file(run / "checkpoints" / name / "weights.safetensors")


def same(ours: Path, theirs: Path, *, loose: float = 1e-4) -> None:
    """Assert that two projects' first runs went the same way; ``loose`` bounds losses and weights."""
    ours, theirs = ours / "runs" / "1", theirs / "runs" / "1"
    steps, epochs = losses(ours)
    expected, expected_epochs = losses(theirs)
    both = steps.keys() & expected.keys()  # alone, what comes within 50 ms is stated together
    assert both
    assert max(abs(steps[n] - expected[n]) for n in both) < loose
    assert epochs == pytest.approx(expected_epochs, abs=loose)
    found, wanted = weights(ours), weights(theirs)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-2, atol=loose, msg=name)


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process alone state each step by itself, as several do."""
    monkeypatch.setattr("finetune_studio.engine.clock.STATE_EVERY_S", 0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("choices", [HEAD, SOLVED, LAST, UNCACHED, PRACTICES])
def test_two_processes_give_the_curve_of_one(
    pair: Pair, photos: Path, tmp_path: Path, choices: dict[str, str]
) -> None:
    code, alone, _ = terminal(arguments(photos, tmp_path / "one", choices), tmp_path / "home1")
    assert code == 0
    argv = arguments(photos, tmp_path / "two", choices)
    leader, other = pair(partial(terminal, argv, tmp_path / "home2"))
    assert (leader[0], leader[2]) == (0, "")
    assert other == (0, [], "")
    assert leader[1][-1]["event"] == "run_finished"
    assert leader[1][-1]["metrics"] == alone[-1]["metrics"]
    started = next(e for e in leader[1] if e["event"] == "run_started")
    assert started["device"].endswith("; 2 processes")
    steps = [e for e in leader[1] if e["event"] == "step_done"]
    assert len(steps) == (3 if choices is SOLVED else 15)
    loose = 0.05 if choices is SOLVED else 1e-4  # where a line search ends hangs on the last bit
    same(tmp_path / "two", tmp_path / "one", loose=loose)
    assert [f.name for f in (tmp_path / "two" / "runs").iterdir()] == ["1"]
    assert not (tmp_path / "two" / ".lock").exists()


@pytest.mark.slow
def test_two_processes_blend_their_own_samples(pair: Pair, photos: Path, tmp_path: Path) -> None:
    argv = arguments(photos, tmp_path / "two", BLENDED)
    leader, other = pair(partial(terminal, argv, tmp_path / "home2"))
    assert (leader[0], leader[2]) == (0, "")
    assert other == (0, [], "")
    assert any("its own samples" in e.get("text", "") for e in leader[1])


@pytest.mark.slow
@pytest.mark.usefixtures("every_step")
def test_whoever_goes_on_with_a_stopped_run_ends_it_the_same_way(
    pair: Pair, photos: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert terminal(arguments(photos, tmp_path / "whole", LAST), home)[0] == 0
    for name, before, after in (("2-2", 2, 2), ("2-1", 2, 1), ("1-2", 1, 2)):
        argv = arguments(photos, tmp_path / name, LAST)
        stopped = partial(terminal, argv, home, 9)
        first = pair(stopped) if before == 2 else [stopped()]
        assert [said[0] for said in first] == [130] * before
        assert first[0][1][-1]["event"] == "run_finished"
        assert first[0][1][-1]["stopped"] is True
        assert max(losses(tmp_path / name / "runs" / "1")[0]) < 15
        going_on = partial(terminal, [*argv, "--resume"], home)
        second = pair(going_on) if after == 2 else [going_on()]
        assert [said[0] for said in second] == [0] * after
        assert all(said[2] == "" for said in first + second)
        same(tmp_path / name, tmp_path / "whole")
        again = pair(going_on)
        assert [said[0] for said in again] == [0, 0]
        assert again[0][1] == second[0][1][-1:]  # a finished run says its end again
        assert again[1][1] == []


@pytest.mark.slow
def test_an_error_of_the_leader_is_said_once(pair: Pair, photos: Path, tmp_path: Path) -> None:
    for argv in (
        arguments(photos / "nowhere", tmp_path / "p", LAST),
        arguments(photos, tmp_path / "p", {**LAST, "optimiser.epochs": "none"}),
        ["train", "--epoch", "3"],
        ["train", "--data", str(photos)],
    ):
        said = pair(partial(terminal, argv, tmp_path / "home"))
        assert [s[0] for s in said] == [2, 2]
        assert all(s[1] == [] for s in said)
        assert sorted(len(s[2].splitlines()) for s in said) == [0, 2]
    assert not (tmp_path / "p").exists()
    said = pair(partial(terminal, ["list", "tasks", "--json"], tmp_path / "home"))
    assert said[0][1]
    assert said[1] == (0, [], "")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_torchrun_and_ctrl_c(photos: Path, tmp_path: Path) -> None:
    argv = arguments(photos, tmp_path / "p", UNCACHED, "--set=optimiser.epochs=200")
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"),
        *("-m", "finetune_studio"),
    ]
    environment = {**os.environ, "FINETUNE_STUDIO_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        [*command, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    said = []
    for line in process.stdout:
        said.append(json.loads(line))  # nothing else is printed
        if said[-1]["event"] == "step_done" and said[-1]["step"] == 3:
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
    errors = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    process.wait(30)
    assert time.monotonic() - began < 25
    assert said[-1]["event"] == "run_finished"
    assert said[-1]["stopped"] is True
    assert sum(e["event"] == "run_started" for e in said) == 1
    assert "finetune_studio/" not in errors  # torchrun speaks of the signal, we do not
    assert (tmp_path / "p" / "runs" / "1" / "checkpoints" / "index.json").exists()
    assert not (tmp_path / "p" / ".lock").exists()
