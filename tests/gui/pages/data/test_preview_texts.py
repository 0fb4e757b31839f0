"""Texts coming in by clicking: previewed as text, their reading corrected, imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from finetune_studio.core.recipe import DataChoices
from finetune_studio.engine import curate
from finetune_studio.gui.pages.data import DataPage, intake_words, preview_words
from finetune_studio.gui.studio import Studio
from finetune_studio.tasks import CATALOGUE
from tests import tiny

LEFT = Qt.MouseButton.LeftButton


def plain(text: str) -> str:
    return text


@pytest.fixture
def page(qtbot, studio: Studio, tmp_path: Path) -> DataPage:
    assert studio.new_project(tmp_path / "project", "text_classification", "Letters")
    made = DataPage(studio)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    qtbot.waitExposed(made)
    qtbot.waitUntil(lambda: made._loaded)
    return made


def offer(page: DataPage, qtbot, place: Path):
    page.intake.offered.emit([place])
    qtbot.waitUntil(lambda: page.intake.at_preview)
    return page.intake.preview


def pick(box, qtbot, data: str) -> None:
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def table(folder: Path, encoding: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{n % 2 + 1};Żółta łódź numer {n} płynie po jeziorze\n" for n in range(24)]
    path = folder / "t.csv"
    path.write_bytes(("kod;zdanie\n" + "".join(rows)).encode(encoding))
    return path


def test_texts_are_invited(page):
    intake = page.intake
    assert intake.area._text.text() == "Drop your texts here"
    assert intake.file_button.text() == "Choose a table or zip…"
    assert intake.sample_button.isHidden()  # the sample is of photos


def test_a_table_is_previewed_as_text_and_imported(page, qtbot, tmp_path):
    preview = offer(page, qtbot, tiny.text_classification(tmp_path))
    assert preview.table.roles() == {
        "text_column": "text",
        "label_column": "label",
        "split_column": "split",
        "group_column": "",
    }
    assert preview.grid.isHidden()
    assert preview.import_button.text() == "Import 36 texts"
    assert preview._splits.text() == "Splits in the data: train 24 · validation 6 · test 6"
    qtbot.mouseClick(preview.import_button, LEFT)
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.browser)
    qtbot.waitUntil(lambda: page._loaded and not page.lane.busy and not page.studio.busy)
    assert page.studio.project.dataset.samples()[0].fields["row"] == 2


def test_an_encoding_is_corrected(page, qtbot, tmp_path):
    preview = offer(page, qtbot, table(tmp_path, "cp1250"))
    box = preview.reading.box("encoding")
    assert box.currentText() == "Western European, Windows 1252 · recognised"
    assert "Żółta" not in preview.look.cells[0][1]
    pick(box, qtbot, "cp1250")
    qtbot.waitUntil(lambda: "Żółta" in preview.look.cells[0][1])
    assert box.currentText() == "Central European, Windows 1250"
    qtbot.mouseClick(preview.import_button, LEFT)
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.browser)
    qtbot.waitUntil(lambda: page._loaded and not page.lane.busy and not page.studio.busy)
    assert page.studio.recipe.data.encoding == "cp1250"
    assert page.studio.project.dataset.samples()[0].fields["text"].startswith("Żółta łódź")


def test_names_of_labels_come_from_a_table_beside_or_a_chosen_one(
    page, qtbot, tmp_path, monkeypatch
):
    path = table(tmp_path / "a")
    (tmp_path / "a" / "codes.csv").write_text("kod,nazwa\n1,good\n2,bad\n")
    preview = offer(page, qtbot, path)
    box = preview.reading.box("labels_path")
    assert box.currentText() == "codes.csv · found"
    assert set(preview.look.classes) == {"good", "bad"}
    pick(box, qtbot, "-")
    qtbot.waitUntil(lambda: set(preview.look.classes) == {"1", "2"})
    other = tmp_path / "names.csv"
    other.write_text("kod,nazwa\n1,fine\n2,poor\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(other), ""))
    box.setCurrentIndex(box.count() - 1)
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: set(preview.look.classes) == {"fine", "poor"})
    assert box.currentText() == "names.csv"


def test_the_encoding_of_a_table_that_is_refused_is_not_told_file_by_file(page, qtbot, tmp_path):
    """There is one file, and it was not read."""
    path = tmp_path / "t.csv"
    path.write_text('text,label\nOne text,a\n"never closed,b\n"Another",c\n' + "x,y\n" * 20)
    preview = offer(page, qtbot, path)
    assert "t.csv, row 3: after a closing quotation mark" in preview.look.blocked
    assert preview.reading.box("encoding").currentText() == "Recognised by itself"


def test_a_table_that_is_not_understood_can_be_mapped(page, qtbot, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{n},{n * 7}\n" for n in range(30)))
    preview = offer(page, qtbot, path)
    assert not preview.import_button.isEnabled()
    pick(preview.table.choice("b"), qtbot, "text_column")
    qtbot.waitUntil(lambda: "looks like labels" in preview.look.blocked)
    assert preview.table.roles()["text_column"] == "b"  # what was chosen stays chosen
    pick(preview.table.choice("a"), qtbot, "label_column")
    qtbot.waitUntil(lambda: preview.look.importable)
    assert preview.import_button.isEnabled()


def test_what_is_told_and_what_is_lost_stand_apart(page, qtbot, tmp_path):
    path = tiny.text_classification(tmp_path)
    with path.open("a", encoding="utf-8") as file:
        file.write(",weather,train\n")
    preview = offer(page, qtbot, path)
    labels = [preview._problems.itemAt(i).widget() for i in range(preview._problems.count())]
    assert [label.property("level") for label in labels] == ["warning"]
    assert "1 text will be set aside: texts.csv, row 38" in labels[0].text()


def test_a_folder_of_texts_is_shown_as_text(page, qtbot, tmp_path):
    for n in range(6):
        place = tmp_path / "texts" / ("good", "bad")[n % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{n}.txt").write_text(f"Words of letter {n}")
    preview = offer(page, qtbot, tmp_path / "texts")
    shown = preview.rows.rows
    assert shown.columns == ("File", "Text", "Label")
    assert shown.data(shown.index(0, 1)) == "Words of letter 1"
    assert preview.reading.box("reader").currentText() == "A folder of texts per class · recognised"


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("token_classification", ("Text", "Names", "Split")),
        ("question_answering", ("Question", "Text", "Answer", "Split")),
        ("causal_lm", ("Conversation", "Split")),
    ],
)
def test_first_rows_of_what_is_no_table(tmp_path, task, columns):
    look = curate.look(getattr(tiny, task)(tmp_path / "data"), DataChoices(), task)
    found, rows = preview_words.first_rows(look, plain)
    assert found == columns
    assert len(rows) == 20
    assert all(isinstance(cell, str) for row in rows for cell in row)
    assert all(any(row[i] for row in rows) for i in range(len(columns)))


def test_every_task_has_words_of_its_own():
    said = [intake_words.invitation(row.name) for row in CATALOGUE]
    assert len({each.title for each in said}) == len(CATALOGUE)
    for row in CATALOGUE:
        assert intake_words.back(row.name).endswith(row.facts["many"])
    assert intake_words.role_titles("summarization")["target_column"] == "Summary"


def test_how_samples_will_be_divided_is_said(tmp_path):
    look = curate.look(table(tmp_path), DataChoices(), "text_classification")
    shares = DataChoices(validation_share=0.2, test_share=0.1)
    said = preview_words.split_sentence(look, shares, plain)
    assert said == "To be divided: train 70 %, validation 20 %, test 10 %"


def test_warnings_are_whole_and_the_columns_can_be_reached_in_a_small_window(page, qtbot, tmp_path):
    page.resize(810, 540)  # what a window of 1024 x 640 leaves
    path = tmp_path / "letters.csv"
    names = ["heart", "HEART", "lung", "LUNG", "nerve", "Nerve", "gut", "GUT"]
    rows = [f"P-{n};a long text about case {n};{names[n % 8]}" for n in range(80)]
    path.write_text("\n".join(["case;letter (free text);found", *rows, "P-99;;gut"]))
    preview = offer(page, qtbot, path)
    labels = [preview._problems.itemAt(i).widget() for i in range(preview._problems.count())]
    assert sum("differ only in capitals" in label.text() for label in labels) == 1
    qtbot.waitUntil(
        lambda: all(label.height() >= label.heightForWidth(label.width()) for label in labels)
    )
    assert preview.table.height() >= 170
    page.resize(810, 440)  # lower than all of it: the rest scrolls above them
    QApplication.processEvents()
    for button in (preview.import_button, preview.other_button):  # never pushed out of sight
        low = button.mapTo(page, button.rect().bottomLeft()).y()
        assert low < page.height()


@pytest.mark.parametrize(
    ("encodings", "said"),
    [
        (["utf-8"], "UTF-8 · recognised"),
        (["utf-8", "utf-8"], "UTF-8 · recognised"),
        (["cp1252"], "Western European, Windows 1252 · recognised"),
        (["utf-8", "cp1252"], "file by file · recognised"),
    ],
)
def test_how_letters_are_written_is_said_of_files_that_are_no_tables(tmp_path, encodings, said):
    text = "Le O\ncafé B-Lieu\nétait O\nfermé O\n" + "\nÀ O\nVérone B-Lieu\ndéjà O\n" * 20
    folder = tmp_path / "names"
    folder.mkdir()
    for name, encoding in zip(("train", "test"), encodings, strict=False):
        (folder / f"{name}.conll").write_bytes(text.encode(encoding))
    look = curate.look(folder, DataChoices(), "token_classification")
    assert look.importable
    shown = preview_words.reading_choices(look, DataChoices(), "token_classification", plain)
    assert {c.name: c.options[0][1] for c in shown}["encoding"] == said
