"""The camera as a way in: what is said where there is none, and what becomes of a picture."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from PySide6.QtGui import QImage

from finetune_studio.gui.pages.try_out import camera


class Broken:
    """Finds Qt's multimedia, which then misses a library of the system."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("PySide6.QtMultimedia"):
            return importlib.util.spec_from_loader(name, self)
        return None

    def create_module(self, spec):
        raise ImportError("libpulse.so.0: cannot open shared object file")

    def exec_module(self, module):
        """Never reached."""


def without_multimedia(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("PySide6.QtMultimedia")]:
        monkeypatch.delitem(sys.modules, name)
    import PySide6

    for name in ("QtMultimedia", "QtMultimediaWidgets"):
        monkeypatch.delattr(PySide6, name, raising=False)


def test_what_is_missing_is_told_from_what_is_not_installed(monkeypatch, qapp):
    without_multimedia(monkeypatch)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert "does not start: libpulse.so.0: cannot open shared object file." in camera.trouble()


@pytest.mark.skipif(
    importlib.util.find_spec("PySide6.QtMultimedia") is not None, reason="It is installed."
)
def test_what_is_not_installed_is_said(qapp):
    assert "which is not installed: the package PySide6-Addons" in camera.trouble()


pytestmark = pytest.mark.qt_log_ignore("Couldn't (load|resolve)")  # other libraries of the system


def multimedia():
    try:
        from PySide6 import QtMultimedia, QtMultimediaWidgets  # noqa: F401  whether both are there
    except ImportError as error:
        pytest.skip(f"Qt's multimedia part cannot be used here: {error}")


@pytest.fixture
def dialog(qtbot, tmp_path):
    multimedia()
    made = camera._CameraDialog(tmp_path / "photo.png")
    told = []
    made.taken.connect(told.append)
    made.refused.connect(told.append)
    qtbot.addWidget(made)
    return made, told


def test_a_camera_that_is_gone_is_said_and_no_empty_window_stays(dialog):
    made, told = dialog
    if made._camera.isAvailable():
        pytest.skip("There is a camera on this computer.")
    assert not made.take.isEnabled()
    made.open()
    assert not made.isVisible()
    assert told == ["The camera gives no picture. It is not there any more."]


def test_a_picture_is_kept_or_it_is_said_that_it_could_not_be(dialog, tmp_path):
    made, told = dialog
    picture = QImage(8, 8, QImage.Format.Format_RGB32)
    picture.fill(0x2244AA)
    made._on_captured(1, picture)
    assert told == [tmp_path / "photo.png"]
    assert not QImage(str(told[0])).isNull()
    made._place = tmp_path / "gone" / "photo.png"
    made._on_captured(2, picture)
    assert "could not be written" in told[1]
