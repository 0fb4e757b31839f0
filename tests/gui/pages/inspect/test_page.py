"""The Inspect page by clicking: errors, classes, why, edits with undo, the test split."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from finetune_studio.core import label_doubts
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Evaluated, Progress
from finetune_studio.core.label_doubts import LabelDoubt
from finetune_studio.core.preview import Both, Heat, Picture, Preview
from finetune_studio.core.watching import MonitorSpoke
from finetune_studio.gui.pages.inspect import jobs
from finetune_studio.gui.pages.inspect.page import InspectPage
from finetune_studio.gui.widgets import heats
from tests.gui import answered

SOON = 60_000  # the first look loads torch


@pytest.fixture
def explained(monkeypatch):
    """Explain with a heat of our own, and remember what was asked."""
    asked = []

    def explanation(folder, sample, label, dataset):
        asked.append((sample.id, label))
        if label == "shoe":
            raise StudioError("The model does not know the class 'shoe'.", "Train again.")
        marks = (Picture(sample.path), Heat(np.eye(8, dtype=np.float32)))
        if isinstance(label, Both):
            other = Preview(marks, sample.label or "", label.truth)
            return Preview(
                marks, sample.label or "", label.said, lines=("", "Alike."), beside=other
            )
        return Preview(marks, sample.label or "", label)

    monkeypatch.setattr(heats, "explanation", explanation)
    monkeypatch.setattr(heats, "check", lambda *_: "Checked: it depends on what was learnt.")
    return asked


@pytest.fixture
def page(with_project, qtbot, tmp_path, explained):
    answered.fill(with_project.project, tmp_path / "photos")
    with_project.choose_run(answered.add_run(with_project.project))
    made = InspectPage(with_project)
    made.resize(1200, 800)
    qtbot.addWidget(made, before_close_func=lambda _: with_project.shutdown())
    made.show()
    made.entered()
    qtbot.waitUntil(lambda: made.state() == "done", timeout=SOON)
    return made


def click(qtbot, widget):
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def click_cell(qtbot, page, row, column):
    view = page.errors.confusion
    box = view.places().cell_box(row, column)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=box.center())


def shown(page):
    return [(item.strong, item.second) for item in page.errors.gallery.items]


def test_a_sample_that_was_looked_at_elsewhere_is_chosen(page, qtbot):
    click_cell(qtbot, page, 0, 0)
    other = answered.add_run(page.studio.project)
    ids = [item.id for item in page.errors.gallery.items]
    every = [sample.id for sample in page.studio.project.dataset.samples(split="validation")]
    wanted = next(number for number in every if number not in ids)
    page.studio.choose_run(other)
    page.show_inside(str(wanted))
    page.entered()
    qtbot.waitUntil(lambda: page.subtitle.text().startswith("Run 2"), timeout=SOON)
    qtbot.waitUntil(lambda: page.errors.gallery.chosen_id() == wanted, timeout=SOON)
    assert len(page.errors.gallery.items) == len(every)


def test_what_monitors_saw_last_stands_beside_the_score(page, qtbot):
    folder = page.studio.run_folder
    said = MonitorSpoke("overfitting", "warning", "It learns by heart.", 3.0, 2.0, "x")
    with (folder / "events.jsonl").open("a") as log:
        log.write(json.dumps(said.as_json()) + "\n")
    page.studio.choose_run(folder)
    page.entered()
    told = "The monitors saw: overfitting since epoch 2."
    qtbot.waitUntil(lambda: told in page.headline.text, timeout=SOON)


def test_the_cards_say_how_good_the_run_is(page):
    assert page.headline.text.startswith("Accuracy 0.667")
    assert "lways saying" in page.headline.text
    assert page.weakest.text.startswith("Weakest class shirt 0.25")
    assert page.test.text.startswith("Test set locked")
    assert page.rail_note() == "Accuracy 0.667"
    assert page.subtitle.text() == "Run 1 · best epoch 3 · 12 validation samples"


def test_the_most_wrong_comes_first_and_the_order_can_be_changed(page):
    assert shown(page)[0] == ("said hat", "labelled shirt")
    assert page.errors.gallery.items[0].first == "95 %"
    page.errors.order.setCurrentIndex(page.errors.order.findData("best"))
    page.errors.order.activated.emit(page.errors.order.currentIndex())
    assert page.errors.gallery.items[0].first == "90 %"
    assert shown(page)[-1] == ("said hat", "labelled shirt")


def test_a_cell_filters_the_gallery_and_all_can_be_shown_again(page, qtbot):
    click_cell(qtbot, page, 1, 0)
    assert shown(page) == [("said hat", "labelled shirt")] * 2
    assert page.errors.shown.title.text() == "shirt said to be hat: 2"
    click_cell(qtbot, page, 0, 2)
    assert shown(page) == []
    click(qtbot, page.errors.all_button)
    assert len(shown(page)) == 12
    assert page.errors.confusion.picked_names() == ("", "")


def test_names_filter_rows_and_columns(page, qtbot):
    view = page.errors.confusion
    qtbot.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        pos=view.places().row_name_box(2).center(),
    )
    assert {second for _, second in shown(page)} == {"labelled shoe"}
    below = view.places().column_name_box(0).center()
    below.setY(view.places().cells_room.bottom() + 4)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=below)
    assert {strong for strong, _ in shown(page)} == {"said hat"}


def test_a_class_in_the_table_filters_too(page, qtbot):
    click(qtbot, page.errors.view_bar.button("classes"))
    table = page.errors.classes
    assert table.model().index(0, 0).data() == "shirt"  # the weakest first
    table.selectRow(0)
    assert {second for _, second in shown(page)} == {"labelled shirt"}
    assert page.errors.confusion.picked_names() == ("shirt", "")


def test_why_shows_heat_for_what_was_said_and_for_another_class(page, qtbot, explained):
    qtbot.waitUntil(lambda: page.why.view.preview is not None and bool(explained))
    number = page.errors.gallery.chosen_id()
    both = Both("hat", "shirt")
    assert explained == [(number, both)]  # a wrong answer is explained beside the right one
    qtbot.waitUntil(lambda: len(page.why.view.preview.marks) == 2)
    pair = page.why.pair
    assert pair.is_pair
    assert [title.text() for title in pair.titles] == ["Said: hat", "Label: shirt"]
    assert (pair.view.preview.said, pair.other.preview.said) == ("hat", "shirt")
    assert abs(pair.view.width() - pair.other.width()) <= 1
    assert page.why.lines == "Alike."
    qtbot.waitUntil(lambda: page.why.lines.endswith("depends on what was learnt."))
    choice = page.why.looked_for
    choice.setCurrentIndex(choice.findData("shirt"))
    choice.activated.emit(choice.currentIndex())
    qtbot.waitUntil(lambda: (number, "shirt") in explained)
    qtbot.waitUntil(lambda: page.why.view.preview.said == "shirt")
    assert not pair.is_pair
    # what was explained once is not asked for again, and what its check said is kept with it
    choice.setCurrentIndex(0)
    choice.activated.emit(0)
    assert page.why.view.preview.said == "hat"
    assert pair.is_pair
    assert page.why.lines == "Alike.\nChecked: it depends on what was learnt."
    assert explained == [(number, both), (number, "shirt")]


def test_a_failed_explanation_is_said_in_place(page, qtbot, studio):
    heard = []
    studio.troubled.connect(heard.append)
    page.why.heat_wanted.emit("shoe")
    qtbot.waitUntil(lambda: "does not know" in page.why.trouble)
    assert not heard


@pytest.mark.qt_log_ignore("This plugin does not support")  # a menu on the offscreen platform
def test_relabelling_changes_the_figures_and_can_be_undone(page, qtbot, studio):
    click_cell(qtbot, page, 1, 0)
    number = page.errors.gallery.chosen_id()
    page.activateWindow()
    page.errors.gallery.setFocus()
    page.why.offer_classes()
    offered = [action.text() for action in page.why.menu.actions() if action.text()]
    assert offered == ["hat (as the model said)", "shoe"]
    page.why.menu.actions()[0].trigger()
    page.why.menu.hide()
    qtbot.waitUntil(lambda: page.headline.text.startswith("Accuracy 0.750"))
    assert studio.project.dataset.sample(number).label == "hat"
    assert len(shown(page)) == 1  # the filter stayed, and the next one is chosen
    assert page.errors.gallery.chosen_id() not in (number, -1)
    undo = next(b for b in page.notices.findChildren(QPushButton) if b.text() == "Undo")
    click(qtbot, undo)
    qtbot.waitUntil(lambda: page.headline.text.startswith("Accuracy 0.667"))
    assert studio.project.dataset.sample(number).label == "shirt"


def test_after_a_correction_a_button_leads_to_the_next_run(page, qtbot, studio):
    number = page.errors.gallery.items[0].id
    page.corrections.relabel([number], "hat", "image_classification")
    assert "Train again" in page.notices.text
    again = next(b for b in page.notices.findChildren(QPushButton) if b.text() == "Train again…")
    with qtbot.waitSignal(page.page_wanted) as heard:
        click(qtbot, again)
    assert heard.args == ["train/setup"]
    page.corrections.review([number], "image_classification")  # from which no model learns
    assert not again.isVisible()


@pytest.mark.parametrize("tab", ["errors", "labels"])
def test_after_a_sample_is_left_out_the_next_one_is_there_at_once(page, qtbot, studio, tab):
    """All is read anew, which takes a while; whoever goes through a list with one key must not wait."""
    samples = studio.project.dataset.samples()
    found = [LabelDoubt(s.id, str(s.label), "hat", 0.9, 0.0, True) for s in samples[:4]]
    label_doubts.keep(studio.project.dataset, found, "starter")
    click(qtbot, page.errors.view_bar.button(tab))
    all_shown = 4 if tab == "labels" else 12
    qtbot.waitUntil(lambda: len(shown(page)) == all_shown)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    gallery = page.errors.gallery
    gallery.setFocus()
    ids = [item.id for item in gallery.items]
    gallery.choose(ids[0])
    qtbot.keyClick(gallery, Qt.Key.Key_X)
    assert [item.id for item in gallery.items] == ids[1:]
    assert gallery.chosen_id() == ids[1]
    qtbot.keyClick(gallery, Qt.Key.Key_X)
    assert [item.id for item in gallery.items] == ids[2:]
    qtbot.waitUntil(lambda: not studio.asking)
    assert [item.id for item in gallery.items] == ids[2:]
    studio.undo()
    studio.undo()
    qtbot.waitUntil(lambda: sorted(item.id for item in gallery.items) == sorted(ids))


def test_excluding_several_samples_is_one_step_of_undo(page, qtbot, studio):
    page.errors.gallery.selectAll()
    assert page.why.exclude_button.text() == "Exclude 12 · X"
    page.errors.gallery.clearSelection()
    page.errors.gallery.choose(page.errors.gallery.items[0].id)
    number = page.errors.gallery.chosen_id()
    click(qtbot, page.why.exclude_button)
    qtbot.waitUntil(lambda: len(shown(page)) == 11)
    assert studio.project.dataset.sample(number).excluded
    studio.undo()
    qtbot.waitUntil(lambda: len(shown(page)) == 12)


def test_the_test_split_is_opened_once_asked_on_the_card(page, qtbot, studio, monkeypatch):
    def evaluate(project, folder, control):
        yield Progress("evaluate", 1, 3)
        project.log("test_opened", run=folder.name)
        answered.answer(project, folder, "test")
        yield Evaluated(str(folder), "test", {"accuracy": 1.0}, 3)

    monkeypatch.setattr(jobs, "open_test", evaluate)
    assert page.test.open_button.isVisible()
    click(qtbot, page.test.open_button)
    click(qtbot, page.test.no_button)
    assert not studio.jobs
    click(qtbot, page.test.open_button)
    click(qtbot, page.test.yes_button)
    qtbot.waitUntil(lambda: page.test.text.startswith("Test set 1.000"), timeout=SOON)
    assert "Opened once" in page.test.text
    assert not page.test.open_button.isVisible()


def test_the_report_is_written_and_offered(page, qtbot, studio, monkeypatch):
    def report(project, folder, control):
        (project.folder / "report.html").write_text("<html>", encoding="utf-8")
        yield Progress("report", 1, 1)

    monkeypatch.setattr(jobs, "write_report", report)
    click(qtbot, page.report_button)
    qtbot.waitUntil(lambda: "report.html" in page.notices.text)
    assert page.report_button.isEnabled()


def test_where_a_run_has_no_answers_the_report_is_told_in_the_window(
    page, qtbot, studio, monkeypatch
):
    """It was told below the sentence that there is nothing to look at, where nobody saw it."""
    monkeypatch.setattr(jobs, "write_report", lambda project, folder, control: iter(()))
    judged = studio.project.dataset.samples(split="validation")
    studio.do_edit(lambda: studio.project.dataset.exclude([s.id for s in judged]))
    qtbot.waitUntil(lambda: page.pile.currentIndex() == 0)
    with qtbot.waitSignal(studio.noticed) as heard:
        click(qtbot, page.report_button)
    assert heard.args[0].startswith("The report is ready: ")


def test_another_run_can_be_chosen(page, qtbot, studio):
    second = answered.add_run(studio.project)
    page.entered()
    assert [page.runs.itemText(i) for i in range(page.runs.count())] == ["Run 2", "Run 1"]
    page.runs.setCurrentIndex(0)
    page.runs.activated.emit(0)
    assert studio.run_folder == second
    qtbot.waitUntil(lambda: page.state() == "done", timeout=SOON)
    assert page.subtitle.text().startswith("Run 2")


def test_without_a_run_the_page_says_what_belongs_here(with_project, qtbot):
    page = InspectPage(with_project)
    qtbot.addWidget(page)
    page.show()
    page.entered()
    assert page.blocked()
    wanted = []
    page.page_wanted.connect(wanted.append)
    click(qtbot, page.empty.button)
    assert wanted == ["train"]
