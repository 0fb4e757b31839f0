"""The camera as a way in: a button, and a window with the live picture where there is a camera.

Qt's multimedia comes in PySide6-Addons, several times as large as everything else of Qt that this program
needs, so that it is no dependency: where it is installed it is used, else the button says what is missing.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui.page import set_primary


def trouble() -> str:
    """Return why no picture can be taken here, in a sentence; empty where one can."""
    if find_spec("PySide6.QtMultimedia") is None:
        return _tr(
            "The camera needs Qt's multimedia part, which is not installed: the package PySide6-Addons, in"
            " the version of PySide6-Essentials. Until then, take the picture elsewhere and drop it here."
        )
    try:
        from PySide6 import QtMultimedia, QtMultimediaWidgets  # noqa: F401  whether both are there
    except ImportError as error:
        return _tr(
            "The camera needs Qt's multimedia part, which is installed but does not start: {why}. Until that"
            " is mended, take the picture elsewhere and drop it here."
        ).format(why=str(error).rstrip("."))
    if not QtMultimedia.QMediaDevices.videoInputs():
        return _tr("No camera was found on this computer.")
    return ""


class Camera(QObject):
    """A button that opens the camera's window.

    Signals:
        taken: The path of a picture that was taken.
        refused: Why none can be, in words.
    """

    taken = Signal(object)
    refused = Signal(str)

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        """Write pictures into ``folder``, which goes with the page."""
        super().__init__(parent)
        self._folder = folder
        self._window = parent
        self._number = 0
        self.button = QPushButton(_tr("Use the camera…"))
        self.button.setObjectName("use_camera")
        self.button.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        if reason := trouble():
            self.refused.emit(reason)
            return
        self._number += 1
        place = self._folder / f"photo {self._number}.png"
        dialog = _CameraDialog(place, self._window)
        dialog.taken.connect(self.taken)
        dialog.refused.connect(self.refused)
        dialog.open()


class _CameraDialog(QDialog):
    """The live picture, and a button that keeps it."""

    taken = Signal(object)
    refused = Signal(str)

    def __init__(self, place: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from PySide6 import QtMultimedia, QtMultimediaWidgets

        self.setWindowTitle(self.tr("Camera"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(640, 520)
        self._place = place
        view = QtMultimediaWidgets.QVideoWidget(self)
        self._camera = QtMultimedia.QCamera(QtMultimedia.QMediaDevices.defaultVideoInput(), self)
        self._capture = QtMultimedia.QImageCapture(self)
        self._session = QtMultimedia.QMediaCaptureSession(self)
        self._session.setCamera(self._camera)
        self._session.setImageCapture(self._capture)
        self._session.setVideoOutput(view)
        self.take = QPushButton(self.tr("Take the picture"))
        set_primary(self.take, primary=True)
        close = QPushButton(self.tr("Close"))
        self.says = QLabel(self.tr("Waiting for the camera's picture…"))
        self.says.setProperty("role", "muted")
        row = QHBoxLayout()
        row.addWidget(self.says, 1)
        row.addWidget(close)
        row.addWidget(self.take)
        column = QVBoxLayout(self)
        column.addWidget(view, 1)
        column.addLayout(row)
        self.take.clicked.connect(partial(self._capture.capture))
        close.clicked.connect(self.reject)
        self._capture.readyForCaptureChanged.connect(self._on_ready)
        self._capture.imageCaptured.connect(self._on_captured)
        self._capture.errorOccurred.connect(self._on_failed)
        self._camera.errorOccurred.connect(self._on_failed)
        self.finished.connect(self._camera.stop)
        self._camera.start()
        self._on_ready()

    @override
    def open(self) -> None:
        if self._camera.isAvailable():
            super().open()
        else:  # it was unplugged meanwhile: no error comes, and no picture ever
            self._on_failed(self.tr("It is not there any more."))

    def _on_ready(self, *_: Any) -> None:
        ready = self._capture.isReadyForCapture()
        self.take.setEnabled(ready)
        self.says.setVisible(not ready)

    @Slot(int, QImage)
    def _on_captured(self, number: int, picture: QImage) -> None:  # noqa: ARG002
        if picture.save(str(self._place)):
            self.taken.emit(self._place)
        else:
            self.refused.emit(
                self.tr("The picture could not be written to {place}. Is the disk full?").format(
                    place=self._place
                )
            )
        self.accept()

    def _on_failed(self, *about: Any) -> None:
        text = next((str(part) for part in reversed(about) if isinstance(part, str) and part), "")
        self.refused.emit(self.tr("The camera gives no picture. {why}").format(why=text).strip())
        self.reject()


def _tr(text: str) -> str:
    return QCoreApplication.translate("Camera", text)
