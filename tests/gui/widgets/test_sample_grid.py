"""The grid: where tiles lie, what is selected, and that a hundred thousand cost no more than ten."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from finetune_studio.core.dataset import Sample
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.sample_grid import SampleGrid, SampleItemModel
from finetune_studio.gui.widgets.sample_grid.places import GAP, fitted
from finetune_studio.gui.widgets.sample_grid.tiles import cut


def samples(count: int, folder: str = "/nowhere") -> list[Sample]:
    return [Sample(n, f"{folder}/{n}.png", f"class {n % 3}", n % 3, "train") for n in range(count)]


@pytest.fixture
def thumbnails(qapp):
    made = Thumbnails()
    yield made
    made.shutdown()


@pytest.fixture
def grid(qtbot, thumbnails) -> SampleGrid:
    view = SampleGrid(thumbnails)
    qtbot.addWidget(view)
    view.resize(460, 400)
    view.show()
    qtbot.waitExposed(view)
    return view


def test_the_item_model_keeps_qts_rules(qtmodeltester, qapp):
    items = SampleItemModel()
    items.set_samples(samples(7))
    qtmodeltester.check(items, force_py=True)
    assert items.data(items.index(4)) == "class 1"
    assert items.data(items.index(4), Qt.ItemDataRole.AccessibleTextRole) == "class 1, 4.png"
    items.set_samples([Sample(0, "/x.png", None, None, "train")])
    assert items.data(items.index(0)) == "no label"


def test_columns_share_the_width_and_no_tiles_overlap():
    places = fitted(count=10, width=460, wish=128, caption=24)
    assert places.columns == 3
    first, second, fourth = places.box(0), places.box(1), places.box(3)
    assert second.left() - first.right() - 1 == GAP
    assert fourth.left() == first.left()
    assert fourth.top() > first.bottom()
    assert places.box(2).right() <= 460
    assert places.height == 4 * places.line
    assert [
        places.at(places.box(n).center().x(), places.box(n).center().y()) for n in range(10)
    ] == [*range(10)]
    assert places.at(460, 10) == -1
    assert list(places.within(places.line, 2 * places.line - 1)) == [3, 4, 5]


def test_a_few_pictures_are_not_blown_up():
    assert fitted(count=2, width=1200, wish=128, caption=24).side == 128


def test_a_click_chooses_and_shift_selects_everything_between(grid, qtbot):
    grid.show_samples(samples(30))
    with qtbot.waitSignal(grid.chosen) as heard:
        click(grid, 1)
    assert heard.args == [1]
    click(grid, 5, Qt.KeyboardModifier.ShiftModifier)
    assert grid.selected_ids() == [1, 2, 3, 4, 5]
    assert grid.current_id() == 5
    click(grid, 3, Qt.KeyboardModifier.ControlModifier)
    assert grid.selected_ids() == [1, 2, 4, 5]


def test_arrow_keys_walk_and_shift_extends(grid, qtbot):
    grid.show_samples(samples(30))
    click(grid, 0)
    columns = grid._places.columns
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    qtbot.keyClick(grid, Qt.Key.Key_Down)
    assert grid.current_id() == 1 + columns
    qtbot.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert grid.selected_ids() == [1 + columns, 2 + columns]
    qtbot.keyClick(grid, Qt.Key.Key_End)
    assert grid.current_id() == 29
    assert grid.visualRect(grid.currentIndex()).bottom() <= grid.viewport().height()
    qtbot.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(grid.selected_ids()) == 30


def test_dragging_over_empty_ground_selects_what_it_touches(grid, qtbot):
    grid.show_samples(samples(2))
    view, first = grid.viewport(), grid.visualRect(grid.model().index(0, 0))
    corner = QPoint(first.left() + 5, first.bottom() + 30)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=corner)
    for step in (10, 20, 60):
        QTest.mouseMove(view, corner + QPoint(step, -step))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=corner + QPoint(60, -60))
    assert grid.selected_ids() == [0]


def test_what_was_selected_stays_so_when_others_are_shown(grid):
    everything = samples(30)
    grid.show_samples(everything)
    grid.choose(4)
    grid.show_samples([s for s in everything if s.label == "class 1"])
    assert grid.current_id() == 4
    assert grid.selected_ids() == [4]
    grid.show_samples([s for s in everything if s.label == "class 2"])
    assert grid.current_id() == -1
    assert grid.selected_ids() == []


def test_zoom_keeps_what_is_on_top(grid):
    grid.show_samples(samples(300))
    grid.verticalScrollBar().setValue(grid._places.box(90).top())
    columns = grid._places.columns
    grid.set_zoom(90)
    assert grid._places.columns > columns
    top = grid._places.first_at(grid.verticalOffset())
    assert abs(top - 90) < 2 * grid._places.columns


def test_a_hundred_thousand_are_not_laid_out_or_read(grid, thumbnails, monkeypatch):
    wished: set[str] = set()
    monkeypatch.setattr(thumbnails, "get", lambda path, _: wished.add(path))
    grid.show_samples(samples(100_000))
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    wished.clear()
    grid.viewport().repaint()
    assert "/nowhere/99999.png" in wished
    assert len(wished) < 60


def test_pictures_come_in_and_are_cut_square(grid, qtbot, tmp_path: Path, thumbnails):
    Image.new("RGB", (300, 200), "#2255cc").save(tmp_path / "0.png")
    with qtbot.waitSignal(thumbnails.ready):
        grid.show_samples(samples(1, str(tmp_path)))
        grid.viewport().repaint()
    tile = cut(thumbnails.get(str(tmp_path / "0.png"), 192), 100, 1.0).toImage()
    assert (tile.width(), tile.height()) == (100, 100)
    assert tile.pixelColor(50, 50).name() == "#2255cc"
    assert tile.pixelColor(0, 0).alpha() == 0
    grid.viewport().repaint()
    middle = grid.visualRect(grid.model().index(0, 0)).center()
    assert grid.viewport().grab().toImage().pixelColor(middle).blue() > 150


def click(grid: SampleGrid, row: int, how=Qt.KeyboardModifier.NoModifier) -> None:
    place = grid.visualRect(grid.model().index(row, 0)).center()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, how, place)
