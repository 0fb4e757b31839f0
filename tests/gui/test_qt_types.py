"""PySide's classes are made in the window's thread, in slices, before anything is loaded in others."""

from __future__ import annotations

import subprocess
import sys

WINDOW = """
import sys, time
from PySide6.QtCore import QObject, QTimer
from finetune_studio import app
from finetune_studio.gui import qt_types
from finetune_studio.gui.main_window import MainWindow
from finetune_studio.gui.studio import Studio
application = app.make_application()
studio = Studio()
window = MainWindow(studio)
print(len(qt_types.unmade()) > 100)
real, asked = studio.ask, []
def ask(question, *rest, **more):
    asked.append((getattr(question, "__name__", ""), len(qt_types.unmade())))
    return real(question, *rest, **more)
studio.ask = ask
window.first_painted.connect(window.warm_up)
window.show()
end = time.time() + 60
while time.time() < end and not any(name == "load_modules" for name, _ in asked):
    application.processEvents()
print([left for name, left in asked if name == "load_modules"])
window.close()
sys.stdout.flush()
import os
os._exit(0)
"""


def test_all_classes_are_made_before_a_thread_loads_the_pages(tmp_path, monkeypatch):
    """Two threads that made them at once ended the program: seen once, at the import of pyqtgraph."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("FINETUNE_STUDIO_HOME", str(tmp_path))
    told = subprocess.run(
        [sys.executable, "-c", WINDOW], capture_output=True, text=True, timeout=120, check=True
    ).stdout.split("\n")
    assert told[:2] == ["True", "[0]"]


SLICES = """
import time
from PySide6.QtCore import QCoreApplication, QObject, QTimer
from finetune_studio.gui import qt_types
application = QCoreApplication([])
parent, turns, done = QObject(), [], []
timer = QTimer()
timer.timeout.connect(lambda: turns.append(1))
timer.start(0)
qt_types.make_all(parent, lambda: done.append(len(qt_types.unmade())))
print(done)
end = time.time() + 60
while not done and time.time() < end:
    application.processEvents()
print(done, len(turns) > 5)
gone = QObject()
qt_types.make_all(gone, lambda: done.append("at once"))
print(done)
"""


def test_they_are_made_between_other_work_and_what_is_made_takes_no_time():
    told = subprocess.run(
        [sys.executable, "-c", SLICES], capture_output=True, text=True, timeout=120, check=True
    ).stdout.split("\n")
    assert told[:3] == ["[]", "[0] True", "[0, 'at once']"]
