"""Studies on the Train page: the rate test and its button, what studies cost, and one that is started."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QPushButton
from pytestqt.qtbot import QtBot

from finetune_studio.core import study
from finetune_studio.core.events import Estimated, RunFinished
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study_events import FoldStarted
from finetune_studio.gui.pages.train import TrainPage
from finetune_studio.gui.pages.train.rate_card import plain
from finetune_studio.gui.pages.train.study_words import cost_of_folds, cost_of_search, in_all
from tests.gui.pages.ready import LONG_MS, with_photos

LEFT = Qt.MouseButton.LeftButton
STUDY_MS = 3 * LONG_MS  # several runs, and whatever the first of them loads


@pytest.fixture
def page(studio, qtbot: QtBot, tmp_path: Path) -> Iterator[TrainPage]:
    made = TrainPage(with_photos(studio, qtbot, tmp_path))
    qtbot.addWidget(made)
    made.resize(1100, 800)
    made.show()
    made.entered()
    studio.set_expert(True)
    yield made
    studio.shutdown()


def button(page: TrainPage, name: str) -> QPushButton:
    found = page.findChild(QPushButton, name)
    assert isinstance(found, QPushButton)
    return found


def test_the_rate_test_is_drawn_and_its_suggestion_taken_with_one_click(page, qtbot) -> None:
    studio, card = page.studio, page.setup.studies.rate
    studio.set_recipe({"model.image_size": 64, "augment.strength": "none"})
    assert not button(page, "use_rate").isVisible()
    qtbot.mouseClick(button(page, "find_rate"), LEFT)
    assert button(page, "find_rate").text() == "Stop"
    qtbot.waitUntil(lambda: button(page, "use_rate").isVisible(), timeout=STUDY_MS)
    found = card._found
    assert card.plot.steps == len(found.rates) >= 8
    assert card.plot._line.value() == pytest.approx(math.log10(found.rate))
    assert button(page, "use_rate").text() == f"Use {plain(found.rate)}"
    assert studio.recipe.optimiser.learning_rate != found.rate
    qtbot.mouseClick(button(page, "use_rate"), LEFT)
    assert studio.recipe.optimiser.learning_rate == found.rate
    assert (
        studio.recipe.optimiser.head_learning_rate
        == (found.settings["optimiser.head_learning_rate"])
    )
    assert studio.project.runs() == []


def test_one_study_is_chosen_at_a_time_and_simple_shows_none(page, qtbot) -> None:
    studio, cards = page.studio, page.setup.studies
    cards.folds.editor("crossval.folds").setValue(1)  # the first step up from off
    assert studio.recipe.crossval.folds == 2
    cards.search.editor("search.trials").setValue(10)
    assert (studio.recipe.crossval.folds, studio.recipe.search.trials) == (0, 10)
    page.findChild(QCheckBox, "over_augmentation").click()
    assert studio.recipe.search.over == ["learning_rate", "depth"]
    assert cards.isVisible()
    studio.set_expert(False)
    assert not cards.isVisible()
    assert studio.recipe.search.trials == 10


def test_a_cross_validation_is_started_watched_and_ends_with_its_model(page, qtbot) -> None:
    studio = page.studio
    studio.set_recipe(
        {
            "crossval.folds": 2,
            "optimiser.epochs": 2,
            "model.image_size": 64,
            "augment.strength": "none",
        }
    )
    heard: list[object] = []
    studio.run_stated.connect(heard.append)
    qtbot.mouseClick(button(page, "start"), LEFT)
    qtbot.waitUntil(
        lambda: page.run_panel is not None and page.run_panel.story.part == "Fold 2 of 2",
        timeout=STUDY_MS,
    )
    assert page.rail_note() == "fold 2 of 2"
    qtbot.waitUntil(lambda: not studio.training, timeout=STUDY_MS)
    assert [e.fold for e in heard if isinstance(e, FoldStarted)] == [1, 2]
    ended = heard[-1]
    assert isinstance(ended, RunFinished)
    assert studio.run_folder == studio.project.runs()[-1] == Path(ended.run)
    assert study.all_of(studio.project)[0].run == "1"
    qtbot.waitUntil(lambda: page.run_panel.story.part == "", timeout=STUDY_MS)
    assert page.run_panel.story.finished.metrics == ended.metrics
    assert page.run_panel.bar.sentence.startswith("Finished. It learnt from all samples for")
    assert not page.run_panel.score.isVisible()
    assert sum("Finished" in line.text for line in page.run_panel.story.lines) == 1


def test_what_a_study_costs_is_said_before_it_begins() -> None:
    found = Estimated(60.0, 9, 6, 900, 300, 4000, 20, 1, 9000, "cpu", "the processor", True, 3)
    folds = Recipe().with_settings({"crossval.folds": 5})
    assert cost_of_folds(folds, found).startswith(
        "5 folds and a final model: 6 runs of at most 60 s, about 6 min in all."
    )
    assert "as long as 6 single ones" in cost_of_folds(folds, None)
    assert in_all(folds, "About 1 min at most") == "Each of 6 runs: about 1 min at most"
    search = Recipe().with_settings({"search.trials": 20, "search.minutes": 30})
    assert "about 20 min in all. After 30 min the search ends." in cost_of_search(search, found)
    assert in_all(Recipe(), "About 1 min") == "About 1 min"


@pytest.mark.parametrize(
    ("rate", "text"), [(2e-4, "2e-4"), (0.02, "0.02"), (1.25e-5, "1.3e-5"), (0.001, "0.001")]
)
def test_rates_are_written_as_people_type_them(rate: float, text: str) -> None:
    assert plain(rate) == text
