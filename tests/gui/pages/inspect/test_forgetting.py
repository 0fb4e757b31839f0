"""The card of forgetting by clicking: measure, look at a blend, keep it as a run of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from finetune_studio.core.project import Project
from finetune_studio.engine import run
from finetune_studio.gui.pages.inspect.forgetting_card import ForgettingCard
from finetune_studio.gui.studio import Studio
from tests.engine.conftest import draw, finished, lively_bundle, run_all, settings

LONG_MS = 120_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a project with one run that retrained everything."""
    monkeypatch.setattr(
        "finetune_studio.tasks.image_classification.ImageClassification.load_model",
        lambda self, recipe, labels: lively_bundle(labels, recipe.seed, recipe),
    )
    rows = draw(tmp_path / "photos", per_class=8)
    with Project(tmp_path / "project", "image_classification") as project:
        project.dataset.fill(rows, root=tmp_path / "photos")
        recipe = settings(
            layers__amount="everything", optimiser__method="steps", optimiser__learning_rate=5e-3
        )
        finished(run_all(project, recipe))
    return tmp_path / "project"


@pytest.fixture
def card(studio: Studio, qtbot: QtBot, trained: Path) -> Iterator[ForgettingCard]:
    assert studio.open_project(trained)
    made = ForgettingCard(studio)
    qtbot.addWidget(made)
    made.resize(1000, 420)
    made.show()
    made.show_run(studio.run_folder)
    yield made
    studio.shutdown()


def press(card: ForgettingCard, qtbot: QtBot, name: str) -> None:
    button = card.findChild(QPushButton, name)
    assert isinstance(button, QPushButton)
    qtbot.mouseClick(button, LEFT)


def test_measured_then_blended_then_kept(
    card: ForgettingCard, studio: Studio, qtbot: QtBot
) -> None:
    assert card.blend.isHidden()
    press(card, qtbot, "measure_forgetting")
    qtbot.waitUntil(lambda: not card.blend.isHidden() and not studio.jobs, timeout=LONG_MS)
    assert "of their length" in card._moved.text()
    assert card._stages.model().rowCount() > 2
    assert card.blend.plot is not None
    card.blend.plot.redraw()
    assert card.blend.plot.drawn("score") == 11
    assert card.blend.plot.drawn("original") == 11
    card.blend.slider.setValue(0)
    assert card.blend.values.text().startswith("0 % of what was learnt")
    assert "1.000" in card.blend.values.text().rsplit("·", 1)[-1]
    card.blend.slider.setValue(40)
    press(card, qtbot, "keep_blend")
    assert studio.run_folder is not None
    qtbot.waitUntil(lambda: studio.run_folder.name == "2", timeout=LONG_MS)
    assert run.Run(studio.run_folder).recipe.forgetting.blend == 0.4
    qtbot.waitUntil(lambda: not studio.jobs, timeout=LONG_MS)


def test_it_can_be_stopped_and_offers_to_measure_again(
    card: ForgettingCard, studio: Studio, qtbot: QtBot
) -> None:
    press(card, qtbot, "measure_forgetting")
    qtbot.waitUntil(card.stop_button.isVisible, timeout=LONG_MS)
    assert card.measure_button.isHidden()
    qtbot.mouseClick(card.stop_button, LEFT)
    qtbot.waitUntil(lambda: not studio.busy and not studio.asking, timeout=LONG_MS)
    assert card.blend.isHidden()
    assert card.measure_button.isVisible()
