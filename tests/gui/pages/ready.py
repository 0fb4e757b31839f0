"""A studio with a small project whose data are read, for tests of the pages after Data."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pytestqt.qtbot import QtBot

from finetune_studio.gui.studio import IMPORT, Studio, work
from tests import tiny

LONG_MS = 60_000


def with_photos(studio: Studio, qtbot: QtBot, folder: Path) -> Studio:
    data = tiny.image_classification(folder / "photos", classes=3, per_class=10)
    assert studio.new_project(folder / "project", "image_classification", "Shapes")
    assert studio.project is not None
    studio.set_recipe({"data.path": str(data)})
    studio.start(IMPORT, partial(work.import_data, studio.project, studio.recipe))
    qtbot.waitUntil(lambda: not studio.jobs, timeout=LONG_MS)
    studio.data_changed.emit()
    assert studio.project.dataset.split_counts()["train"] > 0
    return studio
