"""A bar that is dragged on the Layers page decides in which epoch of the next run a stage begins to learn."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from finetune_studio.core.project import Project
from finetune_studio.core.watching import Heated
from finetune_studio.gui.pages.layers import LayersPage
from finetune_studio.gui.widgets.layer_items import RATE
from tests.gui.pages.ready import LONG_MS

LEFT = Qt.MouseButton.LeftButton
EPOCHS = 4


def begins(page: LayersPage) -> dict[str, int]:
    return {bar.title: bar.begins for bar in page.pacing.timeline.bars.bars}


def drag(page: LayersPage, title: str, epochs: int) -> None:
    """Drag a bar with the mouse, in several moves as a hand does."""
    bars = page.pacing.timeline.bars
    row = list(begins(page)).index(title)
    start = bars.start_of(row) + QPoint(8, 0)
    end = start + QPoint(round(epochs * bars._epoch_px()), 3)
    QTest.mousePress(bars, LEFT, pos=start)
    for part in (0.3, 0.6, 1.0):
        QTest.mouseMove(bars, start + (end - start) * part)
    QTest.mouseRelease(bars, LEFT, pos=end)


def test_what_is_dragged_is_saved_and_learns_in_that_epoch(page: LayersPage, qtbot: QtBot) -> None:
    studio = page.studio
    studio.set_recipe(
        {
            "layers.amount": "everything",
            "optimiser.epochs": EPOCHS,
            "augment.strength": "none",
            "stop.early": False,
        }
    )
    qtbot.waitUntil(lambda: len(begins(page)) == 6, timeout=LONG_MS)
    drag(page, "Stage 4", 2)  # by mouse: from epoch 1 to 3
    bars = page.pacing.timeline.bars
    bars.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right):  # by keyboard: Stage 3 from epoch 1 to 2
        qtbot.keyClick(bars, key)
    for title in ("Stage 2", "Stage 1", "Stem"):
        drag(page, title, EPOCHS - 1)
    wanted = {"Head": 1, "Stage 4": 3, "Stage 3": 2, "Stage 2": 4, "Stage 1": 4, "Stem": 4}
    assert begins(page) == wanted
    model = page.tree.layers
    root = model.index(0, 0)
    names = [model.data(model.index(place, 0, root)) for place in range(model.rowCount(root))]
    assert model.setData(model.index(names.index("layer3"), RATE, root), "0.25")

    studio.start_training()
    qtbot.waitUntil(lambda: not studio.training, timeout=LONG_MS)
    heats = [event for event in studio.run_events if isinstance(event, Heated)]
    learns: dict[str, int] = {}
    for heat in heats:
        for row in heat.rows:
            if row["learn"]:
                learns.setdefault(row["stage"], round(heat.epoch))
    assert learns == wanted
    # What slept has not moved; what woke has, from its own epoch on.
    moved = {
        (row["stage"], round(heat.epoch)): row["drift"] or 0.0
        for heat in heats
        for row in heat.rows
        if row["stage"] != "Head" and row["size"]
    }
    assert all((drift > 0) == (at >= wanted[stage]) for (stage, at), drift in moved.items())

    folder = studio.project.folder if studio.project is not None else Path()
    studio.shutdown()
    with Project(folder) as again:  # another day
        kept = again.recipe().layers
    assert kept.unfreeze_at["layer4"] == 3
    assert kept.unfreeze_at["layer3"] == 2
    assert kept.rates == {"layer3": 0.25}
