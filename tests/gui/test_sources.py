"""What is imported beside PySide is not read by it, line by line, into memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import linecache, sys
from finetune_studio import app
if sys.argv[2] == "app":
    app.make_application()
sys.path.insert(0, sys.argv[1])
import speaks_of_it
print(any("speaks_of_it" in name for name in linecache.cache))
from PySide6.QtWidgets import QApplication, QLabel
application = QApplication.instance() or QApplication([])
label = QLabel()
label.setText("as before")
print(label.text())
"""


@pytest.mark.parametrize(("begun", "read"), [("app", "False"), ("without", "True")])
def test_a_module_is_read_where_nobody_said_otherwise(begun, read, tmp_path, monkeypatch):
    """The other case shows that PySide still does so; once it does not, this module can go."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("FINETUNE_STUDIO_HOME", str(tmp_path))
    (tmp_path / "speaks_of_it.py").write_text("# PySide6\nVALUE = 1\n", "utf-8")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), begun]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout.split("\n")[:2] == [read, "as before"]


def test_a_qt_without_that_is_left_as_it_is(monkeypatch):
    import importlib

    from finetune_studio.gui import sources

    def missing(_):
        raise ImportError

    monkeypatch.setattr(importlib, "import_module", missing)
    sources.leave_unread()
