"""The Model page in a project of texts: what is offered, a folder of one's own, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from finetune_studio.core.dataset import Row
from finetune_studio.gui.pages.model import ModelPage
from finetune_studio.gui.studio import Studio
from tests import tiny_models
from tests.gui.pages.ready import LONG_MS

LEFT = Qt.MouseButton.LeftButton


def _page(studio: Studio, qtbot: QtBot, folder: Path, task: str) -> ModelPage:
    assert studio.new_project(folder / "project", task, "Texts")
    assert studio.project is not None
    rows = [
        Row(label=name, fields={"text": f"{name} {n}"}, split="train")
        for name in ("good", "bad")
        for n in range(10)
    ]
    studio.project.dataset.fill(rows, root=folder)
    page = ModelPage(studio)
    qtbot.addWidget(page)
    page.resize(1100, 700)
    page.show()
    page.entered()
    return page


def _shown(page: ModelPage, name: str) -> bool:
    found = page.findChild(QPushButton, name)
    assert isinstance(found, QPushButton)
    return found.isVisible()


def test_encoders_are_offered_and_the_starter_is_chosen(
    studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    page = _page(studio, qtbot, tmp_path, "text_classification")
    titles = page.table.titles()
    assert titles[0] == "MiniLM-L6"
    assert "DistilBERT base" in titles
    assert "T5 small" not in titles
    assert "ResNet-18" not in titles
    assert page.rail_note() == "MiniLM-L6"
    assert page.blocked() == ""
    facts = page.card.facts()
    assert facts["where"] == "In the program"
    assert facts["reads"] == "English; up to 512 tokens (pieces of words) at once"
    assert facts["needs"].startswith("347 MB to retrain all of it")
    assert "sees" not in facts
    assert page.table.model().headerData(2, Qt.Orientation.Horizontal) == "Reads"
    assert not _shown(page, "use_file")  # a text model is a folder
    assert _shown(page, "use_folder")
    qtbot.waitUntil(lambda: "memory" in page.card.facts(), timeout=LONG_MS)
    studio.shutdown()


def test_a_language_model_must_be_downloaded_or_chosen(
    studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    page = _page(studio, qtbot, tmp_path, "causal_lm")
    assert page.table.titles()[0] == "SmolLM2 135M Instruct"
    assert page.blocked() == "This model is not on this computer yet."
    assert page.card.download.isVisible()
    assert "offline" in page.card.told
    row = page.table.titles().index("Llama 3.2 1B Instruct")
    page.table.selectRow(row)
    assert "agree to it" in page.card.facts()["licence"]
    assert page.card.facts()["size"] == "2.3 GB"
    studio.shutdown()


def test_a_folder_of_ones_own_is_tried_and_taken(
    studio: Studio, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = _page(studio, qtbot, tmp_path, "text_classification")
    place = tiny_models.folder(tmp_path / "mine", "distilbert")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(place))
    button = page.findChild(QPushButton, "use_folder")
    with qtbot.waitSignal(studio.recipe_changed, timeout=LONG_MS):
        qtbot.mouseClick(button, LEFT)
    assert page.table.titles()[0] == "mine"
    assert page.blocked() == ""
    qtbot.waitUntil(lambda: "parameters" in page.card.facts(), timeout=LONG_MS)
    assert page.card.facts()["reads"].startswith("up to ")
    assert page.table.model().index(0, 1).data() not in ("", "–")
    (place / "model.safetensors").unlink()
    with qtbot.waitSignal(page.outlook.refused, timeout=LONG_MS):
        page.entered()
    assert "There are no weights" in page.problem.label.text()
    studio.shutdown()
