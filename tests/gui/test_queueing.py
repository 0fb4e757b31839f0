"""The queue at work, without a widget: what begins when, and what errors, a stop and closing do to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, RunFinished, RunStarted
from finetune_studio.core.job import Control
from finetune_studio.core.queue import Queue
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.studio import Studio, work
from finetune_studio.gui.studio.offers import offer
from tests.gui.pages.ready import with_photos

LONG_MS = 20_000
FAILS, WAITS = 13, 500  # epochs that stand for a run that ends so


class Trainings:
    """Stands for the engine: takes note of what it is asked to train."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def train(
        self, project: Any, recipe: Recipe, resume: Path | None, control: Control
    ) -> Iterator[Event]:
        folder = resume or project.new_run()
        recipe.save(folder / "recipe.toml")
        epochs = recipe.optimiser.epochs
        self.epochs.append(epochs)
        yield RunStarted(
            str(folder), "p", recipe.task, "m", epochs, 9, {}, "cpu", 10, 1, "accuracy"
        )
        if epochs == FAILS:
            raise StudioError("The model is gone.", "Choose another one.")
        if epochs >= WAITS:
            control.stop.wait(20)
        stopped = control.stop.is_set()
        yield RunFinished(str(folder), "p", recipe.task, {}, 1, 1.0, stopped)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    made = Trainings()
    monkeypatch.setattr(work, "train", made.train)
    return made


def recipe(epochs: int) -> Recipe:
    return Recipe().with_settings({"optimiser.epochs": epochs})


def add(studio: Studio, *epochs: int) -> None:
    for number in epochs:
        studio.queue.add(recipe(number))


def settle(studio: Studio, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not studio.busy and not studio.queue.going, timeout=LONG_MS)


def test_nothing_begins_before_the_queue_is_started(
    with_project: Studio, trainings: Trainings, qtbot: QtBot
) -> None:
    add(with_project, 1, 2)
    qtbot.wait(50)
    assert trainings.epochs == []
    heard: list[str] = []
    with_project.noticed.connect(lambda text, _level: heard.append(text))
    with_project.queue.start()
    settle(with_project, qtbot)
    assert trainings.epochs == [1, 2]
    assert with_project.queue.waiting == []
    assert heard == ["The last run of the queue has ended."]


def test_what_is_added_to_a_run_at_work_follows_it(
    with_project: Studio, trainings: Trainings, qtbot: QtBot
) -> None:
    with_project.start_training(recipe(1))
    add(with_project, 2)
    with_project.set_recipe({"optimiser.epochs": 77})  # what is chosen since changes nothing
    assert with_project.queue.going
    settle(with_project, qtbot)
    assert trainings.epochs == [1, 2]
    assert with_project.run_recipe == recipe(2)


def test_an_error_is_told_and_the_queue_goes_on(
    with_project: Studio, trainings: Trainings, qtbot: QtBot
) -> None:
    told: list[StudioError] = []
    with_project.troubled.connect(told.append)
    add(with_project, FAILS, 2, FAILS)
    with_project.queue.start()
    settle(with_project, qtbot)
    assert trainings.epochs == [FAILS, 2, FAILS]
    assert [error.message for error in told] == ["The model is gone."] * 2
    assert told[0].hint == "Choose another one. The queue goes on with the next run."
    assert told[1].hint == "Choose another one."
    assert [past.run for past in with_project.queue.failures] == ["1", "3"]
    assert with_project.queue.failures[0].text == "The model is gone. Choose another one."
    with_project.queue.forget_failures()
    assert with_project.queue.failures == []


def test_stopping_a_run_holds_the_queue_and_says_so(
    with_project: Studio, trainings: Trainings, qtbot: QtBot
) -> None:
    add(with_project, WAITS, 2)
    with_project.queue.start()
    qtbot.waitUntil(lambda: trainings.epochs == [WAITS], timeout=LONG_MS)
    with qtbot.waitSignal(with_project.noticed, timeout=LONG_MS) as heard:
        with_project.stop_training()
    assert "the queue is held: 1 run waits" in heard.args[0]
    settle(with_project, qtbot)
    qtbot.wait(50)
    assert trainings.epochs == [WAITS]
    assert len(with_project.queue.waiting) == 1
    with_project.queue.start()
    settle(with_project, qtbot)
    assert trainings.epochs == [WAITS, 2]


def test_a_held_queue_stays_held_when_more_is_added(
    with_project: Studio, trainings: Trainings, qtbot: QtBot
) -> None:
    add(with_project, WAITS, 2)
    with_project.queue.start()
    qtbot.waitUntil(lambda: with_project.training, timeout=LONG_MS)
    with_project.queue.hold()
    assert not with_project.queue.going
    add(with_project, 3)
    assert not with_project.queue.going
    with_project.stop_training()
    settle(with_project, qtbot)
    assert trainings.epochs == [WAITS]


def test_runs_are_moved_and_removed_while_one_works(
    with_project: Studio, trainings: Trainings, qtbot: QtBot
) -> None:
    add(with_project, 1, 2, 3, 4)
    first, second, _third, fourth = with_project.queue.waiting
    with_project.queue.move(fourth.id, 0)
    with_project.queue.remove(second.id)
    with_project.queue.move(first.id, 9)
    with_project.queue.start()
    settle(with_project, qtbot)
    assert trainings.epochs == [4, 3, 1]


