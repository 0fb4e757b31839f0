"""A run's events add up to where it stands and what happened."""

from __future__ import annotations

from finetune_studio.core.events import (
    CheckpointSaved,
    Noted,
    RunContinued,
    RunFinished,
    RunPaused,
    SampleSetAside,
    StepDone,
)
from finetune_studio.gui.pages.train.story import Story, in_short, so_far
from tests.gui.pages.train.runs import T0, begin, end, epoch, improving, preparing


def told(*lists: list) -> Story:
    story = Story()
    for events in lists:
        for event in events:
            story.take(event)
    return story


def test_phases_are_named_with_their_count() -> None:
    story = told(preparing()[:3])
    assert so_far(story) == "Looking at each sample once (train): 1,204 of 3,068"
    assert story.seconds_left is None


def test_epochs_know_the_training_loss_before_them() -> None:
    story = told(improving(3))
    assert [round(e.trained, 6) for e in story.epochs] == [2.5, 1.25, round(2.5 / 3, 6)]
    assert story.best is not None
    assert story.best.number == 3
    assert story.patience == 4
    assert story.seconds_left == 18.0
    assert in_short(story, at_work=True) == "epoch 4 of 12"
    assert in_short(story, at_work=False) == "accuracy 0.800"
    assert story.baseline == ("always saying t-shirt", 0.246)


def test_replayed_lines_carry_the_time_of_the_run() -> None:
    story = told(improving(2))
    by_text = {line.text.partition(":")[0]: line.time - T0 for line in story.lines}
    assert by_text["Training begins"] == 0
    assert (
        round(by_text["Epoch 1"], 2) == 1.8
    )  # ten steps of 0.2 s, the first one as the run begins
    assert by_text["Cached and uncached outputs agree exactly."] == -1
    assert story.saved == T0 + 4


def test_what_comes_later_is_told_later() -> None:
    """The end of a replayed run stood before the checkpoint above it: its moment was guessed from steps."""
    ended = RunFinished("r", "p", "image_classification", {"accuracy": 0.8}, 2, 4.0, stopped=False)
    story = told(improving(2), [CheckpointSaved(20, 0.1, "c", T0 + 50), ended])
    assert [line.text for line in story.lines][-2:] == [
        "Checkpoint saved",
        "Finished; learning took 4 s",
    ]
    times = [line.time for line in story.lines]
    assert times == sorted(times)


def test_live_lines_carry_the_clock() -> None:
    story = Story()
    story.take(begin(), now=77.0)
    assert story.lines[-1].time == 77.0


def test_repeated_checkpoints_are_one_line() -> None:
    story = told([begin()], [CheckpointSaved(n, 0.1, "c", T0 + n) for n in (1, 2, 3)])
    assert [line.text for line in story.lines][1:] == ["Checkpoint saved"]
    assert story.lines[-1].time == T0 + 3


def test_an_end_that_is_said_again_by_its_study_is_one_line() -> None:
    story = told(preparing(), [begin()], improving(), [end(), end()])
    assert sum(line.text.startswith("Finished") for line in story.lines) == 1


def test_pause_resume_and_end() -> None:
    story = told(improving(2), [RunPaused(20)])
    assert story.paused
    story.take(RunContinued(20))
    assert not story.paused
    story.take(end(stopped=True))
    assert story.finished is not None
    story.take(begin(resumed=True, time=T0 + 500))
    assert story.finished is None
    story.take(StepDone(21, 2.1, 0.5, {}, 1.0, 1.0, 4.2))
    story.take(SampleSetAside(3, "a/b.png", "It is cut short."))
    assert story.set_aside == 1
    assert story.lines[-1].text == "a/b.png was set aside: It is cut short."
    assert round(story.lines[-1].time) == T0 + 500


def test_an_epoch_done_again_replaces_the_first_try() -> None:
    story = told(improving(3), epoch(2, 0.9, 0.7, best=False, trained=0.8))
    assert [e.number for e in story.epochs] == [1, 2]
    story.take(Noted("The loss grew. Back to epoch 2.", "warning", T0))
    assert story.rolled_back == "The loss grew. Back to epoch 2."
