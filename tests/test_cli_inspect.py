"""The terminal's look at how far a run can be relied on; no network is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finetune_studio import cli
from finetune_studio.core.project import Project
from finetune_studio.engine import decision
from tests import trusting


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with Project(tmp_path / "project", "image_classification") as project:
        trusting.fill(project, tmp_path / "photos")
        return trusting.add_run(project)


def test_it_tells_and_decides(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(run)]) == 0
    told = capsys.readouterr().out
    assert "Its certainty is off by" in told
    assert "A temperature of" in told
    assert "chance explains" in told
    assert not (run / decision.FILE).exists()
    assert cli.main(["inspect", str(run), "--calibrate", "--cost", "shirt=10", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["event"] for event in events} == {"noted"}
    assert any("says shirt" in event["text"] for event in events)
    assert any("samples that it was not chosen by" in event["text"] for event in events)
    kept = decision.read(run)
    assert kept.temperature > 1.5
    assert len(kept.thresholds) == 1


def test_the_threshold_of_a_merged_class_is_told(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["inspect", str(run), "--cost", "shirt=10"]) == 0
    with Project(run.parent.parent) as project:
        other = next(name for name in trusting.NAMES if name != "shirt")
        project.dataset.merge_classes(["shirt", other], "clothes")
    capsys.readouterr()
    assert cli.main(["inspect", str(run)]) == 0
    told = capsys.readouterr().out
    assert "says clothes" in told
    assert "samples that it was not chosen by" in told


@pytest.mark.parametrize(
    "wish",
    [("--cost", "shirt"), ("--cost", "tree=2"), ("--turn-away", "2"), ("--cost", "shirt=-1")],
)
def test_bad_wishes_are_two_lines_and_exit_2(
    run: Path, wish: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["inspect", str(run), *wish]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert decision.read(run).nothing
