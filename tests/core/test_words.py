"""Events in plain words."""

from __future__ import annotations

import pytest

from finetune_studio.core import events
from finetune_studio.core.watching import MonitorSpoke, Watched
from finetune_studio.core.words import duration, figure, scores, sentence
from tests.core.test_events import KINDS, example


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"),
        (125, "2 min 5 s"), (3599, "59 min 59 s"), (3840, "1 h 4 min"), (90_000, "25 h 0 min"),
    ],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_scores_have_as_many_digits_as_they_need() -> None:
    said = [figure(v) for v in (0.8951, 12.44, 148.41, 2964.95)]
    assert said == ["0.895", "12.4", "148.4", "2,965"]


def test_scores_have_names_for_people() -> None:
    assert scores({"accuracy": 0.9, "macro_f1": 0.8765}) == "accuracy 0.900, macro-F1 0.876"
    assert scores({}) == ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_is_said(kind: type[events.Event]) -> None:
    if kind is events.Evaluated:  # a baseline has its own three values
        event: events.Event = events.Evaluated("r", "test", {"accuracy": 0.5}, 4)
    else:
        event = example(kind)
    text, passing = sentence(event)
    assert isinstance(passing, bool)
    assert text.strip()
    assert text != kind.word(), "the event has words of its own"


def test_a_run_that_never_began_names_no_folder() -> None:
    stopped = events.RunFinished("", "p", "t", {}, 0, 0, stopped=True, reason="Stopped early.")
    assert sentence(stopped) == ("Stopped early.", False)
    ended = events.RunFinished("/p/runs/1", "/p", "t", {"accuracy": 0.5}, 2.0, 3.0, stopped=False)
    text, _ = sentence(ended)
    assert text.startswith("Finished")
    assert "/p/runs/1" in text


def test_a_prediction_says_how_sure_it_is_or_why_there_is_none() -> None:
    sure = events.Prediction("cat", {"cat": 0.8, "dog": 0.2}, "a.jpg", 0.01)
    assert sentence(sure)[0] == "a.jpg: cat  80.0%  (10 ms)"
    assert sentence(events.Prediction(input="a.jpg", error="It is empty."))[0] == (
        "a.jpg: It is empty."
    )


def test_answers_of_texts_and_scores_of_types_in_words() -> None:
    nothing = events.Prediction("", {}, "Who?", 0.01, answer={"text": "", "certainty": 0.8})
    assert sentence(nothing)[0] == "Who?: nothing found  80.0%  (10 ms)"
    assert scores({"entity_f1": 0.5, "f1_Gene": 0.25}) == "entity F1 0.500, F1 of Gene 0.250"


def test_a_monitor_says_how_to_act_in_the_terminal() -> None:
    spoke = MonitorSpoke(
        "overfitting", "warning", "The loss rises.", 6.0, 4.0, "begins", "Retrain the head only",
        {"layers.amount": "head_only"},
    )  # fmt: skip
    assert sentence(spoke) == (
        "[warning] overfitting: The loss rises.  → Retrain the head only: --set layers.amount=head_only",
        False,
    )
    quiet = Watched(2.0, [{"right": True}, {"right": False}, {"right": None}])
    assert sentence(quiet) == ("  epoch 2: 1 of 3 followed samples right", True)
