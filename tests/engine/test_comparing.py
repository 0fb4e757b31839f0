"""Comparing runs: what differs, whose answers flipped, and whether that proves anything."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    Event,
    Prediction,
    RunFinished,
    RunStarted,
    StepDone,
    Validated,
)
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import comparing
from finetune_studio.engine.comparing import Compared
from finetune_studio.engine.comparing.runs import every_choice


def run(number: int = 1, task: str = "image_classification", **about: object) -> Compared:
    recipe = every_choice(Recipe(task=task)) | about.pop("recipe", {})
    return Compared(Path(f"runs/{number}"), number, task, "finished", "accuracy", recipe, **about)


def answer(number: int, truth: str, said: str, names: tuple[str, ...] = ("hat", "shirt", "shoe")):
    shares = {said: 0.8} | {name: 0.1 for name in names if name != said}
    return Sample(number, f"{number}.png", truth, None, "validation"), Prediction(
        said, shares, "", 0, number
    )


# --- whose answers flipped ------------------------------------------------------------------------


def test_the_exact_test_gives_the_numbers_of_the_binomial_distribution():
    assert comparing.mcnemar(0, 0) == 1.0
    assert comparing.mcnemar(5, 5) == 1.0
    assert comparing.mcnemar(0, 5) == 2 / 2**5
    assert comparing.mcnemar(9, 14) == comparing.mcnemar(14, 9)
    by_hand = 2 * sum(math.comb(23, k) for k in range(10)) / 2**23
    assert comparing.mcnemar(14, 9) == pytest.approx(by_hand, rel=1e-12)
    assert 0 < comparing.mcnemar(400, 600) < 1e-9
    assert comparing.mcnemar(5000, 5000) == 1.0


def test_samples_are_sorted_by_what_became_of_them():
    before = [
        answer(1, "hat", "hat"),
        answer(2, "hat", "shirt"),
        answer(3, "shoe", "shoe"),
        answer(4, "shoe", "hat"),
        answer(5, "shirt", "hat"),
        answer(9, "hat", "hat"),
    ]
    now = [
        answer(1, "hat", "hat"),
        answer(2, "hat", "hat"),
        answer(3, "shoe", "hat"),
        answer(4, "shoe", "shirt"),
        answer(5, "shirt", "hat"),
    ]
    found = comparing.flips(run(2), run(3), before, now)
    assert found.both_right == 1
    assert found.of == {"won": (2,), "lost": (3,), "apart": (4,), "alike": (5,)}
    assert found.compared == 5
    assert found.left_out == (("were answered by one of the two runs only", 1),)


def test_what_says_nothing_about_two_runs_is_left_out():
    before = [answer(1, "hat", "hat"), answer(2, "hat", "hat"), answer(3, "boot", "hat")]
    now = [
        answer(1, "hat", "shirt"),
        answer(2, "hat", "shirt"),
        answer(3, "boot", "boot", ("hat", "shirt", "boot")),
    ]
    found = comparing.flips(run(1, trained_on=frozenset({2})), run(2), before, now)
    assert found.of["lost"] == (1,)
    assert not found.of["won"]  # run 1 could not have said "boot"
    assert dict(found.left_out) == {
        "were learnt from by run 1": 1,
        "are of a class that run 1 does not know": 1,
    }
    with pytest.raises(StudioError, match="no validation photos in common"):
        comparing.flips(run(1), run(2), before[:1], now[1:])


def test_the_sentence_says_what_the_counts_prove():
    def said(won: int, lost: int, both: int = 100) -> str:
        of = {"won": tuple(range(won)), "lost": tuple(range(lost)), "apart": (), "alike": ()}
        chance = comparing.mcnemar(won, lost)
        return comparing.sentence(comparing.Flips(2, 3, both, of, (), chance), ("photo", "photos"))

    assert said(14, 9) == (
        "Run 3 is right on 14 photos where run 2 is wrong, and wrong on 9 where run 2 is right:"
        " too few to tell the two apart."
    )
    assert said(1, 0).startswith("Run 3 is right on 1 photo where run 2 is wrong")
    assert said(30, 8).endswith(
        "run 3 is better. Were they equally good, so large a difference would come up in 5 of"
        " 10,000 comparisons."
    )
    assert "run 2 is better" in said(8, 30)
    assert said(0, 0) == "Run 3 and run 2 are right on the same 100 of 100 photos."


def test_texts_with_several_classes_names_and_questions_flip_too():
    def pair(fields: dict, said: dict, number: int = 1):
        sample = Sample(number, "", None, None, "validation", fields=fields)
        return sample, Prediction("", {}, "", 0, number, answer=said)

    several = {"text": "a", "labels": ["x", "y"]}
    found = comparing.flips(
        run(1, "text_classification"),
        run(2, "text_classification"),
        [pair(several, {"labels": ["x"]})],
        [pair(several, {"labels": ["y", "x"]})],
    )
    assert found.of["won"] == (1,)
    names = {"text": "a cold", "spans": [[2, 6, "Disease"]]}
    found = comparing.flips(
        run(1, "token_classification"),
        run(2, "token_classification"),
        [pair(names, {"spans": [[2, 6, "Disease", 0.9]]})],
        [pair(names, {"spans": [[0, 6, "Disease", 0.9]]})],
    )
    assert found.of["lost"] == (1,)
    asked = {"question": "?", "context": "", "answers": [{"text": "The Rhine", "start": 0}]}
    found = comparing.flips(
        run(1, "question_answering"),
        run(2, "question_answering"),
        [pair(asked, {"text": "rhine"}), pair(asked, {"text": ""}, 2)],
        [pair(asked, {"text": "the Rhine."}), pair(asked, {"text": "Elbe"}, 2)],
    )
    assert (found.both_right, found.of["apart"]) == (1, (2,))
    with pytest.raises(StudioError, match="better or worse, not right or wrong"):
        comparing.flips(run(1, "summarization"), run(2, "summarization"), [], [])


# --- what differs ---------------------------------------------------------------------------------


def test_only_what_differs_is_listed_with_title_unit_and_the_best_value():
    one = run(
        1,
        recipe={"optimiser.epochs": 5, "layers.amount": "head_only", "model.image_size": 0},
        scores={"accuracy": 0.8, "macro_f1": 0.7, "loss": 0.5},
        seconds=4.2,
        energy_wh=0.031,
        best_epoch=4.0,
    )
    two = run(
        2,
        recipe={"optimiser.epochs": 12, "layers.amount": "last_stage", "model.image_size": 96},
        scores={"accuracy": 0.9, "macro_f1": 0.7, "loss": 0.6},
        seconds=65.0,
        energy_wh=0.4,
        best_epoch=4.0,
    )
    rows = {row.name: row for row in comparing.differences([one, two])}
    assert set(rows) == {
        "optimiser.epochs",
        "layers.amount",
        "model.image_size",
        "accuracy",
        "loss",
        "seconds",
        "energy_wh",
    }
    assert (rows["energy_wh"].values, rows["energy_wh"].best) == (("0.031", "0.4"), (0,))
    assert rows["layers.amount"].values == ("head only", "last stage")
    assert rows["model.image_size"].values == ("as it is", "96")
    assert (rows["model.image_size"].title, rows["model.image_size"].unit) == (
        "Image size",
        "pixels",
    )
    assert rows["optimiser.epochs"].best == ()  # a choice is neither good nor bad
    assert rows["accuracy"].best == (1,)
    assert rows["loss"].best == (0,)
    assert rows["seconds"].values == ("4.2 s", "1 min 5 s")
    assert rows["seconds"].best == (0,)


def test_the_headline_stands_there_also_where_it_is_the_same():
    rows = comparing.differences(
        [run(1, scores={"accuracy": 1.0}), run(2, scores={"accuracy": 1.0})]
    )
    assert [(row.name, row.best) for row in rows] == [("accuracy", ())]


def test_runs_of_other_tasks_and_too_many_are_refused_in_words():
    with pytest.raises(StudioError, match="Run 1 was taught image classification, Run 2 text"):
        comparing.refuse_unlike([run(1), run(2, "text_classification")])
    with pytest.raises(StudioError, match="7 runs cannot be compared"):
        comparing.refuse_unlike([run(n) for n in range(7)])
    comparing.refuse_unlike([run(1), run(2)])


def test_the_table_is_written_as_csv_with_the_answers_that_differ():
    one, two = run(1, scores={"accuracy": 0.5}), run(2, scores={"accuracy": 1.0})
    two = replace(two, recipe={**two.recipe, "optimiser.epochs": 3})
    rows = comparing.differences([one, two])
    answers = {
        1: [answer(1, "hat", "hat"), answer(2, "hat", "shoe")],
        2: [answer(1, "hat", "hat"), answer(2, "hat", "hat")],
    }
    read = list(csv.reader(io.StringIO(comparing.as_csv([one, two], rows, answers))))
    assert read == [
        ["part", "name", "title", "unit", "run 1", "run 2"],
        ["recipe", "optimiser.epochs", "Epochs", "", "10", "3"],
        ["result", "accuracy", "Accuracy", "", "0.5", "1.0"],
        ["answer", "2.png", "hat", "", "shoe", "hat"],
    ]


# --- read from disk -------------------------------------------------------------------------------


def lay_down(folder: Path, events: list[Event], **files: object) -> Path:
    folder.mkdir(parents=True)
    Recipe().with_settings({"optimiser.epochs": 2}).save(folder / "recipe.toml")
    text = "".join(json.dumps(event.as_json()) + "\n" for event in events)
    (folder / "events.jsonl").write_text(text + '{"event": "step_done", "st', encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def step(epoch: float, loss: float) -> StepDone:
    return StepDone(1, epoch, loss, {}, 1.0, 1.0, 1.0)


def judged(epoch: float, loss: float, accuracy: float, *, best: bool) -> Validated:
    return Validated(epoch, 1, loss, {"accuracy": accuracy}, best)


def test_a_run_is_read_with_its_curves_as_they_were_drawn_last(tmp_path):
    began = RunStarted(
        "1", "p", "image_classification", "starter", 2, 4, {"train": 9, "validation": 3}, "CPU",
        100, 10, "accuracy",
    )  # fmt: skip
    events = [
        began,
        step(0.5, 2.0),
        judged(1.0, 1.0, 0.5, best=True),
        step(1.5, 9.0),
        replace(began, resumed=True),  # it went back to the checkpoint of the first epoch
        step(1.5, 1.0),
        judged(2.0, 0.8, 0.4, best=False),
    ]
    folder = lay_down(
        tmp_path / "runs" / "1",
        events,
        samples={"train": [1, 2], "validation": [3]},
        model={"labels": {"names": ["hat", "shoe"], "ids": [7, 8]}},
        environment={"data_fingerprint": "0123456789ab", "chosen": {"batch_size": 16}},
    )
    found = comparing.read(folder)
    assert found.curves["training"] == ((0.5, 2.0), (1.5, 1.0))
    assert found.curves["validation"] == ((1.0, 1.0), (2.0, 0.8))
    assert found.curves["score"] == ((1.0, 0.5), (2.0, 0.4))
    assert (found.state, found.seconds, found.best_epoch) == ("interrupted", None, 1.0)
    assert found.scores == {"accuracy": 0.5}  # the best so far
    assert found.classes == {7: "hat", 8: "shoe"}
    assert found.trained_on == {1, 2}
    assert not found.answered
    assert found.facts["data"] == "01234567"
    ended = RunFinished("1", "p", "image_classification", {"accuracy": 0.5}, 1.0, 8.0, False)
    other = lay_down(tmp_path / "runs" / "2", [*events, ended])
    assert comparing.read(other).seconds == 8.0
    with pytest.raises(StudioError, match="There is no run"):
        comparing.read(tmp_path / "runs" / "3")
