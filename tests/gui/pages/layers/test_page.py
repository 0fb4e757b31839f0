"""The Layers page by clicking: a choice sets the tree, the tree sets the choice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from finetune_studio.gui.pages.layers import LayersPage
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.layer_tree import LayerItemModel
from tests.gui.pages.ready import LONG_MS, with_photos

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Iterator[LayersPage]:
    with_photos(studio, qtbot, tmp_path)
    made = LayersPage(studio)
    qtbot.addWidget(made)
    made.resize(1100, 700)
    made.show()
    made.entered()
    qtbot.waitUntil(lambda: made.tree.layers.rowCount() == 1, timeout=LONG_MS)
    yield made
    studio.shutdown()  # before the page goes, as when the window closes


def row(model: LayerItemModel, name: str) -> QModelIndex:
    root = model.index(0, 0)
    for place in range(model.rowCount(root)):
        index = model.index(place, 0, root)
        if model.data(index) == name:
            return index
    raise AssertionError(name)


def looked(page: LayersPage) -> int:
    return page._look.trainable if page._look is not None else 0


def test_choices_and_tree_follow_each_other_and_are_kept(page: LayersPage, qtbot: QtBot) -> None:
    studio = page.studio
    # An untouched recipe takes the numbers of its preset for this much data.
    assert studio.recipe.layers.amount == "last_stage"
    assert page.amounts.value() == "last_stage"
    assert page._recommended.text() == "Recommended for 21 photos: the head only"
    assert page.overfitting.level == "warning"
    before = looked(page)

    # A choice sets the boxes.
    qtbot.mouseClick(page.amounts.button("head_only"), LEFT)
    qtbot.waitUntil(lambda: looked(page) == 1539, timeout=LONG_MS)
    model = page.tree.layers
    check = Qt.ItemDataRole.CheckStateRole
    assert model.data(row(model, "layer4"), check) == Qt.CheckState.Unchecked
    assert page.forgetting.sentence.startswith("Forgetting: none.")

    # A tick that makes an offered choice is that choice; any other is a custom one.
    model.setData(row(model, "layer4"), Qt.CheckState.Checked, check)
    qtbot.waitUntil(lambda: looked(page) == before, timeout=LONG_MS)
    assert studio.recipe.layers.amount == "last_stage"
    model.setData(row(model, "conv1"), Qt.CheckState.Checked, check)
    qtbot.waitUntil(lambda: page.amounts.value() == "custom", timeout=LONG_MS)
    assert set(studio.recipe.layers.trainable) == {"conv1", "layer4", "fc"}

    # Neither Simple and Expert nor another choice loses it.
    for expert in (True, False):
        studio.set_expert(expert)
        assert page._rates_card.isVisible() is expert
        assert studio.recipe.layers.amount == "custom"
    qtbot.mouseClick(page.amounts.button("everything"), LEFT)
    qtbot.waitUntil(lambda: looked(page) > 4_000_000, timeout=LONG_MS)
    qtbot.mouseClick(page.amounts.button("custom"), LEFT)
    qtbot.waitUntil(lambda: before < looked(page) < 4_000_000, timeout=LONG_MS)
    assert model.data(row(model, "conv1"), check) == Qt.CheckState.Checked
    assert page.rail_note().endswith("of 4.91 M")
    assert page.state() == "done"


def test_links_to_the_guide_and_says_what_stands_against_a_model(
    page: LayersPage, qtbot: QtBot
) -> None:
    why = page.findChild(QPushButton, "why_freezing")
    assert isinstance(why, QPushButton)
    with qtbot.waitSignal(page.page_wanted) as said:
        qtbot.mouseClick(why, LEFT)
    assert said.args == ["guide/freezing"]
    page.studio.set_recipe({"model.source": "no/such/file.pth"})
    qtbot.waitUntil(lambda: bool(page.blocked()), timeout=LONG_MS)
    assert "no/such/file.pth" in page.blocked()
    assert page.state() == "needs attention"
