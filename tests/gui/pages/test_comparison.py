"""Runs beside each other, by clicking: tick, compare, look at a flipped sample, save."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QCheckBox, QPushButton, QScrollArea

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import (
    Prediction,
    RunFinished,
    RunStarted,
    StepDone,
    Validated,
)
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine.comparing import Flips
from finetune_studio.engine.evaluate import load_task
from finetune_studio.gui.main_window import MainWindow
from finetune_studio.gui.pages.runs import RunsPage
from finetune_studio.gui.pages.runs.compared import Flipped
from finetune_studio.gui.widgets.gallery import top_left
from finetune_studio.gui.widgets.gallery.item_model import words_of
from tests.gui import answered
from tests.gui.answered import NAMES, SAID
from tests.gui.pages.ready import LONG_MS
from tests.trained import trained_project

LEFT = Qt.MouseButton.LeftButton
# The second run gets shirts right, and one hat wrong.
LATER = SAID | {
    "hat": [("shoe", 0.9), ("hat", 0.8), ("hat", 0.7), ("hat", 0.5)],
    "shirt": [("shirt", 0.9), ("shirt", 0.9), ("shirt", 0.9), ("hat", 0.5)],
}


def add_run(project, accuracy: float, said=None, **settings: object) -> Path:
    folder = answered.add_run(project)
    named = {name.replace("__", "."): value for name, value in settings.items()}
    Recipe().with_settings(named).save(folder / "recipe.toml")
    number = folder.name
    began = RunStarted(
        number, "p", project.task, "starter", 2, 4, {"train": 3, "validation": 12}, "CPU", 99, 9,
        "accuracy",
    )  # fmt: skip
    events = [began]
    for epoch in (1, 2):
        loss = 1 / (epoch + accuracy)
        events.append(StepDone(epoch, epoch - 0.5, 2 * loss, {}, 1.0, 1.0, float(epoch)))
        events.append(Validated(epoch, epoch, loss, {"accuracy": accuracy}, best=True))
    end = {"accuracy": accuracy, "macro_f1": accuracy}
    events.append(RunFinished(number, "p", project.task, end, 2.0, 9.0 + accuracy, stopped=False))
    lines = "".join(json.dumps(event.as_json()) + "\n" for event in events)
    (folder / "events.jsonl").write_text(lines, encoding="utf-8")
    if said is not None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(answered, "SAID", said)
            answered.answer(project, folder, "validation")
    return folder


@pytest.fixture
def page(with_project, qtbot, tmp_path):
    project = with_project.project
    answered.fill(project, tmp_path / "photos", test=False)
    add_run(project, 8 / 12)
    add_run(project, 9 / 12, LATER, optimiser__epochs=3, layers__amount="last_stage")
    made = RunsPage(with_project)
    qtbot.addWidget(made)
    made.resize(1000, 900)
    made.show()
    made.entered()
    qtbot.waitUntil(lambda: made._table.chosen() is not None, timeout=LONG_MS)
    return made


def tick(page: RunsPage, qtbot, run: int) -> None:
    """Click the box of a run, as it stands at the left of the table's first column."""
    model = page._table.model()
    place = next(r for r in range(model.rowCount()) if model.index(r, 0).data() == str(run))
    box = page._table.visualRect(model.index(place, 0))
    qtbot.mouseClick(page._table.viewport(), LEFT, pos=QPoint(box.left() + 12, box.center().y()))


def compare(page: RunsPage, qtbot, *runs: int):
    for run in runs:
        tick(page, qtbot, run)
    button = page.findChild(QPushButton, "compare_runs")
    qtbot.mouseClick(button, LEFT)
    qtbot.waitUntil(page._comparing.isVisible, timeout=LONG_MS)
    return page._comparing.panel


