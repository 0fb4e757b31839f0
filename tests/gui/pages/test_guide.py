"""The guide page: other pages link into it by name."""

from __future__ import annotations

from finetune_studio.gui.pages.guide import GuidePage


def test_a_part_is_shown_by_its_name(studio, qtbot):
    page = GuidePage(studio)
    qtbot.addWidget(page)
    assert "What fine-tuning is" in page._reader.toPlainText()
    page.show_inside("overfitting")
    assert page._reader.toPlainText().startswith("Overfitting")
    assert page._list.currentItem().text() == "Overfitting"
    page.show_inside("no such part")
    assert page._reader.toPlainText().startswith("Overfitting")
