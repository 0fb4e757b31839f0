"""Every choice of the recipe can be made in the window: each control is used, and the recipe follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from finetune_studio.core.recipe import fields, plainly
from finetune_studio.gui.page import Page
from finetune_studio.gui.pages.layers import LayersPage
from finetune_studio.gui.pages.train import TrainPage
from finetune_studio.gui.pages.train.choices import value_of
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.layer_items import RANK, RATE
from finetune_studio.gui.widgets.names_field import NamesField
from tests.gui.pages.ready import LONG_MS, with_photos

_DROPPED = "chosen where data are dropped, from what is found in them: tests/gui/pages/data"
PLUMBING = {
    "task": "chosen with a new project, and fixed from then on: tests/gui/test_first_steps.py",
    **{name: _DROPPED for name in fields() if name.startswith("data.")},
    "model.source": "a row, a file or a folder of the Model page: tests/gui/pages/test_model.py",
    "model.architecture": "asked for where a weights file is not recognised: the same",
    "options": "a form of its own for each task: tests/gui/pages/train/test_own_options.py",
}


@dataclass
class Window:
    """The pages with the controls of a run, at Expert."""

    studio: Studio
    layers: LayersPage
    train: TrainPage
    qtbot: QtBot

    def find(self, name: str, kind: type[QWidget] = QWidget) -> Any:
        """Return the control of a name that the user can see."""
        pages: tuple[Page, ...] = (self.train, self.layers)
        for page in pages:
            for found in page.findChildren(kind, name):
                if found.isVisibleTo(page):
                    return found
        return None

    def row(self, name: str, column: int = 0) -> QModelIndex:
        """Return a layer's place in the tree."""
        model = self.layers.tree.layers
        root = model.index(0, 0)
        found = (model.index(place, 0, root) for place in range(model.rowCount(root)))
        return next(i for i in found if model.data(i) == name).siblingAtColumn(column)

    def choose(self, amount: str) -> None:
        """Choose how much to retrain, and wait until the pages show it."""
        self.find(f"choice_{amount}", QPushButton).click()
        self.settle()

    def settle(self) -> None:
        """Wait until the model was looked at for the choices of now."""
        self.wait(lambda: self.layers._looked_at == self.studio.recipe.layers)

    def wait(self, found: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(found, timeout=LONG_MS)


@pytest.fixture
def window(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Iterator[Window]:
    with_photos(studio, qtbot, tmp_path)
    studio.set_expert(True)
    layers, train = LayersPage(studio), TrainPage(studio)
    for page in (layers, train):
        qtbot.addWidget(page)
        page.resize(1100, 700)
    layers.show()
    layers.entered()
    qtbot.waitUntil(lambda: layers.tree.layers.rowCount() == 1, timeout=LONG_MS)
    yield Window(studio, layers, train, qtbot)
    studio.shutdown()


def use_field(editor: QWidget) -> None:
    """Change a field of a form, as a user does."""
    match editor:
        case QCheckBox():
            editor.click()
        case QComboBox():
            other = (editor.currentIndex() + 1) % editor.count()
            editor.setCurrentIndex(other)
            editor.activated.emit(other)
        case QSpinBox():
            editor.setValue(editor.value() + 1)
        case QLineEdit():
            editor.setText(
                "knew.csv" if not editor.text() else f"{0.37 * float(editor.text()) + 0.1:g}"
            )
            editor.editingFinished.emit()


def tick_layer(window: Window) -> None:
    window.choose("everything")
    model = window.layers.tree.layers
    check = Qt.ItemDataRole.CheckStateRole
    assert model.setData(window.row("layer1"), Qt.CheckState.Unchecked, check)


def move_bar(window: Window) -> None:
    window.choose("everything")
    bars = window.layers.pacing.timeline.bars
    bars.setFocus()
    window.qtbot.keyClick(bars, Qt.Key.Key_Right)
    window.qtbot.keyClick(bars, Qt.Key.Key_Right)


def give_rate(window: Window) -> None:
    window.choose("everything")
    assert window.layers.tree.layers.setData(window.row("layer3", RATE), 0.5)


def give_rank(window: Window, place: Callable[[], QModelIndex]) -> None:
    window.choose("adapters")
    window.wait(lambda: bool(window.layers.tree.layers.ranks_in(window.layers._look.root)))  # type: ignore[union-attr]
    assert window.layers.tree.layers.setData(place(), 3)


def name_layers(window: Window) -> None:
    window.choose("adapters")
    field = window.layers.adapters.layers
    assert isinstance(field, NamesField)
    assert field.isVisible()
    next(a for a in field.offer.menu().actions() if a.text().startswith("Stage 4")).trigger()


OWN: dict[str, Callable[[Window], None]] = {
    "preset": lambda w: w.find("choice_best", QPushButton).click(),
    "layers.amount": lambda w: w.choose("everything"),
    "layers.trainable": tick_layer,
    "layers.unfreeze_at": move_bar,
    "layers.rates": give_rate,
    "layers.lora_rank": lambda w: give_rank(w, lambda: w.layers.tree.layers.index(0, RANK)),
    "layers.lora_ranks": lambda w: give_rank(w, lambda: w.row("layer4", RANK)),
    "layers.lora_layers": name_layers,
    "search.over": lambda w: w.find("over_depth", QCheckBox).click(),
}
NEEDS_ADAPTERS = ("layers.lora_alpha", "layers.lora_dropout", "layers.dora", "layers.lora_4bit")


def test_each_choice_is_made_by_a_control(window: Window) -> None:
    studio = window.studio
    start = studio.recipe
    missing, idle = [], []
    for name in fields():
        if name in PLUMBING:
            continue
        before = value_of(start, name)
        if name in OWN:
            OWN[name](window)
        else:
            if name in NEEDS_ADAPTERS:
                window.choose("adapters")
            editor = window.find(f"field_{name}")
            if editor is None:
                missing.append(name)
                continue
            use_field(editor)
        if value_of(studio.recipe, name) == before:
            idle.append(name)
        studio.use_recipe(start)
        window.settle()
    assert not missing
    assert not idle


def test_only_plumbing_has_no_control() -> None:
    assert not set(PLUMBING) & set(plainly.practices())
    assert set(PLUMBING) | set(OWN) <= set(fields())


def test_adapters_lie_where_they_are_told(window: Window) -> None:
    name_layers(window)
    studio, card = window.studio, window.layers.adapters
    assert studio.recipe.layers.lora_layers == ["layer4"]
    window.wait(lambda: card.placed.text().startswith("3 of "))
    assert set(window.layers._look.adapters["ranks"]) == {  # type: ignore[union-attr,index]
        "layer4.0.conv1",
        "layer4.0.conv2",
        "layer4.0.downsample.0",
    }
    # A name that fits no layer is refused in words, and can be mended where it was typed.
    card.layers.line.setText("layer4, query")
    card.layers.line.editingFinished.emit()
    window.wait(lambda: "names 'query'" in window.layers.blocked())
    assert card.layers.isVisible()
    card.layers.line.setText("")
    card.layers.line.editingFinished.emit()
    window.wait(lambda: not window.layers.blocked())
    assert studio.recipe.layers.lora_layers == []
