"""The sentence above the curves says what they show."""

from __future__ import annotations

from dataclasses import replace

from finetune_studio.core.events import Event, Noted, RunPaused
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.watching import Heated, MonitorSpoke
from finetune_studio.engine import watching
from finetune_studio.gui.pages.train.lights import lights
from finetune_studio.gui.pages.train.story import Story
from finetune_studio.gui.pages.train.verdict import verdict
from tests.gui.pages.train.runs import begin, end, epoch, improving, preparing
from tests.gui.pages.train.test_story import told


def of(story: Story, *, at_work: bool = True) -> tuple[str, str, str]:
    found = verdict(story, at_work=at_work)
    return found.level, found.word, found.text


def test_getting_ready() -> None:
    assert of(told(preparing()[:3])) == (
        "info",
        "Getting ready.",
        "Looking at each sample once (train): 1,204 of 3,068",
    )


def test_before_the_first_judgement() -> None:
    assert of(told([begin()]))[1] == "Training."


def test_learning_well() -> None:
    assert of(told(improving())) == (
        "ok",
        "Learning well.",
        "Validation still improves. Best so far: accuracy 0.895 at epoch 7.",
    )


def test_one_epoch_without_gain_is_no_alarm() -> None:
    story = told(improving(), epoch(8, 0.343, 0.89, best=False, trained=0.3, without=1))
    assert of(story) == (
        "ok",
        "Learning.",
        "No gain for 1 epoch. Best so far: accuracy 0.895 at epoch 7. It ends after 4 without gain.",
    )


def test_slowing_down() -> None:
    story = told(
        improving(),
        epoch(8, 0.343, 0.89, best=False, trained=0.3, without=1),
        epoch(9, 0.344, 0.89, best=False, trained=0.3, without=2),
    )
    assert of(story)[:2] == ("info", "Slowing down.")


def heard(*lists: list[Event]) -> Story:
    """Return the story of these events with what monitors say of them."""
    events = [event for some in lists for event in some]
    return told(watching.replayed(Recipe(), events))


def test_overfitting() -> None:
    story = heard(
        improving(),
        epoch(8, 0.38, 0.89, best=False, trained=0.2, without=1),
        epoch(9, 0.42, 0.88, best=False, trained=0.1, without=2),
    )
    assert of(story) == (
        "warning",
        "Overfitting.",
        "Best so far: accuracy 0.895 at epoch 7. That epoch is kept.",
    )
    alarm = story.alarms[0]
    assert alarm.monitor == "overfitting"
    assert alarm.text.startswith("Since epoch 7 the validation loss rises (0.34 to 0.42)")
    assert {one.title: one.word for one in lights(story)} == {
        "Learning": "no longer",
        "Overfitting": "since epoch 7",
        "Forgetting": "not measured",
        "Diverging": "no",
    }


def test_a_rising_validation_loss_alone_is_not_called_overfitting() -> None:
    story = heard(
        improving(),
        epoch(8, 0.38, 0.89, best=False, trained=0.9, without=1),
        epoch(9, 0.42, 0.88, best=False, trained=0.9, without=2),
    )
    assert of(story)[1] == "Slowing down."


def test_lights_before_and_while_learning() -> None:
    assert {one.level for one in lights(told([begin()]))} == {""}
    assert [one.word for one in lights(heard(improving()))] == ["yes", "no", "not measured", "no"]
    drifted = Heated(7.0, [], 0.1, 0.034)
    assert lights(heard(improving(), [drifted]))[2].word == "moved 3.4 %"
    head = Heated(7.0, [], 0.1, None)
    assert lights(heard(improving(), [head]))[2].word == "no: head alone"


def test_not_better_than_the_simplest_answer() -> None:
    story = told(
        [begin()],
        epoch(1, 2.3, 0.2, best=True, trained=2.3),
        epoch(2, 2.3, 0.24, best=True, trained=2.3),
    )
    level, word, text = of(story)
    assert (level, word) == ("warning", "Not better than the simplest answer yet.")
    assert text == (
        "The simplest answer, always saying t-shirt, scores 0.246. Best so far: accuracy 0.240 at epoch 2."
    )


def test_what_beats_a_run_is_named_and_is_not_called_guessing() -> None:
    """Of summaries the simplest answer is how a text begins, which is no guess."""
    base = {"text": "the first 3 sentences of Bach", "metric": "rouge_l", "value": 0.31}
    some: list[Event] = [replace(begin(), task="summarization", headline="rouge_l", baseline=base)]
    for number in (1, 2):
        judged = epoch(number, 2.3, 0.2, best=True, trained=2.3)[-1]
        some.append(replace(judged, metrics={"rouge_l": 0.2}))
    last = replace(end(), metrics={"rouge_l": 0.2}, best_epoch=2.0)
    for story, at_work in ((told(some), True), (told(some, [last]), False)):
        _, word, text = of(story, at_work=at_work)
        assert "The simplest answer, the first 3 sentences of Bach, scores 0.31" in text
        light = lights(story)[0]
        assert light.word == "not enough"
        assert "the first 3 sentences of Bach" in light.help
        assert "guess" not in word + text + light.word


COPIES = MonitorSpoke("leakage", "warning", "6 of 58 stand in training too.", 0.0, state="copies")


def test_a_score_below_the_simplest_answer_is_not_called_too_good() -> None:
    """A run at the level of chance was called too good, since copies were in its data."""
    chance = [begin(), COPIES, *epoch(1, 2.3, 0.2, best=True, trained=2.3)]
    story = told(chance, epoch(2, 2.3, 0.24, best=True, trained=2.3))
    assert of(story)[1] == "Not better than the simplest answer yet."
    story = told([begin(), COPIES], improving()[1:])
    assert of(story)[:2] == ("warning", "The scores may be too good.")
    story = told([begin(), COPIES], improving()[1:], [end()])
    assert of(story, at_work=False)[:2] == ("warning", "Finished, but the scores may be too good.")


def test_divergence_is_told_until_the_next_judgement() -> None:
    story = told(improving(2), [Noted("The loss grew. Back to epoch 2.", "warning", 5.0)])
    assert of(story) == ("warning", "Unstable.", "The loss grew. Back to epoch 2.")
    for event in epoch(3, 0.8, 0.8, best=True, trained=0.8):
        story.take(event)
    assert of(story)[1] == "Learning well."


def test_paused_finished_stopped_interrupted_failed() -> None:
    assert of(told(improving(), [RunPaused(70)]))[1] == "Paused."
    assert of(told(improving(), [end()]), at_work=False) == (
        "ok",
        "Finished.",
        (
            "Accuracy 0.895 at epoch 7, which is kept."
            " The simplest answer, always saying t-shirt, scores 0.246."
        ),
    )
    assert of(told(improving(), [end(stopped=True)]), at_work=False)[1] == "Stopped."
    assert of(told(improving(), [end(score=0.2)]), at_work=False)[0] == "warning"
    interrupted = of(told(improving()), at_work=False)
    assert interrupted == (
        "warning",
        "This run did not come to its end.",
        "Best so far: accuracy 0.895 at epoch 7. Resume goes on from its last checkpoint.",
    )
    story = told(improving())
    story.fail("The disk is full.")
    assert of(story) == ("bad", "Training ended with an error.", "The disk is full.")
