"""The window: opens light, walks its rail by keyboard, tells trouble, and closes over a running job."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QPushButton, QWidget
from typing_extensions import override

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Noted, PhaseStarted, Progress
from finetune_studio.core.project import Project
from finetune_studio.core.queue import Queue
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.main_window import FOOT, STEPS, MainWindow
from finetune_studio.gui.pages import PAGES
from finetune_studio.gui.studio import work
from tests.gui.jobs import patient

_OPEN = """
import sys
from PySide6.QtCore import QTimer
from finetune_studio import app
from finetune_studio.gui.main_window import MainWindow
from finetune_studio.gui.studio import Studio
application = app.make_application()
window = MainWindow(Studio())
heavy = ("torch", "torchvision", "transformers", "pyqtgraph", "sklearn", "pyarrow", "captum", "onnx")
def painted():
    print("loaded:", [name for name in heavy if name in sys.modules])
    window.close()
window.first_painted.connect(painted)
window.show()
application.exec()
"""


@pytest.fixture
def window(studio, qtbot):
    made = MainWindow(studio)
    made.resize(1024, 640)
    made.show()
    qtbot.waitExposed(made)
    yield made
    studio.stop_all()
    qtbot.waitUntil(lambda: not studio.busy, timeout=20_000)
    made.close()
    made.deleteLater()


def test_the_first_page_is_painted_before_anything_heavy_is_loaded():
    ended = subprocess.run(
        [sys.executable, "-c", _OPEN],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "loaded: []" in ended.stdout


def test_every_page_of_the_catalogue_has_its_place():
    assert STEPS == ["data", "model", "layers", "train", "inspect", "try_out", "export"]
    assert FOOT == ["runs", "guide", "settings"]
    assert [row.where.partition(":")[0].rpartition(".")[2] for row in PAGES] == [
        row.name for row in PAGES
    ]


def test_without_a_project_there_are_no_steps(window):
    assert window.current == "start"
    assert not window.rail.button("data").isVisible()
    assert window.rail.button("guide").isVisible()
    window.show_page("train")
    assert window.current == "start"


class _Windows(QObject):
    """Notes every window that opens."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @override
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.opened.append(f"{type(watched).__name__} {watched.objectName()}")
        return False


def test_no_page_opens_a_window_of_its_own_for_an_instant(window, studio, qapp, tmp_path):
    seen = _Windows()
    qapp.installEventFilter(seen)
    studio.new_project(tmp_path / "p", "image_classification")
    for row in PAGES:
        window.show_page(row.name)
        assert window.current == row.name
    qapp.removeEventFilter(seen)
    assert seen.opened == []


def test_every_page_fits_a_small_window(window, studio, tmp_path):
    studio.new_project(tmp_path / "p", "image_classification")
    for row in PAGES:
        window.show_page(row.name)
    assert window.minimumSizeHint().width() <= 1024
    assert window.minimumSizeHint().height() <= 640


def test_the_rail_is_walked_by_keyboard(window, qtbot):
    window.rail.button("guide").setFocus()
    qtbot.keyClick(window.rail.button("guide"), Qt.Key.Key_Down)
    settings = window.rail.button("settings")
    assert settings.hasFocus()
    qtbot.keyClick(settings, Qt.Key.Key_Return)
    assert window.current == "settings"
    assert settings.isChecked()
    qtbot.keyClick(settings, Qt.Key.Key_Up)
    qtbot.keyClick(window.rail.button("guide"), Qt.Key.Key_Space)
    assert window.current == "guide"


def test_an_error_shows_what_happened_with_its_details(window, studio):
    error = StudioError("The file a.png is damaged.", "Exclude it.")
    error.details = "Traceback: here"
    studio.troubled.emit(error)
    assert "a.png" in window.notices.text
    assert "Exclude it." in window.notices.text
    assert any("a.png" in line for line in window.status.lines)
    details = next(b for b in window.notices.findChildren(QPushButton) if b.isCheckable())
    details.click()
    assert "Traceback: here" in window.notices.report
    assert window.notices.report_box.isVisible()


