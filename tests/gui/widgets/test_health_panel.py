"""The health panel: order, words, remedies and progress."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QPushButton

from finetune_studio.core.events import Finding
from finetune_studio.gui.widgets.health_panel import HealthPanel, parted

FINE = Finding("broken", 0, "ok", "All 3,781 files can be read.")
COPIES = Finding(
    "duplicates",
    12,
    "warning",
    "12 pictures are copies. They teach nothing new.",
    "Exclude the <b>copies</b>",
    ids=[1, 2],
    edits=[{"action": "exclude", "ids": [2]}],
)
LEAK = Finding("leakage", 3, "bad", "3 pictures straddle the split.", ids=[5, 6, 7])


@pytest.fixture
def panel(qtbot) -> HealthPanel:
    made = HealthPanel()
    qtbot.addWidget(made)
    made.resize(260, 500)
    made.show()
    return made


def boxes(panel: HealthPanel) -> list[str]:
    found = [f for f in panel.findChildren(QFrame) if f.property("level") and not f.isHidden()]
    return [str(frame.property("level")) for frame in found]


def test_the_gravest_comes_first_and_fine_ones_stand_together(panel, qtbot):
    panel.show_findings([FINE, COPIES, LEAK, FINE])
    qtbot.waitUntil(lambda: boxes(panel) == ["bad", "warning", "ok"])
    labels = panel.findChildren(QLabel)
    assert len(labels) > 5
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)


def test_a_remedy_is_offered_only_where_it_can_be_carried_out(panel, qtbot):
    panel.show_findings([COPIES, LEAK])
    remedies = panel.findChildren(QPushButton, "remedy")
    assert [button.accessibleName() for button in remedies] == ["Exclude the <b>copies</b>"]
    with qtbot.waitSignal(panel.remedy_wanted) as heard:
        qtbot.mouseClick(remedies[0], Qt.MouseButton.LeftButton)
    assert heard.args == [COPIES]


def test_a_remedy_is_offered_once_until_the_data_were_checked_again(panel, qtbot):
    panel.show_findings([COPIES, LEAK])
    heard = []
    panel.remedy_wanted.connect(heard.append)
    qtbot.mouseClick(panel.findChildren(QPushButton, "remedy")[0], Qt.MouseButton.LeftButton)
    panel.show_findings([COPIES, LEAK], stale=True)  # the same findings: nothing was checked since
    button = panel.findChildren(QPushButton, "remedy")[-1]
    assert button.accessibleName() == "Done: Exclude the <b>copies</b>"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard == [COPIES]
    panel.show_findings([replace(COPIES), LEAK])  # found again, as after an undo
    button = panel.findChildren(QPushButton, "remedy")[-1]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(heard) == 2


def test_the_samples_of_a_finding_can_be_shown(panel, qtbot):
    panel.show_findings([LEAK])
    (button,) = panel.findChildren(QPushButton, "show")
    assert button.text() == "Show 3"
    with qtbot.waitSignal(panel.show_wanted) as heard:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard.args == [LEAK]


def test_a_check_can_be_begun_and_stopped(panel, qtbot):
    assert panel.check_button.text() == "Check the data"
    with qtbot.waitSignal(panel.check_wanted):
        qtbot.mouseClick(panel.check_button, Qt.MouseButton.LeftButton)
    panel.show_progress("Opening every file", 0.25)
    with qtbot.waitSignal(panel.stop_wanted):
        qtbot.mouseClick(panel.check_button, Qt.MouseButton.LeftButton)
    panel.show_findings([FINE], stale=True)
    assert panel.check_button.text() == "Check again"


def test_bold_is_short():
    assert parted("Two words. And more.") == ("Two words.", "And more.")
    assert parted("All fine.") == ("All fine.", "")
    long = "x" * 60 + " (26 sets with " + "y" * 60 + "). Mend them (all)."
    assert parted(long) == ("x" * 60 + ".", "26 sets with " + "y" * 60 + ". Mend them (all).")
    told = "skirt has 7.1 times fewer samples than t-shirt, so a model " + "overlooks it " * 9
    first, rest = parted(told)
    assert first == "skirt has 7.1 times fewer samples than t-shirt."
    assert rest.startswith("So a model")
    assert parted("word" * 50) == ("", "word" * 50)


def test_a_bracket_within_a_message_stays_whole():
    told = (
        "2 samples of 300 cannot be used and will be left out (2 like a.csv: the cell in"
        " 'Text (free)' is empty). Mend the data and import them again, or exclude these samples."
    )
    first, rest = parted(told)
    assert first == "2 samples of 300 cannot be used and will be left out."
    assert rest.startswith("2 like a.csv: the cell in 'Text (free)' is empty. Mend the data")


def test_the_name_of_a_file_stays_as_it_is_written():
    told = "1 text of 39 cannot be used and will be left out (ragged.csv, row 6: " + "x" * 60 + ")."
    assert parted(told)[1].startswith("ragged.csv, row 6: x")
