"""The gauge on the Model page: measured by a click, kept, and forgotten with other data."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from finetune_studio.gui.pages.shift_card import SHIFT, ShiftCard
from finetune_studio.gui.pages.train.reasons import Reasons
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.gauge import Gauge
from tests.gui.pages.ready import LONG_MS, with_photos


def test_a_number_lies_in_a_named_stretch(qtbot: QtBot) -> None:
    gauge = Gauge(("near", "some way off", "far"), (0.3, 0.6))
    qtbot.addWidget(gauge)
    for value, name in ((0.0, "near"), (0.3, "some way off"), (0.59, "some way off"), (7, "far")):
        gauge.set_value(value)
        assert gauge.stretch() == name
        assert name in gauge.accessibleDescription()
    gauge.set_value(None)
    assert gauge.stretch() == ""


def test_a_click_measures_and_the_sentence_stands_with_the_preset(
    studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    with_photos(studio, qtbot, tmp_path)
    reasons, card = Reasons(), ShiftCard(studio)
    for widget in (reasons, card):
        qtbot.addWidget(widget)
    card.show()
    card.ask()
    reasons.follow(studio)
    qtbot.waitUntil(lambda: reasons.text().startswith("21 photos:"), timeout=LONG_MS)
    assert card.gauge.isHidden()
    qtbot.mouseClick(card.button, Qt.MouseButton.LeftButton)
    assert SHIFT in studio.jobs
    qtbot.waitUntil(lambda: not card.gauge.isHidden() and not studio.busy, timeout=LONG_MS)
    assert card.button.isHidden()
    assert "the photos that the model knows" in card.text.text()
    assert card.advice.text()
    qtbot.waitUntil(lambda: "what the model knows" in reasons.text(), timeout=LONG_MS)
    assert studio.project is not None
    assert studio.do_edit(lambda: studio.project.dataset.exclude([1]))  # other data
    qtbot.waitUntil(lambda: not studio.asking and card.gauge.isHidden(), timeout=LONG_MS)
    assert card.button.isVisible()
    studio.shutdown()
