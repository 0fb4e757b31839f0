"""The line at the top says where networks run, and why where there is room."""

from __future__ import annotations

from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from finetune_studio.gui.widgets.header import Header

WHY = "CPU, 2 cores: the graphics driver is 470, 525 is needed"


def shown(qtbot: QtBot, width: int) -> Header:
    menu = QMenu()
    header = Header(menu)
    menu.setParent(header)
    qtbot.addWidget(header)
    header.resize(width, header.height())
    header.show()
    header.show_offline(offline=True)
    return header


def test_the_reason_is_in_the_text_at_wide_windows_and_always_on_hover(qtbot: QtBot) -> None:
    header = shown(qtbot, 700)
    header.show_device("cpu", WHY, 21.4)
    assert header.device.text().startswith("CPU · ")
    assert header.device.text().endswith(" GB free")
    assert header.device.toolTip() == "The graphics driver is 470, 525 is needed."
    header.resize(1600, header.height())
    assert header.device.text().endswith("21 GB free · the graphics driver is 470, 525 is needed")
    assert header.device.toolTip() == "The graphics driver is 470, 525 is needed."
    header.resize(700, header.height())
    assert header.device.text().endswith("21 GB free")


def test_little_memory_is_said_exactly_and_a_card_by_its_name(qtbot: QtBot) -> None:
    header = shown(qtbot, 1600)
    header.show_device("cuda", "NVIDIA H100", 9.84)
    assert header.device.text() == "GPU · NVIDIA H100 · 9.8 GB free"
    header.show_device("", "", None)
    assert header.device.text().endswith(" cores")