def test_losses_on_a_logarithmic_axis(page, qtbot):
    panel = compare(page, qtbot, 1, 2)
    box = page.findChild(QCheckBox, "logarithmic")
    wanted = panel.loss.data["1"].y
    box.click()
    panel.loss.redraw()
    drawn = panel.loss._curves["1"].getData()[1]
    assert drawn.tolist() == pytest.approx([math.log10(value) for value in wanted])
    (low, high) = panel.loss._box.viewRange()[1]
    every = [math.log10(v) for data in panel.loss.data.values() for v in data.y]
    assert low < min(every) < max(every) < high
    ticks = panel.loss.plot.getAxis("left")
    texts = ticks.tickStrings(
        [v for _, values in ticks.tickValues(-2, 1, 300) for v in values], 1, 1
    )
    assert {"0.01", "0.1", "1", "10"} <= set(texts)
    qtbot.mouseClick(panel.which.button("training"), LEFT)  # it stays so for the other loss
    panel.loss.redraw()
    first = panel.loss.data["1"].y[0]
    assert panel.loss._curves["1"].getData()[1][0] == pytest.approx(math.log10(first))
    box.click()
    panel.loss.redraw()
    assert panel.loss._curves["1"].getData()[1][0] == pytest.approx(first)


def test_two_runs_are_compared_down_to_a_flipped_sample(page, qtbot, tmp_path):
    button = page.findChild(QPushButton, "compare_runs")
    assert not button.isEnabled()
    assert "Tick two to six runs" in button.toolTip()
    panel = compare(page, qtbot, 1, 2)
    assert not page._card.isVisible()
    assert not page._open.isVisible()
    assert panel._title.text() == "Runs 1 and 2"

    # Curves: one a run, each in the colour of its column.
    assert [series.title for series in panel.loss.series] == ["Run 1", "Run 2"]
    assert panel.loss.data["1"].y.tolist() == pytest.approx([1 / (1 + 8 / 12), 1 / (2 + 8 / 12)])
    qtbot.mouseClick(panel.which.button("training"), LEFT)
    assert panel.loss.data["1"].x.tolist() == [0.5, 1.5]
    assert panel.score.data["2"].y.tolist() == [0.75, 0.75]

    # Only what differs, the better value marked.
    rows = {row.title: row for row in panel.table.items.rows}
    assert set(rows) == {"Epochs", "How much to retrain", "Accuracy", "Macro-F1", "Time"}
    assert rows["How much to retrain"].values == ("head only", "last stage")
    assert (rows["Accuracy"].values, rows["Accuracy"].best) == (("0.667", "0.750"), (1,))

    # Whose answers flipped: a sentence, counts as filters, and samples to click.
    flips = panel.flips
    qtbot.waitUntil(flips.verdict.isVisible, timeout=LONG_MS)
    assert flips.verdict.sentence == (
        "Run 2 is right on 2 photos where run 1 is wrong, and wrong on 1 where run 1 is right:"
        " too few to tell the two apart."
    )
    texts = [flips.kinds.button(kind).text() for kind in ("won", "lost", "apart", "alike")]
    assert texts == [
        "Only run 2 right: 2",
        "Only run 1 right: 1",
        "Both wrong, not alike: 1",
        "Both wrong alike: 1",
    ]
    assert [item.strong for item in flips.gallery.items] == ["hat → shirt", "hat → shirt"]
    qtbot.mouseClick(flips.kinds.button("lost"), LEFT)
    assert [item.strong for item in flips.gallery.items] == ["hat → shoe"]
    qtbot.mouseClick(flips.gallery.viewport(), LEFT, pos=top_left(flips.gallery))
    assert flips._said.text() == "Labelled hat.\nRun 1 says hat, 90 %.\nRun 2 says shoe, 90 %."
    assert flips.view.preview is not None
    with qtbot.waitSignal(page.page_wanted) as heard:
        qtbot.mouseClick(page.findChild(QPushButton, "inspect_run"), LEFT)
    assert heard.args == [f"inspect/{flips.gallery.chosen_id()}"]
    assert flips.gallery.chosen_id() >= 0
    assert page.studio.run_folder.name == "2"

    # As a table for others.
    panel.save(tmp_path / "out" / "both")
    with qtbot.waitSignal(page.studio.noticed, timeout=LONG_MS):
        pass
    with (tmp_path / "out" / "both.csv").open(encoding="utf-8") as file:
        read = list(csv.reader(file))
    assert read[0][-2:] == ["run 1", "run 2"]
    assert ["recipe", "layers.amount", "How much to retrain", "", "head_only", "last_stage"] in read
    assert len([row for row in read if row[0] == "answer"]) == 4

    qtbot.mouseClick(page.findChild(QPushButton, "all_runs"), LEFT)
    assert page._card.isVisible()
    assert page._open.isVisible()
    assert len(page._table.ticked()) == 2