def test_a_job_shows_its_progress_until_it_ends(window, studio, qtbot):
    def job(control):
        yield PhaseStarted("read", "Reading the files", 4)
        yield Progress("read", 1, 4, 12.0)
        control.stop.wait(20)

    studio.start("import", job)
    qtbot.waitUntil(lambda: "12 s left" in window.status.job_text, timeout=10_000)
    assert "Reading the files" in window.status.job_text
    window.status.cancel_wanted.emit()
    qtbot.waitUntil(lambda: window.status.job_text == "", timeout=10_000)


def test_closing_over_a_run_waits_for_its_step_and_asks_nothing(window, studio, tmp_path, qtbot):
    studio.new_project(tmp_path / "p", "image_classification")
    heard = []
    studio.start("training", patient, heard.append)
    qtbot.waitUntil(lambda: bool(heard), timeout=10_000)
    event = QCloseEvent()
    window.closeEvent(event)
    assert not event.isAccepted()
    assert "Saving" in window.notices.text
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert [note.text for note in heard] == ["begun", "saved"]
    assert not studio.busy
    assert studio.project is None


def test_undo_reaches_the_data_from_anywhere(window, studio, tmp_path, qtbot):
    studio.new_project(tmp_path / "p", "image_classification")
    dataset = studio.project.dataset
    dataset.fill([Row("a.png", "x")], root=tmp_path)
    number = dataset.samples()[0].id
    dataset.relabel([number], "y")
    window.show_page("guide")
    window.activateWindow()
    with qtbot.waitSignal(studio.data_changed, timeout=5_000):
        qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert dataset.sample(number).label == "x"
    with qtbot.waitSignal(studio.data_changed, timeout=5_000):
        qtbot.keyClick(window, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert dataset.sample(number).label == "y"
    for said, label in (("Undo", "x"), ("Redo", "y")):  # and by the buttons beside what was done
        assert window.notices._button.text() == said
        with qtbot.waitSignal(studio.data_changed, timeout=5_000):
            qtbot.mouseClick(window.notices._button, Qt.MouseButton.LeftButton)
        assert dataset.sample(number).label == label
    assert window.notices._timer.isActive()  # it goes away by itself, as other good news


def test_runs_that_wait_are_offered_when_the_project_is_opened(
    window, studio, qtbot, tmp_path, monkeypatch
):
    begun = []

    def train(project, recipe, resume, control):
        begun.append(recipe.optimiser.epochs)
        yield Noted("begun")

    monkeypatch.setattr(work, "train", train)
    assert studio.new_project(tmp_path / "p", "image_classification")
    for epochs in (4, 5):
        studio.queue.add(Recipe().with_settings({"optimiser.epochs": epochs}))
    studio.close_project()
    assert studio.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: window.notices.text == "2 runs wait in the queue.", timeout=20_000)
    assert begun == []  # nothing begins by itself
    window._rail_timer.timeout.emit()
    assert "2 waiting" in window.rail._buttons["runs"].accessibleName()
    qtbot.mouseClick(window.notices._button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: begun == [4, 5] and not studio.busy, timeout=20_000)
    assert window.current == "train"
    assert studio.queue.waiting == []


def test_closing_the_window_over_a_queue_leaves_the_rest_waiting(
    window, studio, qtbot, tmp_path, monkeypatch
):
    begun = []

    def train(project, recipe, resume, control):
        begun.append(recipe.optimiser.epochs)
        yield from patient(control)

    monkeypatch.setattr(work, "train", train)
    assert studio.new_project(tmp_path / "p", "image_classification")
    for epochs in (4, 5):
        studio.queue.add(Recipe().with_settings({"optimiser.epochs": epochs}))
    studio.queue.start()
    qtbot.waitUntil(lambda: begun == [4], timeout=20_000)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert begun == [4]
    with Project(tmp_path / "p") as project:
        assert [one.recipe.optimiser.epochs for one in Queue(project).waiting] == [5]
