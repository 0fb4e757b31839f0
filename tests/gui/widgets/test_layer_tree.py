"""Boxes of the layer tree: up and down, by mouse and by keyboard, never the head."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from pytestqt.qtbot import QtBot

from finetune_studio.gui.widgets.layer_rates import Rates
from finetune_studio.gui.widgets.layer_tree import (
    LayerItemModel,
    LayerTree,
    called,
    opened,
    short,
    states,
)
from finetune_studio.models.node import LayerNode

ON, SOME, OFF = (
    Qt.CheckState.Checked,
    Qt.CheckState.PartiallyChecked,
    Qt.CheckState.Unchecked,
)
CHECK = Qt.ItemDataRole.CheckStateRole


def module(name: str, *children: LayerNode, own: int = 0, head: bool = False) -> LayerNode:
    return LayerNode(
        name,
        "Kind",
        "Class",
        (8, 4, 4),
        own,
        own + sum(child.parameters for child in children),
        name.count(".") + bool(name),
        children,
        is_head=head,
        tables=(("weight", own),) if own else (),
    )


@pytest.fixture
def network() -> LayerNode:
    blocks = [
        module(f"body.{n}", module(f"body.{n}.conv", own=100), module(f"body.{n}.norm", own=10))
        for n in range(4)
    ]
    return module(
        "",
        module("stem", own=50),
        module("pool"),
        module("body", *blocks),
        module("classifier", module("classifier.drop"), module("classifier.fc", own=20, head=True)),
    )


@pytest.fixture
def tree(qtbot: QtBot, network: LayerNode) -> LayerTree:
    made = LayerTree()
    qtbot.addWidget(made)
    made.resize(640, 600)
    made.show_network(network, "Tiny", "classifier.fc")
    made.set_names(["classifier.fc"])
    made.show()
    return made


def find(model: LayerItemModel, name: str, parent: QModelIndex | None = None) -> QModelIndex:
    parent = parent or QModelIndex()
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        node = model.node(index)
        if node is not None and node.name == name:
            return index
        below = find(model, name, index)
        if below.isValid():
            return below
    return QModelIndex()


def shown(tree: LayerTree) -> dict[str, Qt.CheckState]:
    names = ("", "stem", "body", "body.0", "body.1", "body.1.conv", "classifier", "classifier.fc")
    return {name: tree.layers.data(find(tree.layers, name), CHECK) for name in names}


def test_model_keeps_qts_rules(tree: LayerTree, qtmodeltester) -> None:
    qtmodeltester.check(tree.layers)
    tree.layers.set_network(None, "", "")
    assert tree.layers.rowCount() == 0
    qtmodeltester.check(tree.layers)


def test_states_go_up_and_down(network: LayerNode) -> None:
    found = states(network, ["body.1", "classifier.fc"])
    assert found == {
        "": SOME, "stem": OFF, "body": SOME, "body.0": OFF, "body.0.conv": OFF, "body.0.norm": OFF,
        "body.1": ON, "body.1.conv": ON, "body.1.norm": ON, "body.2": OFF, "body.2.conv": OFF,
        "body.2.norm": OFF, "body.3": OFF, "body.3.conv": OFF, "body.3.norm": OFF,
        "classifier": ON, "classifier.fc": ON,
    }  # fmt: skip
    assert states(network, ["body.1.norm.weight"])["body.1"] == SOME
    assert set(states(network, [""]).values()) == {ON}


def test_ticking_a_block_ticks_what_is_in_it_and_marks_what_is_above(tree: LayerTree) -> None:
    assert tree.layers.setData(find(tree.layers, "body.1"), ON, CHECK)
    assert shown(tree) == {
        "": SOME, "stem": OFF, "body": SOME, "body.0": OFF, "body.1": ON, "body.1.conv": ON,
        "classifier": ON, "classifier.fc": ON,
    }  # fmt: skip
    assert set(tree.layers.names) == {"body.1", "classifier"}


def test_a_part_of_a_ticked_block_can_be_cleared(tree: LayerTree) -> None:
    tree.layers.setData(find(tree.layers, "body"), ON, CHECK)
    tree.layers.setData(find(tree.layers, "body.1.conv"), OFF, CHECK)
    assert shown(tree)["body"] == SOME
    assert shown(tree)["body.1"] == SOME
    assert shown(tree)["body.0"] == ON


def test_ticking_all_parts_makes_the_whole(tree: LayerTree) -> None:
    for name in ("body.0", "body.1", "body.2", "body.3", "stem"):
        tree.layers.setData(find(tree.layers, name), ON, CHECK)
    assert shown(tree)[""] == ON
    assert set(tree.layers.names) == {"stem", "body", "classifier"}


def test_the_head_always_learns(tree: LayerTree) -> None:
    head = find(tree.layers, "classifier.fc")
    assert not tree.layers.flags(head) & Qt.ItemFlag.ItemIsUserCheckable
    assert not tree.layers.setData(head, OFF, CHECK)
    tree.layers.setData(find(tree.layers, ""), OFF, CHECK)
    assert tree.layers.names == ("classifier.fc",)
    assert shown(tree)["classifier.fc"] == ON


def test_what_holds_no_parameters_has_no_box(tree: LayerTree) -> None:
    pool = find(tree.layers, "pool")
    assert tree.layers.data(pool, CHECK) is None
    assert not tree.layers.flags(pool) & Qt.ItemFlag.ItemIsUserCheckable


def test_a_click_on_the_box_and_the_space_bar_say_what_learns(
    tree: LayerTree, qtbot: QtBot
) -> None:
    stem = find(tree.layers, "stem")
    box = tree.visualRect(stem)
    with qtbot.waitSignal(tree.names_changed) as said:
        qtbot.mouseClick(
            tree.viewport(),
            Qt.MouseButton.LeftButton,
            pos=QPoint(box.left() + 10, box.center().y()),
        )
    assert set(said.args[0]) == {"stem", "classifier"}
    tree.setCurrentIndex(stem)
    tree.setFocus()
    with qtbot.waitSignal(tree.names_changed) as said:
        qtbot.keyClick(tree, Qt.Key.Key_Space)
    assert said.args[0] == ("classifier",)


def test_a_half_filled_box_is_filled_first(tree: LayerTree, qtbot: QtBot) -> None:
    tree.layers.setData(find(tree.layers, "body.1"), ON, CHECK)
    tree.setCurrentIndex(find(tree.layers, "body"))
    tree.setFocus()
    qtbot.keyClick(tree, Qt.Key.Key_Space)
    assert shown(tree)["body"] == ON


def test_columns_say_type_shape_and_size(tree: LayerTree) -> None:
    body = find(tree.layers, "body")
    texts = [tree.layers.data(body.siblingAtColumn(column)) for column in range(4)]
    assert texts == ["body", "Kind", "8 × 4 × 4", "440"]
    tree.layers.set_expert(True)
    assert tree.layers.data(body.siblingAtColumn(1)) == "Class"
    assert tree.layers.data(find(tree.layers, "")) == "Tiny"
    assert tree.layers.data(find(tree.layers, "body.1")) == "body.1"
    assert tree.layers.data(find(tree.layers, "body.1.conv")) == "conv"


def test_opens_down_to_the_blocks(network: LayerNode) -> None:
    assert [node.name for node in opened(network)] == ["", "body", "classifier"]


def test_counts_read_well() -> None:
    assert [short(n) for n in (830, 12_810, 3_504_872)] == ["830", "12.8 k", "3.50 M"]
    assert short(1_235_810_000) == "1.24 B"


def test_layers_of_texts_are_called_by_their_number_in_plain_words() -> None:
    layer = replace(module("encoder.layer.2", own=5), kind="Encoder layer 3")
    assert called(layer) == "Layer 3"
    assert called(module("body.2", own=5)) == "body.2"
    assert called(module("body.2.conv", own=5)) == "conv"


def test_a_name_keeps_its_room_beside_the_columns_for_experts(tree: LayerTree) -> None:
    """At 1024 pixels the tree has about 350 of them, and two more columns left none for names."""
    tree.resize(370, 400)
    tree.show()
    tree.show_rates(Rates(), shown=True)
    tree.show_ranks({"": 16})
    assert tree.columnWidth(0) >= 110
    tree.resize(900, 400)
    assert not tree.isColumnHidden(3)


def test_a_type_makes_room_for_a_name_before_it_is_left_out(tree: LayerTree) -> None:
    """At 1440 pixels the tree has about 570 of them: types had 170, and names 105."""
    tree.resize(590, 400)
    tree.show()
    tree.show_rates(Rates(), shown=True)
    assert not tree.isColumnHidden(1)
    assert tree.columnWidth(0) >= 140


def test_a_language_models_own_last_layer_is_a_layer_like_others(qtbot, network: LayerNode) -> None:
    tree = LayerTree()
    qtbot.addWidget(tree)
    tree.show_network(network, "A model that writes", "")
    heard: list[tuple[str, ...]] = []
    tree.layers.names_changed.connect(heard.append)
    nodes = {node.name: node for node in network.walk()}
    place = tree.layers.place_of(nodes["body.3"])
    assert tree.layers.setData(place, ON, CHECK)
    assert heard == [("body.3",)]  # the last layer is not made to learn with it
    last = nodes["classifier.fc"]
    assert tree.layers.flags(tree.layers.place_of(last)) & Qt.ItemFlag.ItemIsUserCheckable
    assert tree.layers.place_of(last, 1).data() == "Its own last layer"
    tree.show_network(network, "A model that tells classes apart", "classifier.fc")
    assert tree.layers.place_of(last, 1).data() == "New head"
