"""The tabs on trust by clicking: calibration, thresholds, slices, labels and marks for review."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from finetune_studio.core import label_doubts
from finetune_studio.core.events import Noted
from finetune_studio.core.label_doubts import LabelDoubt
from finetune_studio.engine import decision
from finetune_studio.gui import theme
from finetune_studio.gui.pages.inspect.page import InspectPage
from finetune_studio.insights import thresholds
from tests import trusting

SOON = 60_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(with_project, qtbot, tmp_path, monkeypatch):
    from finetune_studio.core.preview import Picture, Preview
    from finetune_studio.gui.widgets import heats

    monkeypatch.setattr(
        heats, "explanation", lambda _, sample, *__: Preview((Picture(sample.path),))
    )
    monkeypatch.setattr(heats, "check", lambda *_: "")
    trusting.fill(with_project.project, tmp_path / "photos")
    with_project.choose_run(trusting.add_run(with_project.project))
    made = InspectPage(with_project)
    made.resize(1000, 640)
    qtbot.addWidget(made, before_close_func=lambda _: with_project.shutdown())
    made.show()
    made.entered()
    qtbot.waitUntil(lambda: made.state() == "done", timeout=SOON)
    return made


def open_tab(qtbot, page, name):
    qtbot.mouseClick(page.errors.view_bar.button(name), LEFT)
    return page.errors.lenses[name]


def count(page):
    return len(page.errors.gallery.items)


def test_a_bar_of_the_calibration_plot_filters_and_calibrating_is_kept(page, qtbot):
    lens = open_tab(qtbot, page, "calibration")
    qtbot.waitUntil(lens.button.isVisible, timeout=SOON)
    assert "off by" in lens.says.text()
    assert not page.why.isVisible()
    last = len(lens._look.bins_now) - 1
    qtbot.mouseClick(lens.plot, LEFT, pos=lens.plot.bar(last).center().toPoint())
    assert count(page) == lens._look.bins_now[last].count < 60
    qtbot.mouseClick(lens.plot, LEFT, pos=lens.plot.bar(last).center().toPoint())
    assert count(page) == 60
    qtbot.mouseClick(lens.button, LEFT)
    qtbot.waitUntil(lambda: lens.button.text() == "Take back", timeout=SOON)
    run = page.studio.run_folder
    assert decision.read(run).temperature > 1.5
    assert "temperature" in lens.says.text()
    qtbot.mouseClick(lens.button, LEFT)
    qtbot.waitUntil(lambda: lens.button.text() == "Calibrate", timeout=SOON)
    assert decision.read(run).nothing


def test_the_slider_counts_and_costs_find_the_threshold(page, qtbot):
    lens = open_tab(qtbot, page, "thresholds")
    qtbot.waitUntil(lambda: lens.classes.count() == 3, timeout=SOON)
    lens.classes.setCurrentIndex(lens.classes.findText("shirt"))
    lens.classes.activated.emit(lens.classes.currentIndex())
    lens.slider.setValue(0)
    assert "0 of 20 missed, 40 false alarms" in lens.says.text()
    assert count(page) == 40
    lens.slider.setValue(1000)
    assert "20 of 20 missed, 0 false alarms" in lens.says.text() or "missed" in lens.says.text()
    lens.ratio.setValue(10)
    qtbot.mouseClick(lens.best_button, LEFT)
    assert lens.threshold < 0.5
    best = thresholds.cheapest(lens._trade, 10, 1)
    assert lens.threshold == best.threshold  # not what the slider rounds it to
    assert f"{best.missed} of 20 missed, {best.falsely} false" in lens.says.text()
    assert "If a miss costs 10 times a false alarm" in lens.says.text()
    assert "On samples that it was not chosen by" in lens.says.text()
    qtbot.mouseClick(lens.use_button, LEFT)
    run = page.studio.run_folder
    qtbot.waitUntil(lambda: bool(decision.read(run).thresholds), timeout=SOON)
    ((cost),) = decision.read(run).costs.values()
    assert cost == {"miss": 10.0, "false_alarm": 1.0}
    assert list(decision.read(run).thresholds.values()) == [best.threshold]
    qtbot.waitUntil(lens.drop_button.isVisible, timeout=SOON)
    assert "On samples that it was not chosen by" in lens.says.text()  # also of what is in use
    qtbot.mouseClick(lens.drop_button, LEFT)
    qtbot.waitUntil(lambda: not decision.read(run).thresholds, timeout=SOON)


def test_a_point_of_the_curve_can_be_clicked(page, qtbot):
    lens = open_tab(qtbot, page, "thresholds")
    qtbot.waitUntil(lambda: lens.classes.count() == 3, timeout=SOON)
    qtbot.mouseClick(lens.curves.button("roc"), LEFT)
    before = lens.threshold
    qtbot.mouseClick(lens.plot, LEFT, pos=lens.plot.at(0.05, 0.4).toPoint())
    assert lens.threshold != before
    assert "missed" in lens.says.text()


def test_the_matrix_shows_percent_and_confused_classes_together(page, qtbot):
    panel = page.errors
    assert panel.matrix_button.isVisible()
    panel.shares_action.trigger()
    assert panel._left.title.text().endswith("%")
    panel.confusion.set_picked("shirt", "")
    panel.alike_action.trigger()
    assert sorted(panel.confusion._grid.rows) == ["hat", "shirt", "shoe"]
    assert panel.confusion.picked_names() == ("shirt", "")
    qtbot.mouseClick(panel.view_bar.button("slices"), LEFT)
    assert not panel.matrix_button.isVisible()


def test_a_lasso_on_the_map_filters_the_gallery(page, qtbot, qapp, monkeypatch):
    from finetune_studio.engine.mapping import Map
    from finetune_studio.gui.pages.inspect import map_lens

    def laid_out(project, folder, made, control):
        samples = project.dataset.samples()
        ids = np.array([s.id for s in samples])
        side = np.array([-0.5 if s.label == "hat" else 0.5 for s in samples])
        made.append(Map(ids, np.stack([side, np.linspace(-0.9, 0.9, len(ids))], 1), "tsne"))
        yield Noted("The map is laid out by neighbourhoods.")

    monkeypatch.setattr(map_lens, "_lay_out", laid_out)
    lens = open_tab(qtbot, page, "map")
    qtbot.mouseClick(lens.button, LEFT)
    qtbot.waitUntil(lambda: lens.button.text() == "Draw anew", timeout=SOON)
    qtbot.mouseClick(lens.tool.button("lasso"), LEFT)
    # Around everything on the left half of the map: all hats, of which twenty are validation samples.
    wide, high = lens.map.width(), lens.map.height()
    corners = [(2, 2), (wide // 2, 2), (wide // 2, high - 2), (2, high - 2)]
    qtbot.mousePress(lens.map, LEFT, pos=QPoint(*corners[0]))
    for corner in corners[1:]:
        qtbot.mouseMove(lens.map, QPoint(*corner))
    qtbot.mouseRelease(lens.map, LEFT, pos=QPoint(*corners[-1]))
    assert count(page) == 24
    assert page.errors.shown.title.text() == "In the lasso: 20 validation, 4 training samples"
    told = [(item.strong, item.second) for item in page.errors.gallery.items]
    assert told[-4:] == [("labelled hat", "train: not asked")] * 4  # after those that were answered
    assert told[0][0] != "said hat"  # a wrong answer comes first
    assert page.errors.pair(page.errors.gallery.items[-1].id)[0].split == "train"
    qtbot.mouseClick(page.errors.all_button, LEFT)
    assert count(page) == 60
    assert [name for name, _ in lens.map._legend] == ["right", "wrong", "not asked"]
    theme.apply(qapp, "dark")  # points and legend have this tone's colours from then on
    try:
        now = theme.tokens()
        assert [shade for _, shade in lens.map._legend] == [now.series[0], now.bad, now.line]
    finally:
        theme.apply(qapp, "light")
    spot = lens.map.on_widget()[0]
    lens.map._hover(QPointF(float(spot[0]), float(spot[1])))
    assert lens._over.isVisible()
    lens.colours.setCurrentIndex(lens.colours.findData("label"))
    lens.colours.activated.emit(lens.colours.currentIndex())
    assert [name for name, _ in lens.map._legend] == ["hat", "shirt", "shoe"]


def test_points_are_coloured_by_slices_of_the_data(page, qtbot, monkeypatch):
    from finetune_studio.engine.mapping import Map
    from finetune_studio.gui.pages.inspect import map_lens

    def laid_out(project, folder, made, control):
        ids = np.array([s.id for s in project.dataset.samples()])
        made.append(Map(ids, np.random.default_rng(0).uniform(-1, 1, (len(ids), 2)), "tsne"))
        yield Noted("The map is laid out by neighbourhoods.")

    monkeypatch.setattr(map_lens, "_lay_out", laid_out)
    lens = open_tab(qtbot, page, "map")
    qtbot.mouseClick(lens.button, LEFT)
    qtbot.waitUntil(lambda: lens.colours.findText("Slice: camera") > 0, timeout=SOON)
    lens.colours.setCurrentIndex(lens.colours.findText("Slice: camera"))
    lens.colours.activated.emit(lens.colours.currentIndex())
    assert [name for name, _ in lens.map._legend] == ["phone", "studio"]
    phones = sum(s.fields["camera"] == "phone" for s in lens._samples)
    assert sorted(np.bincount(lens.map._kinds).tolist()) == sorted([phones, 72 - phones])
    lens.colours.setCurrentIndex(lens.colours.findText("Slice: brightness"))
    lens.colours.activated.emit(lens.colours.currentIndex())
    names = [name for name, _ in lens.map._legend]
    assert names[0].startswith("up to")  # ranges stay in their order
    assert names[-1].startswith("above")
    # What colours the points stays when the map is drawn anew.
    qtbot.mouseClick(lens.button, LEFT)
    qtbot.waitUntil(lambda: lens.button.text() == "Draw anew", timeout=SOON)
    assert lens.colours.currentText() == "Slice: brightness"


def test_a_slice_filters_the_gallery(page, qtbot):
    lens = open_tab(qtbot, page, "slices")
    qtbot.waitUntil(lambda: lens._look is not None, timeout=SOON)
    names = [f"{one.column}: {one.value}" for one in lens._look.slices]
    row = names.index("camera: phone")
    place = lens.rows.model().index(row)
    lens.rows.scrollTo(place)
    qtbot.mouseClick(lens.rows.viewport(), LEFT, pos=lens.rows.visualRect(place).center())
    assert count(page) == 15
    assert page.errors.shown.title.text() == "camera: phone: 15"
    qtbot.mouseClick(page.errors.all_button, LEFT)
    assert count(page) == 60
    qtbot.mouseClick(page.errors.view_bar.button("errors"), LEFT)
    assert count(page) == 60
    assert page.why.isVisible()


def test_likely_wrong_labels_are_shown_mended_and_taken_back(page, qtbot):
    project = page.studio.project
    lens = open_tab(qtbot, page, "labels")
    qtbot.waitUntil(lambda: lens.look_button.text() == "Look for wrong labels", timeout=SOON)
    samples = project.dataset.samples()
    train = next(s for s in samples if s.split == "train" and s.label == "hat")
    other = next(s for s in samples if s.split == "validation" and s.label == "shoe")
    found = [
        LabelDoubt(train.id, "hat", "shirt", 0.93, 0.01, True),
        LabelDoubt(other.id, "shoe", "hat", 0.8, 0.1, True),
        LabelDoubt(samples[-1].id, "shoe", "hat", 0.3, 0.6, False),
    ]
    label_doubts.keep(project.dataset, found, "starter")
    lens._on_found()
    qtbot.waitUntil(lambda: lens.look_button.text() == "Look again", timeout=SOON)
    qtbot.waitUntil(lambda: count(page) == 2, timeout=SOON)
    items = page.errors.gallery.items
    assert [item.strong for item in items] == ["said shirt", "said hat"]
    assert page.errors.shown.title.text() == "Likely wrong labels: 2"
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    page.errors.gallery.setFocus()
    qtbot.keyClick(page.errors.gallery, Qt.Key.Key_R)
    assert project.dataset.sample(train.id).review
    page.why.relabel_wanted.emit("shirt")
    qtbot.waitUntil(lambda: count(page) == 1, timeout=SOON)
    assert project.dataset.sample(train.id).label == "shirt"
    page.studio.undo()
    qtbot.waitUntil(lambda: count(page) == 2, timeout=SOON)
    page.studio.undo()
    qtbot.waitUntil(lambda: not project.dataset.sample(train.id).review)
    qtbot.mouseClick(page.errors.view_bar.button("errors"), LEFT)
    qtbot.waitUntil(lambda: page.errors.order.findData("doubtful") >= 0, timeout=SOON)
    page.errors.order.setCurrentIndex(page.errors.order.findData("doubtful"))
    page.errors.order.activated.emit(page.errors.order.currentIndex())
    assert [item.id for item in page.errors.gallery.items][:2] == [other.id, samples[-1].id]
    qtbot.mouseClick(page.errors.view_bar.button("labels"), LEFT)
    qtbot.waitUntil(lambda: count(page) == 2, timeout=SOON)
    qtbot.mouseClick(page.errors.view_bar.button("errors"), LEFT)
    assert count(page) == 60
    qtbot.mouseClick(page.errors.view_bar.button("labels"), LEFT)
    assert count(page) == 2
