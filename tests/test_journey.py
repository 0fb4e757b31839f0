"""The whole way by clicking: from a folder of photos to a checked, exported model.

Nothing is mocked but the file dialogs. The pages are walked with Next, a run is paused, continued,
stopped and resumed, a photo is tried, and the exported files are asked without this program.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton

from finetune_studio.core.events import (
    ExportVerified,
    RunContinued,
    RunFinished,
    RunPaused,
    StepDone,
    Validated,
)
from finetune_studio.gui.main_window import MainWindow
from finetune_studio.gui.studio import Studio
from tests import tiny

SOON, LONG = 30_000, 240_000


class Traveller:
    """Clicks, and waits for what is said, never for time."""

    def __init__(self, window: MainWindow, qtbot) -> None:
        self.window = window
        self.studio = window.studio
        self.qtbot = qtbot
        self.troubles: list[str] = []
        self.studio.troubled.connect(lambda e: self.troubles.append(f"{e}\n{e.details}"))

    @property
    def page(self):
        return self.window.pages[self.window.current]

    def until(self, condition, timeout: int = SOON) -> None:
        self.qtbot.waitUntil(lambda: bool(self.troubles) or condition(), timeout=timeout)
        assert not self.troubles, "\n".join(self.troubles)

    def button(self, name: str) -> QPushButton:
        found = [b for b in self.page.findChildren(QPushButton, name) if b.isVisible()]
        assert found, f"{name} is not shown on {self.window.current}"
        return found[0]

    def click(self, name: str, timeout: int = SOON) -> None:
        self.until(
            lambda: any(
                b.isVisible() and b.isEnabled() for b in self.page.findChildren(QPushButton, name)
            ),
            timeout,
        )
        self.qtbot.mouseClick(self.button(name), Qt.MouseButton.LeftButton)

    def go_on_to(self, page: str) -> None:
        self.click("next")
        assert self.window.current == page

    def said(self, kind: type) -> list:
        return [event for event in self.studio.run_events if isinstance(event, kind)]


@pytest.fixture
def traveller(qtbot, qapp):
    studio = Studio()
    window = MainWindow(studio)
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitActive(window)
    yield Traveller(window, qtbot)
    studio.stop_all()
    qtbot.waitUntil(lambda: not studio.busy, timeout=SOON)
    window.close()
    window.deleteLater()


@pytest.mark.slow
def test_from_a_folder_of_photos_to_an_exported_model(traveller, tmp_path, monkeypatch):
    photos = tiny.image_classification(tmp_path / "photos", classes=3, per_class=12)
    before = {file: file.read_bytes() for file in photos.rglob("*.png")}
    chosen = [str(photos)]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: chosen[0])

    make_the_project(traveller)
    bring_the_photos(traveller)
    choose_what_to_train(traveller)
    train_with_interruptions(traveller)
    look_at_the_results(traveller)
    try_a_photo(traveller, photos / "class 2" / "003.png")
    folder = export(traveller)
    ask_the_export(folder, photos)
    see_the_run(traveller)
    assert {file: file.read_bytes() for file in photos.rglob("*.png")} == before


def make_the_project(on: Traveller) -> None:
    on.click("new_image_classification")
    on.page.findChild(QLineEdit, "project_name").setText("Shapes")
    on.click("create_project")
    assert on.window.current == "data"
    assert on.studio.project.name == "Shapes"


def bring_the_photos(on: Traveller) -> None:
    on.until(lambda: not on.page._next.isEnabled())
    assert on.page.blocked()
    on.click("choose_folder")
    on.click("import")
    on.until(lambda: len(on.studio.project.dataset) == 36)
    on.until(lambda: not on.page.blocked())
    counts = on.studio.project.dataset.split_counts()
    assert sum(counts.values()) == 36
    assert all(counts.values())
    # leave one photo out, and take that back
    number = on.studio.project.dataset.samples()[0].id
    on.studio.do_edit(lambda: on.studio.project.dataset.exclude([number]))
    on.qtbot.keyClick(on.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    on.until(lambda: not on.studio.project.dataset.sample(number).excluded)


def choose_what_to_train(on: Traveller) -> None:
    on.go_on_to("model")
    on.until(lambda: not on.page.blocked())
    on.go_on_to("layers")
    on.click("choice_last_stage", LONG)  # the first look at a model loads torch
    on.until(lambda: not on.page.blocked(), LONG)
    assert on.studio.recipe.layers.amount == "last_stage"
    on.go_on_to("train")


def train_with_interruptions(on: Traveller) -> None:
    long_enough = {"optimiser.epochs": 12, "stop.early": False, "compute.cache": "off"}
    assert on.studio.set_recipe(long_enough)
    on.click("start")
    on.until(lambda: bool(on.said(StepDone)), LONG)
    on.click("pause")
    on.until(lambda: on.studio.paused, LONG)
    assert on.said(RunPaused)
    on.click("pause")
    on.until(lambda: bool(on.said(RunContinued)))
    on.until(lambda: bool(on.said(Validated)), LONG)
    on.click("stop")
    on.until(lambda: not on.studio.training, LONG)
    stopped = on.said(RunFinished)[-1]
    assert stopped.stopped
    on.click("resume")
    on.until(lambda: bool(on.said(RunFinished)) and not on.said(RunFinished)[-1].stopped, LONG)
    on.until(lambda: not on.studio.training)
    assert on.studio.run_folder == on.studio.project.runs()[0]
    assert len(on.studio.project.runs()) == 1  # it went on, and did not begin anew
    epochs = sorted({round(event.epoch) for event in on.said(Validated)})
    assert epochs == list(range(1, 13))


def look_at_the_results(on: Traveller) -> None:
    on.go_on_to("inspect")
    on.until(lambda: on.page.state() == "done", LONG)


def try_a_photo(on: Traveller, photo: Path) -> None:
    on.go_on_to("try_out")
    on.page.drop.dropped.emit([photo])
    on.until(lambda: bool(on.page.tried) and on.page.tried[0].prediction is not None, LONG)
    answer = on.page.tried[0].prediction
    assert answer.error is None
    assert abs(sum(answer.probabilities.values()) - 1) < 1e-3


def export(on: Traveller) -> Path:
    on.go_on_to("export")
    heard: list[ExportVerified] = []
    on.studio.job_stated.connect(
        lambda _, event: heard.append(event) if isinstance(event, ExportVerified) else None
    )
    on.click("export_and_check")
    on.until(lambda: bool(heard) and not on.studio.busy, LONG)
    assert heard[0].agreement == 1.0
    assert heard[0].metric_before == heard[0].metric_after
    return Path(heard[0].path)


def ask_the_export(folder: Path, photos: Path) -> None:
    asked = photos / "class 1" / "000.png"
    ended = subprocess.run(
        [sys.executable, "predict.py", str(asked)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    path, label, probability = ended.stdout.strip().split("\t")
    assert Path(path).name == "000.png"
    assert label.startswith("class ")
    assert 0 < float(probability) <= 1


def see_the_run(on: Traveller) -> None:
    on.window.rail.button("runs").click()
    on.until(lambda: on.page._table.chosen() is not None)
    row = on.page._table.chosen()
    assert (row.number, row.state, row.has_network) == (1, "finished", True)
