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


def test_adapters_show_their_ranks_which_can_be_changed(page: LayersPage, qtbot: QtBot) -> None:
    studio, model = page.studio, page.tree.layers
    qtbot.mouseClick(page.amounts.button("adapters"), LEFT)
    qtbot.waitUntil(lambda: page._look is not None and bool(page._look.adapters), timeout=LONG_MS)
    assert page.tree.isColumnHidden(4)  # a number for experts
    assert page.forgetting.level == "ok"
    studio.set_expert(True)
    qtbot.waitUntil(lambda: not page.tree.isColumnHidden(4), timeout=LONG_MS)
    root = model.index(0, 0)
    assert model.data(root.siblingAtColumn(4)) == "0 – 16"  # the first convolution has none
    before = looked(page)
    node = model.node(root)
    assert node is not None
    inside = next(child for child in node.children if any(model.ranks_in(child)))
    part = model.place_of(inside, 4)
    assert model.flags(part) & Qt.ItemFlag.ItemIsEditable
    assert not model.setData(part, "many")
    assert not model.setData(part, 1000)
    assert model.setData(part, 4)
    qtbot.waitUntil(lambda: 0 < looked(page) < before, timeout=LONG_MS)
    assert studio.recipe.layers.lora_ranks == {inside.name: 4}
    assert studio.recipe.layers.amount == "adapters"
    # The whole network's rank is that of all, and takes those of single layers back.
    assert model.setData(model.index(0, 4), 8)
    qtbot.waitUntil(lambda: studio.recipe.layers.lora_ranks == {}, timeout=LONG_MS)
    assert studio.recipe.layers.lora_rank == 8
    qtbot.mouseClick(page.amounts.button("head_only"), LEFT)
    qtbot.waitUntil(lambda: page.tree.isColumnHidden(4), timeout=LONG_MS)
