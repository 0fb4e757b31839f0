"""What a run cost: counted with what it did, kept when it goes on, and said with what it rests on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from finetune_studio.core.events import Event, RunFinished, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.measures import CostMeasured
from finetune_studio.core.project import Project
from finetune_studio.engine import cost, run
from tests.engine.conftest import finished, run_all, settings

pytestmark = pytest.mark.usefixtures("lively_model", "every_step_stated")


def told(events: list[Event]) -> CostMeasured:
    return next(event for event in events if isinstance(event, CostMeasured))


def test_it_stands_beside_the_score_and_grows_with_the_work(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cost, "_RAPL", tmp_path)  # a computer that does not say what it draws
    recipe = settings(layers__amount="everything", optimiser__method="steps")
    run_all(project, recipe.with_settings({"optimiser.epochs": 1}))  # libraries are loaded once
    short = run_all(project, recipe)
    long = run_all(project, recipe.with_settings({"optimiser.epochs": 12}))
    assert isinstance(short[-2], CostMeasured)
    assert isinstance(short[-1], RunFinished)
    one, other = told(short), told(long)
    assert other.processor_s > one.processor_s > 0
    assert one.energy_wh == pytest.approx(one.processor_s * cost.WATTS_A_CORE / 3600, rel=0.2)
    assert "12 W a core" in one.how
    assert one.answered > 0
    assert 0 < one.latency_ms < 5_000
    assert run.Run(Path(short[-1].run)).cost == one


def test_a_run_that_goes_on_adds_to_what_it_took(project: Project) -> None:
    recipe = settings(layers__amount="everything", optimiser__method="steps", optimiser__epochs=6)

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.step == 15:
            control.ask_stop()

    first = run_all(project, recipe, on_event=stop)
    part = told(first)
    assert part.answered == 0  # a stopped run is not kept waiting
    whole = told(run_all(project, recipe, resume=Path(finished(first).run)))
    assert whole.processor_s > part.processor_s
    assert whole.energy_wh > part.energy_wh


def test_a_meter_of_the_processor_is_read_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (tmp_path / "intel-rapl:0:0").mkdir()  # a part of it, which must not count twice
    for folder in tmp_path.iterdir():
        (folder / "energy_uj").write_text("900000000")
        (folder / "max_energy_range_uj").write_text("1000000000")
    monkeypatch.setattr(cost, "_RAPL", tmp_path)
    meter = cost.Meter()
    (zone / "energy_uj").write_text("936000000")
    assert meter.energy_wh() == pytest.approx(0.01)
    assert "RAPL" in meter.how()
    (zone / "energy_uj").write_text("8000000")  # the counter began anew at 1000 J
    assert meter.energy_wh() == pytest.approx(0.03)


def test_of_several_processes_it_says_that_one_alone_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost, "_zones", list)
    place = SimpleNamespace(processor_s=0.0, energy_wh=0.0)
    meter = cost.Meter()
    meter.goes_on(SimpleNamespace(place=place, team=SimpleNamespace(size=3)))  # type: ignore[arg-type]
    assert "only the first of 3 processes" in meter.how()
