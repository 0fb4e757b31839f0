"""The Export page by clicking: choose, export and check, refusals, earlier exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import ExportVerified, PhaseStarted, Progress
from finetune_studio.exporters import CATALOGUE
from finetune_studio.gui import theme
from finetune_studio.gui.pages.export import shelf
from finetune_studio.gui.pages.export.formats import FormatRow, FormatTable
from finetune_studio.gui.pages.export.page import ExportPage
from finetune_studio.gui.widgets.export_table import ExportRow, ExportTable
from tests.gui import answered

SOON = 60_000  # the first look at the formats loads torch


def lay_down(folder: Path, kind: str, made: str, run: int = 1) -> ExportVerified:
    """Write what an export leaves on disk."""
    verified = ExportVerified(
        str(folder), kind, 1.0, 4.4e-6, "accuracy", 0.859, 0.859, 29.4, 8.5, 341
    )
    folder.mkdir(parents=True, exist_ok=True)
    about = {"format": kind, "run": run, "made": made, "verified": verified.as_json()}
    (folder / "export.json").write_text(json.dumps(about), encoding="utf-8")
    for name in ("predict.py", "model.onnx", "labels.json", "extra.bin"):
        (folder / name).write_text("", encoding="utf-8")
    return verified


def write(project, run_folder, name, out, control):
    yield PhaseStarted("write", f"Writing {name}")
    yield PhaseStarted("verify", "Comparing", 2)
    yield Progress("verify", 1, 2)
    yield lay_down(out, name, "2030-01-01")


@pytest.fixture
def page(with_project, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(shelf, "write", write)
    answered.fill(with_project.project, tmp_path / "photos")
    with_project.choose_run(answered.add_run(with_project.project))
    made = ExportPage(with_project)
    made.resize(1100, 800)
    qtbot.addWidget(made, before_close_func=lambda _: with_project.shutdown())
    made.show()
    made.entered()
    qtbot.waitUntil(made.export_button.isEnabled, timeout=SOON)
    return made


def test_an_export_is_checked_and_told(page, qtbot, studio):
    assert page.place.text().endswith("1-onnx")
    assert page.state() == "not started"
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    assert not page.export_button.isEnabled()
    qtbot.waitUntil(lambda: bool(page.table.rows))
    row = page.table.rows[0]
    assert (row.title, row.run, row.agreement, row.before) == ("ONNX", 1, 1.0, 0.859)
    qtbot.waitUntil(lambda: "On all 341 samples" in page.inside._proof.text())
    assert page.export_button.isEnabled()
    assert page.state() == "done"
    assert page.rail_note() == "ONNX"
    assert page.message.text.startswith("Written and checked: 100 % of 341 answers are the trained")


def test_another_format_goes_into_another_folder(page, qtbot):
    names = [row.name for row in page.formats.rows]
    index = page.formats.model().index(names.index("huggingface"), 0)
    place = page.formats.visualRect(index).center()
    qtbot.mouseClick(page.formats.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert page.place.text().endswith("1-huggingface")
    assert "Runs with" in page.about.text()


def test_what_cannot_be_written_here_is_listed_with_the_reason(page):
    page.formats.choose("coreml")
    assert not page.export_button.isEnabled()
    assert "Apple" in page.about.text()
    page.formats.choose("onnx_int8")
    assert page.export_button.isEnabled()
    row = page.formats.chosen_row()
    assert not row.measured
    assert row.score == "0.667 or less"


def test_the_table_shows_measured_values_after_an_export(page, qtbot):
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(row.measured for row in page.formats.rows))
    row = next(row for row in page.formats.rows if row.measured)
    assert (row.name, row.size, row.one, row.agreement) == ("onnx", "8.5 MB", "29 ms", "100 %")
    assert row.score == "0.859 → 0.859"
    assert page.formats.model().headerData(4, Qt.Orientation.Horizontal) == "Accuracy"


def test_a_refused_export_is_said_in_red_with_its_figures(page, qtbot, monkeypatch):
    def refused(*_):
        yield PhaseStarted("write", "Writing ONNX")
        raise StudioError(
            "The export answers differently: 98.20% of 341 answers agree.", "It was not kept."
        )

    monkeypatch.setattr(shelf, "write", refused)
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "98.20%" in page.message.text)
    assert page.message.property("level") == "bad"
    assert "not kept" in page.message.text
    assert page.export_button.isEnabled()


def test_an_export_can_be_stopped(page, qtbot, monkeypatch):
    def long(project, run_folder, name, out, control):
        yield PhaseStarted("verify", "Comparing", 2)
        control.stop.wait(10)

    monkeypatch.setattr(shelf, "write", long)
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.work.text == "Comparing…")
    qtbot.mouseClick(page.work.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "nothing was written" in page.message.text)


def test_an_export_into_a_filled_folder_gets_its_own_and_is_found_again(
    page, qtbot, studio, tmp_path, monkeypatch
):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "mine.txt").write_text("mine", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(other))
    qtbot.mouseClick(page.change_button, Qt.MouseButton.LeftButton)
    assert page.place.text() == str(other / "1-onnx")
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.table.rows))
    studio.choose_run(answered.add_run(studio.project))
    page.entered()
    qtbot.waitUntil(lambda: [r.folder for r in page.table.rows] == [str(other / "1-onnx")])
    assert (other / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_on_a_drive_an_export_gets_a_folder_of_its_own(page, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "is_mount", lambda place: place == tmp_path / "stick")
    (tmp_path / "stick").mkdir()
    (tmp_path / "empty").mkdir()
    for chosen, place in (("stick", "stick/1-onnx"), ("empty", "empty"), ("none", "none")):
        found = str(tmp_path / chosen)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, f=found, **__: f)
        qtbot.mouseClick(page.change_button, Qt.MouseButton.LeftButton)
        assert page.place.text() == str(tmp_path / place)


def test_in_a_small_window_every_figure_of_earlier_exports_and_their_folders_are_seen(qtbot):
    titles = [row.title for row in CATALOGUE]
    place = "/home/somebody/projects/a rather long name/exports/1-onnx_int8"
    row = ("accuracy", 0.915, 0.909, 1234.0, 102.5, 341, place)
    table = ExportTable()
    qtbot.addWidget(table)
    table.show_rows([ExportRow(title, 12, 0.977, 2.8e-1, *row) for title in titles])
    table.resize(756, table.sizeHint().height())  # what a window of 1024 pixels leaves
    table.show()
    header = table.horizontalHeader()
    assert not table.horizontalScrollBar().isVisible()
    assert header.sectionViewportPosition(7) + theme.px(56) <= table.viewport().width()
    assert table.model().index(0, 7).data().startswith("1-onnx_int8 in /home")


@pytest.mark.parametrize("kind", [ExportTable, FormatTable])
def test_figures_stand_apart_from_those_before_them(qtbot, qapp, kind):
    """A time of 7.4 s stood tight against the score, whose text fills its column."""
    theme.apply(qapp, "light")
    table = kind()
    qtbot.addWidget(table)
    if kind is ExportTable:
        row = ("accuracy", 0.915, 0.909, 1234.0, 102.5, 341, "/tmp/exports/1-onnx")
        table.show_rows([ExportRow("ONNX, 8 bits", 1, 0.977, 1.8e-6, *row)])
    else:
        figures = ("8.5 MB", "106.9 ms", "7.4 s", "0.915 → 0.915", "100 %")
        table.show_rows(
            [FormatRow("onnx", "ONNX", "A file.", (), *figures, measured=True)], "Accuracy"
        )
    table.resize(756, 200)
    table.show()
    header, margin = table.horizontalHeader(), 8
    for column in range(2, 6):
        text = table.model().index(0, column).data()
        left = (
            header.sectionViewportPosition(column)
            + header.sectionSize(column)
            - margin
            - table.fontMetrics().horizontalAdvance(text)
        )
        end = header.sectionViewportPosition(column) - margin  # of the figure before
        assert left - end >= 20, (column, text)


def test_earlier_exports_are_listed_newest_first_and_damaged_ones_left_out(with_project, tmp_path):
    project = with_project.project
    lay_down(project.exports_folder / "1-onnx", "onnx", "2030-01-01")
    lay_down(project.exports_folder / "2-huggingface", "huggingface", "2030-02-01", run=2)
    (project.exports_folder / "torn").mkdir()
    (project.exports_folder / "torn" / "export.json").write_text("{", encoding="utf-8")
    found = shelf.look(project)
    assert [row.title for row in found.exports] == ["Hugging Face folder", "ONNX"]
    assert {row.name for row in found.formats} >= {"onnx", "huggingface"}


def test_the_files_are_told_in_words_the_program_first(tmp_path):
    lay_down(tmp_path / "export", "onnx", "2030-01-01")
    contents = shelf.contents(tmp_path / "export")
    assert contents[0][0] == "predict.py"
    assert dict(contents)["labels.json"].startswith("the names of the classes")
    assert dict(contents)["extra.bin"] == ""
    assert contents[-1][0] == "extra.bin"


def test_an_export_is_served_and_stopped_and_saved_as_a_zip(
    page, qtbot, studio, tmp_path, monkeypatch
):
    import urllib.request
    import zipfile

    from tests.engine.test_serving import write_export

    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.inside._folder))
    page.inside.show_export("", str(write_export(tmp_path / "real")), [])
    qtbot.mouseClick(page.inside.serve_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.inside.address), timeout=SOON)
    assert page.inside.address in page.inside.message.text
    assert page.inside.serve_button.text() == "Stop serving"
    with urllib.request.urlopen(page.inside.address + "/health") as answer:
        assert json.loads(answer.read())["status"] == "ok"
    qtbot.mouseClick(page.inside.serve_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "1 requests answered" in page.inside.message.text)
    qtbot.waitUntil(lambda: page.inside.serve_button.text() == "Serve on this computer")
    target = tmp_path / "sent.zip"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    qtbot.mouseClick(page.inside.zip_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(target.is_file)
    assert "real/model.onnx" in zipfile.ZipFile(target).namelist()
