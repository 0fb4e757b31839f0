"""The Train page by clicking: choose, start, stop, resume, read an old run again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from finetune_studio.core.events import RunFinished, RunStarted
from finetune_studio.gui.pages.train import TrainPage
from finetune_studio.gui.studio import Studio, work
from tests.gui.pages.ready import LONG_MS, with_photos

LEFT = Qt.MouseButton.LeftButton


def open_page(studio: Studio, qtbot: QtBot) -> TrainPage:
    page = TrainPage(studio)
    qtbot.addWidget(page)
    page.resize(1100, 800)
    page.show()
    page.entered()
    return page


@pytest.fixture
def page(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Iterator[TrainPage]:
    yield open_page(with_photos(studio, qtbot, tmp_path), qtbot)
    studio.shutdown()  # before the page goes, as when the window closes


def button(page: TrainPage, name: str) -> QPushButton:
    found = page.findChild(QPushButton, name)
    assert isinstance(found, QPushButton)
    return found


def test_without_data_start_says_what_is_missing(with_project: Studio, qtbot: QtBot) -> None:
    page = open_page(with_project, qtbot)
    assert not button(page, "start").isEnabled()
    assert button(page, "start").toolTip() == "Add your photos on the Data page first."
    assert page.blocked() == "Train a model first."


def test_presets_fill_in_numbers_and_own_choices_are_named(page: TrainPage, qtbot: QtBot) -> None:
    studio = page.studio
    assert studio.recipe.layers.amount == "last_stage"
    qtbot.waitUntil(lambda: "Trains" in " ".join(page.setup.texts), timeout=LONG_MS)
    qtbot.mouseClick(page.setup.presets.button("best"), LEFT)
    assert studio.recipe.layers.amount == "later_half"
    assert not button(page, "back_to_preset").isVisible()
    form = page.setup.forms[0]
    studio.set_expert(True)
    assert form.editor("optimiser.batch_size").isVisible()
    form.changed.emit("optimiser.epochs", 3)
    assert studio.recipe.optimiser.epochs == 3
    assert "Your own choices: Epochs: 3" in page.setup.texts
    studio.set_expert(False)
    assert "Your own choices: Every sample is seen up to 3 times." in page.setup.texts
    assert studio.recipe.optimiser.epochs == 3
    qtbot.mouseClick(button(page, "back_to_preset"), LEFT)
    assert studio.recipe.optimiser.epochs == 30


def test_start_stop_resume_and_read_again(page: TrainPage, qtbot: QtBot) -> None:
    studio = page.studio
    studio.set_recipe({"optimiser.epochs": 14, "stop.early": False, "augment.strength": "none"})
    qtbot.mouseClick(button(page, "start"), LEFT)
    qtbot.waitUntil(lambda: studio.training, timeout=LONG_MS)
    assert page.run_panel is not None
    panel = page.run_panel
    qtbot.waitUntil(lambda: len(panel.story.epochs) >= 2, timeout=LONG_MS)

    # Curves from the first step; pause and go on.
    qtbot.waitUntil(lambda: panel.loss.drawn("training") > 1 and panel.score.drawn("score") > 0)
    assert panel.bar.sentence
    assert button(page, "pause").text() == "Pause"
    qtbot.mouseClick(button(page, "pause"), LEFT)
    qtbot.waitUntil(lambda: studio.paused, timeout=LONG_MS)
    qtbot.waitUntil(lambda: panel.bar.sentence.startswith("Paused."))
    assert button(page, "pause").text() == "Continue"
    qtbot.mouseClick(button(page, "pause"), LEFT)
    qtbot.waitUntil(lambda: not studio.paused, timeout=LONG_MS)

    # Stop: the best is kept, and going on is offered.
    qtbot.mouseClick(button(page, "stop"), LEFT)
    qtbot.waitUntil(lambda: not studio.training, timeout=LONG_MS)
    assert panel.story.finished is not None
    assert panel.story.finished.stopped
    qtbot.waitUntil(button(page, "resume").isVisible, timeout=LONG_MS)
    assert panel.bar.sentence.startswith("Stopped.")
    assert page.blocked() == ""
    seen = len(panel.story.epochs)

    # Resume: the curves so far stay, and grow.
    qtbot.mouseClick(button(page, "resume"), LEFT)
    qtbot.waitUntil(lambda: studio.training, timeout=LONG_MS)
    qtbot.waitUntil(lambda: not studio.training, timeout=LONG_MS)
    assert panel.story.finished is not None
    assert not panel.story.finished.stopped
    assert len(panel.story.epochs) == 14 > seen
    assert panel.loss.data["training"].x.tolist() == sorted(panel.loss.data["training"].x.tolist())
    assert page.state() == "done"

    # Another window reads the same from the run's folder.
    again = open_page(studio, qtbot)
    qtbot.waitUntil(
        lambda: again._mode == "run", timeout=LONG_MS
    )  # the panel alone may be there before
    assert again.run_panel is not None
    assert again.run_panel.story.epochs == panel.story.epochs
    assert again.run_panel.bar.sentence == panel.bar.sentence
    assert not button(again, "resume").isVisible()
    qtbot.mouseClick(button(again, "new_run"), LEFT)
    assert button(again, "start").isVisible()
    qtbot.mouseClick(button(again, "show_run"), LEFT)
    assert not again.setup.isVisible()


def test_a_plot_is_saved_and_a_refusal_is_told(
    page: TrainPage, qtbot: QtBot, tmp_path: Path
) -> None:
    from tests.gui.pages.train.runs import improving

    page._live = True
    page._make_panel()
    assert page.run_panel is not None
    page.run_panel.begin(improving(3))
    with qtbot.waitSignal(page.studio.noticed):
        page.run_panel.save_plot(page.run_panel.loss, tmp_path / "loss.csv")
    assert (tmp_path / "loss.csv").read_text().startswith("epoch,training,validation\n")
    with qtbot.waitSignal(page.studio.troubled):
        page.run_panel.save_plot(page.run_panel.loss, tmp_path / "loss.csv" / "loss.svg")


def test_the_next_run_is_prepared_and_queued_while_one_works(
    page: TrainPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = page.studio
    begun: list[int] = []
    let_go = threading.Event()

    def train(project, recipe, resume, control):
        folder = project.new_run()
        recipe.save(folder / "recipe.toml")
        begun.append(recipe.optimiser.epochs)
        facts = (recipe.task, "m", recipe.optimiser.epochs, 9, {}, "cpu", 9, 1, "accuracy")
        yield RunStarted(str(folder), "p", *facts)
        let_go.wait(20)
        let_go.clear()
        yield RunFinished(str(folder), "p", recipe.task, {"accuracy": 0.5}, 1, 1.0, stopped=False)

    monkeypatch.setattr(work, "train", train)
    studio.set_recipe({"optimiser.epochs": 3})
    assert not button(page, "queue_run").isVisible()
    qtbot.mouseClick(button(page, "start"), LEFT)
    qtbot.waitUntil(lambda: begun == [3], timeout=LONG_MS)
    qtbot.waitUntil(button(page, "stop").isVisible, timeout=LONG_MS)
    assert not button(page, "queue_run").isVisible()

    # The choices of the next run, while the first one works.
    qtbot.mouseClick(button(page, "new_run"), LEFT)
    assert page.setup.isVisible()
    assert button(page, "queue_run").isVisible()
    assert button(page, "show_run").isVisible()
    assert not button(page, "start").isVisible()
    assert not button(page, "stop").isVisible()
    page.setup.forms[0].changed.emit("optimiser.epochs", 7)
    qtbot.mouseClick(button(page, "queue_run"), LEFT)
    page.setup.forms[0].changed.emit("optimiser.epochs", 9)
    qtbot.mouseClick(button(page, "queue_run"), LEFT)
    assert [one.recipe.optimiser.epochs for one in studio.queue.waiting] == [7, 9]
    qtbot.mouseClick(button(page, "show_run"), LEFT)
    assert not page.setup.isVisible()
    assert button(page, "stop").isVisible()
    qtbot.mouseClick(button(page, "new_run"), LEFT)

    # The next one begins by itself and leaves who is choosing alone.
    let_go.set()
    qtbot.waitUntil(lambda: begun == [3, 7], timeout=LONG_MS)
    qtbot.waitUntil(lambda: studio.training, timeout=LONG_MS)
    assert page.setup.isVisible()
    assert studio.recipe.optimiser.epochs == 9
    studio.stop_training()
    let_go.set()
    qtbot.waitUntil(lambda: begun == [3, 7, 9], timeout=LONG_MS)
    let_go.set()
    qtbot.waitUntil(lambda: not studio.busy, timeout=LONG_MS)
    qtbot.waitUntil(button(page, "start").isVisible, timeout=LONG_MS)
