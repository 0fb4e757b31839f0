"""Garbage is looked for in the window's thread alone, whoever makes it and whoever asks."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading

import pytest
from PySide6.QtCore import QObject

from finetune_studio.core import garbage
from finetune_studio.core.events import Noted
from finetune_studio.engine.allocator import give_back
from finetune_studio.gui import garbage as keeping
from finetune_studio.gui.garbage import GarbageKeeper
from finetune_studio.gui.worker import Worker


class Shown:
    """Refers to itself, as widgets do through their callbacks; says in which thread it ends."""

    def __init__(self, ended: list[threading.Thread]) -> None:
        self.itself, self.ended = self, ended

    def __del__(self) -> None:
        self.ended.append(threading.current_thread())


def test_what_a_job_makes_much_of_is_not_ended_by_the_job(qtbot):
    ended = []
    for _ in range(50):
        Shown(ended)

    def job(control):
        for _ in range(200_000):  # Python would look for garbage hundreds of times, in this thread
            Shown([])
        yield Noted("done")

    worker = Worker(job)
    with qtbot.waitSignal(worker.done, timeout=60_000):
        worker.start()
    worker.wait()
    qtbot.waitUntil(lambda: len(ended) == 50, timeout=20_000)
    assert set(ended) == {threading.main_thread()}


def test_memory_that_a_job_wants_back_is_looked_for_in_the_windows_thread(qtbot, monkeypatch):
    monkeypatch.setattr(keeping, "_PATIENCE", 20.0)  # much is searched where many tests ran before
    give_back()  # the first one loads torch
    ended, found = [], []

    def job(control):
        Shown(ended)
        give_back()
        found.append(len(ended))
        yield Noted("done")

    worker = Worker(job)
    with qtbot.waitSignal(worker.done, timeout=20_000):
        worker.start()
    worker.wait()
    assert (found, ended) == ([1], [threading.main_thread()])


def test_a_job_does_not_wait_long_for_a_window_that_waits_for_it(qtbot):
    give_back()

    def job(control):
        give_back()
        yield Noted("done")

    worker = Worker(job)
    worker.start()
    assert worker.wait(20_000)


@pytest.mark.usefixtures("qapp")
def test_everything_is_searched_at_rest_and_while_much_is_made_only_after_long(monkeypatch):
    """A window at work began with a search through everything: a quarter of a second stood still."""
    parent = QObject()
    keeper = GarbageKeeper(parent)
    searched, counts = [], [(10**6, 20, 20)]
    monkeypatch.setattr(gc, "get_count", lambda: counts[0])
    monkeypatch.setattr(gc, "collect", lambda generation=2: searched.append(generation))
    keeper._look()
    counts[0] = (10**6, 2, 2)
    keeper._look()
    counts[0] = (0, 0, 20)
    keeper._look()
    assert searched == [1, 0, 2]
    counts[0] = (10**6, 20, 20)
    keeper._everything_by = 0.0  # long ago
    keeper._look()
    assert searched == [1, 0, 2, 2]
    keeper.stop()


@pytest.mark.usefixtures("qapp")
def test_python_looks_again_once_no_window_does():
    keepers = list(garbage._keepers)
    for keeper in keepers:
        garbage.take_back(keeper)
    assert gc.isenabled()
    parent = QObject()
    second = GarbageKeeper(parent)
    assert not gc.isenabled()
    second.stop()
    assert gc.isenabled()
    for keeper in keepers:
        garbage.leave_to(keeper)


PROGRAM = """
import gc, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from finetune_studio import app
found = []
def look():
    found.append(gc.isenabled())
    QApplication.instance().closeAllWindows()
real = app.make_application
def make():
    made = real()
    QTimer.singleShot(300, look)
    return made
app.make_application = make
assert app.main() == 0
print(found)
"""


def test_the_program_itself_does_so(tmp_path, monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("FINETUNE_STUDIO_HOME", str(tmp_path))
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True
    )
    assert told.stdout.strip() == "[False]"
