"""Marks on a plot are whole, also at its ends."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.curve_plot import CurvePlot, Series
from finetune_studio.gui.widgets.mark_places import PlotMark
from finetune_studio.gui.widgets.plot_marks import PlotMarks, scene_place


@pytest.mark.parametrize("x", [0.0, 5.0, 10.0])
def test_a_mark_at_an_end_is_not_cut_in_half(qtbot: QtBot, x: float) -> None:
    plot = CurvePlot("Loss", "epoch", [Series("t", "training", 0)])
    qtbot.addWidget(plot)
    plot.resize(640, 300)
    plot.set_x_end(10)
    for step in range(100):
        plot.add("t", step / 10, 2.0 - step / 100)
    plot.show()
    plot.redraw()
    marks = PlotMarks(plot)
    marks.show_marks([PlotMark(x, "warning", "The loss jumps.", "Unsteady")])
    marks.redraw()
    box = plot.plot.getViewBox()
    inside = box.mapRectToScene(box.rect())
    middle = scene_place(marks, 0).x()
    half = theme.px(11) / 2
    assert inside.left() <= middle - half
    assert middle + half <= inside.right()
