"""The Layers page of a project with photos, with its model read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from finetune_studio.gui.pages.layers import LayersPage
from finetune_studio.gui.studio import Studio
from tests.gui.pages.ready import LONG_MS, with_photos


@pytest.fixture
def page(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Iterator[LayersPage]:
    """Return the page as it is when the user has entered it."""
    with_photos(studio, qtbot, tmp_path)
    made = LayersPage(studio)
    qtbot.addWidget(made)
    made.resize(1100, 700)
    made.show()
    made.entered()
    qtbot.waitUntil(lambda: made.tree.layers.rowCount() == 1, timeout=LONG_MS)
    yield made
    studio.shutdown()  # before the page goes, as when the window closes
