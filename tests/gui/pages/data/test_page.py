"""The Data page by clicking: import, look, relabel, exclude, undo, rename, divide, mend, find again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton

from finetune_studio.core.dataset import Sample
from finetune_studio.gui.pages.data import DataPage
from finetune_studio.gui.pages.data.intake import common_place
from finetune_studio.gui.studio import Studio
from tests import tiny

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tiny.image_classification(tmp_path / "photos", classes=3, per_class=8, size=32)


@pytest.fixture
def page(qtbot, with_project: Studio) -> DataPage:
    made = DataPage(with_project)
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.show()
    qtbot.waitExposed(made)
    qtbot.waitUntil(lambda: made._loaded)
    return made


def settled(page: DataPage) -> bool:
    return page._loaded and not page.lane.busy and not page.studio.busy


def take_in(page: DataPage, qtbot, place: Path) -> DataPage:
    page.intake.offered.emit([place])
    qtbot.waitUntil(lambda: page.intake.at_preview)
    qtbot.mouseClick(page.intake.preview.import_button, LEFT)
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.browser)
    qtbot.waitUntil(lambda: len(page.checking.findings) > 0)
    qtbot.waitUntil(lambda: settled(page))
    return page


@pytest.fixture
def full(page: DataPage, qtbot, photos: Path) -> DataPage:
    return take_in(page, qtbot, photos)


def click(page: DataPage, qtbot, row: int, how=Qt.KeyboardModifier.NoModifier) -> Sample:
    grid = page.browser.grid
    index = grid.model().index(row, 0)
    grid.scrollTo(index)
    QTest.mouseClick(grid.viewport(), LEFT, how, grid.visualRect(index).center())
    sample = grid.samples[row]
    qtbot.waitUntil(lambda: page.browser.detail._detail.path == sample.path)
    return sample


def of(page: DataPage, number: int) -> Sample:
    return page.studio.project.dataset.sample(number)


# --- coming in ------------------------------------------------------------------------------------


def test_a_new_project_says_what_belongs_here(page):
    assert page.stack.currentWidget() is page.intake
    assert page.intake.at_drop
    assert page.blocked() == "Add your data first."
    assert page.state() == "not started"
    assert page.rail_note() == ""
    assert page.import_button.isHidden()


def test_a_folder_is_previewed_and_imported(page, qtbot, photos):
    before = {path: path.stat().st_mtime_ns for path in photos.rglob("*")}
    page.intake.offered.emit([photos])
    qtbot.waitUntil(lambda: page.intake.at_preview)
    preview = page.intake.preview
    assert preview.import_button.text() == "Import 24 photos"
    assert preview.classes.model().rowCount() == 3
    assert len(preview.grid.samples) == 6  # two of each class
    assert len(page.studio.project.dataset) == 0
    with qtbot.waitSignal(page.studio.job_finished, check_params_cb=lambda name: name == "check"):
        qtbot.mouseClick(preview.import_button, LEFT)
    qtbot.waitUntil(lambda: settled(page))
    assert page.stack.currentWidget() is page.browser
    assert page.subtitle.text().startswith("24 photos in 3 classes")
    assert page.rail_note() == "24 photos"
    assert page.blocked() == ""
    assert page._next.isEnabled()
    assert page.studio.recipe.data.path == str(photos)
    assert {f.check for f in page.checking.findings} >= {"broken", "duplicates", "imbalance"}
    assert before == {path: path.stat().st_mtime_ns for path in photos.rglob("*")}


def test_a_drop_anywhere_is_looked_at(page, qtbot, photos):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(photos))])
    everything = Qt.DropAction.CopyAction
    drop = QDropEvent(QPointF(5, 5), everything, data, LEFT, Qt.KeyboardModifier.NoModifier)
    page.dropEvent(drop)
    qtbot.waitUntil(lambda: page.intake.at_preview)
    assert page.intake.preview.look.samples == 24


def test_columns_of_a_table_can_be_corrected(page, qtbot, photos, tmp_path):
    lines = ["picture,colour,kind"]
    for n, path in enumerate(sorted(photos.rglob("*.png"))):
        lines.append(f"{path},{'red' if n % 2 else 'blue'},{path.parent.name}")
    table = tmp_path / "notes.csv"
    table.write_text("\n".join([*lines, "gone.png,red,class 1"]))
    page.intake.offered.emit([table])
    qtbot.waitUntil(lambda: page.intake.at_preview)
    columns = page.intake.preview.table
    choice = columns.choice("colour")
    choice.setCurrentIndex(choice.findData("label_column"))
    choice.activated.emit(choice.currentIndex())
    qtbot.waitUntil(lambda: set(page.intake.preview.look.classes) == {"red", "blue"})
    assert columns.roles()["label_column"] == "colour"
    assert any("row" in text and "gone.png" in text for text in page.intake.preview.look.problems)
    qtbot.mouseClick(page.intake.preview.import_button, LEFT)
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.browser and settled(page))
    assert set(page.shown.survey.classes) == {"red", "blue"}
    assert page.studio.recipe.data.label_column == "colour"


def test_something_useless_is_refused_in_words(page, qtbot, tmp_path):
    (tmp_path / "letter.docx").write_text("Dear reader")
    page.intake.offered.emit([tmp_path / "letter.docx"])
    qtbot.waitUntil(lambda: page.intake.at_preview)
    assert not page.intake.preview.import_button.isEnabled()
    assert "letter.docx" in page.intake.preview.title.text()
    qtbot.mouseClick(page.intake.preview.other_button, LEFT)
    assert page.intake.at_drop


def test_one_class_can_be_imported_but_not_trained_on(page, qtbot, tmp_path):
    only = tiny.image_classification(tmp_path / "one", classes=1, per_class=6, size=32)
    take_in(page, qtbot, only)
    assert "Two classes are needed; these data have one: class 1." in page.blocked()
    assert not page._next.isEnabled()
    assert page.state() == "needs attention"


def test_other_data_take_the_place_of_these_after_a_warning(full, qtbot, tmp_path):
    other = tiny.image_classification(tmp_path / "other", classes=2, per_class=4, size=32)
    qtbot.mouseClick(full.import_button, LEFT)
    assert not full.intake.back_button.isHidden()
    full.intake.offered.emit([other])
    qtbot.waitUntil(lambda: full.intake.at_preview)
    assert "takes the place of the 24 photos" in full.intake.preview._said.text()
    qtbot.mouseClick(full.intake.preview.import_button, LEFT)
    qtbot.waitUntil(lambda: full.shown.survey.total == 8 and settled(full))
    assert full.stack.currentWidget() is full.browser


def test_the_way_back_from_an_import(full, qtbot):
    qtbot.mouseClick(full.import_button, LEFT)
    assert full.stack.currentWidget() is full.intake
    qtbot.mouseClick(full.intake.back_button, LEFT)
    assert full.stack.currentWidget() is full.browser
    assert full.shown.survey.total == 24


def test_several_dropped_folders_are_read_where_they_lie(tmp_path):
    assert common_place([tmp_path / "a", tmp_path / "b"]) == tmp_path
    assert common_place([tmp_path / "a"]) == tmp_path / "a"
    assert common_place([tmp_path / "a" / "x", tmp_path / "b" / "y"]) == tmp_path


# --- looking --------------------------------------------------------------------------------------


def test_class_search_and_split_narrow_the_grid(full, qtbot):
    browser = full.browser
    place = browser.classes.bars.row_of("class 2").center()
    qtbot.mouseClick(browser.classes.bars.viewport(), LEFT, pos=place)
    qtbot.waitUntil(lambda: len(browser.grid.samples) == 8)
    assert {sample.label for sample in browser.grid.samples} == {"class 2"}
    qtbot.keyClicks(browser.search, "003")
    qtbot.waitUntil(lambda: len(browser.grid.samples) == 1)
    assert browser._told.text() == "1 photo · class class 2 · “003”"
    qtbot.mouseClick(browser.all_button, LEFT)
    qtbot.waitUntil(lambda: len(browser.grid.samples) == 24)
    assert browser.search.text() == ""
    browser.split.bar.picked.emit("validation")
    qtbot.waitUntil(lambda: {s.split for s in browser.grid.samples} == {"validation"})


def test_the_order_is_chosen(full, qtbot):
    order = full.browser.order
    order.setCurrentIndex(order.findData("newest"))
    order.activated.emit(order.currentIndex())
    qtbot.waitUntil(lambda: settled(full))
    numbers = [sample.id for sample in full.browser.grid.samples]
    assert numbers == sorted(numbers, reverse=True)


def test_the_sample_is_described(full, qtbot):
    sample = click(full, qtbot, 2)
    detail = full.browser.detail
    qtbot.waitUntil(lambda: "32 × 32 pixels" in detail.facts.text())
    assert detail.heading.text() == sample.label
    assert detail.place.text().endswith(Path(sample.path).name)
    assert not detail.place.text().startswith("/")


# --- deciding -------------------------------------------------------------------------------------


def test_a_label_is_changed_by_key_and_undone(full, qtbot):
    sample = click(full, qtbot, 0)
    old = sample.label
    QTest.keyClick(full.browser.grid, Qt.Key.Key_L)
    field = full.browser.detail.field
    assert field.isVisible()
    field.setText("something new")
    with qtbot.waitSignal(full.studio.data_changed):
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert of(full, sample.id).label == "something new"
    assert full.shown.survey.classes["something new"] == 1
    assert full.browser.grid.current_id() == sample.id
    qtbot.waitUntil(lambda: bool(full.browser.detail.findChildren(QPushButton, "undo")))
    with qtbot.waitSignal(full.studio.data_changed):
        qtbot.mouseClick(full.browser.detail.findChildren(QPushButton, "undo")[-1], LEFT)
    assert of(full, sample.id).label == old
    qtbot.waitUntil(lambda: "something new" not in full.shown.survey.classes)
    full.studio.redo()
    qtbot.waitUntil(lambda: "something new" in full.shown.survey.classes)


def test_several_are_excluded_and_found_again(full, qtbot):
    click(full, qtbot, 0)
    click(full, qtbot, 2, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: full.browser.detail.heading.text() == "3 selected")
    with qtbot.waitSignal(full.studio.data_changed):
        QTest.keyClick(full.browser.grid, Qt.Key.Key_X)
    assert full.shown.survey.excluded == 3
    qtbot.waitUntil(lambda: full.browser.detail.exclude_button.text() == "Take back in")
    qtbot.mouseClick(full.browser.filters.button("excluded"), LEFT)
    qtbot.waitUntil(lambda: len(full.browser.grid.samples) == 3)
    full.studio.undo()
    qtbot.waitUntil(lambda: full.shown.survey.excluded == 0)


def test_edits_in_quick_succession_all_arrive_in_order(full, qtbot):
    sample = click(full, qtbot, 0)
    for name in ("one", "two", "three"):
        full.browser.detail.labelled.emit(name)
    full.browser.detail.exclusion_wanted.emit(True)
    qtbot.waitUntil(lambda: settled(full))
    found = of(full, sample.id)
    assert (found.label, found.excluded) == ("three", True)
    texts = [edit.text for edit in full.studio.project.dataset.edits()]
    assert [text.rpartition(" ")[2] for text in texts[1:]] == ["three", "two", "one"]


def test_a_split_is_chosen_for_a_sample(full, qtbot):
    sample = click(full, qtbot, 1)
    with qtbot.waitSignal(full.studio.data_changed):
        full.browser.detail.split.activated.emit(2)
    assert of(full, sample.id).split == "test"
    menu = full.menu()
    assert [a.text().partition("\t")[0] for a in menu.actions() if a.text()][:3] == [
        "Change label…",
        "Exclude",
        "Move to",
    ]


def test_a_class_is_renamed_and_another_merged(full, qtbot):
    classes = full.browser.classes
    classes.ask_name("class 1")
    classes.field.setText("squares")
    with qtbot.waitSignal(full.studio.data_changed):
        qtbot.keyClick(classes.field, Qt.Key.Key_Return)
    assert set(full.shown.survey.classes) == {"squares", "class 2", "class 3"}
    classes.ask_target("class 2")
    classes.field.setText("squares")
    with qtbot.waitSignal(full.studio.data_changed):
        qtbot.keyClick(classes.field, Qt.Key.Key_Return)
    assert full.shown.survey.classes == {"squares": 16, "class 3": 8}


def test_a_name_that_is_taken_is_refused_in_words(full, qtbot):
    with qtbot.waitSignal(full.studio.troubled) as heard:
        full.browser.classes.renamed.emit("class 1", "class 2")
    assert "class 2" in heard.args[0].message
    assert full.shown.survey.classes["class 1"] == 8


def test_the_split_is_typed_with_test_locked(full, qtbot):
    card, dataset = full.browser.split, full.studio.project.dataset
    test = {sample.id for sample in dataset.samples(split="test")}
    qtbot.mouseClick(card.edit_button, LEFT)
    assert not card.test.isEnabled()
    card.validation.setValue(40)
    card.seed.setValue(11)
    with qtbot.waitSignal(full.studio.data_changed):
        qtbot.mouseClick(card.divide_button, LEFT)
    assert full.shown.survey.splits["validation"] in (9, 10)
    assert {sample.id for sample in dataset.samples(split="test")} == test
    assert full.studio.recipe.seed == 11
    assert full.studio.recipe.data.validation_share == pytest.approx(0.4)
    full.studio.undo()
    qtbot.waitUntil(lambda: full.shown.survey.splits["validation"] < 9)


# --- health and surroundings ----------------------------------------------------------------------


def test_a_remedy_is_carried_out_and_undone(page, qtbot, photos):
    for copy in ("x.png", "y.png"):
        shutil.copy(photos / "class 1" / "000.png", photos / "class 1" / copy)
    take_in(page, qtbot, photos)
    panel = page.browser.health
    finding = next(f for f in page.checking.findings if f.check == "duplicates")
    assert len(finding.ids) >= 2
    panel.show_wanted.emit(finding)
    qtbot.waitUntil(lambda: len(page.browser.grid.samples) == len(finding.ids))
    remedies = panel.findChildren(QPushButton, "remedy")
    button = next(b for b in remedies if b.accessibleName() == finding.remedy)
    with qtbot.waitSignal(page.studio.data_changed):
        qtbot.mouseClick(button, LEFT)
    assert page.shown.survey.excluded == 2
    qtbot.waitUntil(
        lambda: next(f for f in page.checking.findings if f.check == "duplicates").severity == "ok"
    )
    page.studio.undo()
    qtbot.waitUntil(lambda: page.shown.survey.excluded == 0 and settled(page))


@pytest.mark.qt_log_ignore("JPEG")  # Qt's reader says in the log what the page says in words
def test_an_unreadable_file_is_set_aside_and_named(page, qtbot, photos):
    (photos / "class 1" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    take_in(page, qtbot, photos)
    qtbot.waitUntil(lambda: page.shown.survey.unreadable == 1)
    qtbot.mouseClick(page.browser.filters.button("unreadable"), LEFT)
    qtbot.waitUntil(lambda: len(page.browser.grid.samples) == 1)
    click(page, qtbot, 0)
    qtbot.waitUntil(lambda: page.browser.detail.problem.text() != "")


def test_findings_are_there_when_the_project_is_opened_again(full, qtbot):
    studio, found = full.studio, [f.check for f in full.checking.findings]
    folder = studio.project.folder
    studio.close_project()
    assert studio.open_project(folder)
    qtbot.waitUntil(lambda: len(full.checking.findings) == len(found))
    qtbot.waitUntil(lambda: full.shown.survey.total == 24)
    assert full.stack.currentWidget() is full.browser


def test_moved_photos_are_found_again(full, qtbot, photos, monkeypatch, tmp_path):
    studio, folder = full.studio, full.studio.project.folder
    studio.close_project()
    photos.rename(tmp_path / "moved")
    studio.open_project(folder)
    qtbot.waitUntil(lambda: "not where they were" in full.browser.missing_bar.text)
    assert full.state() == "needs attention"
    chosen = str(tmp_path / "moved")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: chosen)
    with qtbot.waitSignal(studio.noticed) as heard:
        qtbot.mouseClick(full.browser.missing_bar._button, LEFT)
    assert heard.args[0] == "Found 24 of 24 photos."
    assert studio.recipe.data.path == chosen
    qtbot.waitUntil(lambda: not full.lane.stock.missing and settled(full))
    assert full.browser.missing_bar.isHidden()


def test_new_photos_are_offered_and_added(full, qtbot, photos):
    studio, folder = full.studio, full.studio.project.folder
    studio.close_project()
    for name in ("n1.png", "n2.png"):
        Image.new("RGB", (32, 32), "#123456").save(photos / "class 2" / name)
    studio.open_project(folder)
    qtbot.waitUntil(lambda: full.browser.news_bar.text.startswith("2 photos came"))
    qtbot.mouseClick(full.browser.news_bar._button, LEFT)
    qtbot.waitUntil(lambda: full.shown.survey.total == 26)
    qtbot.waitUntil(lambda: settled(full))
    assert full.browser.news_bar.isHidden()
