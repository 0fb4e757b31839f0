"""The Try page by clicking: files, a pasted picture, broken files, why, and a table to save."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage

from finetune_studio.core.events import Prediction, Progress
from finetune_studio.core.preview import Both, Heat, Picture, Preview
from finetune_studio.gui.pages.try_out import page as try_page
from finetune_studio.gui.pages.try_out.beside import compared
from finetune_studio.gui.pages.try_out.history import TriedItemModel, TriedTable
from finetune_studio.gui.pages.try_out.page import TryOutPage
from finetune_studio.gui.pages.try_out.tried import Tried, as_csv, expanded
from finetune_studio.gui.widgets import heats
from tests import tiny
from tests.gui import answered


def ask_model(source, paths, control):
    """Answer pictures with "hat" (the second run: "shoe") and refuse anything else, as the engine does."""
    inputs, _ = expanded(paths)
    for number, name in enumerate(inputs, 1):
        if name.endswith(".png"):
            said = "shoe" if source.name == "2" and "new" in name else "hat"
            yield answered.prediction(said, 0.9, path=name)
        else:
            yield Prediction(input=name, error="It is no picture. Choose another.")
        yield Progress("try", number, len(inputs))


@pytest.fixture
def page(with_project, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(try_page, "ask_model", ask_model)
    answered.fill(with_project.project, tmp_path / "photos")
    with_project.choose_run(answered.add_run(with_project.project))
    made = TryOutPage(with_project)
    made.resize(1100, 800)
    qtbot.addWidget(made, before_close_func=lambda _: with_project.shutdown())
    made.show()
    made.entered()
    return made


@pytest.fixture
def photo(tmp_path):
    tiny.picture(0, 1).save(tmp_path / "new.png")
    return tmp_path / "new.png"


def test_the_drop_area_has_all_the_room_until_something_was_tried(page, qtbot, photo):
    """What texts need kept three quarters of it, though it was hidden."""
    qtbot.waitUntil(lambda: page.drop.height() > 0.8 * page.pile.height())
    page.drop.dropped.emit([photo])
    qtbot.waitUntil(lambda: page.answer.isVisible() and page.drop.height() < 120)


def test_a_dropped_picture_is_answered_with_its_certainty_and_time(page, qtbot, photo):
    assert page.answer.isHidden()
    page.drop.dropped.emit([photo])
    qtbot.waitUntil(lambda: page.answer.answer.text() == "hat")
    assert page.answer.share.text() == "90.0 %"
    assert "12 ms" in page.answer.sentence.text()
    assert page.history.title.text() == "1 picture tried"
    assert page.state() == "done"
    assert page.rail_note() == "1 tried"


def test_a_broken_file_is_said_in_place_and_the_next_one_is_answered(page, qtbot, photo, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    page.ask([tmp_path / "broken.jpg"])
    qtbot.waitUntil(lambda: "no picture" in page.answer.trouble.text)
    assert page.answer.answer.isHidden()
    page.ask([photo])
    qtbot.waitUntil(lambda: page.answer.answer.text() == "hat")
    assert page.answer.trouble.text == ""
    page.history.strip.choose(1)
    assert "no picture" in page.answer.trouble.text


def test_what_is_asked_meanwhile_waits_its_turn(page, qtbot, photo):
    for _ in range(5):
        page.ask([photo])
    qtbot.waitUntil(lambda: len(page.tried) == 5)
    assert [tried.id for tried in page.tried] == [1, 2, 3, 4, 5]


def test_a_folder_makes_a_table_that_can_be_saved(page, qtbot, tmp_path):
    tiny.image_classification(tmp_path / "more", classes=2, per_class=3)
    page.ask([tmp_path / "more"])
    qtbot.waitUntil(lambda: len(page.tried) == 6 and page.history.save_button.isEnabled())
    assert page.history.view_bar.value() == "table"
    assert page.history.table.items.rowCount() == 6
    page.save(tmp_path / "answers.csv")
    assert len((tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines()) == 7
    assert "Saved" in page.message.text
    page.save(tmp_path / "more")  # a folder of that name is in the way
    assert page.message.property("level") == "bad"
    qtbot.mouseClick(page.history.clear_button, Qt.MouseButton.LeftButton)
    assert page.tried == []
    assert page.answer.isHidden()


def test_a_picture_can_be_pasted_as_a_file_and_as_itself(page, qtbot, photo):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(photo))])
    page.take(data)
    qtbot.waitUntil(lambda: len(page.tried) == 1)
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    data = QMimeData()
    data.setImageData(image)
    page.take(data)
    qtbot.waitUntil(lambda: len(page.tried) == 2)
    assert page.tried[1].name == "pasted picture 2.png"
    page.take(QMimeData())
    assert "no picture on the clipboard" in page.message.text


def test_why_shows_heat_and_goes_again(page, qtbot, photo, monkeypatch):
    def explanation(folder, sample, label, dataset):
        names = (label.said, label.truth) if isinstance(label, Both) else (label,)
        marks = (Picture(sample.path), Heat(np.eye(4, dtype=np.float32)))
        told = [Preview(marks, "", n, lines=(f"Where it looked for “{n}”",)) for n in names]
        return replace(told[0], beside=told[1] if len(told) > 1 else None)

    monkeypatch.setattr(heats, "explanation", explanation)
    monkeypatch.setattr(heats, "check", lambda *_: "Checked: it depends on what was learnt.")
    page.ask([photo])
    qtbot.waitUntil(lambda: page.answer.answer.text() == "hat")
    page.answer.why.click()
    qtbot.waitUntil(lambda: len(page.answer.view.preview.marks) == 2)
    qtbot.waitUntil(lambda: "what was learnt" in page.answer.lines)
    choice = page.answer.looked_for
    assert choice.isVisible()
    assert choice.itemText(1) == "hat beside shirt"
    choice.setCurrentIndex(1)
    choice.activated.emit(1)
    qtbot.waitUntil(lambda: page.answer.pair.is_pair)
    assert [title.text() for title in page.answer.pair.titles] == ["For hat", "For shirt"]
    page.answer.why.click()
    assert len(page.answer.view.preview.marks) == 1
    assert not page.answer.pair.is_pair
    assert page.answer.lines == ""


def test_answers_belong_to_their_run(page, qtbot, photo, studio):
    page.ask([photo])
    qtbot.waitUntil(lambda: len(page.tried) == 1 and not studio.busy)
    studio.choose_run(answered.add_run(studio.project))
    assert page.tried == []
    assert "run 2" in page.subtitle.text()
    studio.choose_run(None)
    assert page.blocked()


def test_tried_files_are_a_sound_model(qtmodeltester):
    model = TriedItemModel()
    model.add([Tried(1, answered.prediction("hat", 0.9, path="a.png"))])
    model.add([Tried(2, Prediction(input="b.png", error="It is no picture."))])
    qtmodeltester.check(model)
    assert model.data(model.index(1, 4)) == "It is no picture."


def test_another_run_answers_beside_the_chosen_one(page, qtbot, photo, studio, tmp_path):
    page.ask([photo])
    qtbot.waitUntil(lambda: len(page.tried) == 1)
    assert page.beside.isHidden()  # there is no other run
    answered.add_run(studio.project)
    page.entered()
    tiny.picture(1, 1).save(tmp_path / "old.png")
    page.ask([tmp_path / "old.png"])
    qtbot.waitUntil(lambda: len(page.tried) == 2)
    assert page.beside.isVisible()
    page.beside.choice.setCurrentIndex(1)
    page.beside.choice.activated.emit(1)
    qtbot.waitUntil(lambda: len(page.beside.answers) == 2)
    assert "Run 2 says hat, 90.0 %: the same." in page.beside.said.text()
    assert "agree on 1 of 2" in page.beside.said.text()
    page.history.strip.choose(1)
    assert "Run 2 says shoe, 90.0 %: another answer." in page.beside.said.text()
    items = page.history.table.items
    assert items.headerData(5, Qt.Orientation.Horizontal) == "Run 2"
    assert [items.index(row, 5).data() for row in (0, 1)] == ["shoe", "hat"]
    page.save(tmp_path / "both.csv")
    lines = (tmp_path / "both.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith("Run 2 answer,Run 2 probability")
    assert lines[1].endswith("shoe,0.900000")
    page.beside.choice.setCurrentIndex(0)
    page.beside.choice.activated.emit(0)
    assert items.columnCount() == 5


def test_a_run_that_turns_an_input_away_does_not_say_the_same_as_one_that_names_a_class():
    away = Tried(1, answered.prediction("hat", 0.4, path="a.png"))
    away = replace(away, prediction=replace(away.prediction, answer={"none_of_these": True}))
    named = answered.prediction("hat", 0.9, path="a.png")
    assert compared(away, named, "Run 2") == "Run 2 says hat, 90.0 %: another answer."
    told = compared(Tried(1, named), away.prediction, "Run 1")
    assert told == "Run 1 says none of these (most like hat): another answer."
    assert compared(away, away.prediction, "Run 1").endswith(": the same.")


def test_a_picture_unlike_the_training_data_is_said_so(page, qtbot, photo, monkeypatch):
    def unlike(source, paths, control):
        found = answered.prediction("hat", 0.4, path=str(photo))
        yield replace(found, answer={"none_of_these": True})

    monkeypatch.setattr(try_page, "ask_model", unlike)
    page.ask([photo])
    qtbot.waitUntil(lambda: page.answer.answer.text() == "None of these")
    assert "unlike what the model learnt from" in page.answer.trouble.text
    assert "the nearest is hat" in page.answer.trouble.text
    assert page.answer.add_button.isVisible()
    assert "none of these" in as_csv(page.tried)


def test_where_no_camera_can_be_used_it_is_said_and_nothing_is_asked(page, qtbot):
    qtbot.mouseClick(page.camera.button, Qt.MouseButton.LeftButton)
    assert re.search(r"PySide6-Addons|No camera was found", page.message.text)
    assert page.message.property("level") == "warning"
    assert page.tried == []


def test_a_file_of_the_data_is_not_added_a_second_time(page, qtbot, photo, studio):
    known = next(s for s in studio.project.dataset.samples(split="validation") if s.label == "hat")
    for path, words in ((Path(known.path), "validation, hat"), (photo, "as shoe")):
        page.ask([path])
        qtbot.waitUntil(lambda p=path: bool(page.tried) and page.tried[-1].path == str(p))
        page.adding.add(page.tried[-1], page.task, "shoe")
        assert words in page.message.text
    added = studio.project.dataset.samples()[18:]
    assert [(s.path, s.label, s.split) for s in added] == [(str(photo), "shoe", "train")]
    with qtbot.waitSignal(studio.data_changed):
        studio.undo()  # what was taken back may be added again
    assert studio.project.dataset.samples()[-1].excluded
    page.adding.add(page.tried[-1], page.task, "hat")
    assert "as hat" in page.message.text
    last = studio.project.dataset.samples()[-1]
    assert (last.path, last.label, last.usable) == (str(photo), "hat", True)


def test_beside_another_run_what_cannot_be_read_is_told_and_not_waited_for(qtbot):
    table = TriedTable()
    qtbot.addWidget(table)
    table.items.add([Tried(1, Prediction(input="b.png", error="It is no picture."))])
    table.items.set_beside("Run 1", {})
    assert table.columnWidth(4) >= 300
    assert table.items.index(0, 5).data() == "–"
