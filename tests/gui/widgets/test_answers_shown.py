"""The widgets that show answers: painters, confusion matrix, gallery, tables."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter

from finetune_studio.core.preview import Grid, Heat, Picture, Preview
from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets import mark_painters
from finetune_studio.gui.widgets.class_table import ClassItemModel, ClassRow, ClassTable
from finetune_studio.gui.widgets.confusion_view import ConfusionView
from finetune_studio.gui.widgets.export_table import (
    ExportItemModel,
    ExportRow,
    ExportTable,
    agreement,
)
from finetune_studio.gui.widgets.gallery import Gallery, GalleryItem, GalleryItemModel
from finetune_studio.gui.widgets.grid_places import GridPlaces
from finetune_studio.gui.widgets.mark_painters import Look
from finetune_studio.gui.widgets.message import Message
from finetune_studio.gui.widgets.preview_view import PreviewView

NAMES = ("hat", "shirt", "shoe")
GRID = Grid(NAMES, NAMES, np.array([[4, 0, 0], [2, 1, 1], [0, 1, 3]]))


@pytest.fixture
def thumbnails(qapp):
    made = Thumbnails()
    yield made
    made.shutdown()


def painted(mark, look, size=64):
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.black)
    painter = QPainter(image)
    mark_painters.paint(painter, QRectF(0, 0, size, size), mark, look)
    painter.end()
    return image


def test_heat_is_strong_where_it_was_high_and_nothing_at_strength_zero(qapp):
    values = np.zeros((8, 8), np.float32)
    values[:, 4:] = 1.0
    values[0, 0] = np.nan
    white = QImage(8, 8, QImage.Format.Format_RGB888)
    white.fill(Qt.GlobalColor.white)
    shown = painted(Heat(values), Look(white, 1.0))
    left, right = shown.pixelColor(8, 32), shown.pixelColor(56, 32)
    assert right.red() > left.red() + 80
    untouched = painted(Heat(values), Look(white, 0.0))
    assert untouched.pixelColor(56, 32) == QColor(0, 0, 0)


def test_a_picture_is_painted_from_its_pixels(qapp):
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, :, 1] = 200
    look = Look(mark_painters.pixels_image(pixels))
    assert painted(Picture(pixels=pixels), look).pixelColor(30, 30) == QColor(0, 200, 0)


def test_a_box_keeps_the_proportions_of_a_picture():
    box = mark_painters.fitted(QSizeF(200, 100), QRectF(0, 0, 80, 80))
    assert (box.x(), box.y(), box.width(), box.height()) == (0, 20, 80, 40)


def test_shares_of_a_row_of_nothing_are_nothing():
    grid = Grid(NAMES, NAMES, np.array([[4, 0, 0], [0, 0, 0], [1, 1, 2]]))
    assert mark_painters.row_shares(grid).tolist() == [[1, 0, 0], [0, 0, 0], [0.25, 0.25, 0.5]]


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK])
def test_counts_can_be_read_on_every_cell(tokens, monkeypatch):
    monkeypatch.setattr(theme, "tokens", lambda: tokens)
    for share in np.linspace(0, 1, 21):
        for right in (True, False):
            back = mark_painters.cell_colour(float(share), right=right)
            text = mark_painters.readable_on(back)
            lights = sorted(mark_painters._luminance(c) for c in (back, text))
            assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5, (share, right)


def test_every_cell_and_name_is_found_where_it_is_painted(qapp):
    metrics = QFontMetrics(qapp.font())
    places = GridPlaces.fitting(QRect(0, 0, 300, 300), [40, 60, 50], NAMES, metrics)
    for row in range(3):
        for column in range(3):
            assert places.place_at(places.cell_box(row, column).center()) == (row, column)
        assert places.place_at(places.row_name_box(row).center()) == (row, -1)
        below = QPoint(places.cell_box(0, row).center().x(), places.cells_room.bottom() + 2)
        assert places.place_at(below) == (-1, row)
    assert places.place_at(QPoint(299, 299)) is None
    assert places.hidden == QPoint(0, 0)


def test_a_large_matrix_scrolls_and_keeps_its_smallest_cell(qapp, qtbot):
    names = tuple(f"class {n}" for n in range(60))
    view = ConfusionView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    view.show_grid(Grid(names, names, np.eye(60, dtype=int)))
    assert view.places().cell == 18
    assert view.verticalScrollBar().maximum() > 0
    for _ in range(50):
        qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.verticalScrollBar().value() > 0
    box = view.places().cell_box(50, 0)
    assert view.places().cells_room.contains(box.center())
    view.grab()


def test_the_matrix_is_picked_by_keys_as_by_mouse(qtbot):
    view = ConfusionView()
    qtbot.addWidget(view)
    view.resize(300, 300)
    view.show_grid(GRID)
    heard = []
    view.picked.connect(lambda truth, said: heard.append((truth, said)))
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert heard == [("shirt", "hat")]
    qtbot.keyClick(view, Qt.Key.Key_Left)
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert heard[-1] == ("shirt", "")
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert heard[-1] == ("", "")
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return):
        qtbot.keyClick(view, key)
    assert heard[-1] == ("", "hat")  # below the last row are the names of the columns


def test_the_matrix_says_its_cells_in_words_and_keeps_what_was_picked(qtbot):
    view = ConfusionView()
    qtbot.addWidget(view)
    view.show_grid(GRID)
    assert view.sentence((1, 0)) == "2 of 4 that are truly shirt were said to be hat."
    assert view.sentence((1, -1)) == "4 are truly shirt; 1 of them were recognised."
    assert view.sentence((-1, 0)) == "The model said hat 6 times."
    view.set_picked("shirt", "hat")
    view.show_grid(Grid(("boot", *NAMES), ("boot", *NAMES), np.ones((4, 4), int)))
    assert view.picked_names() == ("shirt", "hat")
    view.show_grid(Grid(("boot",), ("boot",), np.ones((1, 1), int)))
    assert view.picked_names() == ("", "")


def test_gallery_items_are_a_sound_model(qtmodeltester):
    model = GalleryItemModel()
    model.set_items([GalleryItem(7, "a.png", "said hat", "92 %", "labelled shirt", "bad")])
    qtmodeltester.check(model)
    spoken = model.data(model.index(0), Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "said hat 92 %, labelled shirt"


def test_a_gallery_keeps_its_place_when_the_chosen_picture_goes(qtbot, thumbnails, tmp_path):
    Image.new("RGB", (60, 30), "red").save(tmp_path / "a.png")
    items = [GalleryItem(n, str(tmp_path / "a.png"), f"{n}") for n in (5, 6, 7)]
    gallery = Gallery(thumbnails)
    qtbot.addWidget(gallery)
    gallery.resize(400, 300)
    gallery.show()
    heard = []
    gallery.chosen.connect(heard.append)
    gallery.show_items(items)
    assert heard[-1] == 5
    gallery.choose(6)
    gallery.show_items(items, 6)
    assert gallery.chosen_id() == 6
    gallery.show_items([items[0], items[2]], 6)
    assert gallery.chosen_id() == 7
    gallery.show_items([])
    assert heard[-1] == -1


def test_a_gallery_paints_pictures_and_what_cannot_be_read(qtbot, thumbnails, tmp_path):
    Image.new("RGB", (300, 200), (250, 0, 0)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    gallery = Gallery(thumbnails)
    qtbot.addWidget(gallery)
    gallery.resize(360, 260)
    gallery.show_items(
        [GalleryItem(1, str(tmp_path / "a.png"), "hat"), GalleryItem(2, str(tmp_path / "b.png"))]
    )
    gallery.show()

    def red():
        box = gallery.visualRect(gallery.model().index(0, 0))
        image = gallery.viewport().grab().toImage()
        ratio = image.devicePixelRatio()
        return image.pixelColor(
            round(box.center().x() * ratio), round((box.top() + box.width() / 3) * ratio)
        ).red()

    qtbot.waitUntil(lambda: red() > 240)


def test_classes_are_a_sound_model_sorted_by_number_not_by_text(qtbot, qtmodeltester):
    model = ClassItemModel()
    model.set_rows([ClassRow("a", 100, 90, 80, "b", 20), ClassRow("b", 9, 0, 0)])
    qtmodeltester.check(model)
    assert model.data(model.index(1, 3)) == "–"  # never said, so nothing to be right about
    assert model.data(model.index(0, 2)) == "0.80"
    assert model.data(model.index(0, 5)) == "b (20)"
    assert "truly are of this class" in model.headerData(
        2, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole
    )
    table = ClassTable()
    qtbot.addWidget(table)
    table.show_rows([ClassRow("a", 100, 90, 80), ClassRow("b", 9, 0, 0), ClassRow("c", 20, 20, 20)])
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert [table.model().index(r, 1).data() for r in range(3)] == ["9", "20", "100"]
    heard = []
    table.picked.connect(heard.append)
    table.selectRow(1)
    table.set_picked("a")
    assert heard == ["c"]


def test_exports_are_a_sound_model_and_never_round_up_to_full_agreement(qtbot, qtmodeltester):
    row = ExportRow("ONNX", 3, 0.9999, 4.4e-6, "accuracy", 0.859, 0.859, 29.4, 8.5, 341, "x")
    model = ExportItemModel()
    model.set_rows([row])
    qtmodeltester.check(model)
    assert agreement(0.9999) == "> 99.9 %"
    assert agreement(1.0) == "100 %"
    texts = [model.data(model.index(0, column)) for column in range(model.columnCount())]
    assert texts[3:7] == ["4.4e-06", "0.859 → 0.859", "29 ms", "8.5 MB"]
    table = ExportTable()
    qtbot.addWidget(table)
    heard = []
    table.chosen.connect(heard.append)
    table.show_rows([row], "x")
    assert (heard, table.chosen_folder()) == (["x"], "x")


def test_a_preview_shows_its_picture_with_and_without_heat(qtbot, thumbnails, tmp_path):
    Image.new("RGB", (64, 64), (0, 0, 250)).save(tmp_path / "a.png")
    view = PreviewView(thumbnails)
    qtbot.addWidget(view)
    view.resize(120, 120)
    view.show()
    heat = Heat(np.ones((4, 4), np.float32))
    view.show_preview(Preview((Picture(str(tmp_path / "a.png")), heat)))

    def centre():
        image = view.grab().toImage()
        return image.pixelColor(image.width() // 2, image.height() // 2)

    view.set_heat(0)
    qtbot.waitUntil(lambda: centre() == QColor(0, 0, 250))
    view.set_heat(1)
    assert centre().red() > 150
    view.show_preview(None, "Choose a sample.")
    assert view.accessibleName() == "Choose a sample."
    view.grab()


def test_a_message_hides_while_there_is_nothing_to_say(qtbot):
    message = Message()
    qtbot.addWidget(message)
    message.say("Saved.", "ok")
    assert (message.text, message.property("level")) == ("Saved.", "ok")
    message.say("")
    assert message.text == ""
    assert message.isHidden()
