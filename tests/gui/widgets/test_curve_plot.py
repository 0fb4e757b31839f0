"""Curves grow while they are looked at: drawn by a timer, read, zoomed, exported."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QFontMetricsF, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from finetune_studio.core.errors import StudioError
from finetune_studio.gui import theme
from finetune_studio.gui.widgets import plot_export
from finetune_studio.gui.widgets.curve_plot import CurvePlot, Series
from finetune_studio.gui.widgets.plot_legend import number, power
from finetune_studio.gui.widgets.plot_parts import HighEnd


@pytest.fixture
def plot(qtbot: QtBot) -> CurvePlot:
    made = CurvePlot("Loss", "epoch", [Series("t", "training", 0), Series("v", "validation", 1)])
    qtbot.addWidget(made)
    made.resize(640, 300)
    made.set_x_end(10)
    for step in range(6000):
        made.add("t", step / 600, 2.0 - step / 6000)
    for epoch in (1, 2, 3):
        made.add("v", epoch, 2.0 / epoch)
    made.show()
    made.redraw()
    return made


def place(plot: CurvePlot, x: float, y: float) -> QPoint:
    box = plot.plot.getViewBox()
    return plot.plot.mapFromScene(box.mapViewToScene(QPointF(x, y)))


@pytest.mark.parametrize("top", [2.0, 0.3, 2.5e-2, 2.1e-3, 3.4e-5, 4e-7])
def test_each_line_of_an_axis_has_a_number_also_where_values_are_tiny(
    qtbot: QtBot, top: float
) -> None:
    """Numbers wider than the axis are not drawn at all: a learning rate had lines without any."""
    made = CurvePlot("Learning rate", "epoch", [Series("head", "head", 0)])
    qtbot.addWidget(made)
    made.resize(640, 190)
    for epoch in range(4):
        made.add("head", epoch, top * (4 - epoch) / 4)
    made.show()
    made.redraw()
    axis = made.plot.getAxis("left")
    ((spacing, values),) = axis.tickValues(0.0, top * 1.06, 120.0)
    texts = axis.tickStrings(values, 1.0, spacing)
    assert len(set(texts)) == len(texts) >= 2
    room = axis.width() - axis.style["tickTextOffset"][0]
    letters = QFontMetricsF(axis.style["tickFont"])
    assert max(letters.horizontalAdvance(text) for text in texts) < room


def test_draws_by_a_timer_and_only_what_is_new(plot: CurvePlot, qtbot: QtBot) -> None:
    assert not plot.waiting
    assert plot.drawn("v") == 3
    plot.add("v", 4, 0.4)
    plot.add("v", 5, 0.3)
    assert plot.drawn("v") == 3
    assert plot.waiting
    qtbot.waitUntil(lambda: plot.drawn("v") == 5)
    assert not plot.waiting


def test_never_draws_more_than_two_thousand_points(plot: CurvePlot) -> None:
    assert 500 < plot.drawn("t") <= 2000


def test_hovering_reads_the_values(plot: CurvePlot, qtbot: QtBot) -> None:
    qtbot.mouseMove(plot.plot.viewport(), place(plot, 2.1, 1.0))
    plot.read_at(2.1)
    assert plot.legend.texts() == {"t": "training 1.790", "v": "validation 1.000"}
    assert plot.legend.moment() == "epoch 2.10"
    plot._on_mouse_left()
    assert plot.legend.texts() == {"t": "training 1.000", "v": "validation 0.667"}


def test_dragging_zooms_and_a_double_click_shows_everything(plot: CurvePlot, qtbot: QtBot) -> None:
    view = plot.plot.viewport()
    left, right = place(plot, 2.0, 1.9), place(plot, 4.0, 0.9)
    button = Qt.MouseButton.LeftButton
    qtbot.mousePress(view, button, pos=left)
    for share in (0.3, 0.6, 1.0):
        qtbot.mouseMove(view, left + (right - left) * share)
    qtbot.mouseMove(view, right)
    qtbot.mouseRelease(view, button, pos=right)
    assert plot.zoomed
    low, high = plot.plot.getViewBox().viewRange()[0]
    assert (low, high) == pytest.approx((2.0, 4.0), abs=0.15)
    plot.redraw()
    x = plot._curves["t"].getData()[0]
    assert x[0] <= low <= x[1]
    qtbot.mouseClick(view, button, pos=left)
    qtbot.mouseDClick(view, button, pos=left)
    qtbot.mouseRelease(view, button, pos=left)
    qtbot.waitUntil(lambda: not plot.zoomed)
    left, right = plot.plot.getViewBox().viewRange()[0]
    assert left == 0
    assert 10 <= right < 10.3  # the last dot is whole


def test_the_menu_offers_three_exports(plot: CurvePlot, qtbot: QtBot) -> None:
    menu = plot.menu()
    qtbot.addWidget(menu)
    for index, kind in enumerate(("png", "svg", "csv")):
        with qtbot.waitSignal(plot.export_wanted) as said:
            menu.actions()[index].trigger()
        assert said.args == [kind]


def test_exports(plot: CurvePlot, tmp_path: Path) -> None:
    plot.set_moment("best: epoch 3", 3.0)
    plot.set_level("always saying t-shirt: 0.246", 0.246)
    for kind in ("png", "svg", "csv"):
        plot_export.save(plot, tmp_path / f"plot.{kind}")
    image = QImage(str(tmp_path / "plot.png"))
    assert image.width() == 1280
    colours = {image.pixelColor(x, y).name() for x in range(1280) for y in range(60, 560)}
    assert theme.series()[0].name() in colours
    svg = (tmp_path / "plot.svg").read_text()
    assert "<image" not in svg
    assert "best: epoch 3" in svg
    assert ">validation<" in re.sub(r"\s+>", ">", svg)
    rows = list(csv.DictReader((tmp_path / "plot.csv").open()))
    assert len(rows) == 6000
    assert rows[600] == {"epoch": "1.0", "training": "1.9", "validation": "2.0"}
    assert rows[601]["validation"] == ""


def test_another_ending_is_refused_in_words(plot: CurvePlot, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"plot\.docx"):
        plot_export.save(plot, tmp_path / "plot.docx")


@pytest.mark.parametrize(
    ("values", "height"),
    [((0.8, 0.86, 0.91, 0.93), 0.06), ((0.9, 0.4, 0.2, 0.1), 0.94)],
)
def test_the_name_of_a_moment_stands_where_no_curve_is(
    qtbot: QtBot, values: tuple[float, ...], height: float
) -> None:
    plot = CurvePlot("Accuracy", "epoch", [Series("v", "validation", 1)], top=1.0)
    qtbot.addWidget(plot)
    plot.resize(640, 300)
    plot.set_x_end(4)
    for epoch, value in enumerate(values, 1):
        plot.add("v", epoch, value)
    plot.set_moment("best: epoch 3", 3)
    plot.redraw()
    assert plot._lines.moment.label.orthoPos == pytest.approx(height, abs=0.03)


@pytest.mark.parametrize("tall", [160, 200, 300])
def test_the_ground_of_a_name_hides_no_bit_of_the_axis(qtbot: QtBot, tall: int) -> None:
    """At a fiftieth of a low plot's height, half of the name's ground lay on the axis below."""
    plot = CurvePlot("Accuracy", "epoch", [Series("v", "validation", 1, dots=True)], top=1.0)
    qtbot.addWidget(plot)
    plot.resize(640, tall)
    plot.set_x_end(4)
    for epoch, value in enumerate((0.8, 0.86, 0.91, 0.93), 1):
        plot.add("v", epoch, value)
    plot.set_moment("best: epoch 3", 3)
    plot.show()
    plot.redraw()
    plot.grab()  # a name is turned upright when it is painted
    label = plot._lines.moment.label
    ground = label.mapRectToScene(label.boundingRect())
    inner = plot.plot.getViewBox().sceneBoundingRect()
    assert inner.top() < ground.top()
    assert ground.bottom() < inner.bottom()
    assert ground.bottom() > inner.center().y()  # it stands below the curve all the same


def test_the_name_of_a_level_stands_where_no_curve_is(qtbot: QtBot) -> None:
    """The score of the simplest answer was struck through by a curve that ended near it."""
    plot = CurvePlot("Accuracy", "epoch", [Series("v", "validation", 1, dots=True)], top=1.0)
    qtbot.addWidget(plot)
    plot.resize(640, 190)
    plot.set_x_end(10)
    plot.set_level("always saying healthy: 0.306", 0.306)
    plot.show()

    def name() -> tuple[float, bool]:
        plot.redraw()
        label = plot._lines.level.label
        return label.orthoPos, label.anchors[0] == (1, 1)

    assert name() == (0.995, True)
    for epoch in range(1, 11):
        plot.add("v", epoch, min(0.47, 0.1 * epoch))
    along, _ = name()
    plot.grab()
    label = plot._lines.level.label
    ground = label.mapRectToScene(label.boundingRect())
    box, inner = plot.plot.getViewBox(), plot.plot.getViewBox().sceneBoundingRect()
    line = [box.mapViewToScene(QPointF(x / 10, min(0.47, x / 100))) for x in range(10, 101)]
    assert not [place for place in line if ground.contains(place)]
    assert inner.contains(ground)
    assert (along < 0.5) == (ground.center().x() < inner.center().x())


@pytest.mark.parametrize("wide", [260, 640])
def test_the_dots_at_the_ends_and_one_at_the_top_are_whole(qtbot: QtBot, wide: int) -> None:
    plot = CurvePlot("Accuracy", "epoch", [Series("v", "validation", 1, dots=True)], top=1.0)
    qtbot.addWidget(plot)
    plot.resize(wide, 190)
    plot.set_x_end(4)
    for share, value in enumerate((0.8, 0.9, 1.0, 1.0, 1.0)):
        plot.add("v", share, value)
    plot.show()
    plot.redraw()
    box, dots = plot.plot.getViewBox(), plot._dots["v"]
    first, last = (box.mapViewToScene(QPointF(x, 1.0)) for x in (0, 4))
    half, inner = dots.opts["size"] / 2, box.sceneBoundingRect()
    assert first.x() - half >= inner.left()
    assert last.x() + half <= inner.right()
    assert last.y() - half >= inner.top()


def test_follows_the_theme_live(plot: CurvePlot, qapp: QApplication) -> None:
    theme.apply(qapp, "dark")
    try:
        assert plot._curves["t"].opts["pen"].color() == theme.DARK.series[0]
        assert plot.plot.backgroundBrush().color() == theme.DARK.surface
        assert plot.drawn("v") == 3
    finally:
        theme.apply(qapp, "light")
    assert plot._curves["t"].opts["pen"].color() == theme.LIGHT.series[0]


def test_clear_forgets_everything(plot: CurvePlot) -> None:
    plot.clear()
    plot.redraw()
    assert plot.drawn("t") == 0
    assert plot.legend.texts()["t"] == "training"


def test_numbers_read_well() -> None:
    assert [number(v) for v in (0, 2.5, 0.4567, 0.0123, 12.345, 1460.2)] == [
        "0", "2.500", "0.457", "0.0123", "12.35", "1460",
    ]  # fmt: skip
    assert power(6.2e-4) == "6.2 × 10⁻⁴"
    assert power(0.0) == "0"


@pytest.mark.parametrize(
    ("span", "most", "step"), [(12, 6, 2), (1, 4, 0.5), (2.54, 5, 1), (10, 10, 1), (3e-3, 4, 1e-3)]
)
def test_axis_steps_are_round(span: float, most: float, step: float) -> None:
    from finetune_studio.gui.widgets.plot_parts import step_for

    assert step_for(span, most) == pytest.approx(step)


def test_an_axis_stays_while_its_curve_grows_a_little(qtbot: QtBot) -> None:
    """It was drawn anew, number by number, with every step of a rate that warms up."""
    made = CurvePlot("Learning rate", "epoch", [Series("head", "head", 0)])
    qtbot.addWidget(made)
    made.show()
    tops = set()
    for step in range(1, 41):
        made.add("head", step / 10, 1e-3 * (1 + step / 40))
        made.redraw()
        tops.add(made.plot.getViewBox().viewRange()[1][1])
    assert 1 <= len(tops) <= 5
    assert max(tops) >= 2e-3


def test_the_end_of_an_axis_is_near_and_moves_seldom() -> None:
    high = HighEnd()
    assert high.above(2.0) == pytest.approx(2.12)
    moved = {high.above(2.0 + step / 100) for step in range(1000)}
    assert len(moved) <= 8
    for value in (5.0, 3.0, 2.9, 0.1, 0.09, 0.2):
        assert 0.7 <= value / high.above(value) <= 0.97
    assert high.above(0.0) == high.above(-1.0) == 1.0


def test_what_stands_there_is_not_drawn_again(
    plot: CurvePlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    plot.redraw()
    drawn = []
    for name, curve in plot._curves.items():
        monkeypatch.setattr(curve, "setData", lambda *_, n=name: drawn.append(n))
    plot.redraw()
    assert drawn == []
    plot.add("v", 4, 0.5)
    plot.redraw()
    assert drawn == ["v"]
    plot._zoom_to(2.0, 4.0)
    plot.redraw()
    assert drawn == ["v", "t", "v"]


def test_lines_of_the_grid_run_below_curves_and_words(plot: CurvePlot) -> None:
    plot.set_moment("best: epoch 3", 3)
    plot.redraw()
    lowest = min(item.zValue() for item in plot.plot.plotItem.items)
    assert all(plot.plot.getAxis(side).zValue() < lowest for side in ("left", "bottom"))