def test_that_runs_are_being_read_is_said_and_the_comparison_begins_at_its_top(page, qtbot):
    page.resize(1000, 420)
    tick(page, qtbot, 1)
    tick(page, qtbot, 2)
    page._area.verticalScrollBar().setValue(page._area.verticalScrollBar().maximum())
    button = page.findChild(QPushButton, "compare_runs")
    qtbot.mouseClick(button, LEFT)
    assert (button.text(), button.isEnabled()) == ("Reading the runs…", False)
    qtbot.waitUntil(page._comparing.isVisible, timeout=LONG_MS)
    qtbot.waitUntil(lambda: page._area.verticalScrollBar().value() == 0)
    assert (button.text(), button.isEnabled()) == ("Compare 2 runs", True)


def test_of_three_runs_any_two_can_be_held_against_each_other(page, qtbot):
    add_run(page.studio.project, 0.5, dict.fromkeys(NAMES, [("hat", 0.9)] * 4))
    page.entered()
    qtbot.waitUntil(lambda: page._table.model().rowCount() == 3, timeout=LONG_MS)
    panel = compare(page, qtbot, 1, 2, 3)
    flips = panel.flips
    qtbot.waitUntil(flips.verdict.isVisible, timeout=LONG_MS)
    assert flips.pair == (2, 3)
    assert flips.first.isVisible()
    flips.second.setFocus()
    qtbot.keyClick(flips.second, Qt.Key.Key_Home)
    wanted = "Run 1 is right on 1 photo where run 2 is wrong, and wrong on 2"
    qtbot.waitUntil(lambda: flips.verdict.sentence.startswith(wanted), timeout=LONG_MS)
    flips.first.setFocus()
    qtbot.keyClick(flips.first, Qt.Key.Key_Home)
    assert "two different runs" in flips._trouble.text


def test_missing_answers_are_said_and_offered(page, qtbot):
    project = page.studio.project
    (project.runs()[1] / "predictions" / "validation.jsonl").unlink()
    panel = compare(page, qtbot, 1, 2)
    flips = panel.flips
    qtbot.waitUntil(flips.compute.isVisible, timeout=LONG_MS)
    assert "The answers of run 2 to the validation samples are not there." in flips._trouble.text
    assert not flips.verdict.isVisible()
    # The run's network is not really there, so computing says why it cannot be done.
    with qtbot.waitSignal(page.studio.job_failed, timeout=LONG_MS):
        qtbot.mouseClick(flips.compute, LEFT)
    qtbot.waitUntil(lambda: not page.studio.busy, timeout=LONG_MS)
    assert flips.compute.isEnabled()


def test_runs_are_ticked_and_compared_by_keys_alone(page, qtbot):
    table, button = page._table, page.findChild(QPushButton, "compare_runs")
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert [row.number for row in table.ticked()] == [2]
    assert not button.isEnabled()
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert button.text() == "Compare 2 runs"
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    qtbot.waitUntil(page._comparing.isVisible, timeout=LONG_MS)


def test_a_damaged_run_cannot_be_ticked(page, qtbot):
    page.studio.project.new_run()
    page.entered()
    qtbot.waitUntil(lambda: page._table.model().rowCount() == 3, timeout=LONG_MS)
    model = page._table.model()
    states = {
        model.index(r, 0).data(): bool(
            model.flags(model.index(r, 0)) & Qt.ItemFlag.ItemIsUserCheckable
        )
        for r in range(3)
    }
    assert states == {"1": True, "2": True, "3": False}