def test_closing_leaves_the_rest_waiting_and_reopening_starts_nothing(
    with_project: Studio, trainings: Trainings, qtbot: QtBot
) -> None:
    assert with_project.project is not None
    folder = with_project.project.folder
    add(with_project, 1, WAITS, 3)
    with_project.queue.start()
    qtbot.waitUntil(lambda: WAITS in trainings.epochs, timeout=LONG_MS)
    with_project.note_closing()
    with_project.stop_all()
    qtbot.waitUntil(lambda: not with_project.busy, timeout=LONG_MS)
    qtbot.wait(50)
    assert trainings.epochs == [1, WAITS]
    with_project.shutdown()

    again = Studio()
    try:
        assert again.open_project(folder)
        qtbot.wait(50)
        assert [one.recipe.optimiser.epochs for one in again.queue.waiting] == [3]
        assert not again.queue.going
        assert trainings.epochs == [1, WAITS]
    finally:
        again.shutdown()


def test_what_is_added_to_the_last_run_at_work_follows_it_too(
    with_project: Studio, trainings: Trainings, qtbot: QtBot
) -> None:
    add(with_project, WAITS)
    with_project.queue.start()
    qtbot.waitUntil(lambda: with_project.training, timeout=LONG_MS)
    assert not with_project.queue.going  # nothing is left to begin
    add(with_project, 2, 3)
    assert with_project.queue.going
    for one in with_project.queue.waiting:
        with_project.queue.remove(one.id)
    assert not with_project.queue.going
    with_project.stop_training()
    settle(with_project, qtbot)
    assert trainings.epochs == [WAITS]
    add(with_project, 4)
    qtbot.wait(50)
    assert trainings.epochs == [WAITS]


def test_another_project_has_its_own_queue(
    with_project: Studio, trainings: Trainings, qtbot: QtBot, tmp_path: Path
) -> None:
    add(with_project, 1)
    heard: list[bool] = []
    with_project.queue.changed.connect(lambda: heard.append(True))
    assert with_project.new_project(tmp_path / "other", "image_classification")
    assert with_project.queue.waiting == []
    assert heard
    with_project.queue.start()  # nothing waits here
    assert not with_project.queue.going
    with_project.close_project()
    assert with_project.queue.waiting == []
    add(with_project, 1)  # no project: nothing to keep it in
    assert with_project.queue.waiting == []


def test_a_queue_that_cannot_be_read_is_told_and_a_new_one_begins(with_project: Studio) -> None:
    assert with_project.project is not None
    folder = with_project.project.folder
    with_project.project.dataset.put("queue", "{")
    with_project.close_project()
    assert with_project.open_project(folder)
    assert "cannot be read" in with_project.queue.failures[0].text
    add(with_project, 1)
    assert len(with_project.queue.waiting) == 1
    assert with_project.project.dataset.get("queue_unreadable") == "{"


def test_a_refused_write_changes_nothing(
    with_project: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Queue, one: Recipe) -> None:
        raise StudioError("The disk is full.", "Free some space.")

    monkeypatch.setattr(Queue, "add", refuse)
    with qtbot.waitSignal(with_project.troubled) as heard:
        add(with_project, 1)
    assert heard.args[0].message == "The disk is full."


@pytest.mark.parametrize(
    ("unfinished", "waiting", "text", "button"),
    [
        ("4", 0, "Run 4 did not come to its end. It can", "Resume"),
        ("4", 2, "Run 4 did not come to its end, and 2 runs wait behind it.", "Resume"),
        ("", 1, "1 run waits in the queue.", "Start the queue"),
    ],
)
def test_reopening_offers_what_was_left(
    unfinished: str, waiting: int, text: str, button: str
) -> None:
    found = offer(unfinished, waiting)
    assert found is not None
    assert found.text.startswith(text)
    assert found.button == button


def test_reopening_offers_nothing_where_nothing_was_left() -> None:
    assert offer("", 0) is None


def test_the_engine_carries_a_queue_out_past_a_model_that_is_gone(
    studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    with_photos(studio, qtbot, tmp_path)
    assert studio.project is not None
    small = studio.recipe.with_settings(
        {"preset": "quick", "optimiser.epochs": 1, "augment.strength": "none"}
    )
    first = studio.project.runs_folder / "1"
    studio.queue.add(small)
    studio.queue.add(small.with_settings({"model.source": str(tmp_path / "gone.pth")}))
    studio.queue.add(small.with_settings({"model.source": str(first), "seed": 3}))
    studio.queue.start()
    qtbot.waitUntil(lambda: not studio.queue.waiting and not studio.busy, timeout=90_000)
    failed = studio.queue.failures
    assert len(failed) == 1
    assert "gone.pth" in failed[0].text
    runs = studio.project.runs()  # the one that never had a network left no folder
    assert [run.name for run in runs] == ["1", "3"]
    model = json.loads((runs[1] / "model.json").read_text())
    assert (model["origin"], model["line"]) == (str(first), ["starter"])
    assert studio.run_folder == runs[1]
