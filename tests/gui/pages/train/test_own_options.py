"""The settings of a task appear as a form, are written into the recipe, and go with the task."""

from __future__ import annotations

from PySide6.QtWidgets import QSpinBox

from finetune_studio.gui.pages.train.own_options import OwnOptions


def test_the_longest_text_is_chosen_in_the_window(studio, tmp_path, qtbot):
    card = OwnOptions(studio)
    qtbot.addWidget(card)
    assert card.isHidden()
    studio.set_expert(True)
    studio.new_project(tmp_path / "p", "text_classification", "Texts")
    qtbot.waitUntil(lambda: card.form is not None, timeout=60_000)
    assert not card.isHidden()
    box = card.findChild(QSpinBox, "field_options.max_length")
    assert box.value() == 256
    with qtbot.waitSignal(studio.recipe_changed):
        box.setValue(128)
    assert studio.recipe.options == {"max_length": 128}
    studio.set_expert(False)
    assert card.isHidden()  # a number that experts ask for
    studio.close_project()
    assert card.form is None
