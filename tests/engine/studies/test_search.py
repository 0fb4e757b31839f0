"""A search: within its bounds, the same after an interruption, and not ended by a trial that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune_studio.core import study
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, RunFinished, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.study_events import SearchFinished, TrialFinished, TrialStarted
from finetune_studio.engine import evaluate
from finetune_studio.engine.run import Run, load_bundle
from finetune_studio.engine.studies import carry_out
from finetune_studio.engine.studies.asking import Asking
from finetune_studio.engine.studies.space import own_place, settings_of, space_of
from tests.engine.conftest import run_all, settings, weights

pytestmark = pytest.mark.usefixtures("lively_model", "every_step_stated")


def searching(trials: int = 4, **changes: Any):
    return settings(
        **{
            "search__trials": trials,
            "search__over": ["learning_rate", "depth"],
            "optimiser__epochs": 3,
            "optimiser__learning_rate": 1e-5,
            "optimiser__head_learning_rate": 1e-4,
            **changes,
        }
    )


def carried_out(project, recipe, resume: Path | None = None) -> list[Event]:
    return list(carry_out(project, recipe, Control(), resume))


def of(kind: type, events: list[Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_the_best_trial_becomes_a_run_and_is_better_than_the_own_recipe(project) -> None:
    """The rates it begins with are far too small; a search finds ones that learn."""
    events = carried_out(project, searching(6, search__over=["learning_rate"]))
    trials, (over,), last = of(TrialFinished, events), of(SearchFinished, events), events[-1]
    assert [t.trial for t in trials] == [1, 2, 3, 4, 5, 6]
    assert trials[0].settings == {}
    for trial in trials[1:]:
        assert 1e-6 <= trial.settings["optimiser.learning_rate"] <= 1e-4
        ratio = trial.settings["optimiser.head_learning_rate"]
        assert ratio == pytest.approx(10 * trial.settings["optimiser.learning_rate"], rel=0.02)
    assert over.score == max(t.score for t in trials if t.outcome == "finished")
    assert over.settings == trials[over.best - 1].settings
    assert "flattered" in over.warning

    assert isinstance(last, RunFinished)
    assert last.run == str(project.folder / "runs" / "1")
    assert last.metrics == trials[over.best - 1].metrics
    kept = Run(Path(last.run))
    assert kept.finished == last
    assert kept.recipe.search.trials == 0
    load_bundle(kept.folder)
    judged = list(evaluate.evaluate(project, kept.folder, "validation", Control()))[-1]
    assert judged.metrics == pytest.approx(last.metrics)
    assert not list(study.Study(Path(over.study)).folder.glob("runs/*/checkpoints"))

    # The best recipe by itself gives the same run.
    again = run_all(project, kept.recipe)[-1]
    assert again.metrics == last.metrics


def test_a_search_goes_on_after_a_stop_to_the_same_trials(project) -> None:
    whole = of(TrialFinished, carried_out(project, searching()))
    control, seen, begun = Control(), [], 0
    for event in carry_out(project, searching(), control):
        seen.append(event)
        begun += isinstance(event, TrialStarted)
        if isinstance(event, StepDone) and (begun, event.step) == (3, 7):
            control.ask_stop()
    assert isinstance(seen[-1], RunFinished)
    assert seen[-1].stopped
    unfinished = study.unfinished(project)
    assert unfinished is not None
    rest = carried_out(project, searching(), unfinished.folder)
    both = of(TrialFinished, seen) + of(TrialFinished, rest)
    assert [t.settings for t in both] == [t.settings for t in whole]
    assert [t.metrics for t in both] == [t.metrics for t in whole]
    assert [t.outcome for t in both] == [t.outcome for t in whole]
    assert study.unfinished(project) is None
    first, second = weights(str(project.runs()[0])), weights(rest[-1].run)
    assert all(bool((first[name] == second[name]).all()) for name in first)


def test_a_failing_trial_is_noted_and_the_search_goes_on(project, monkeypatch) -> None:
    from finetune_studio.engine.studies import search as searching_

    def odd(recipe, place):
        found = settings_of(recipe, place)
        if found:
            found |= {"layers.amount": "custom", "layers.trainable": ["no.such.module"]}
        return found

    monkeypatch.setattr(searching_, "settings_of", odd)
    trials = of(TrialFinished, events := carried_out(project, searching(3)))
    assert [t.outcome for t in trials] == ["finished", "failed", "failed"]
    assert "no.such.module" in trials[1].reason
    assert events[-1].metrics == trials[0].metrics


def test_where_no_trial_ends_well_the_reason_is_said(project) -> None:
    bad = searching(2, layers__amount="custom", layers__trainable=["no.such.module"])
    with pytest.raises(StudioError, match=r"No trial came to its end\. .*no\.such\.module"):
        carried_out(project, bad.with_settings({"search.over": ["learning_rate"]}))
    assert study.unfinished(project) is None  # going on with it would fail for ever


def test_no_trial_begins_after_the_time_is_over(project) -> None:
    events = carried_out(project, searching(50, search__minutes=1e-4))
    assert len(of(TrialFinished, events)) == 1
    told = " ".join(event.text for event in of(Noted, events))
    assert "The time for the search was over. 1 of 50 trials began;" in told
    assert "flattered" not in told  # one was judged, so that none was picked
    assert of(SearchFinished, events)[0].warning == ""


def test_a_trial_is_broken_off_at_the_limit_and_says_why(project, monkeypatch) -> None:
    from finetune_studio.engine.studies import search as searching_

    monkeypatch.setattr(searching_, "_left", lambda _found, part: None if part.number == 1 else 0.0)
    recipe = searching(2, optimiser__epochs=5, search__over=["learning_rate"])
    events = carried_out(project, recipe)
    trials = of(TrialFinished, events)
    assert [t.outcome for t in trials] == ["finished", "pruned"]
    assert trials[1].reason == "The time for the search was over."
    steps = [e for e in Run(Path(trials[1].run)).events() if isinstance(e, StepDone)]
    first = [e for e in Run(project.runs()[0]).events() if isinstance(e, StepDone)]
    assert len(steps) < len(first)
    assert study.unfinished(project) is None


def test_the_time_that_is_left_is_what_earlier_trials_did_not_take(project) -> None:
    from finetune_studio.engine.studies.search import _left

    found = study.Study.begin(project, study.SEARCH, searching(3, search__minutes=2.0), 0.0)
    found.parts = [study.Part(1, outcome="finished", seconds=90.0), study.Part(2, seconds=10.0)]
    assert _left(found, found.parts[0]) is None
    assert _left(found, found.parts[1]) == 20.0
    found.parts[0].seconds = 500.0
    assert _left(found, found.parts[1]) == 0.0


def test_the_energy_of_a_search_counts_all_of_its_trials(project) -> None:
    events = carried_out(project, searching(3, search__over=["learning_rate"]))
    own = Run(project.runs()[0])
    others = [Run(f).cost for f in sorted(project.studies()[0].glob("runs/*"))]
    assert own.cost is not None
    assert len(others) == 2
    assert own.cost.study_wh == pytest.approx(sum(c.energy_wh for c in others if c), abs=2e-4)
    assert own.cost.energy_wh > own.cost.study_wh
    assert "for 2 other runs of its study" in own.cost.how
    assert own.finished == events[-1]


def test_a_trial_that_falls_behind_is_broken_off() -> None:
    recipe = searching(10)
    asking = Asking(space_of(recipe, varies=True), seed=0, less_is_better=False)
    own = own_place(recipe, space_of(recipe, varies=True))
    before = [
        study.Part(n, outcome="finished", score=0.9, place=own, curve=[0.6, 0.7 + n / 100, 0.9])
        for n in range(1, 6)
    ]
    assert not asking.falls_behind(6, before, [0.1])  # everybody may begin badly
    assert asking.falls_behind(6, before, [0.1, 0.2])
    assert not asking.falls_behind(6, before, [0.1, 0.8])
    assert not asking.falls_behind(6, before[:2], [0.1, 0.2])  # nobody knows yet what is usual
    falling = Asking(space_of(recipe, varies=True), seed=0, less_is_better=True)
    assert falling.falls_behind(6, before, [2.0, 2.0])


def test_what_is_searched_depends_on_the_task_and_the_own_choice() -> None:
    recipe = searching(3, search__over=["depth", "augmentation"], layers__amount="adapters")
    space = space_of(recipe, varies=True)
    assert space["amount"] == ("head_only", "last_stage", "later_half", "adapters")
    assert "strength" not in space_of(recipe, varies=False)
    assert settings_of(recipe, own_place(recipe, space)) == {}


def test_a_trial_beside_a_solved_head_says_that_it_takes_small_steps() -> None:
    recipe = searching(optimiser__method="solve", layers__amount="head_only")
    space = space_of(recipe, varies=False)
    assert settings_of(recipe, own_place(recipe, space)) == {}
    other = own_place(recipe, space) | {"rate_factor": 2.0}
    assert settings_of(recipe, other)["optimiser.method"] == "steps"
