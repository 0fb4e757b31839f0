"""Faults of disk, files, clock and precision: the run goes on, or ends in words with nothing lost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from finetune_studio.core import settings as preferences
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    CheckpointSaved,
    Event,
    Noted,
    RunFinished,
    SampleSetAside,
    StepDone,
    Validated,
)
from finetune_studio.core.job import Control
from finetune_studio.core.measures import CostMeasured
from finetune_studio.core.project import Project
from finetune_studio.engine import clock, feeds, session, trouble
from finetune_studio.engine.device import Device
from finetune_studio.engine.run import Run
from tests.engine.conftest import finished, run_all, settings, weights

pytestmark = pytest.mark.usefixtures("lively_model", "every_step_stated")


class Usage(NamedTuple):
    """What shutil.disk_usage says."""

    total: int
    used: int
    free: int


def same(one: str, other: str) -> bool:
    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def stopping(after: float) -> Callable[[Event, Control], None]:
    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.epoch > after:
            control.ask_stop()

    return stop


def test_a_disk_that_fills_ends_the_run_before_it_is_full(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = settings(layers__amount="later_half", optimiser__epochs=4)
    whole = run_all(project, recipe)
    monkeypatch.setattr(clock, "SAVE_EVERY_S", 0.0)  # look at the disk after each step
    stated: list[Event] = []
    with monkeypatch.context() as patch:

        def fill(event: Event, control: Control) -> None:
            del control
            stated.append(event)
            if isinstance(event, StepDone) and event.epoch > 1.3:
                patch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 150 * 2**20))

        with pytest.raises(StudioError, match="nearly full"):
            run_all(project, recipe, on_event=fill)
    last = stated[-1]
    assert isinstance(last, RunFinished)
    assert last.stopped
    assert "nearly full" in last.reason
    ends = [event for event in stated if not isinstance(event, CostMeasured)]
    assert any(isinstance(event, CheckpointSaved) for event in ends[-3:])
    folder = project.runs()[-1]
    assert Run(folder).state == "stopped"
    assert same(finished(run_all(project, recipe, resume=folder)).run, finished(whole).run)


def test_no_run_begins_on_a_full_disk(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 150 * 2**20))
    with pytest.raises(StudioError, match="too little room"):
        run_all(project, settings(compute__cache="off"))


def test_features_leave_the_disk_some_room(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 512 * 2**20 + 1000))
    events = run_all(project, settings(optimiser__epochs=1))
    assert [e for e in events if isinstance(e, Noted) and "does not fit" in e.text]
    assert finished(events).metrics


@pytest.mark.parametrize("name", ["weights.safetensors", "best.safetensors", "state.pt"])
def test_a_checkpoint_cut_in_half_costs_a_few_steps_and_no_number(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    recipe = settings(layers__amount="later_half", optimiser__epochs=4)
    whole = run_all(project, recipe)
    monkeypatch.setattr(clock, "SAVE_EVERY_S", 0.0)
    folder = Path(finished(run_all(project, recipe, on_event=stopping(2.3))).run)
    file = folder / "checkpoints" / Run(folder).checkpoints["last"] / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    events = run_all(project, recipe, resume=folder)
    told = [e for e in events if isinstance(e, Noted) and "checkpoint before it" in e.text]
    assert [e.level for e in told] == ["warning"]
    assert same(str(folder), finished(whole).run)


def test_a_step_of_unreadable_files_is_counted(project: Project, tmp_path: Path) -> None:
    for name in ("class0/000.png", "class1/001.png", "class2/002.png"):
        (tmp_path / "photos" / name).write_bytes(b"no picture")
    recipe = settings(compute__cache="off", optimiser__batch_size=1, optimiser__epochs=2)
    whole = run_all(project, recipe)
    assert len({e.path for e in whole if isinstance(e, SampleSetAside)}) == 3
    first = run_all(project, recipe, on_event=stopping(1.5))
    second = run_all(project, recipe, resume=Path(finished(first).run))
    steps = [max(e.step for e in ran if isinstance(e, StepDone)) for ran in (whole, second)]
    assert steps[0] == steps[1] > 60
    assert same(finished(second).run, finished(whole).run)


@pytest.mark.parametrize("size", [5, 7, 35])
def test_a_last_sample_by_itself_joins_the_step_before(project: Project, size: int) -> None:
    """A batch norm cannot learn from one value."""
    recipe = settings(layers__amount="later_half", optimiser__batch_size=size, optimiser__epochs=1)
    events = run_all(project, recipe)
    assert max(e.step for e in events if isinstance(e, StepDone)) == 36 // size


def test_a_batch_of_one_is_refused_where_a_norm_needs_two(project: Project) -> None:
    recipe = settings(layers__amount="later_half", optimiser__batch_size=1)
    with pytest.raises(ValueError, match="more than 1 value") as caught:
        run_all(project, recipe)
    assert "one sample at a time" in trouble.explain(caught.value).message
    assert not trouble.is_bug(caught.value)


@pytest.mark.parametrize("change", ["delete", "another"])
@pytest.mark.parametrize("cache", ["auto", "off"])
def test_a_sample_that_changes_while_training_breaks_nothing(
    project: Project, tmp_path: Path, change: str, cache: str
) -> None:
    file = tmp_path / "photos" / "class0" / "000.png"

    def meddle(event: Event, control: Control) -> None:
        del control
        if isinstance(event, StepDone) and file.exists():
            if change == "delete":
                file.unlink()
            else:
                shutil.copyfile(tmp_path / "photos" / "class1" / "001.png", file)

    recipe = settings(compute__cache=cache, compute__decoded="off")
    events = run_all(project, recipe, on_event=meddle)
    assert finished(events).metrics
    aside = {Path(e.path).name for e in events if isinstance(e, SampleSetAside)}
    assert aside == ({"000.png"} if change == "delete" and cache == "off" else set())


@pytest.mark.parametrize("damage", ["version", "cut", "rows"])
def test_a_cache_of_another_version_is_computed_again(project: Project, damage: str) -> None:
    recipe = settings(layers__amount="last_stage")
    before = run_all(project, recipe)
    root = preferences.load().cache_folder / "features"
    for index in root.glob("*/part-*.json"):
        rows = index.with_suffix(".bin")
        if damage == "version":
            index.write_text('{"version": 99, "samples": []}')
        elif damage == "cut":
            index.write_text(index.read_text()[:40])
        else:
            rows.write_bytes(rows.read_bytes()[: rows.stat().st_size // 2])
    again = run_all(project, recipe)
    assert [e for e in again if e.word() == "phase_started" and e.phase == "features"]  # type: ignore[attr-defined]
    assert same(finished(before).run, finished(again).run)


def test_a_clock_that_jumps_changes_no_number(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = settings(layers__amount="last_stage")
    before = run_all(project, recipe)
    real, jumps = time.time, iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: real() + (-1) ** next(jumps) * 86_400 * 400)
    folder = Path(finished(run_all(project, recipe, on_event=stopping(1.5))).run)
    after = run_all(project, recipe, resume=folder)
    assert same(finished(before).run, finished(after).run)
    assert all(e.seconds >= 0 for e in after if isinstance(e, StepDone))
    assert 0 < finished(after).seconds < 600


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_and_resumes_to_the_same_numbers(
    project: Project, precision: str
) -> None:
    recipe = settings(
        compute__precision=precision, optimiser__head_learning_rate=0.01, optimiser__epochs=20
    )
    whole = run_all(project, recipe)
    losses = [e.loss for e in whole if isinstance(e, StepDone)]
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    folder = Path(finished(run_all(project, recipe, on_event=stopping(2.5))).run)
    assert same(finished(run_all(project, recipe, resume=folder)).run, finished(whole).run)


def test_a_run_is_judged_in_full_precision(project: Project) -> None:
    from finetune_studio.engine.evaluate import evaluate

    recipe = settings(layers__amount="last_stage", compute__precision="bf16")
    events = run_all(project, recipe)
    scored = list(evaluate(project, Path(finished(events).run), "validation", Control()))[-1]
    assert scored.metrics == finished(events).metrics  # type: ignore[attr-defined]


@pytest.mark.parametrize("amount", ["head_only", "last_stage"])
def test_features_in_memory_and_on_disk_give_the_same_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, amount: str
) -> None:
    recipe = settings(layers__amount=amount, augment__strength="light", augment__views=2)
    held: list[bool] = []
    real = feeds.CachedFeed._in_memory

    def look(self: feeds.CachedFeed) -> list[torch.Tensor]:
        found = real(self)
        held.append(bool(found))
        return found

    monkeypatch.setattr(feeds.CachedFeed, "_in_memory", look)
    inside = run_all(project, recipe)
    assert held == [True, True]
    monkeypatch.setattr(Device, "free_mb", lambda _: 0.001)
    monkeypatch.setattr("finetune_studio.engine.fitting._needed_parts", lambda _: 1)
    outside = run_all(project, recipe)
    assert held[2:] == [False, False]
    assert same(finished(inside).run, finished(outside).run)


def test_a_run_that_diverges_recovers_with_smaller_steps(project: Project) -> None:
    recipe = settings(
        optimiser__head_learning_rate=0.4, optimiser__schedule="constant",
        optimiser__warmup_share=0.0, optimiser__batch_size=36, optimiser__epochs=6,
        optimiser__gradient_clip=0.0,
    )  # fmt: skip
    events = run_all(project, recipe)
    back = [e for e in events if isinstance(e, Noted) and "half the learning rate" in e.text]
    assert back
    assert (
        "Back to epoch 0" in back[0].text
    )  # the only step of the epoch was the one that went wrong
    judged = [e.loss for e in events if isinstance(e, Validated)]
    assert len(judged) == 6
    assert max(judged) < 40


def test_going_back_survives_a_crash(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = settings(
        optimiser__head_learning_rate=0.4, optimiser__schedule="constant",
        optimiser__warmup_share=0.0, optimiser__batch_size=36, optimiser__epochs=6,
        optimiser__gradient_clip=0.0,
    )  # fmt: skip
    whole = run_all(project, recipe)

    def crash(event: Event, control: Control) -> None:
        del control
        if isinstance(event, Noted) and "half the learning rate" in event.text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(project, recipe, on_event=crash)
    resumed = run_all(project, recipe, resume=project.runs()[-1])
    assert same(finished(resumed).run, finished(whole).run)


@pytest.mark.parametrize("small", [True, False])
def test_a_resumed_run_goes_back_as_far_as_a_whole_one(
    project: Project, monkeypatch: pytest.MonkeyPatch, small: bool
) -> None:
    """The last good epoch is known again, whether it lay in the checkpoint or beside it."""
    monkeypatch.setattr(session, "_SMALL", 2**40 if small else 0)
    monkeypatch.setattr("finetune_studio.engine.train._LOOK_EVERY", 1)
    recipe = settings(layers__amount="last_stage", optimiser__epochs=4)
    calls = iter(range(10**6))

    def trouble_at(last: int) -> None:
        nonlocal calls
        calls = iter(range(10**6))
        monkeypatch.setattr(
            "finetune_studio.monitors.divergence.Divergence.trouble",
            lambda self, loss: "The loss is odd." if next(calls) == last else "",
        )

    trouble_at(9)  # five steps and a judgement an epoch: in the second one
    whole = run_all(project, recipe)
    assert [e for e in whole if isinstance(e, Noted) and "Back to epoch 1" in e.text]
    trouble_at(-1)
    first = run_all(project, recipe, on_event=stopping(1.3))
    trouble_at(1)
    second = run_all(project, recipe, resume=Path(finished(first).run))
    assert [e for e in second if isinstance(e, Noted) and "Back to epoch 1" in e.text]
    assert same(finished(second).run, finished(whole).run)


def test_a_run_stopped_after_the_last_step_of_an_epoch_takes_no_step_twice(
    project: Project,
) -> None:
    recipe = settings(optimiser__batch_size=35, optimiser__epochs=2)
    whole = run_all(project, recipe)

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.epoch == 1.0:
            control.ask_stop()

    first = run_all(project, recipe, on_event=stop)
    assert finished(first).stopped
    second = run_all(project, recipe, resume=Path(finished(first).run))
    assert max(e.step for e in second if isinstance(e, StepDone)) == 2
    assert same(finished(second).run, finished(whole).run)


def test_a_diverging_run_halves_the_rate_once_each_time(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "finetune_studio.monitors.divergence.Divergence.trouble",
        lambda self, loss: "" if next(calls) not in (30, 60) else "The loss is odd.",
    )
    calls = iter(range(10**6))
    recipe = settings(
        optimiser__epochs=30, optimiser__schedule="constant", optimiser__warmup_share=0.0,
        optimiser__head_learning_rate=0.008,
    )  # fmt: skip
    events = run_all(project, recipe)
    rates = [round(e.learning_rates["head"], 6) for e in events if isinstance(e, StepDone)]
    assert list(dict.fromkeys(rates)) == [0.008, 0.004, 0.002]


def test_compiling_ends_with_a_network_like_the_plain_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finetune_studio.engine.compiling._BACKEND", "eager")
    recipe = settings(layers__amount="last_stage", compute__cache="off", optimiser__epochs=1)
    plain = run_all(project, recipe)
    events = run_all(project, recipe.with_settings({"compute.compile": "on"}))
    assert [e for e in events if isinstance(e, Noted) and "compiled first" in e.text]
    ours, theirs = weights(finished(plain).run), weights(finished(events).run)
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=1e-4)
