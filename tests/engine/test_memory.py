"""Too little memory: a batch is computed in parts with the same result, and a run never ends for it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Noted, RunStarted, StepDone
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.engine import fitting, presets
from finetune_studio.engine.device import Device
from finetune_studio.engine.run import Run
from finetune_studio.engine.session import Session
from finetune_studio.tasks.image_classification import ImageClassification
from tests.engine.conftest import finished, run_all, settings, weights

pytestmark = pytest.mark.usefixtures("lively_model")
FULL = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8589934592 bytes."


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Return a function that lets the network compute so many samples at a time at most."""
    seen: list[int] = []

    def limit(most: int) -> list[int]:
        def refusing(method: Any) -> Any:
            def call(self: Any, bundle: Bundle, batch: Batch) -> Any:
                if len(batch.samples) > most:
                    raise RuntimeError(FULL)
                seen.append(len(batch.samples))
                return method(self, bundle, batch)

            return call

        for name in ("loss", "judge", "predict"):
            method = getattr(ImageClassification, name)
            monkeypatch.setattr(ImageClassification, name, refusing(method))
        monkeypatch.setattr("finetune_studio.engine.supply.grouped", lambda all_, _: [all_[:2]])
        return seen

    return limit


def close(one: str, other: str) -> None:
    ours, theirs = weights(one), weights(other)
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures(
    "every_step_stated"
)  # else how many steps a stated loss is of hangs on the clock
@pytest.mark.parametrize("balance", ["none", "weights"])
def test_a_batch_in_parts_has_the_same_result(project: Project, balance: str) -> None:
    rare = [s.id for s in project.dataset.samples(split="train") if s.label == "class2"]
    project.dataset.exclude(rare[4:])
    recipe = settings(optimiser__balance=balance, optimiser__head_learning_rate=0.02)
    whole = run_all(project, recipe)
    parts = run_all(project, recipe.with_settings({"optimiser.accumulation": 3}))
    losses = [[e.loss for e in events if isinstance(e, StepDone)] for events in (whole, parts)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    close(finished(whole).run, finished(parts).run)


def test_out_of_memory_halves_the_batch_and_the_run_goes_on(
    project: Project, small_memory: Callable[[int], list[int]]
) -> None:
    recipe = settings(optimiser__head_learning_rate=0.02)
    whole = run_all(project, recipe)
    seen = small_memory(3)
    events = run_all(project, recipe)
    told = [e.text for e in events if isinstance(e, Noted) and "memory was full" in e.text]
    assert told[-1].startswith("The memory was full; from now on 2 samples")
    assert max(seen) <= 3
    close(finished(whole).run, finished(events).run)
    assert Run(Path(finished(events).run)).environment["chosen"]["parts"] == 4


def test_features_are_computed_in_smaller_groups_where_memory_is_short(
    project: Project, small_memory: Callable[[int], list[int]]
) -> None:
    small_memory(3)
    events = run_all(project, settings(optimiser__method="solve", layers__amount="head_only"))
    assert [e for e in events if e.word() == "phase_started" and e.phase == "features"]  # type: ignore[attr-defined]
    assert finished(events).metrics


def test_not_even_one_sample_is_said_and_the_run_can_be_resumed(
    project: Project, small_memory: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = settings(compute__cache="off")
    with monkeypatch.context() as patch:
        patch.setattr(ImageClassification, "loss", lambda *_: (_ for _ in ()).throw(MemoryError))
        patch.setattr(fitting, "_needed_parts", lambda _: 1)
        with pytest.raises(StudioError, match="even with one sample"):
            run_all(project, recipe)
    folder = project.runs()[-1]
    assert finished(run_all(project, recipe, resume=folder)).metrics


def test_parts_are_found_before_the_first_step(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = settings(layers__amount="everything", compute__cache="off", optimiser__epochs=1)
    asked: list[float] = []
    monkeypatch.setattr(fitting, "_SHARE", 1.0)
    real = fitting._kept_for_the_way_back

    def count(session: Any) -> float:
        asked.append(real(session))
        learning = sum(p.numel() * 4 for p in session.learning)
        room = (asked[-1] * 3 + 3 * learning) / 2**20  # for three of the eight samples
        monkeypatch.setattr(Device, "free_mb", lambda _: room)
        return asked[-1]

    monkeypatch.setattr(fitting, "_kept_for_the_way_back", count)
    events = run_all(project, recipe)
    assert asked[0] > 100_000
    assert Run(Path(finished(events).run)).environment["chosen"]["parts"] == 3
    assert [e for e in events if isinstance(e, Noted) and "3 at a time" in e.text]


def test_what_was_computed_to_count_memory_does_not_stay_in_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed until the process ended: 150 MB of a MobileNetV2, for two images."""

    class Left:
        """Lives as long as the step of the graph that it is hung on."""

    left: list[weakref.ref[Left]] = []
    real = Session.loss

    def marked(self: Session, batch: Batch) -> torch.Tensor:
        found = real(self, batch)
        steps = [found.grad_fn]
        while steps:  # all steps of the way forward, as far as it was recorded
            step = steps.pop()
            if step is None or "left" in step.metadata:
                continue
            step.metadata["left"] = Left()
            left.append(weakref.ref(step.metadata["left"]))
            steps += [before for before, _ in step.next_functions]
        return found

    counted: list[int] = []
    count = fitting._kept_for_the_way_back

    def watched(session: Session) -> float:
        with monkeypatch.context() as patch:
            patch.setattr(Session, "loss", marked)
            found = count(session)
        gc.collect()
        counted.append(sum(ref() is not None for ref in left))
        return found

    monkeypatch.setattr(fitting, "_kept_for_the_way_back", watched)
    recipe = settings(layers__amount="everything", compute__cache="off", optimiser__epochs=1)
    finished(run_all(project, recipe))
    assert len(left) > 20
    assert counted == [0]


def test_batch_size_is_found_where_it_is_left_open(project: Project) -> None:
    events = run_all(project, settings(optimiser__batch_size=0, optimiser__epochs=1))
    started = next(e for e in events if isinstance(e, RunStarted))
    assert started.steps == 9  # 36 samples, four at a time
    assert [presets.suited_to(n) for n in (1, 80, 3000)] == [4, 8, 64]


def test_a_batch_larger_than_the_data_is_all_of_them(project: Project) -> None:
    events = run_all(project, settings(optimiser__batch_size=4096, optimiser__epochs=1))
    assert next(e for e in events if isinstance(e, RunStarted)).steps == 1


@pytest.mark.parametrize("cache", ["auto", "off"])
def test_recomputing_activations_changes_no_number(project: Project, cache: str) -> None:
    recipe = settings(
        layers__amount="later_half", optimiser__learning_rate=1e-3, compute__cache=cache
    )
    plain = run_all(project, recipe)
    again = run_all(project, recipe.with_settings({"compute.checkpointing": True}))
    ours, theirs = weights(finished(plain).run), weights(finished(again).run)
    assert any("running_mean" in name for name in ours)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def _kept(recipe: Recipe, project: Project, monkeypatch: pytest.MonkeyPatch) -> float:
    found: list[float] = []
    real = fitting._kept_for_the_way_back

    def count(session: Any) -> float:
        found.append(real(session))
        return found[-1]

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "_kept_for_the_way_back", count)
        run_all(project, recipe)
    return found[0]


def test_recomputing_activations_keeps_less_in_memory(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = settings(layers__amount="everything", compute__cache="off", optimiser__epochs=1)
    plain = _kept(recipe, project, monkeypatch)
    assert (
        _kept(recipe.with_settings({"compute.checkpointing": True}), project, monkeypatch)
        < plain / 2
    )
