"""The table of models: in the order in which they are offered, or sorted; one is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.model_card import ModelCard
from finetune_studio.gui.widgets.model_table import ModelRow, ModelsItemModel, ModelTable

STARTER = ModelRow(
    "starter", "Studio starter", "A good first try.", 0, 9.4, 4_900_000, 128, "Apache-2.0",
    "CIFAR-10", local=True, inside=True,
)  # fmt: skip
RESNET = ModelRow(
    "resnet18", "ResNet-18", "A classic.", 1, 44.7, 11_689_512, 224, "BSD", "ImageNet", local=False
)
MOBILE = ModelRow(
    "mobilenet_v2", "MobileNetV2", "For phones.", 2, 13.6, 3_504_872, 224, "BSD", "ImageNet",
    local=True,
)  # fmt: skip


@pytest.fixture
def table(qtbot: QtBot) -> ModelTable:
    made = ModelTable()
    qtbot.addWidget(made)
    made.resize(900, 300)
    made.set_rows([STARTER, RESNET, MOBILE], "starter")
    made.show()
    return made


def test_model_keeps_qts_rules(qtmodeltester) -> None:
    model = ModelsItemModel()
    model.set_rows([STARTER, RESNET, MOBILE])
    qtmodeltester.check(model)


def test_is_offered_in_its_order_and_sorted_by_a_click(table: ModelTable, qtbot: QtBot) -> None:
    assert table.titles() == ["Studio starter", "ResNet-18", "MobileNetV2"]
    header = table.horizontalHeader()
    for column, wanted in (
        (1, ["MobileNetV2", "Studio starter", "ResNet-18"]),
        (3, ["Studio starter", "MobileNetV2", "ResNet-18"]),
        (6, ["Studio starter", "MobileNetV2", "ResNet-18"]),
    ):
        at = header.sectionViewportPosition(column) + header.sectionSize(column) // 2
        place = header.viewport().rect().center()
        place.setX(at)
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert table.titles() == wanted, column
    row = table.chosen()
    assert row is not None
    assert row.source == "starter"


def test_a_click_chooses(table: ModelTable, qtbot: QtBot) -> None:
    place = table.visualRect(table.model().index(1, 0)).center()
    with qtbot.waitSignal(table.model_chosen) as said:
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert said.args == [RESNET]


def test_new_rows_keep_the_choice_without_saying_so(table: ModelTable, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(table.model_chosen):
        table.set_rows([STARTER, RESNET], "resnet18")
    assert table.chosen() == RESNET


def test_the_card_says_why_nothing_can_be_downloaded(qtbot: QtBot) -> None:
    card = ModelCard()
    qtbot.addWidget(card)
    card.show()
    card.show_model(RESNET)
    assert card.facts()["where"] == "To download"
    card.show_download(needed=True, offline=True)
    assert not card.download.isEnabled()
    assert "offline" in card.told
    with qtbot.waitSignal(card.settings_wanted):
        qtbot.mouseClick(card.settings, Qt.MouseButton.LeftButton)
    card.show_download(needed=True, offline=False)
    with qtbot.waitSignal(card.download_wanted):
        qtbot.mouseClick(card.download, Qt.MouseButton.LeftButton)
    card.show_download(needed=True, offline=False, share=0.5, text="20 of 40 MB")
    assert card.told == "20 of 40 MB"
    with qtbot.waitSignal(card.cancel_wanted):
        qtbot.mouseClick(card.cancel, Qt.MouseButton.LeftButton)
    card.show_model(STARTER)
    card.show_download(needed=False, offline=True)
    assert not card.download.isVisible()


def shown_columns(table: ModelTable) -> list[str]:
    header = table.horizontalHeader()
    return [
        str(table.model().headerData(n, Qt.Orientation.Horizontal))
        for n in range(header.count())
        if not header.isSectionHidden(n)
    ]


def test_licence_and_memory_stand_in_the_rows_where_there_is_room(table: ModelTable) -> None:
    writer = ModelRow(
        "writer", "A model that writes", "Writes.", 0, 2357.0, 1_235_810_000, 0,
        "Llama 3.2 Community License", "texts", local=False, tokens=131_072, full_mb=18_900,
        adapters_mb=4_800,
    )  # fmt: skip
    table.set_rows([writer], "writer")
    table.resize(1200, 300)
    all_titles = ["Model", "Parameters", "Reads", "Size", "Memory", "Licence", "Where"]
    assert shown_columns(table) == all_titles
    said = {t: table.model().index(0, n).data() for n, t in enumerate(all_titles)}
    assert (said["Memory"], said["Licence"]) == ("18.5 GB", "Llama 3.2")
    assert said["Parameters"] == "1.24 B"
    tip = table.model().index(0, 4).data(Qt.ItemDataRole.ToolTipRole)
    assert "with adapters (LoRA) 4.7 GB" in tip
    narrower = []
    for width in (660, 420, 300):
        table.resize(width, 300)
        narrower.append(shown_columns(table))
        assert table.columnWidth(0) >= 100
    assert narrower[0][-3:] == ["Memory", "Licence", "Where"]
    assert [len(titles) for titles in narrower] == sorted(map(len, narrower), reverse=True)
    assert {"Model", "Size", "Where"} <= set(narrower[-1])
    table.set_rows([STARTER], "starter")
    table.resize(1200, 300)
    assert "Memory" not in shown_columns(table)  # of pictures it is estimated for the one chosen


def test_a_name_keeps_its_room_after_a_narrow_window(table: ModelTable, qtbot: QtBot) -> None:
    """The headings of columns that were left out counted as nothing, so that all came back."""
    rows = [replace(row, full_mb=347, adapters_mb=90, tokens=512) for row in (STARTER, RESNET)]
    table.set_rows(rows, "starter")
    header = table.horizontalHeader()
    for wide in range(434, 900, 8):
        table.resize(434, 300)
        table.resize(wide, 300)
        qtbot.wait(1)
        assert header.sectionSize(0) >= theme.px(170), wide