def test_texts_are_shown_as_texts():
    def pair(said: str):
        fields = {"text": "The hat is too small for my head.", "file": "a.txt"}
        sample = Sample(4, "/somewhere/a.txt", "hats", None, "validation", fields=fields)
        return {4: (sample, Prediction(said, {said: 0.75, "other": 0.25}, "", 0, 4))}

    flips = Flips(1, 2, 0, {"won": (4,)})
    called = ("text", "texts")
    task = load_task("text_classification")
    shown = Flipped(flips, "", False, called, task, pair("shoes"), pair("hats"))
    item = shown.item(4, "won")
    assert (item.strong, item.second, item.level) == ("shoes → hats", "labelled hats", "ok")
    assert "too small" in words_of(item)
    assert shown.said(4) == "Labelled hats.\nRun 1 says shoes, 75 %.\nRun 2 says hats, 75 %."


def test_a_project_is_opened_and_its_runs_compared_in_the_window(with_project, qtbot, tmp_path):
    studio = with_project
    folder = studio.project.folder
    answered.fill(studio.project, tmp_path / "photos", test=False)
    add_run(studio.project, 8 / 12)
    add_run(studio.project, 9 / 12, LATER, optimiser__epochs=3)
    studio.close_project()
    window = MainWindow(studio)
    qtbot.addWidget(window)
    window.resize(1024, 640)
    window.show()
    assert studio.open_project(folder)
    window.rail.picked.emit("runs")
    page = window.pages["runs"]
    qtbot.waitUntil(lambda: page._table.chosen() is not None, timeout=LONG_MS)
    panel = compare(page, qtbot, 1, 2)
    qtbot.waitUntil(panel.flips.gallery.isVisible, timeout=LONG_MS)
    area = page.findChild(QScrollArea)
    area.ensureWidgetVisible(panel.flips.inspect)
    QApplication.processEvents()
    qtbot.mouseClick(panel.flips.gallery.viewport(), LEFT, pos=top_left(panel.flips.gallery))
    assert panel.flips._said.text().startswith("Labelled shirt.")
    # An edit of the labels is heard of: what was flipped may be right now.
    number = panel.flips.gallery.chosen_id()
    studio.do_edit(lambda: studio.project.dataset.relabel([number], "hat"))
    texts = panel.flips.kinds.button
    qtbot.waitUntil(lambda: texts("lost").text() == "Only run 1 right: 2", timeout=LONG_MS)
    qtbot.mouseClick(panel.flips.inspect, LEFT)
    qtbot.waitUntil(lambda: window.current == "inspect", timeout=LONG_MS)
    assert studio.run_folder.name == "2"
    qtbot.waitUntil(lambda: not studio.asking, timeout=LONG_MS)
    studio.close_project()
    assert not page._comparing.isVisible()


def test_missing_answers_are_computed_by_the_runs_own_network(studio, qtbot, tmp_path):
    folder = trained_project(tmp_path)
    shutil.copytree(folder / "runs" / "1", folder / "runs" / "2")
    (folder / "runs" / "2" / "predictions" / "validation.jsonl").unlink()
    assert studio.open_project(folder)
    page = RunsPage(studio)
    qtbot.addWidget(page)
    page.resize(1000, 900)
    page.show()
    page.entered()
    qtbot.waitUntil(lambda: page._table.model().rowCount() == 2, timeout=LONG_MS)
    flips = compare(page, qtbot, 1, 2).flips
    qtbot.waitUntil(flips.compute.isVisible, timeout=LONG_MS)
    QApplication.processEvents()
    qtbot.mouseClick(flips.compute, LEFT)
    qtbot.waitUntil(flips.verdict.isVisible, timeout=LONG_MS)
    # The same network gives the same answers.
    assert flips.verdict.sentence.startswith("Run 2 and run 1 are right on the same")
    assert not flips.compute.isVisible()
    assert (folder / "runs" / "2" / "predictions" / "validation.jsonl").is_file()
    page.close()
    studio.shutdown()
