"""The learning-rate range test: its suggestion is better than far smaller and far larger rates."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, RunFinished, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.study_events import RateFound, RateTried
from finetune_studio.engine.run import Run
from finetune_studio.engine.studies import carry_out, rate_test
from tests.engine.conftest import run_all, settings

pytestmark = pytest.mark.usefixtures("lively_model")


def found(events: list[Event]) -> RateFound:
    last = events[-1]
    assert isinstance(last, RateFound)
    return last


def tried(project, recipe) -> list[Event]:
    return list(rate_test(project, recipe, Control()))


def files_of(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if path.is_file()}


def mean_loss(project, recipe) -> float:
    """Return the mean training loss of a run's last epoch; a run that breaks has an endless one."""
    try:
        steps = [e for e in run_all(project, recipe) if isinstance(e, StepDone)]
    except StudioError:
        return math.inf
    return sum(e.loss for e in steps if e.epoch > recipe.optimiser.epochs - 1)


@pytest.mark.usefixtures("every_step_stated")
def test_the_suggested_rate_learns_more_than_a_hundredth_and_hundred_times_it(project) -> None:
    recipe = settings(layers__amount="head_only", optimiser__epochs=4)
    said = found(tried(project, recipe))
    assert said.group == "head"
    assert said.rate is not None
    at = {}
    for factor in (0.01, 1.0, 100.0):
        scaled = {name: min(100.0, rate * factor) for name, rate in said.settings.items()}
        at[factor] = mean_loss(project, recipe.with_settings(scaled))
    assert at[1.0] < at[0.01]
    assert at[1.0] < at[100.0]


def test_it_is_bounded_and_leaves_nothing_behind(project, private_home, monkeypatch) -> None:
    monkeypatch.setattr("finetune_studio.engine.studies.rate._STEPS_S", 600.0)  # on a busy machine
    before, kept = files_of(project.folder), files_of(private_home)
    events = tried(project, settings())
    steps = [event for event in events if isinstance(event, RateTried)]
    assert 8 <= len(steps) <= 100
    assert [event.rate for event in steps] == found(events).rates
    assert all(b > a for a, b in zip(found(events).rates, found(events).rates[1:], strict=False))
    assert files_of(project.folder) == before
    assert files_of(private_home) == kept
    assert project.runs() == []
    assert found(tried(project, settings())).rate == found(events).rate  # the seed decides


def test_a_stopped_test_suggests_nothing(project) -> None:
    control, seen = Control(), []
    for event in rate_test(project, settings(), control):
        seen.append(event)
        if isinstance(event, RateTried) and event.step == 5:
            control.ask_stop()
    assert isinstance(seen[-1], RateTried)


def test_a_solved_head_has_no_rate_to_find(project) -> None:
    with pytest.raises(StudioError, match="solved exactly"):
        tried(project, settings(optimiser__method="solve"))


def test_a_run_finds_its_rate_first_and_keeps_what_it_found(project) -> None:
    recipe = settings(layers__amount="head_only", optimiser__find_rate=True)
    events = list(carry_out(project, recipe, Control()))
    said = next(event for event in events if isinstance(event, RateFound))
    assert isinstance(events[-1], RunFinished)
    kept = Run(Path(events[-1].run))
    assert kept.recipe.optimiser.head_learning_rate == said.rate
    assert kept.recipe.optimiser.find_rate is False
    told = [e.text for e in kept.events() if isinstance(e, Noted)]
    assert any(f"{said.rate:g}" in text for text in told), told
