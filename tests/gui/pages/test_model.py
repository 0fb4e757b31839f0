"""The Model page by clicking: choose, be told why not, use a file of one's own, download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from finetune_studio.core.dataset import Labels
from finetune_studio.core.events import Event, PhaseStarted, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine.estimate import TimeEstimate
from finetune_studio.gui.pages import model_rows
from finetune_studio.gui.pages.model import ModelPage
from finetune_studio.gui.studio import Studio
from tests.gui.pages.ready import LONG_MS
from tests.own_runs import project_of, run_of

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(
    with_project: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModelPage]:
    monkeypatch.setenv("TORCH_HOME", str(with_project.settings.cache_folder / "none"))
    made = ModelPage(with_project)
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    made.entered()
    yield made
    with_project.shutdown()  # before the page goes, as when the window closes


def pick(page: ModelPage, qtbot: QtBot, title: str) -> None:
    row = page.table.titles().index(title)
    place = page.table.visualRect(page.table.model().index(row, 0)).center()
    qtbot.mouseClick(page.table.viewport(), LEFT, pos=place)


def button(page: ModelPage, name: str) -> QPushButton:
    found = page.findChild(QPushButton, name)
    assert isinstance(found, QPushButton)
    return found


def problem(page: ModelPage) -> QLabel:
    return page.problem.label


def test_the_starter_is_first_and_chosen(page: ModelPage) -> None:
    assert page.table.titles()[0] == "Studio starter"
    assert page.rail_note() == "Studio starter"
    assert page.blocked() == ""
    assert page.card.facts()["where"] == "In the program"
    assert not page.card.download.isVisible()


def test_the_card_says_what_training_takes_here(page: ModelPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "memory" in page.card.facts(), timeout=LONG_MS)
    assert "free, an estimate" in page.card.facts()["memory"]


@pytest.mark.parametrize(
    ("first", "each", "cached", "told"),
    [
        (1.2, 0.1, True, "less than a second; the first about 1 s"),
        (40.0, 3.0, True, "about 3 s; the first about 40 s"),
        (3.1, 3.0, True, "about 3 s"),
        (3.0, 3.0, False, "about 3 s"),
        (0.2, 0.1, True, "less than a second"),
    ],
)
def test_the_time_of_an_epoch_is_a_phrase(
    page: ModelPage, qtbot: QtBot, first: float, each: float, cached: bool, told: str
) -> None:
    """It said "about less than a second; the first 1 s"."""
    qtbot.waitUntil(lambda: "memory" in page.card.facts(), timeout=LONG_MS)
    page._on_timed(TimeEstimate(first, each, cached))
    assert page.card.facts()["time"] == told


def test_a_model_that_is_not_here_blocks_next_and_offline_says_why(
    page: ModelPage, qtbot: QtBot
) -> None:
    pick(page, qtbot, "ResNet-18")
    assert page.studio.recipe.model.source == "resnet18"
    assert page.blocked() == "This model is not on this computer yet."
    assert page.state() == "needs attention"
    assert page.card.download.isVisible()
    assert not page.card.download.isEnabled()
    assert "offline" in page.card.told
    with qtbot.waitSignal(page.page_wanted) as said:
        qtbot.mouseClick(page.card.settings, LEFT)
    assert said.args == ["settings"]
    page.studio.settings.offline = False
    page.studio.save_settings()
    assert page.card.download.isEnabled()


def test_downloads_as_a_job_with_progress_and_cancel(
    page: ModelPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(entry: object, control: Control) -> Iterator[Event]:
        yield PhaseStarted("download", "Downloading", 40 << 20)
        yield Progress("download", 10 << 20, 40 << 20, 30.0)
        control.stop.wait(30)

    monkeypatch.setattr("finetune_studio.models.hub.fetch", slowly)
    page.studio.settings.offline = False
    page.studio.save_settings()
    pick(page, qtbot, "ResNet-18")
    qtbot.mouseClick(page.card.download, LEFT)
    qtbot.waitUntil(lambda: page.card.told == "10.0 of 40.0 MB, about 30 s left")
    assert page.card.cancel.isVisible()
    qtbot.mouseClick(page.card.cancel, LEFT)
    qtbot.waitUntil(lambda: not page.studio.jobs)
    assert page.card.download.isVisible()
    assert not page.card.cancel.isVisible()


def test_weights_of_one_own_are_recognised(
    page: ModelPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    import torchvision

    network = torchvision.models.mobilenet_v3_small(num_classes=7)
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    answer = (str(tmp_path / "mine.pth"), "")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: answer)
    with qtbot.waitSignal(page.studio.recipe_changed, timeout=LONG_MS):
        qtbot.mouseClick(button(page, "use_file"), LEFT)
    assert page.table.titles()[0] == "mine.pth"
    assert page.card.facts()["where"] == "Your own"
    assert page.blocked() == ""
    assert not problem(page).isVisible()


def test_weights_that_do_not_fit_are_told_in_place(
    page: ModelPage, qtbot: QtBot, tmp_path: Path
) -> None:
    import torch
    import torchvision

    network = torchvision.models.mobilenet_v3_small(num_classes=7)
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    page.try_source(str(tmp_path / "mine.pth"), "resnet18")
    qtbot.waitUntil(problem(page).isVisible, timeout=LONG_MS)
    assert "do not belong to resnet18" in problem(page).text()
    assert page.studio.recipe.model.source == "starter"
    qtbot.waitUntil(page.problem.choice.isVisible, timeout=LONG_MS)
    page.problem.choice.setCurrentIndex(page.problem.choice.findData("mobilenet_v3_small"))
    with qtbot.waitSignal(page.studio.recipe_changed, timeout=LONG_MS):
        page.problem.choice.activated.emit(page.problem.choice.currentIndex())
    assert page.studio.recipe.model.architecture == "mobilenet_v3_small"
    assert not problem(page).isVisible()


def test_another_project_stands_for_its_only_run(
    page: ModelPage, qtbot: QtBot, tmp_path: Path
) -> None:
    other = tmp_path / "orchard"
    project_of(other, "ant", "bee").close()
    run_of(other, Labels(("ant", "bee"), (1, 2)))
    with qtbot.waitSignal(page.studio.recipe_changed, timeout=LONG_MS):
        page.try_source(str(other))
    assert page.studio.recipe.model.source == str(other / "runs" / "3")
    assert page.rail_note() == "Run 3 of orchard"
    run_of(other, Labels(("ant", "bee"), (1, 2)), number=4)
    page.try_source(str(other))
    qtbot.waitUntil(problem(page).isVisible, timeout=LONG_MS)
    assert "2 trained runs (3, 4)" in problem(page).text()


def test_a_folder_without_a_model_is_refused_in_words(
    page: ModelPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    answer = str(tmp_path / "empty")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: answer)
    qtbot.mouseClick(button(page, "use_folder"), LEFT)
    qtbot.waitUntil(problem(page).isVisible, timeout=LONG_MS)
    assert "There is no model in the folder" in problem(page).text()
    pick(page, qtbot, "Studio starter")
    pick(page, qtbot, "MobileNetV2")
    assert not problem(page).isVisible()


def test_layers_chosen_by_name_do_not_follow_to_another_model() -> None:
    recipe = Recipe().with_settings({"layers.amount": "custom", "layers.trainable": ["layer4"]})
    other = recipe.with_settings(model_rows.choose(recipe, "resnet50"))
    assert (other.layers.amount, other.layers.trainable) == ("last_stage", [])
    same = recipe.with_settings(model_rows.choose(recipe, "starter"))
    assert same.layers.trainable == ["layer4"]
    paced = Recipe().with_settings(
        {
            "layers.unfreeze_at": {"layer4": 3},
            "layers.rates": {"conv1": 0.1},
            "layers.head_first": 2,
        }
    )
    other = paced.with_settings(model_rows.choose(paced, "resnet50"))
    assert (other.layers.unfreeze_at, other.layers.rates) == ({}, {})
    assert other.layers.head_first == 2  # it names no layer
