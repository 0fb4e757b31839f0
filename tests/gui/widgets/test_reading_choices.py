"""How data are read: drop-downs that tell a choice once, and ask for a file elsewhere."""

from __future__ import annotations

import pytest

from finetune_studio.gui.widgets.reading_choices import Choice, ReadingChoices

ENCODING = Choice("encoding", "Encoding", (("", "UTF-8 · recognised"), ("cp1250", "Central")))
NAMES = Choice("labels_path", "Names of labels", (("", "As they stand"),), elsewhere="Another…")


@pytest.fixture
def choices(qtbot) -> ReadingChoices:
    made = ReadingChoices()
    qtbot.addWidget(made)
    made.show_choices([ENCODING, NAMES])
    made.show()
    return made


def pick(choices: ReadingChoices, name: str, text: str) -> None:
    box = choices.box(name)
    box.setCurrentIndex(box.findText(text))
    box.activated.emit(box.currentIndex())


def test_a_choice_is_told(choices, qtbot):
    with qtbot.waitSignal(choices.chosen) as heard:
        pick(choices, "encoding", "Central")
    assert heard.args == ["encoding", "cp1250"]
    with qtbot.assertNotEmitted(choices.chosen):
        pick(choices, "encoding", "UTF-8 · recognised")  # what is set already


def test_what_lies_elsewhere_is_asked_for_and_not_yet_chosen(choices, qtbot):
    with qtbot.waitSignal(choices.file_wanted) as heard, qtbot.assertNotEmitted(choices.chosen):
        pick(choices, "labels_path", "Another…")
    assert heard.args == ["labels_path"]
    assert choices.box("labels_path").currentText() == "As they stand"


def test_drop_downs_stay_while_only_values_change(choices):
    before = choices.box("encoding")
    choices.show_choices([Choice("encoding", "Encoding", ENCODING.options, "cp1250"), NAMES])
    assert choices.box("encoding") is before
    assert before.currentText() == "Central"
    choices.show_choices([Choice("encoding", "Encoding", ENCODING.options, "utf-7")])
    assert choices.box("encoding").currentText() == "utf-7"  # one that a recipe file brought
    choices.show_choices([])
    assert choices.isHidden()


def test_names_of_files_are_no_rich_text(choices):
    choices.show_choices([Choice("labels_path", "Names", (("", "<b>labels</b>.csv"),))])
    assert "<b>" not in choices.box("labels_path").toolTip()
