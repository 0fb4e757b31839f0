"""The Layers page by clicking: a choice sets the tree, the tree sets the choice."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QPushButton
from pytestqt.qtbot import QtBot

from finetune_studio.engine.probe import ModelLook
from finetune_studio.gui.pages.layers import LayersPage
from finetune_studio.gui.widgets.layer_tree import LayerItemModel
from tests.gui.pages.ready import LONG_MS

LEFT = Qt.MouseButton.LeftButton


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
        assert page.pacing.rates.form.isVisible() is expert
        assert studio.recipe.layers.amount == "custom"
    qtbot.mouseClick(page.amounts.button("everything"), LEFT)
    qtbot.waitUntil(lambda: looked(page) > 4_000_000, timeout=LONG_MS)
    qtbot.mouseClick(page.amounts.button("custom"), LEFT)
    qtbot.waitUntil(lambda: before < looked(page) < 4_000_000, timeout=LONG_MS)
    assert model.data(row(model, "conv1"), check) == Qt.CheckState.Checked
    assert page.rail_note().endswith("of 4.91 M")
    assert page.state() == "done"


def look(page: LayersPage) -> ModelLook:
    assert page._look is not None
    return page._look


def times_of(page: LayersPage) -> list[int]:
    return [bar.begins for bar in page.pacing.timeline.bars.bars]


def test_layers_wake_by_a_scheme_or_where_a_bar_is_dragged_to(
    page: LayersPage, qtbot: QtBot
) -> None:
    studio, card = page.studio, page.pacing.timeline
    studio.set_recipe({"layers.amount": "everything", "optimiser.epochs": 10})
    qtbot.waitUntil(lambda: times_of(page) == [1] * 6, timeout=LONG_MS)
    assert card.isVisible()
    card.schemes.setFocus()
    qtbot.keyClick(card.schemes, Qt.Key.Key_End)
    assert studio.recipe.layers.unfreezing == "top_down"
    assert times_of(page) == [1, 2, 3, 4, 5, 6]

    # A drag with the mouse: two epochs later; the recipe knows each part's epoch now.
    bars = card.bars
    start = bars.start_of(1) + QPoint(8, 0)
    end = start + QPoint(round(2 * bars._epoch_px()), 0)
    QTest.mousePress(bars, LEFT, pos=start)
    QTest.mouseMove(bars, end)
    QTest.mouseRelease(bars, LEFT, pos=end)
    assert times_of(page) == [1, 4, 3, 4, 5, 6]
    assert studio.recipe.layers.unfreeze_at["layer4"] == 4
    assert card.schemes.currentData() == "custom"
    model, tip = page.tree.layers, Qt.ItemDataRole.ToolTipRole
    assert "It learns from epoch 4 on." in model.data(row(model, "layer4"), tip)
    assert "from epoch 1 to epoch 6" in model.data(model.index(0, 0), tip)

    # Neither Simple and Expert nor another number of epochs loses a value.
    for expert in (True, False):
        studio.set_expert(expert)
        assert times_of(page) == [1, 4, 3, 4, 5, 6]
    studio.set_recipe({"optimiser.epochs": 5})
    qtbot.waitUntil(lambda: bars.epochs == 5, timeout=LONG_MS)
    assert times_of(page) == [1, 4, 3, 4, 5, 6]

    # Less is retrained, then more again: what was given is there still.
    qtbot.mouseClick(page.amounts.button("last_stage"), LEFT)
    qtbot.waitUntil(lambda: times_of(page) == [1, 4, 0], timeout=LONG_MS)
    qtbot.mouseClick(page.amounts.button("everything"), LEFT)
    qtbot.waitUntil(lambda: times_of(page) == [1, 4, 3, 4, 5, 6], timeout=LONG_MS)

    # Changes are taken back one after the other.
    bars.setFocus()
    qtbot.keyClick(bars, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert studio.recipe.layers.unfreezing == "top_down"
    undo = page.findChild(QPushButton, "undo_timeline")
    assert isinstance(undo, QPushButton)
    qtbot.mouseClick(undo, LEFT)
    assert times_of(page) == [1] * 6
    assert not undo.isVisible()


def test_memory_and_time_follow_the_timeline(page: LayersPage, qtbot: QtBot) -> None:
    studio = page.studio
    studio.set_recipe({"layers.amount": "everything", "optimiser.epochs": 10})
    qtbot.waitUntil(lambda: times_of(page) == [1] * 6, timeout=LONG_MS)
    whole = look(page).memory_mb
    assert look(page).first_memory_mb == whole
    studio.set_recipe({"layers.unfreezing": "head_then_all"})
    qtbot.waitUntil(lambda: look(page).first_memory_mb < 0.7 * whole, timeout=LONG_MS)
    assert look(page).memory_mb == whole
    assert page._memory._sentence.text().endswith("at first")
    # What begins after the end of the run takes nothing.
    studio.set_recipe({"layers.unfreeze_at": {"conv1": 90, "bn1": 90, "layer1": 90, "layer2": 90}})
    qtbot.waitUntil(lambda: look(page).memory_mb < whole, timeout=LONG_MS)
    assert times_of(page)[-1] == 90


def test_a_short_page_folds_the_bars_away(page: LayersPage, qtbot: QtBot) -> None:
    studio, card = page.studio, page.pacing.timeline
    studio.set_recipe({"layers.amount": "last_stage", "layers.unfreeze_at": {"layer4": 3}})
    qtbot.waitUntil(lambda: times_of(page) == [1, 3, 0], timeout=LONG_MS)
    page.resize(800, 500)
    assert card.folded
    assert "Stage 4 from epoch 3" in card.sentence
    fold = page.findChild(QPushButton, "fold_timeline")
    assert isinstance(fold, QPushButton)
    qtbot.mouseClick(fold, LEFT)
    assert card.bars.isVisible()
    page.resize(820, 500)
    assert not card.folded  # the user's own choice stays


def test_nothing_can_be_unfrozen_where_only_the_head_learns(page: LayersPage, qtbot: QtBot) -> None:
    studio, card = page.studio, page.pacing.timeline
    studio.set_recipe({"layers.amount": "head_only"})
    qtbot.waitUntil(lambda: times_of(page) == [1, 0], timeout=LONG_MS)
    assert not card.schemes.isVisible()
    assert card.sentence.startswith("Only the head learns")
    assert not page.pacing.rates.slower.isEnabled()
    studio.set_recipe({"optimiser.method": "solve"})
    assert "solved exactly" in card.sentence


def test_deeper_layers_learn_more_slowly_and_single_ones_as_told(
    page: LayersPage, qtbot: QtBot
) -> None:
    studio, rates, model = page.studio, page.pacing.rates, page.tree.layers
    studio.set_recipe({"layers.amount": "everything"})
    qtbot.waitUntil(lambda: times_of(page) == [1] * 6, timeout=LONG_MS)
    assert page.tree.isColumnHidden(5)  # all alike: nothing to see for everybody
    rates.slower.click()
    assert studio.recipe.layers.rate_decay == 0.38
    assert not page.tree.isColumnHidden(5)
    assert model.data(row(model, "layer4").siblingAtColumn(5)) == "×1"
    assert model.data(row(model, "layer3").siblingAtColumn(5)) == "×0.38"
    assert model.data(model.index(0, 5)) == "×0.02–1"
    assert "×0.021" in rates._sentence.text()
    rates.factor.setValue(0.5)
    assert model.data(row(model, "layer2").siblingAtColumn(5)) == "×0.25"

    # A rate of its own counts for all that lies in a module, until it is emptied.
    place = row(model, "layer2").siblingAtColumn(5)
    assert model.flags(place) & Qt.ItemFlag.ItemIsEditable
    assert not model.setData(place, "fast")
    assert not model.setData(place, 1000)
    assert model.setData(place, "0,8")
    assert studio.recipe.layers.rates == {"layer2": 0.8}
    inside = model.index(0, 5, row(model, "layer2"))
    assert model.data(inside) == "×0.8"
    assert model.setData(inside, 0.1)
    assert model.data(place) == "×0.1"  # the starter has one block a stage
    assert model.setData(place, "")
    assert studio.recipe.layers.rates == {}
    assert model.data(place) == "×0.25"
    # Off and on again keeps the factor; Simple and Expert change nothing.
    rates.slower.click()
    assert studio.recipe.layers.rate_decay == 1.0
    rates.slower.click()
    assert studio.recipe.layers.rate_decay == 0.5
    studio.set_expert(True)
    studio.set_expert(False)
    assert studio.recipe.layers.rate_decay == 0.5


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
    assert page.adapters.isHidden()
    studio.set_expert(True)
    assert not page.adapters.isHidden()
    box = page.adapters.form.editor("layers.dora")
    assert isinstance(box, QCheckBox)
    box.click()
    assert studio.recipe.layers.dora
    assert box.isChecked()
    box.click()
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
    assert page.adapters.isHidden()


def test_the_rail_counts_no_choice_of_before(page: LayersPage, qtbot: QtBot) -> None:
    """On the Train page a preset chooses other layers while this page is out of sight."""
    qtbot.waitUntil(lambda: " of " in page.rail_note(), timeout=LONG_MS)
    page.hide()
    assert page.studio.set_recipe({"layers.amount": "head_only"})
    assert page.rail_note() == "Head only"
    page.show()
    page.entered()
    qtbot.waitUntil(lambda: looked(page) == 1539, timeout=LONG_MS)
    assert page.rail_note().startswith("1.5 k of ")
