"""The loop: learns, stops, pauses, resumes exactly, and survives bad samples and bad settings."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    CheckpointSaved,
    Event,
    Noted,
    Progress,
    RunContinued,
    RunPaused,
    RunStarted,
    SampleSetAside,
    StepDone,
    Validated,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine.run import Run, load_bundle
from tests.engine.conftest import finished, run_all, settings, weights

pytestmark = pytest.mark.usefixtures("small_model")


def test_everything_trained_learns_the_stripes(project: Project, every_step_stated: None) -> None:
    recipe = settings(
        layers__amount="everything", optimiser__epochs=20, optimiser__learning_rate=5e-3
    )
    events = run_all(project, recipe)
    assert len([e for e in events if isinstance(e, Validated)]) == 20
    steps = [e.loss for e in events if isinstance(e, StepDone)]
    assert sum(steps[-10:]) < 0.6 * sum(steps[:10])  # 0.25 to 0.45, by seed and rounding
    assert next(iter(finished(events).metrics)) == "accuracy"
    assert not finished(events).stopped


def test_solving_the_head_is_at_least_as_good_as_stepping_it(
    project: Project, lively_model: None
) -> None:
    solved = run_all(project, settings(optimiser__method="solve", optimiser__epochs=8))
    stepped = run_all(project, settings(optimiser__epochs=30, optimiser__batch_size=36))
    losses = [e.loss for e in solved if isinstance(e, StepDone)]
    assert len(losses) == 8
    # Each epoch leaves the head freer; the last ones differ by less than rounding does.
    assert all(later < earlier + 1e-6 for earlier, later in pairwise(losses))
    assert losses[-1] < 0.5 * losses[0]
    # The features are random, so only the fit can be compared; benchmarks/head.py compares accuracies.
    assert losses[-1] <= min(e.loss for e in stepped if isinstance(e, StepDone))


def test_run_states_what_the_contract_says(project: Project) -> None:
    events = run_all(project, settings())
    started = next(e for e in events if isinstance(e, RunStarted))
    assert started.samples == {"train": 36, "validation": 12}
    assert started.trainable == 3 * 1280 + 3
    assert next(e.step for e in events if isinstance(e, StepDone)) == 1
    on_disk = list(Run(Path(started.run)).events())
    assert [e.word() for e in on_disk] == [e.word() for e in events]
    assert Run(Path(started.run)).state == "finished"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("amount", ["head_only", "last_stage"])
def test_cached_training_ends_with_identical_weights(
    project: Project, amount: str, threads: int
) -> None:
    # Full batches: some kernels round differently in the last bit for very small ones.
    recipe = settings(
        layers__amount=amount,
        optimiser__batch_size=36,
        compute__threads=threads,
        optimiser__epochs=6,
    )
    cached = run_all(project, recipe)
    plain = run_all(project, recipe.with_settings({"compute.cache": "off"}))
    assert any(isinstance(e, Noted) and "exactly" in e.text for e in cached)
    ours, theirs = weights(finished(cached).run), weights(finished(plain).run)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_second_run_computes_no_feature_again(project: Project) -> None:
    run_all(project, settings())
    again = run_all(project, settings(optimiser__epochs=2))
    told = [e.text for e in again if isinstance(e, Noted)]
    assert [text for text in told if text.startswith("Features computed once; 2 epochs in ")]
    assert not [e for e in again if e.word() == "phase_started" and e.phase == "features"]  # type: ignore[attr-defined]


def test_frozen_layers_and_their_norms_do_not_move(project: Project) -> None:
    from tests.engine.conftest import small_bundle

    events = run_all(project, settings(layers__amount="last_stage", compute__cache="off"))
    after = load_bundle(Path(finished(events).run)).network.state_dict()
    before = small_bundle(project.dataset.labels(), 0).network.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert not [name for name in moved if name.startswith(("features.0.", "features.5."))]
    assert any("running_mean" in name for name in moved)


@pytest.mark.parametrize("amount", ["head_only", "later_half"])
def test_stopped_run_resumes_to_the_same_numbers(project: Project, amount: str) -> None:
    recipe = settings(layers__amount=amount, augment__strength="light", optimiser__epochs=4)
    whole = run_all(project, recipe)

    def stop_in_second_epoch(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.epoch > 1.3:
            control.ask_stop()

    torch.manual_seed(99)
    first = run_all(project, recipe, on_event=stop_in_second_epoch)
    assert finished(first).stopped
    folder = Path(finished(first).run)
    assert Run(folder).state == "stopped"
    assert max(e.step for e in first if isinstance(e, StepDone)) < 20
    second = run_all(project, recipe, resume=folder)
    assert next(e for e in second if isinstance(e, RunStarted)).resumed
    assert Run(folder).state == "finished"
    assert finished(second).metrics == finished(whole).metrics
    ours, theirs = weights(str(folder)), weights(finished(whole).run)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("stop_at", [1, 3])
def test_a_solved_run_on_two_views_resumes_to_the_same_numbers(
    project: Project, stop_at: int
) -> None:
    recipe = settings(
        layers__amount="head_only", augment__strength="light", augment__views=2,
        optimiser__method="solve", optimiser__epochs=6,
    )  # fmt: skip
    whole = finished(run_all(project, recipe))

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.step == stop_at:
            control.ask_stop()

    first = finished(run_all(project, recipe, on_event=stop))
    assert first.stopped
    second = finished(run_all(project, recipe, resume=Path(first.run)))
    assert second.metrics == whole.metrics
    ours, theirs = weights(second.run), weights(whole.run)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_pause_saves_and_continues(project: Project) -> None:
    timers = []

    def pause_once(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and not timers:
            control.pause()
            timers.append(threading.Timer(0.2, control.go_on))
            timers[0].start()

    events = run_all(project, settings(), on_event=pause_once)
    timers[0].join()
    words = [type(e) for e in events]
    assert words.index(CheckpointSaved) < words.index(RunPaused) < words.index(RunContinued)
    assert not finished(events).stopped


def test_unreadable_sample_is_set_aside_and_named(project: Project, tmp_path: Path) -> None:
    bad = tmp_path / "photos" / "class1" / "000.png"
    bad.write_bytes(b"no picture")
    for cache in ("auto", "off"):
        events = run_all(project, settings(compute__cache=cache))
        aside = [e for e in events if isinstance(e, SampleSetAside)]
        assert [Path(e.path).name for e in aside] == ["000.png"]
        assert "not a picture" in aside[0].reason
        assert finished(events).metrics


def test_a_diverging_run_ends_alike_however_fast_the_computer_is(
    project: Project, monkeypatch: pytest.MonkeyPatch, lively_model: None
) -> None:
    recipe = settings(
        layers__amount="last_stage",
        optimiser__method="steps",
        optimiser__schedule="constant",
        optimiser__batch_size=4,
        optimiser__learning_rate=0.05,
        optimiser__head_learning_rate=0.05,
        optimiser__warmup_share=0.0,
        optimiser__epochs=3,
    )
    said, ends = [], []
    for seconds in (0.0, 1e9):  # as often as there are steps, and never between epochs
        monkeypatch.setattr("finetune_studio.engine.clock.STATE_EVERY_S", seconds)
        events = run_all(project, recipe)
        said.append([e.text for e in events if isinstance(e, Noted) and "too large" in e.text])
        ends.append(weights(finished(events).run))
    assert said[0] == said[1] != []
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_divergence_goes_back_and_halves_the_rate(project: Project) -> None:
    recipe = settings(
        layers__amount="everything",
        optimiser__learning_rate=100.0,
        optimiser__head_learning_rate=100.0,
    )
    with pytest.raises(StudioError) as caught:
        run_all(project, recipe)
    assert "too large" in caught.value.message
    assert "smaller" in caught.value.hint


def test_early_stopping_keeps_the_best_epoch(project: Project) -> None:
    recipe = settings(
        layers__amount="everything",
        optimiser__epochs=40,
        optimiser__learning_rate=1e-2,
        stop__early=True,
        stop__patience=2,
    )
    events = run_all(project, recipe)
    judged = [e for e in events if isinstance(e, Validated)]
    assert len(judged) < 40
    best = max(judged, key=lambda e: (e.metrics["accuracy"], -e.loss))
    assert finished(events).best_epoch == best.epoch
    assert finished(events).metrics == pytest.approx(best.metrics)


def test_one_class_is_refused_in_words(project: Project) -> None:
    others = [s.id for s in project.dataset.samples() if s.label != "class0"]
    project.dataset.exclude(others)
    with pytest.raises(StudioError, match="two are needed"):
        run_all(project, settings())


def test_answers_follow_renamed_and_merged_classes(project: Project) -> None:
    from finetune_studio.engine.evaluate import answers, predict

    events = run_all(project, settings(layers__amount="everything", optimiser__epochs=4))
    folder = Path(finished(events).run)
    before = answers(folder, project.dataset, "validation")
    project.dataset.rename_class("class0", "vertical")
    project.dataset.merge_classes(["class1"], "class2")
    after = answers(folder, project.dataset, "validation")
    assert {p.label for _, p in after} <= {"vertical", "class2"}
    old, new = before[0][1].probabilities, after[0][1].probabilities
    assert new["class2"] == pytest.approx(old["class1"] + old["class2"])
    said = next(predict(folder, [after[0][0].path], Control()))
    assert said.probabilities == pytest.approx(new, abs=1e-5)


@pytest.mark.parametrize("cache", ["auto", "off"])
def test_unreadable_validation_samples_are_named_too(
    project: Project, tmp_path: Path, cache: str
) -> None:
    (tmp_path / "photos" / "class1" / "003.png").write_bytes(b"no picture")
    events = run_all(project, settings(compute__cache=cache, optimiser__epochs=2))
    aside = [e for e in events if isinstance(e, SampleSetAside)]
    assert [Path(e.path).name for e in aside] == ["003.png"]


@pytest.mark.parametrize("cache", ["auto", "off"])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_data_that_went_away_are_an_error_and_no_result(
    project: Project, cache: str, split: str
) -> None:
    for sample in project.dataset.samples(split=split):
        Path(sample.path).unlink()
    with pytest.raises(StudioError, match="None of the"):
        run_all(project, settings(compute__cache=cache))


def test_a_class_of_broken_files_does_not_turn_the_cache_off(
    project: Project, tmp_path: Path
) -> None:
    for file in (tmp_path / "photos" / "class0").iterdir():
        file.write_bytes(b"no picture")
    events = run_all(project, settings())
    assert any(isinstance(e, Noted) and "exactly" in e.text for e in events)
    assert any(isinstance(e, Noted) and "of class0 can be read" in e.text for e in events)


def test_a_file_that_changes_after_it_was_looked_at_breaks_nothing(
    project: Project, tmp_path: Path
) -> None:
    changed = tmp_path / "photos" / "class0" / "000.png"

    def change_once(event: Event, control: Control) -> None:
        del control
        if isinstance(event, Progress) and event.phase == "features":
            changed.unlink(missing_ok=True)

    recipe = settings(augment__strength="light", augment__views=2)
    assert finished(run_all(project, recipe, on_event=change_once)).metrics


def test_without_room_for_features_the_run_goes_on_slowly(
    project: Project, private_home: Path
) -> None:
    (private_home / "cache").mkdir(exist_ok=True)
    (private_home / "cache" / "features").write_text("a file is in the way")
    events = run_all(project, settings(optimiser__epochs=1))
    assert any(isinstance(e, Noted) and "could not be kept" in e.text for e in events)
    assert finished(events).metrics


def test_a_run_that_cannot_begin_leaves_no_run(project: Project) -> None:
    others = [s.id for s in project.dataset.samples() if s.label != "class0"]
    project.dataset.exclude(others)
    with pytest.raises(StudioError):
        run_all(project, settings())
    assert project.runs() == []
