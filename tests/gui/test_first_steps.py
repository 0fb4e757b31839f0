"""What a new user meets first: no standstill, nothing cut off in a small window, words that end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QProgressBar, QPushButton, QSpinBox
from pytestqt.qtbot import QtBot

from finetune_studio.core.events import PhaseStarted, Progress
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.main_window import MainWindow
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.form import RecipeForm
from finetune_studio.gui.widgets.status_line import StatusLine

_EVERY_PAGE = """
import sys
from pathlib import Path
from finetune_studio import app
from finetune_studio.gui.main_window import MainWindow
from finetune_studio.gui.pages import PAGES
from finetune_studio.gui.studio import Studio
application = app.make_application()
studio = Studio()
window = MainWindow(studio)
for row in PAGES:
    assert window.page(row.name) is not None, row.name
heavy = ("torch", "torchvision", "transformers")
print("loaded:", [name for name in heavy if name in sys.modules])
studio.shutdown()
"""


@pytest.fixture
def window(studio: Studio, qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(studio)
    made.resize(1024, 640)
    made.show()
    qtbot.waitExposed(made)
    yield made
    studio.stop_all()
    qtbot.waitUntil(lambda: not studio.busy, timeout=20_000)
    made.close()
    made.deleteLater()


def test_no_page_loads_torch_while_it_is_made() -> None:
    """Pages are made on the window's thread, where loading torch is a standstill of seconds."""
    ended = subprocess.run(
        [sys.executable, "-c", _EVERY_PAGE],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "loaded: []" in ended.stdout


def test_a_model_of_ones_own_is_offered_without_scrolling(
    window: MainWindow, studio: Studio, tmp_path: object, qtbot: QtBot
) -> None:
    assert studio.new_project(tmp_path / "p", "image_classification", "Mine")  # type: ignore[operator]
    window.show_page("model")
    button = window.pages["model"].findChild(QPushButton, "use_file")
    assert isinstance(button, QPushButton)
    qtbot.waitUntil(lambda: not button.visibleRegion().isEmpty())
    assert button.visibleRegion().boundingRect() == button.rect()
    qtbot.waitUntil(lambda: not studio.busy, timeout=60_000)


def turned(widget: QSpinBox | QComboBox) -> bool:
    """Turn the wheel over a widget; return whether the widget took it."""
    where = QPointF(widget.rect().center())
    event = QWheelEvent(
        where,
        QPointF(widget.mapToGlobal(where.toPoint())),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_the_wheel_scrolls_a_page_and_changes_no_number_on_its_way(qtbot: QtBot) -> None:
    form = RecipeForm(["optimiser.epochs", "optimiser.schedule"], expert=True)
    qtbot.addWidget(form)
    form.set_recipe(Recipe())
    form.show()
    form.activateWindow()
    qtbot.waitActive(form)
    number, choice = form.editor("optimiser.epochs"), form.editor("optimiser.schedule")
    assert isinstance(number, QSpinBox)
    assert isinstance(choice, QComboBox)
    form.setFocus()
    before = number.value(), choice.currentIndex()
    assert not turned(number)
    assert not turned(choice)
    assert (number.value(), choice.currentIndex()) == before
    number.setFocus()
    qtbot.waitUntil(number.hasFocus)
    assert turned(number)
    assert number.value() == before[0] - 1


def told(line: StatusLine) -> str:
    button = line.findChild(QPushButton, "log_button")
    assert isinstance(button, QPushButton)
    return button.text()


def test_what_is_done_does_not_look_as_if_it_went_on(qtbot: QtBot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.add("Writing the report", goes_on=True)
    line.show_job("Writing the report · about 3 s left", None, can_cancel=True)
    assert line.job_text == "Writing the report · about 3 s left"
    shown = [label.text() for label in line.findChildren(QLabel)]
    assert shown == ["about 3 s left"]  # the button beside it says the rest
    line.show_idle()
    assert told(line) == "Writing the report: done"
    line.add("Run 2 finished")
    line.show_idle()
    assert told(line) == "Run 2 finished"


def test_what_is_cancelled_is_not_called_done(
    window: MainWindow, studio: Studio, qtbot: QtBot
) -> None:
    def job(control):  # type: ignore[no-untyped-def]
        yield PhaseStarted("pack", "Packing the export", 2)
        yield Progress("pack", 1, 2, None)
        control.stop.wait(20)

    studio.start("zip", job)
    qtbot.waitUntil(lambda: window.status.job_text == "Packing the export", timeout=10_000)
    cancel = [b for b in window.status.findChildren(QPushButton) if b.text() == "Cancel"]
    qtbot.mouseClick(cancel[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not studio.busy, timeout=20_000)
    qtbot.waitUntil(lambda: window.status.job_text == "", timeout=10_000)
    assert told(window.status) == "Cancelled"


def test_the_status_line_fits_a_small_window(window: MainWindow) -> None:
    status = window.status
    status.add("Reports labels that a model which never saw the samples would not have given them")
    status.show_job("Looking for labels that are likely wrong " * 3, 0.5, can_cancel=True)
    QApplication.processEvents()
    button = status.findChild(QPushButton, "log_button")
    (label,) = status.findChildren(QLabel)
    assert button is not None
    assert button.geometry().right() < label.geometry().left()
    (bar,) = status.findChildren(QProgressBar)
    assert label.geometry().right() < bar.geometry().left()


def test_without_a_screen_the_window_says_so_in_two_lines() -> None:
    silent = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems always have a screen")
    ended = subprocess.run(
        [sys.executable, "-m", "finetune_studio"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=silent,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    what, next_step = ended.stderr.splitlines()
    assert "no screen" in what
    assert "--help" in next_step


def test_what_just_happened_is_cut_only_where_the_window_ends(qtbot: QtBot) -> None:
    """A sentence was cut after 520 pixels though the whole width of the window was free."""
    line = StatusLine()
    qtbot.addWidget(line)
    line.resize(1400, 34)
    line.show()
    text = (
        "Even a handful of samples takes longer than 20 seconds here, so no estimate can be made."
    )
    line.add(text)
    assert line._last.text() == text
    line.resize(420, 34)
    assert line._last.text().endswith("…")
    assert line.minimumSizeHint().width() < 400  # the sentence holds no window open
    line.resize(1400, 34)
    line.show_job("Training", 0.5, can_cancel=True)
    assert line._last.text() == text  # there is room beside a job, too
    line.resize(700, 34)
    assert line._last.text().endswith("…")
