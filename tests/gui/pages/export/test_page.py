"""The Export page by clicking: choose, export and check, refusals, earlier exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import ExportVerified, PhaseStarted, Progress
from finetune_studio.gui.pages.export import shelf
from finetune_studio.gui.pages.export.page import ExportPage
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


def test_another_format_goes_into_another_folder(page, qtbot):
    card = next(card for card in page._cards if card.name == "huggingface")
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    assert card.button.isChecked()
    assert page.place.text().endswith("1-huggingface")


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
