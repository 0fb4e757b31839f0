"""Nothing on Train is said of choices of before, and the curves are there before they are needed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.pages import outlook
from finetune_studio.gui.pages.outlook import Data
from finetune_studio.gui.pages.train import TrainPage
from finetune_studio.gui.pages.train.known import Known
from finetune_studio.gui.pages.train.outlook_words import WAITING
from finetune_studio.gui.studio import Studio
from tests.gui.pages.ready import LONG_MS, with_photos


@pytest.fixture
def page(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Any:
    made = TrainPage(with_photos(studio, qtbot, tmp_path))
    qtbot.addWidget(made)
    made.resize(1100, 800)
    made.show()
    yield made
    studio.shutdown()


def test_the_curves_are_made_piece_by_piece_before_start_is_pressed(
    page: TrainPage, qtbot: QtBot
) -> None:
    from finetune_studio.gui.pages.train import plots

    page.entered()
    qtbot.waitUntil(lambda: page.run_panel is not None, timeout=LONG_MS)
    assert page.run_panel is not None
    assert page.run_panel.isHidden()
    assert page.setup.isVisible()
    pieces = plots.RunPlots()
    pieces.make_next()
    assert hasattr(pieces, "loss")
    assert not hasattr(pieces, "score")  # one a time, with time for the window between
    pieces.make_all()
    for left in (pieces.loss_card, pieces.score_card, pieces.rate_card):
        qtbot.addWidget(left)


def test_what_is_said_of_a_model_is_said_of_the_layers_chosen_now() -> None:
    known = Known(Data({"train": 40, "validation": 8}, Labels(("a", "b"))))
    one = Recipe().with_settings({"layers.amount": "head_only"})
    assert known.text(one) == ""
    known.take(SimpleNamespace(trainable=130, total=9000, note="", local=True), one)  # type: ignore[arg-type]
    assert known.text(one).startswith("Trains 130 of 9.0 k parameters")
    assert known.text(one.with_settings({"optimiser.epochs": 3})) == known.text(one)
    assert known.text(one.with_settings({"layers.amount": "everything"})) == WAITING


def test_reasons_of_another_preset_are_faint_until_its_own_are_there(
    page: TrainPage, qtbot: QtBot
) -> None:
    page.entered()
    reasons = page.setup.reasons
    qtbot.waitUntil(lambda: reasons.isEnabled() and bool(reasons.text()), timeout=LONG_MS)
    before = reasons.text()
    page.setup.preset_chosen.emit("quick")
    assert not reasons.isEnabled()
    qtbot.waitUntil(reasons.isEnabled, timeout=LONG_MS)
    assert reasons.text() != before


def test_a_page_that_is_not_seen_does_not_count_the_data_at_each_edit(
    page: TrainPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[QObject] = []

    def count(studio: Studio) -> Data:
        counted.append(studio)
        return outlook.data_of(studio)

    monkeypatch.setattr("finetune_studio.gui.pages.train.page.data_of", count)
    page.hide()
    first = next(iter(page.studio.project.dataset.samples()))  # type: ignore[union-attr]
    page.studio.do_edit(lambda: page.studio.project.dataset.exclude([first.id]))  # type: ignore[union-attr]
    page.studio.undo()
    assert counted == []
    page.show()
    page.entered()
    assert counted
